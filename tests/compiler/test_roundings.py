"""TensorFlow's own arithmetic, eager and under XLA, stays inside the enclosures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from optdsl.interpreter.bounds import FORMATS, Bounded, exact
from optdsl.interpreter.enclosures import arithmetic, reduce
from optdsl.ops import OPS, Typing
from optdsl.runtime import tensorflow as rt
from optdsl.targets.expressions import OPERATORS, spelling
from optdsl.targets.tensorflow import TENSORFLOW

NUMERIC = [
    op for op in OPS.values() if op.typing in {Typing.ARITHMETIC, Typing.REAL, Typing.SAME_KIND}
]
REDUCTIONS = [op for op in OPS.values() if op.typing is Typing.REDUCE_REAL]
COUNT = 20_000


def samples(arity: int, dtype: str) -> list[NDArray[Any]]:
    """Ordinary numbers, all magnitudes, and special ones; the same for every operation."""
    generator = np.random.default_rng(arity)
    columns = []
    for _ in range(arity):
        sign = generator.choice([-1.0, 1.0], size=COUNT)
        exponent = generator.choice([1, 3, 37], size=COUNT)
        drawn = sign * 10.0 ** (generator.uniform(-1, 1, size=COUNT) * exponent)
        special = generator.choice([0, 1, -1, 2, 0.5, np.inf, -np.inf, np.nan], size=COUNT)
        columns.append(np.where(generator.random(COUNT) < 0.1, special, drawn).astype(dtype))
    return columns


def function(op: Any) -> Any:
    """What the generated code calls."""
    names = [*"xyz"[: len(op.params)]]
    if op.name in TENSORFLOW.carried:
        return getattr(rt, op.name)
    if op.name in OPERATORS:
        text = f" {op.symbol} ".join(["", *names][-2:])
    else:
        text = f"{spelling(op, TENSORFLOW)}({', '.join(names)})"
    return eval(f"lambda {', '.join(names)}: {text}", {"tf": tf})


def assert_inside(bound: Bounded, actual: Any, args: list[Any]) -> None:
    outside = np.flatnonzero(~bound.contains(np.asarray(actual.numpy(), np.float64)))
    for i in outside[:1]:
        given = [arg[i] for arg in args]
        message = f"{given} gave {actual[i]}, not in [{bound.low[i]}, {bound.high[i]}]"
        raise AssertionError(f"{message}; {len(outside)} like this")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("op", NUMERIC, ids=lambda op: op.name)
def test_elementwise(op: Any, dtype: str) -> None:
    args = samples(len(op.params), dtype)
    if op.name == "clip":
        args = [args[0], np.minimum(args[1], args[2]), np.maximum(args[1], args[2])]
    with np.errstate(all="ignore"):
        bound = arithmetic(op.name, [exact(arg) for arg in args], FORMATS[dtype])
    tensors = [tf.constant(arg) for arg in args]
    for jit in (False, True):
        compiled = tf.function(function(op), jit_compile=jit)
        assert_inside(bound, compiled(*tensors), args)


def reduction(op: Any) -> Any:
    """A reduction over axis 1, as the generated code calls it."""
    match TENSORFLOW.spellings[op.name]:
        case (after, function, before):
            return eval(f"lambda x: {after}({function}({before}(x), axis=1))", {"tf": tf})
        case function:
            return eval(f"lambda x: {function}(x, axis=1)", {"tf": tf})


@pytest.mark.parametrize("op", REDUCTIONS, ids=lambda op: op.name)
def test_reductions(op: Any) -> None:
    (column,) = samples(1, "float32")
    matrix = column.reshape(-1, 50)
    with np.errstate(all="ignore"):
        bound = reduce(op.name, exact(matrix), 1, FORMATS["float32"])
    assert isinstance(bound, Bounded)
    for jit in (False, True):
        compiled = tf.function(reduction(op), jit_compile=jit)
        assert_inside(bound.map(lambda part: part[:, 0]), compiled(tf.constant(matrix)), [matrix])


@pytest.mark.parametrize("jit", [False, True])
def test_a_quotient_by_a_root(jit: bool) -> None:
    """XLA may rewrite it with a reciprocal square root."""
    a, b = samples(2, "float32")
    b = np.abs(b)
    with np.errstate(all="ignore"):
        root = arithmetic("sqrt", [exact(b)], FORMATS["float32"])
        bound = arithmetic("div", [exact(a), root], FORMATS["float32"])
    compiled = tf.function(lambda x, y: x / tf.sqrt(y), jit_compile=jit)
    assert_inside(bound, compiled(tf.constant(a), tf.constant(b)), [a, b])
