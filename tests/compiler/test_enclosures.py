"""Every operation: what float32 arithmetic gives for any operands inside is inside the result."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optdsl.interpreter.bounds import (
    DOUBLE,
    FORMATS,
    Bounded,
    Truth,
    certain,
    compute_format,
    exact,
    rounded,
)
from optdsl.interpreter.enclosures import (
    arithmetic,
    compare,
    enclosed,
    is_finite,
    logic,
    numpy_function,
    reduce,
    select,
)
from optdsl.ops import OPS, Typing

SINGLE = FORMATS["float32"]
NUMERIC = {Typing.ARITHMETIC, Typing.REAL, Typing.SAME_KIND}
ORDINARY = [
    float(np.float32(x))
    for x in (0, -0.0, 1, -1, 0.5, 2, 3, -3, 1e-3, 1e-38, 1e-41, -1e-41, 1e30, -2.5e38)
]
BOOLS = [np.array(x) for x in product((True, False), repeat=3)]

numbers = st.one_of(
    st.sampled_from([*ORDINARY, np.inf, -np.inf, np.nan]),
    st.floats(-4, 4, width=32),
    st.floats(width=32, allow_nan=False, allow_infinity=False),
)


@st.composite
def operands(draw: st.DrawFn) -> tuple[Bounded, list[np.float32]]:
    """An enclosure and some float32 numbers inside it."""
    low, high = sorted([draw(numbers), draw(numbers)])
    if draw(st.booleans()) or np.isnan(low) or np.isnan(high):
        low = high
    inside = [low, high, *(x for x in ORDINARY if low <= x <= high)]
    ends = exact(low), exact(high)
    box = Bounded(ends[0].value, ends[0].value, ends[1].value, ends[0].nan | ends[1].nan)
    return box, [np.float32(x) for x in inside]


def assert_inside(box: Bounded, result: Any, what: Any) -> None:
    assert box.contains(result).all(), (what, result, box)


@pytest.mark.parametrize(
    "op", [op for op in OPS.values() if op.typing in NUMERIC], ids=lambda o: o.name
)
@given(data=st.data())
def test_elementwise(op: Any, data: st.DataObject) -> None:
    drawn = [data.draw(operands()) for _ in op.params]
    with np.errstate(all="ignore"):
        box = arithmetic(op.name, [bounds for bounds, _ in drawn], SINGLE)
        for point in product(*(points for _, points in drawn)):
            assert_inside(box, numpy_function(op.name)(*point), point)


@pytest.mark.parametrize("op", [op.name for op in OPS.values() if op.typing is Typing.REDUCE_REAL])
@given(drawn=st.lists(operands(), min_size=1, max_size=5))
def test_reductions(op: str, drawn: list[tuple[Bounded, list[np.float32]]]) -> None:
    boxes = [box for box, _ in drawn]
    stacked = Bounded(
        np.stack([box.value for box in boxes]),
        np.stack([box.low for box in boxes]),
        np.stack([box.high for box in boxes]),
        np.stack([box.nan for box in boxes]),
    )
    with np.errstate(all="ignore"):
        box = reduce(op, stacked, 0, SINGLE)
        assert isinstance(box, Bounded)
        for pick in range(4):
            values = np.array([points[pick % len(points)] for _, points in drawn])
            for order in (values, values[::-1], np.sort(values)):
                if op == "norm":
                    result = np.sqrt(np.sum(order * order, dtype=np.float32))
                else:
                    result = numpy_function(op)(order, axis=0)
                assert_inside(box, result, order)


@pytest.mark.parametrize("op", ["lt", "le", "gt", "ge", "eq", "ne"])
@given(a=operands(), b=operands())
def test_comparisons(op: str, a: Any, b: Any) -> None:
    truth = compare(op, a[0], b[0])
    for x, y in product(a[1], b[1]):
        assert truth.may_hold if numpy_function(op)(x, y) else truth.may_fail, (x, y)


@given(a=operands())
def test_is_finite(a: Any) -> None:
    truth = is_finite(a[0])
    for x in a[1]:
        assert truth.may_hold if np.isfinite(x) else truth.may_fail


@pytest.mark.parametrize("op", ["and", "or", "not", "eq", "ne"])
def test_logic(op: str) -> None:
    yes = np.array(True)
    either = Truth(yes, yes, yes)
    arity = len(OPS[op].params)
    for args in product((True, False, None), repeat=arity):
        truths = [either if arg is None else certain(arg) for arg in args]
        choices = product(*((True, False) if arg is None else (arg,) for arg in args))
        outcomes = {bool(numpy_function(op)(*choice)) for choice in choices}
        truth = logic(op, truths)
        assert bool(truth.may_hold) == (True in outcomes)
        assert bool(truth.may_fail) == (False in outcomes)


@pytest.mark.parametrize("op", ["any", "all"])
def test_boolean_reductions(op: str) -> None:
    for values in BOOLS:
        truth = reduce(op, certain(values), 0, SINGLE)
        expected = numpy_function(op)(values)
        assert (truth.value, truth.may_hold, truth.may_fail) == (expected, expected, not expected)


def test_an_uncertain_choice_is_the_union() -> None:
    either = compare("lt", Bounded(*map(np.array, (0.0, -1.0, 1.0)), np.array(False)), exact(0.0))
    both = select(either, exact(3.0), exact(-5.0))
    assert isinstance(both, Bounded)
    assert (both.low, both.high, both.value) == (-5.0, 3.0, -5.0)
    assert not both.nan


def test_every_operation_is_covered() -> None:
    special = {"and", "or", "not", "lt", "le", "gt", "ge", "eq", "ne", "is_finite", "where", "real"}
    others = {*NUMERIC, Typing.MATRIX}  # of matrices, `test_matrices`
    rest = {op.name for op in OPS.values() if op.typing not in others} - special
    assert rest == {"sum", "mean", "norm", "amax", "amin", "any", "all", "total"}


@pytest.mark.parametrize("name", ["float16", "float32"])
@given(x=st.floats(allow_nan=False))
def test_rounding_is_the_hardware_s(name: str, x: float) -> None:
    form = FORMATS[name]
    with np.errstate(all="ignore"):
        near = np.dtype(name).type(x)
        box = rounded(exact(x), form)
    assert box.contains(near)
    if abs(near) >= form.smallest or near == 0:
        assert box.low in (near, 0.0)
        assert box.high in (near, 0.0)


def test_bfloat16_rounds_to_eight_bits() -> None:
    box = rounded(
        exact([1.0, 1.003, 1.005, 1 + 2.0**-8, 1 + 3 * 2.0**-8, 3e38, 3.4e38]), FORMATS["bfloat16"]
    )
    assert box.low.tolist()[:5] == [1.0, 1.0, 1.0078125, 1.0, 1.015625]
    assert np.isfinite(box.low[5])
    assert np.isinf(box.low[6])


def test_formats_are_ieee() -> None:
    for name in ("float16", "float32", "float64"):
        info, form = np.finfo(name), FORMATS[name]
        assert (form.largest, form.smallest) == (float(info.max), float(info.tiny))
        assert form.quantum == float(info.smallest_subnormal)
    with pytest.raises(ValueError, match="dtype must be one of float16, bfloat16"):
        compute_format("complex64")


def test_integers_are_exact() -> None:
    box = enclosed("mod", [exact(-7), exact(3)])
    assert (box.low, box.value, box.high) == (2, 2, 2)


@pytest.mark.parametrize(
    "op", [op for op in OPS.values() if op.typing in NUMERIC], ids=lambda o: o.name
)
def test_operands_broadcast(op: Any) -> None:
    shapes = ((), (3, 1), (2,))[: len(op.params)]
    generator = np.random.default_rng(0)
    args = [generator.uniform(1, 2, size=shape) for shape in shapes]
    box = arithmetic(op.name, [exact(arg) for arg in args], DOUBLE)
    expected = numpy_function(op.name)(*args)
    for part in (box.value, box.low, box.high, box.nan):
        assert part.shape == expected.shape
    assert box.contains(expected).all()


def test_a_squared_zero_stays_zero() -> None:
    """No bound may make room for what cannot be: a zero gradient keeps a zero moment."""
    box = arithmetic("mul", [exact(0.0), exact(0.0)], SINGLE)
    assert (box.low, box.high) == (0, 0)
    root = arithmetic("sqrt", [arithmetic("mul", [exact(1e-30), exact(1e-30)], SINGLE)], SINGLE)
    assert root.low == 0
    assert not root.nan
    assert arithmetic("add", [root, exact(1e-7)], DOUBLE).low > 9e-8
