"""What is compared: for a rule, the generated class, Keras's own and TensorFlow's kernel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

import optdsl
from benchmarks.measure import Call

SPECS = Path(__file__).parent.parent / "specs"

KERAS: dict[str, Callable[[], keras.optimizers.Optimizer]] = {
    "adam": keras.optimizers.Adam,
    "amsgrad": lambda: keras.optimizers.Adam(amsgrad=True),
    "lazy_adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "adagrad": keras.optimizers.Adagrad,
    "momentum": lambda: keras.optimizers.SGD(0.01, momentum=0.9),
}
"""The optimizer of Keras that stands beside a specification of the library."""


@cache
def generated(spec: str) -> Callable[[], Any]:
    """The Keras class generated for `specs/<spec>.opt`."""
    module = optdsl.load(SPECS / f"{spec}.opt")
    (name,) = [name for name in module.__all__ if not name.endswith("Module")]
    return getattr(module, name)


def step(optimizer: Any, grads: Sequence[Any], variables: Sequence[Any]) -> Call:
    """One step of an optimizer, eagerly; its state is made at once."""
    optimizer.build(variables)
    return lambda: optimizer.apply(grads, variables)


def traced(call: Call, *, jit_compile: bool) -> Call:
    """A step within a function of the user's, as in a training loop."""
    return tf.function(call, autograph=False, jit_compile=jit_compile)


def kernel(spec: str, grads: Sequence[Any], variables: Sequence[Any]) -> Call | None:
    """The same step by a kernel of TensorFlow, one call per variable; None if there is none."""
    if spec not in _KERNELS:
        return None
    slots, apply, apply_rows = _KERNELS[spec]
    handles = [
        [each.value.handle]
        + [tf.Variable(tf.zeros_like(each.value), trainable=False) for _ in range(slots)]
        for each in variables
    ]
    if isinstance(grads[0], tf.IndexedSlices):
        if apply_rows is None:
            return None
        calls = [(apply_rows, grad.values, {"indices": grad.indices}) for grad in grads]
    else:
        calls = [(apply, grad, {}) for grad in grads]

    def run() -> None:
        for (param, *state), (call, grad, further) in zip(handles, calls, strict=True):
            call(param, *(each.handle for each in state), grad=grad, **further)

    return run


def _adam(var: Any, m: Any, v: Any, grad: Any) -> None:
    tf.raw_ops.ResourceApplyAdam(
        var=var, m=m, v=v, beta1_power=0.9, beta2_power=0.999, lr=1e-3,
        beta1=0.9, beta2=0.999, epsilon=1e-7, grad=grad,
    )  # fmt: skip


def _amsgrad(var: Any, m: Any, v: Any, vhat: Any, grad: Any) -> None:
    tf.raw_ops.ResourceApplyAdamWithAmsgrad(
        var=var, m=m, v=v, vhat=vhat, beta1_power=0.9, beta2_power=0.999, lr=1e-3,
        beta1=0.9, beta2=0.999, epsilon=1e-7, grad=grad,
    )  # fmt: skip


def _adagrad(var: Any, accum: Any, grad: Any) -> None:
    tf.raw_ops.ResourceApplyAdagradV2(var=var, accum=accum, lr=1e-3, epsilon=1e-7, grad=grad)


def _adagrad_rows(var: Any, accum: Any, grad: Any, indices: Any) -> None:
    tf.raw_ops.ResourceSparseApplyAdagradV2(
        var=var, accum=accum, lr=1e-3, epsilon=1e-7, grad=grad, indices=indices
    )


def _momentum(var: Any, accum: Any, grad: Any) -> None:
    tf.raw_ops.ResourceApplyKerasMomentum(var=var, accum=accum, lr=0.01, momentum=0.9, grad=grad)


_KERNELS: dict[str, tuple[int, Callable[..., None], Callable[..., None] | None]] = {
    "adam": (2, _adam, None),
    "amsgrad": (3, _amsgrad, None),
    "adagrad": (1, _adagrad, _adagrad_rows),
    "momentum": (1, _momentum, None),
}
"""For a specification: the number of slots, and the kernels for dense and sparse gradients."""
