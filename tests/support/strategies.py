"""Hypothesis strategies: hyperparameters from their intervals, gradients, rows of sparse ones."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from optdsl import ir

SHAPES: tuple[tuple[int, ...], ...] = ((), (3,), (6, 4), (2, 3, 4))

GRADIENT_KINDS = ("ordinary", "zeros", "zero rows", "huge", "tiny", "mixed", "equal")


def decimals(largest_exponent: int) -> st.SearchStrategy[float]:
    """Positive numbers as people write them: two digits and an exponent of ten."""
    exponents = st.integers(-9, largest_exponent)
    return st.builds(lambda d, e: float(f"{d}e{e}"), st.integers(1, 99), exponents)


def reals(hyper: ir.Hyper) -> st.SearchStrategy[float]:
    """From the interval: the default, the ends that are closed, close to the ends, in between."""
    low, high = hyper.interval.low, hyper.interval.high
    known = [float(hyper.default), low, high, 0.0]
    choices = [st.sampled_from([x for x in known if isfinite(x) and x in hyper.interval])]
    bounded = isfinite(high - low)
    distances = decimals(-2).map(lambda x: x * (high - low)) if bounded else decimals(1)
    if isfinite(low):
        choices.append(distances.map(lambda x: low + x))
    if isfinite(high):
        choices.append(distances.map(lambda x: high - x))
    if not isfinite(low) and not isfinite(high):
        choices += [distances, distances.map(lambda x: -x)]
    return st.one_of(choices)


def values(hyper: ir.Hyper) -> st.SearchStrategy[Any]:
    """Values that a hyperparameter may have."""
    match hyper.kind:
        case ir.Kind.REAL:
            return reals(hyper)
        case ir.Kind.INT:
            around = st.integers(int(hyper.default) - 8, int(hyper.default) + 8)
            return around.filter(lambda x: x in hyper.interval)
        case ir.Kind.BOOL:
            return st.booleans()


def hypers(optimizer: ir.Optimizer) -> st.SearchStrategy[dict[str, Any]]:
    """A value for each hyperparameter. The learning rate is one that float32 represents."""

    def stored(drawn: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: float(np.float32(value)) if name == "learning_rate" else value
            for name, value in drawn.items()
        }

    return st.fixed_dictionaries({h.name: values(h) for h in optimizer.hypers}).map(stored)


def gradient(kind: str, shape: tuple[int, ...], seed: int) -> NDArray[np.float64]:
    """One tensor of numbers that float32 represents."""
    generator = np.random.default_rng(seed)
    normal = generator.normal(size=shape)
    match kind:
        case "ordinary":
            drawn = normal
        case "zeros":
            drawn = np.zeros(shape)
        case "zero rows":
            rows = generator.integers(0, 2, size=shape[:1] + (1,) * len(shape[1:]))
            drawn = normal * rows
        case "huge":
            drawn = normal * 1e18
        case "tiny":
            drawn = normal * 1e-30
        case "mixed":
            drawn = normal * 10.0 ** generator.integers(-30, 19, size=shape)
        case "equal":
            drawn = np.full(shape, generator.choice([1.0, -0.5, 3e-3]))
        case _:
            raise AssertionError(kind)
    return np.asarray(drawn, dtype=np.float32).astype(np.float64)


def gradients(shape: tuple[int, ...]) -> st.SearchStrategy[NDArray[np.float64]]:
    """Dense gradients of a shape."""
    seeds = st.integers(0, 2**32 - 1)
    return st.builds(gradient, st.sampled_from(GRADIENT_KINDS), st.just(shape), seeds)


def row_ids(rows: int) -> st.SearchStrategy[list[int]]:
    """Ids of rows: none, unique ones, or with duplicates."""
    one = st.integers(0, rows - 1)
    unique = st.lists(one, min_size=1, max_size=rows, unique=True)
    return st.one_of(st.just([]), unique, st.lists(one, min_size=2, max_size=2 * rows))


def some(examples: int, *further: Phase) -> settings:
    """A failure is reported as it is found; its smallest form takes the long tests below."""
    return settings(
        max_examples=examples,
        phases=(Phase.explicit, Phase.reuse, Phase.generate, *further),
        suppress_health_check=list(HealthCheck),
    )
