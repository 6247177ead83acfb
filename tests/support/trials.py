"""Training a specification beside the reference: all its variables and slots, after every step.

Both classes take the same steps, and must agree with each other to the bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

import optdsl
from optdsl import ir
from optdsl.interpreter import Reference, SparseGrad, State
from support.specs import checked
from support.steps import Array, binary, normal, state_of, tensors

STEPS = 3
IDS = (1, 0, 1)

PATHS: dict[str, Callable[[Any], Any]] = {
    "eager": lambda step: step,
    "function": partial(tf.function, autograph=False),
    "XLA": partial(tf.function, autograph=False, jit_compile=True),
}
"""How a step is called."""

KINDS: dict[str, tuple[Sequence[int] | None, ...]] = {
    "dense": (None,) * STEPS,
    "rows": (IDS,) * STEPS,
    "rows, then none": (IDS, (), IDS),
}
"""The ids of a variable's gradients in each step; None where the gradient is dense."""


class Trial(NamedTuple):
    """A variable: where it starts, and its gradients as the reference takes them, None for none."""

    dtype: str
    start: NDArray[np.float64]
    grads: tuple[Any, ...]


def trial(
    shape: tuple[int, ...], dtype: str = "float32", kind: str = "dense", seed: int = 0
) -> Trial:
    """A variable of a shape, with gradients of a kind."""
    draw = binary if dtype in {"float16", "bfloat16"} else normal

    def values(shape: tuple[int, ...], seed: int) -> NDArray[np.float64]:
        return draw(shape, seed).astype(np.float64)

    def grad(ids: Sequence[int] | None, seed: int) -> Any:
        if ids is None:
            return values(shape, seed)
        return SparseGrad(ids, values((len(ids), *shape[1:]), seed))

    grads = (grad(ids, 10 * seed + step) for step, ids in enumerate(KINDS[kind], start=1))
    return Trial(dtype, values(shape, 10 * seed), tuple(grads))


@lru_cache(maxsize=32)
def loaded(text: str) -> tuple[ir.Optimizer, ModuleType]:
    """A specification, checked and generated once for the tests that share it."""
    return checked(text), optdsl.load(text)


def agree(text: str, trials: Sequence[Trial], path: str = "eager", **options: Any) -> None:
    """Trains with the reference and with both generated classes, on variables of one optimizer."""
    optimizer, module = loaded(text)
    hypers = {each.name: options[each.name] for each in optimizer.hypers if each.name in options}
    reference = Reference(optimizer, hypers)
    mode = options.get("sparse_mode")
    states = [reference.init(each.start, each.dtype) for each in trials]
    runs = []
    for name in (optimizer.name, f"{optimizer.name}Module"):
        variables = [tf.Variable(tensors(each.start, each.dtype)) for each in trials]
        runs.append((getattr(module, name)(**options), variables))
        runs[-1][0].build(variables)

    def step(grads: list[Any]) -> None:
        for run, variables in runs:
            run.apply(grads, variables)

    take = PATHS[path](step)
    for grads in zip(*(each.grads for each in trials), strict=True):
        pairs = list(zip(grads, trials, strict=True))
        take([None if grad is None else tensors(grad, each.dtype) for grad, each in pairs])
        states = reference.steps(states, grads, mode=mode)
        for index, state in enumerate(states):
            one, other = (state_of(run, index) for run, _ in runs)
            context = f"{path} {options}, {grads[index]}\n{text}"
            _assert_inside(state, one, context)
            _assert_same(one, other, context)


def _assert_inside(state: State, result: Mapping[str, Array], context: str) -> None:
    for name, bound in {"param": state.param, **state.slots}.items():
        actual = result[name].astype(np.float64)
        assert bound.contains(actual).all(), (
            f"{name} of a {state.dtype} {state.param.value.shape} after step {state.t}:\n{actual}\n"
            f"is not in [{bound.low}, {bound.high}]\n{context}"
        )


def _assert_same(one: Mapping[str, Array], other: Mapping[str, Array], context: str) -> None:
    assert one.keys() == other.keys()
    for name, value in one.items():
        same = value.tobytes() == other[name].tobytes()
        assert same, f"{name}: the classes differ\n{value}\n{other[name]}\n{context}"
