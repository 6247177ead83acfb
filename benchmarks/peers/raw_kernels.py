"""TensorFlow's kernels, called as they are: one call a variable, no checks and no options.

The powers of the decay rates, which change from step to step, are computed from a counter.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from benchmarks.peers import on_tensorflow
from benchmarks.task import Task
from benchmarks.work import Work

SLOTS = {"adam": 2, "amsgrad": 3, "adagrad": 1}
KERNELS = tf.raw_ops


def dense(work: Work) -> Task:
    """Steps of the kernel for dense or sparse gradients."""
    return on_tensorflow.steps(work, Kernels(work.rule))


sparse = dense


class Kernels:
    """The state of a rule, and a kernel that updates it."""

    def __init__(self, rule: str) -> None:
        self.rule = rule

    def build(self, variables: list[Any]) -> None:
        """Makes the slots of all variables."""
        start = tf.ones_like if self.rule == "adagrad" else tf.zeros_like
        scale = 0.1 if self.rule == "adagrad" else 1.0
        self.t = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.slots = [
            [
                tf.Variable(scale * start(each.value), trainable=False)
                for _ in range(SLOTS[self.rule])
            ]
            for each in variables
        ]

    def apply(self, grads: list[Any], variables: list[Any]) -> None:
        """Calls the kernel for each variable."""
        t = tf.cast(self.t.assign_add(1), tf.float64)
        powers = {
            "beta1_power": tf.cast(tf.constant(0.9, tf.float64) ** t, tf.float32),
            "beta2_power": tf.cast(tf.constant(0.999, tf.float64) ** t, tf.float32),
            "beta1": 0.9,
            "beta2": 0.999,
        }
        for variable, slots, grad in zip(variables, self.slots, grads, strict=True):
            further = {"var": variable.value.handle, "lr": 1e-3, "epsilon": 1e-7}
            handles = [slot.handle for slot in slots]
            if isinstance(grad, tf.IndexedSlices):
                further |= {"accum": handles[0], "indices": grad.indices}
                KERNELS.ResourceSparseApplyAdagradV2(grad=grad.values, **further)
            elif self.rule == "adagrad":
                KERNELS.ResourceApplyAdagradV2(grad=grad, accum=handles[0], **further)
            elif self.rule == "adam":
                further |= dict(zip(("m", "v"), handles, strict=True))
                KERNELS.ResourceApplyAdam(grad=grad, **further, **powers)
            else:
                further |= dict(zip(("m", "v", "vhat"), handles, strict=True))
                KERNELS.ResourceApplyAdamWithAmsgrad(grad=grad, **further, **powers)
