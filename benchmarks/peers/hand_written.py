"""What a good engineer would write by hand in TensorFlow, for these rules alone.

One function for the whole step. Dense: the rule in plain operations, compiled by XLA. Sparse: equal
ids are summed, then rows are gathered, computed and scattered.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from benchmarks.peers import on_tensorflow
from benchmarks.task import Task
from benchmarks.work import Work

RATE, BETA_1, BETA_2, EPSILON = 1e-3, 0.9, 0.999, 1e-7
SLOTS = {"adam": 2, "amsgrad": 3, "adagrad": 1, "lazy_adam": 2}


def dense(work: Work) -> Task:
    """Steps in a function that XLA compiles."""
    return on_tensorflow.steps(work, ByHand(work.rule, jit_compile=True))


def sparse(work: Work) -> Task:
    """Steps in a function that XLA does not compile: the number of distinct ids varies."""
    return on_tensorflow.steps(work, ByHand(work.rule, jit_compile=None))


def moved(rule: str, grad: Any, slots: list[Any], t: Any) -> tuple[Any, list[Any]]:
    """What is subtracted from the variable, and the new slots."""
    if rule == "adagrad":
        total = slots[0] + tf.square(grad)
        return RATE * grad / (tf.sqrt(total) + EPSILON), [total]
    m = BETA_1 * slots[0] + (1 - BETA_1) * grad
    v = BETA_2 * slots[1] + (1 - BETA_2) * tf.square(grad)
    largest = [tf.maximum(each, v) for each in slots[2:]]
    denominator = tf.sqrt([v, *largest][-1] / (1 - BETA_2**t)) + EPSILON
    return RATE / (1 - BETA_1**t) * m / denominator, [m, v, *largest]


class ByHand:
    """The state of a rule, and its step in one function."""

    def __init__(self, rule: str, *, jit_compile: bool | None) -> None:
        self.rule = rule
        self.apply_all = tf.function(self._apply, autograph=False, jit_compile=jit_compile)

    def build(self, variables: list[Any]) -> None:
        """Makes the slots of all variables."""
        start = 0.1 if self.rule == "adagrad" else 0.0
        self.t = tf.Variable(0.0, trainable=False)
        self.variables = [each.value for each in variables]
        self.slots = [
            [
                tf.Variable(tf.fill(each.shape, start), trainable=False)
                for _ in range(SLOTS[self.rule])
            ]
            for each in variables
        ]

    def apply(self, grads: list[Any], variables: list[Any]) -> None:
        """One step of the variables it was built with."""
        assert len(variables) == len(self.variables)
        self.apply_all(grads)

    def _apply(self, grads: list[Any]) -> None:
        t = self.t.assign_add(1.0)
        for variable, slots, grad in zip(self.variables, self.slots, grads, strict=True):
            if isinstance(grad, tf.IndexedSlices):
                self._apply_rows(variable, slots, grad, t)
                continue
            less, new = moved(self.rule, grad, [slot.value() for slot in slots], t)
            variable.assign_sub(less)
            for slot, value in zip(slots, new, strict=True):
                slot.assign(value)

    def _apply_rows(self, variable: Any, slots: list[Any], grad: Any, t: Any) -> None:
        ids, places = tf.unique(grad.indices)
        summed = tf.math.unsorted_segment_sum(grad.values, places, tf.size(ids))
        less, new = moved(self.rule, summed, [tf.gather(slot, ids) for slot in slots], t)
        variable.scatter_sub(tf.IndexedSlices(less, ids))
        for slot, value in zip(slots, new, strict=True):
            slot.scatter_update(tf.IndexedSlices(value, ids))
