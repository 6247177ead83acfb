"""Every row of the table of operations is true: what it says is held against NumPy and Python.

There is no list of operations here: a new one is tested by being a row. The rows that are made up
below show that a wrong one is noticed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from itertools import product
from math import inf
from operator import attrgetter
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from optdsl import intervals as iv
from optdsl import ir
from optdsl.interpreter.bounds import FORMATS, Bounded, exact
from optdsl.interpreter.enclosures import arithmetic
from optdsl.intervals import Interval
from optdsl.ir import Kind
from optdsl.ops import FUNCTIONS, OPS, Form, Op, Typing
from optdsl.records import replace
from optdsl.source import Span
from optdsl.targets.document import flat
from optdsl.targets.expressions import Surroundings, expression
from optdsl.targets.tensorflow import TENSORFLOW
from support.intervals import around

ROWS = [op for op in OPS.values() if op.typing is not Typing.MATRIX]
NUMERIC = {Typing.ARITHMETIC, Typing.REAL, Typing.SAME_KIND, Typing.CONVERT}
SAMPLES = (0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -3.0, 7.0, 0.1, 1e-3, -1e3, 50.25)
EXTREMES = (0.0, -0.0, 1.0, -1.0, 0.5, 3.0, 710.0, 1e308, -1e308, inf, -inf, math.nan)

COS = Op(
    name="cos",
    form=Form.FUNCTION,
    params=("x",),
    typing=Typing.REAL,
    numpy="cos",
    interval=lambda x: iv.EMPTY if x.empty else iv.of(-1, 1),
    slope=1,
    roundings=4,
)


def rows(*wanted: str) -> Any:
    """The rows that say something about any of these."""
    told = [op for op in ROWS if any(getattr(op, name) not in (None, ()) for name in wanted)]
    return pytest.mark.parametrize("op", told, ids=lambda op: op.name)


def booleans(op: Op) -> list[bool]:
    """For each argument, whether it is a truth value."""
    everywhere = op.typing in (Typing.LOGIC, Typing.REDUCE_BOOL)
    return [everywhere or (op.typing is Typing.SELECT and i == 0) for i in range(len(op.params))]


def call(op: Op, *args: Any) -> Any:
    """What NumPy gives, with truth values as numbers."""
    function = attrgetter(op.numpy)(np) if isinstance(op.numpy, str) else partial(op.numpy, np)
    with np.errstate(all="ignore"):
        return np.float64(function(*args))


def defined(op: Op, *args: float) -> bool:
    points = [iv.point(arg) for arg in args]
    return not any(fault.possible(*points) for fault in op.domain)


def choices(op: Op) -> list[tuple[float, ...]]:
    """Arguments of an operation, where it is defined."""
    each = [(0.0, 1.0) if boolean else SAMPLES for boolean in booleans(op)]
    return [args for args in product(*each) if defined(op, *args)]


truths = st.sampled_from([(iv.TRUE, 1.0), (iv.FALSE, 0.0), (iv.EITHER, 1.0), (iv.EITHER, 0.0)])


def drawn(op: Op, data: st.DataObject) -> tuple[list[Interval], list[float]]:
    """Intervals of the arguments and a number in each."""
    pairs = [data.draw(truths if boolean else around()) for boolean in booleans(op)]
    intervals, points = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    assume(defined(op, *points))
    return intervals, points


def nearly(value: float) -> Interval:
    """The real numbers that NumPy may have meant."""
    if math.isinf(value):
        ends = sorted([value, math.copysign(1e308, value)])
        return iv.of(*ends)
    slack = 64 * max(np.spacing(abs(value)), 5e-324)
    return iv.of(value - slack, value + slack)


# --- intervals -----------------------------------------------------------------------------------


@pytest.mark.parametrize("op", ROWS, ids=lambda op: op.name)
@given(data=st.data())
def test_the_interval_holds_what_numpy_gives(op: Op, data: st.DataObject) -> None:
    intervals, points = drawn(op, data)
    given_: list[Any] = list(points)
    if op.reduces:
        others = data.draw(st.lists(st.sampled_from([*SAMPLES, *points]), max_size=3))
        given_ = [np.array([*points, *(x for x in others if x in intervals[0])])]
    result = op.interval(*intervals)
    value = float(call(op, *given_))
    assert not iv.intersection(result, nearly(value)).empty, (points, value, str(result))


@rows("inverse")
@given(data=st.data())
def test_the_inverse_leaves_nothing_out(op: Op, data: st.DataObject) -> None:
    intervals, points = drawn(op, data)
    result = iv.union(op.interval(*map(iv.point, points)), data.draw(around())[0])
    assert op.inverse is not None
    found = op.inverse(result, *intervals)
    assert len(found) <= len(points)
    for point, interval in zip(points, found, strict=False):
        assert point in interval, (points, str(result), str(interval))


@rows("of_same")
@given(argument=around())
def test_one_argument_twice(op: Op, argument: tuple[Interval, float]) -> None:
    x, a = argument
    assume(defined(op, a, a))
    assert op.of_same is not None
    assert not iv.intersection(op.of_same(x), nearly(float(call(op, a, a)))).empty


@rows("equals")
@given(data=st.data())
def test_it_returns_the_argument_that_the_intervals_tell(op: Op, data: st.DataObject) -> None:
    intervals, points = drawn(op, data)
    assert op.equals is not None
    which = op.equals(*intervals)
    assert which is None or call(op, *points) == points[which]


@rows("equals")
def test_the_intervals_do_tell(op: Op) -> None:
    assert op.equals is not None
    assert any(op.equals(*map(iv.point, args)) is not None for args in choices(op))


# --- algebra -------------------------------------------------------------------------------------

BINARY = [op for op in ROWS if len(op.params) == 2]


@pytest.mark.parametrize("op", BINARY, ids=lambda op: op.name)
def test_algebra(op: Op) -> None:
    """What a row says holds, and what it could say and does not, fails."""
    pairs = choices(op)
    swapped = [(a, b) for a, b in pairs if defined(op, b, a)]
    assert op.commutative == all(call(op, a, b) == call(op, b, a) for a, b in swapped)
    alike = [a for a, b in pairs if a == b]
    assert op.idempotent == all(call(op, a, a) == a for a in alike)
    values = {a for a, _ in pairs}
    neutral = {n for n in (0, 1) if all(defined(op, a, n) and call(op, a, n) == a for a in values)}
    assert neutral == ({op.neutral} - {None})


@pytest.mark.parametrize("op", [op for op in ROWS if op.negation], ids=lambda op: op.name)
def test_a_negation_holds_where_the_comparison_fails(op: Op) -> None:
    other = OPS[op.negation]
    assert other.negation == op.name
    assert all(call(op, *pair) != call(other, *pair) for pair in choices(op))


def test_every_comparison_has_a_negation() -> None:
    comparisons = {Typing.COMPARISON, Typing.EQUALITY}
    assert all(bool(op.negation) == (op.typing in comparisons) for op in ROWS)


# --- floating point ------------------------------------------------------------------------------


def runs(op: Op) -> Iterator[np.ndarray[Any, Any]]:
    """Values of a function of one number between its turns, in the order of the argument."""
    turns = sorted(turn for turn, _ in op.turns)
    if op.poles is not None:
        turns = [op.poles * odd for odd in range(-99, 100, 2)]
    grid = np.linspace(-20, 20, 4001)
    for low, high in zip([-inf, *turns], [*turns, inf], strict=True):
        yield np.array([call(op, x) for x in grid[(grid > low) & (grid < high)]])


def shape_is_known(op: Op) -> bool:
    """Whether a function of one number goes between its turns, and as steeply, as its row says."""
    if op.slope is not None:
        xs = np.linspace(-20, 20, 401)
        values = np.array([call(op, x) for x in xs])
        steps = abs(values[:, None] - values[None, :])
        return bool(np.all(steps <= op.slope * abs(xs[:, None] - xs[None, :]) + 1e-12))
    steady = all(
        np.all(np.isnan(run)) or np.all(np.diff(run) >= 0) or np.all(np.diff(run) <= 0)
        for run in runs(op)  # which are NaN all along, or nowhere
    )
    return steady and all(call(op, turn) == value for turn, value in op.turns)


@pytest.mark.parametrize(
    "op",
    [op for op in [*ROWS, COS] if op.typing in NUMERIC and len(op.params) == 1],
    ids=lambda op: op.name,
)
def test_a_function_of_one_number_has_the_shape_that_its_row_says(op: Op) -> None:
    assert shape_is_known(op)


@pytest.mark.parametrize(
    "wrong",
    [
        replace(OPS["abs"], turns=()),
        replace(OPS["abs"], turns=((0.5, 0.5),)),
        replace(OPS["sqrt"], turns=((0, 1),)),
        replace(OPS["log"], turns=()),
        replace(COS, slope=None),
        replace(COS, slope=0.9),
        replace(OPS["tan"], poles=None),
        replace(OPS["tan"], poles=math.pi),
    ],
    ids=lambda op: op.name,
)
def test_a_wrong_shape_is_noticed(wrong: Op) -> None:
    assert not shape_is_known(wrong)


@pytest.mark.parametrize("name", ["float32", "float64"])
@given(low=st.floats(-30, 30, width=32), width=st.sampled_from([0, 1e-6, 0.01, 1, 3, 10, inf]))
def test_the_enclosure_of_a_function_that_is_not_monotone(
    name: str, low: float, width: float
) -> None:
    high = low + width
    inside = np.linspace(low, min(high, low + 20), 101)
    box = Bounded(np.float64(low), np.float64(low), np.float64(high), np.asarray(False))
    with pytest.MonkeyPatch.context() as patch, np.errstate(all="ignore"):
        patch.setitem(OPS, "cos", COS)
        result = arithmetic("cos", [box], FORMATS[name])
    assert result.contains(np.cos(inside)).all()
    assert bool(result.nan) == math.isinf(width)
    assert result.high - result.low <= min(2.0, 1.1 * width) + 1e-5


def test_the_enclosure_of_one_number_has_roundings_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OPS, "cos", COS)
    result = arithmetic("cos", [exact(1.5)], FORMATS["float32"])
    assert result.high - result.low <= 20 * np.spacing(np.float32(np.cos(1.5)))


@pytest.mark.parametrize("op", [op for op in ROWS if op.picks], ids=lambda op: op.name)
def test_what_picks_gives_one_of_its_arguments(op: Op) -> None:
    assert all(call(op, *args) in args for args in choices(op))


# --- reductions ----------------------------------------------------------------------------------


@rows("left_out")
def test_what_stands_in_for_an_element_does_not_count(op: Op) -> None:
    for elements in product((0.0, 1.0) if booleans(op)[0] else SAMPLES[:6], repeat=3):
        result = call(op, np.array([*elements, op.left_out]))
        assert result == pytest.approx(call(op, np.array(elements)), rel=1e-15, abs=1e-15)


def test_only_of_reductions_something_is_left_out() -> None:
    assert all(op.left_out is None for op in ROWS if not op.reduces)


# --- Python and names ----------------------------------------------------------------------------


def in_python(op: Op, args: tuple[float, ...]) -> Any:
    """What Python gives for the text that stands in generated files."""
    kinds = [Kind.BOOL if boolean else Kind.REAL for boolean in booleans(op)]
    names = [f"x{i}" for i in range(len(args))]
    refs = [
        ir.Ref(name, ir.Role.DIM, ir.Type(kind, ir.PerStep()), Span(0, 0))
        for name, kind in zip(names, kinds, strict=True)
    ]
    expr = ir.Call(op.name, tuple(refs), None, ir.Type(Kind.REAL, ir.PerStep()), Span(0, 0))
    here = Surroundings(TENSORFLOW, "rt.", {}, frozenset(), "dtype")
    return eval(flat(expression(expr, here)), {}, dict(zip(names, args, strict=True)))


@pytest.mark.parametrize("op", [op for op in ROWS if op.plain], ids=lambda op: op.name)
def test_python_computes_what_is_plain(op: Op) -> None:
    for args in product(EXTREMES, repeat=len(op.params)):
        if not any(map(math.isnan, args)):
            given = tuple(bool(x) if b else x for x, b in zip(args, booleans(op), strict=True))
            found, expected = float(in_python(op, given)), float(call(op, *given))
            assert found == expected or (math.isnan(found) and math.isnan(expected))


def test_words_name_the_arguments() -> None:
    for op in ROWS:
        names = [f"<{i}>" for i in range(len(op.params))]
        assert not op.word or all(name in op.word.format(*names) for name in names)


def test_what_others_call_an_operation_is_no_function_here() -> None:
    others = [name for op in ROWS for name in op.also]
    assert not set(others) & set(FUNCTIONS)
    assert len(others) == len(set(others))
