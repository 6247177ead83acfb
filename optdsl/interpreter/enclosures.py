"""Operations on numbers with an error bound: the range over the enclosures, then the roundings.

See `bounds` for what an enclosure is and what it allows for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import product
from operator import attrgetter
from typing import Any

import numpy as np

from optdsl import intervals as iv
from optdsl.interpreter.bounds import (
    DOUBLE,
    Array,
    Bounded,
    Format,
    Mask,
    Truth,
    Value,
    exact,
    widened,
)
from optdsl.ops import OPS, Op
from optdsl.records import replace

Function = Callable[..., Any]


def errors(count: Array | float, form: Format) -> Array | float:
    """Relative error of `count` roundings in a format and of as many here, in float64."""
    return count * (form.roundoff + DOUBLE.roundoff)


# --- elementwise operations ----------------------------------------------------------------------


def numpy_function(op: str) -> Function:
    """What NumPy calls an operation."""
    known = OPS[op].numpy
    function: Function = attrgetter(known)(np) if isinstance(known, str) else partial(known, np)
    return function


def arithmetic(op: str, args: Sequence[Bounded], form: Format) -> Bounded:
    """A numeric operation, elementwise, as a path does it that computes in `form`."""
    return widened(enclosed(op, args), _operation_error(op, args, form), form)


def enclosed(op: str, args: Sequence[Bounded]) -> Bounded:
    """The range of an operation over the enclosures of its operands, without any rounding.

    On integers, which are exact below 2^53, this is already the result.
    """
    function = numpy_function(op)
    value = np.asarray(function(*(arg.value for arg in args)), dtype=np.float64)
    corners = [function(*ends) for ends in product(*((arg.low, arg.high) for arg in args))]
    nan = np.isnan(value)
    for part in corners:
        nan = nan | np.isnan(part)
    for arg in args:
        nan = nan | arg.nan
    low, high = _hull([value, *corners, *_turning_values(op, args)])
    result = Bounded(value, low, high, np.asarray(nan))
    match op:
        case "mul":
            return _zero_times_infinity(result, *args)
        case "div":
            return _quotient_by_zero(result, *args)
        case "mod":
            return _remainder(result, *args)
        case "pow":
            return _power_of_negative(result, *args)
        case "atan2":
            return _angle(result, *args)
    return result if OPS[op].poles is None else _around_poles(OPS[op], result, *args)


def _hull(values: Sequence[Any]) -> tuple[Array, Array]:
    """The smallest and the largest, elementwise; NaN only where all are."""
    arrays = np.broadcast_arrays(*values)
    low, high = np.fmin.reduce(arrays), np.fmax.reduce(arrays)
    return np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64)


def _turning_values(op: str, args: Sequence[Bounded]) -> list[Array]:
    """Values between the corners, where an operation turns or its domain ends; NaN for none."""
    known, x = OPS[op], args[0]
    if known.picks:
        undefined = np.logical_or.reduce(np.broadcast_arrays(*(arg.nan for arg in args)))
        ends = [end for arg in args for end in (arg.low, arg.high)]
        return [np.where(undefined, end, np.nan) for end in ends]
    if known.slope is not None:
        return _by_slope(known, x)
    if op == "pow":
        return _powers_between(x, args[1])
    return [np.where(_spans(x, turn), value, np.nan) for turn, value in known.turns]


def _by_slope(op: Op, x: Bounded) -> list[Array]:
    """How far a function can get between the corners, and not out of its range.

    The small excess makes up for roundings here, where the result is near 0.
    """
    assert op.slope is not None
    function, whole = numpy_function(op.name), op.interval(iv.ALL)
    middle = (function(x.low) + function(x.high)) / 2
    reach = op.slope * (x.high - x.low) * (0.5 + 1e-9)
    low, high = np.fmax(middle - reach, whole.low), np.fmin(middle + reach, whole.high)
    inside = x.low < x.high
    return [np.where(inside, end, np.nan) for end in (low, high)]


def _powers_between(x: Bounded, y: Bounded) -> list[Array]:
    at_zero = [np.power(0.0, y.low), np.power(0.0, y.high)]
    left_of_pole = np.where(y.low < 0, -np.inf, np.nan)  # -0.0 is on its left too
    one = (_spans(x, 1.0) & y.nan) | (x.nan & _spans(y, 0.0))  # whatever NaN is
    turns = [np.where(_spans(x, 0.0), end, np.nan) for end in (*at_zero, left_of_pole)]
    return [*turns, np.where(one, 1.0, np.nan)]


def _spans(x: Bounded, point: float) -> Mask:
    return np.asarray((x.low <= point) & (point <= x.high))


def _reaches_infinity(x: Bounded) -> Mask:
    return np.asarray(np.isinf(x.low) | np.isinf(x.high))


def _zero_times_infinity(result: Bounded, a: Bounded, b: Bounded) -> Bounded:
    may_be = (_spans(a, 0.0) & _reaches_infinity(b)) | (_spans(b, 0.0) & _reaches_infinity(a))
    return replace(result, nan=result.nan | may_be)


def _quotient_by_zero(result: Bounded, a: Bounded, b: Bounded) -> Bounded:
    """A divisor that may be zero, of either sign, gives anything; zero over it, zero or NaN."""
    zero = (a.low == 0) & (a.high == 0)
    pole = _spans(b, 0.0)
    low = np.where(pole, np.where(zero, 0.0, -np.inf), result.low)
    high = np.where(pole, np.where(zero, 0.0, np.inf), result.high)
    return replace(result, low=low, high=high, nan=result.nan | (pole & _spans(a, 0.0)))


def _remainder(result: Bounded, a: Bounded, b: Bounded) -> Bounded:
    """Where the quotient may fall on either side of an integer, any remainder is possible."""
    turns = [np.floor(x / y) for x, y in product((a.low, a.high), (b.low, b.high))]
    first, last = np.minimum.reduce(turns), np.maximum.reduce(turns)  # NaN if one is
    same = (first == last) & ~_reaches_infinity(b)
    low = np.where(same, result.low, np.minimum(b.low, 0.0))
    high = np.where(same, result.high, np.maximum(b.high, 0.0))
    return replace(result, low=low, high=high, nan=result.nan | _spans(b, 0.0))


def _angle(result: Bounded, y: Bounded, x: Bounded) -> Bounded:
    """Around 0, and left of it where y may be a zero of either sign, any angle is possible."""
    any_ = _spans(y, 0.0) & (x.low <= 0)
    low, high = np.where(any_, -np.pi, result.low), np.where(any_, np.pi, result.high)
    return replace(result, low=low, high=high)


def _around_poles(op: Op, result: Bounded, x: Bounded) -> Bounded:
    """Where a pole may lie between the corners, anything is possible."""
    assert op.poles is not None
    turns = [end / (2 * op.poles) + 0.5 for end in (x.low, x.high)]
    slack = 4 * np.spacing(np.maximum(*np.abs(turns)))  # of the numbers of turns here
    same = np.floor(turns[0] - slack) == np.floor(turns[1] + slack)
    pole = (x.low < x.high) & ~same
    low, high = np.where(pole, -np.inf, result.low), np.where(pole, np.inf, result.high)
    return replace(result, low=low, high=high)


def _power_of_negative(result: Bounded, x: Bounded, y: Bounded) -> Bounded:
    """A negative base has powers of either sign at whole exponents, and none between them."""
    wild = (x.low < 0) & (y.low < y.high)
    undefined = (x.low < 0) & (np.rint(y.low) != y.low)
    low, high = np.where(wild, -np.inf, result.low), np.where(wild, np.inf, result.high)
    return replace(result, low=low, high=high, nan=result.nan | wild | undefined)


def _operation_error(op: str, args: Sequence[Bounded], form: Format) -> Array | float:
    known = OPS[op]
    count = known.roundings
    if form is DOUBLE and known.double_roundings is not None:
        count = known.double_roundings
    if op != "pow":
        return errors(count, form)
    base, exponent = args
    size = np.maximum(np.abs(exponent.low), np.abs(exponent.high))
    product_of_few = (exponent.low == exponent.high) & (np.rint(size) == size) & (size <= 4)
    logs = [np.abs(np.log(np.abs(end))) for end in (base.low, base.high)]
    reach = np.maximum(*(np.where(np.isfinite(log), log, 0.0) for log in logs))
    # Any other power is exp(y log x): the roundings of what exp is given count |y log x| times.
    # Where that comes to more than the whole result, the result is 0, 1 or infinite.
    general = count * (1 + size * reach)
    return np.fmin(errors(np.where(product_of_few, count, general), form), 1.0)


# --- comparisons and booleans --------------------------------------------------------------------


def compare(op: str, a: Bounded, b: Bounded) -> Truth:
    """A comparison of numbers: what it gives at the corners, for equal numbers and for NaN."""
    function = numpy_function(op)
    corners = [function(x, y) for x, y in product((a.low, a.high), (b.low, b.high))]
    may_hold = np.logical_or.reduce(corners)
    may_fail = ~np.logical_and.reduce(corners)
    touch = (a.low <= b.high) & (b.low <= a.high)
    for case, number in ((touch, 0.0), (a.nan | b.nan, np.nan)):
        holds = bool(function(number, number))
        may_hold, may_fail = may_hold | (case & holds), may_fail | (case & (not holds))
    return Truth(np.asarray(function(a.value, b.value)), may_hold, may_fail)


def logic(op: str, args: Sequence[Truth]) -> Truth:
    """`and`, `or`, `not`, and equality of booleans: what follows from the outcomes of each."""
    function = numpy_function(op)
    value = np.asarray(function(*(arg.value for arg in args)))
    outcomes = {True: np.zeros_like(value), False: np.zeros_like(value)}
    for case in product((True, False), repeat=len(args)):
        possible = np.ones_like(value)
        for arg, holds in zip(args, case, strict=True):
            possible = possible & (arg.may_hold if holds else arg.may_fail)
        outcome = bool(function(*case))
        outcomes[outcome] = outcomes[outcome] | possible
    return Truth(value, outcomes[True], outcomes[False])


def is_finite(x: Bounded) -> Truth:
    """Whether a number is neither infinite nor NaN."""
    may_hold = (x.low < np.inf) & (x.high > -np.inf)
    return Truth(np.isfinite(x.value), may_hold, x.nan | _reaches_infinity(x))


def select(condition: Truth, a: Value, b: Value) -> Value:
    """`a` where the condition holds, `b` where it fails; their union where it may do either."""
    value = np.where(condition.value, a.value, b.value)
    hold, fail = condition.may_hold, condition.may_fail
    if isinstance(a, Truth) and isinstance(b, Truth):
        may_hold = (hold & a.may_hold) | (fail & b.may_hold)
        return Truth(value, may_hold, (hold & a.may_fail) | (fail & b.may_fail))
    assert isinstance(a, Bounded)
    assert isinstance(b, Bounded)
    from_a = [np.where(hold, end, np.nan) for end in (a.low, a.high)]
    from_b = [np.where(fail, end, np.nan) for end in (b.low, b.high)]
    return Bounded(value, *_hull([*from_a, *from_b]), (hold & a.nan) | (fail & b.nan))


# --- reductions along one axis -------------------------------------------------------------------


def reduce(op: str, x: Value, axis: int, form: Format) -> Value:
    """A reduction along one axis, which stays with size 1."""
    function = numpy_function(op)
    if isinstance(x, Truth):
        value, may_hold, must_hold = (
            np.asarray(function(part, axis=axis, keepdims=True))
            for part in (x.value, x.may_hold, ~x.may_fail)
        )
        return Truth(value, may_hold, ~must_hold)
    if x.value.shape[axis] == 0:  # no rows are touched: as zeros
        x = x.map(lambda part: np.zeros_like(np.sum(part, axis=axis, keepdims=True), part.dtype))
    match op:
        case "sum":
            return _sum(x, axis, form)
        case "mean":
            count = exact(x.value.shape[axis])
            return arithmetic("div", (_sum(x, axis, form), count), form)
        case "norm":
            squares = arithmetic("mul", (x, x), form)
            return arithmetic("sqrt", (_sum(squares, axis, form),), form)
    left_out = OPS[op].left_out
    assert left_out is not None
    assert np.isinf(left_out), f"{op} is not the largest or the smallest: how does it round?"
    return _extreme(function, x, axis)


def _extreme(function: Function, x: Bounded, axis: int) -> Bounded:
    """The largest or the smallest; some overlook NaN, and some what came before it."""
    nan = np.any(x.nan, axis=axis, keepdims=True)
    value, low, high = (
        function(part, axis=axis, keepdims=True) for part in (x.value, x.low, x.high)
    )
    low = np.where(nan, np.fmin.reduce(x.low, axis=axis, keepdims=True), low)
    high = np.where(nan, np.fmax.reduce(x.high, axis=axis, keepdims=True), high)
    return Bounded(value, low, high, nan)


def _sum(x: Bounded, axis: int, form: Format) -> Bounded:
    """A sum in any order: n - 1 additions, each at most the sum of the magnitudes."""

    def total(part: Array) -> Array:
        return np.asarray(np.sum(part, axis=axis, keepdims=True))

    def any_of(part: Mask) -> Mask:
        return np.asarray(np.any(part, axis=axis, keepdims=True))

    value, low, high = total(x.value), total(x.low), total(x.high)
    magnitude = total(np.maximum(np.abs(x.low), np.abs(x.high)))
    mixed = any_of(x.low < 0) & any_of(x.high > 0)
    overflow = mixed & (magnitude > form.largest)  # of a partial sum, to either side
    below = any_of(x.low == -np.inf) | overflow
    above = any_of(x.high == np.inf) | overflow
    nan = any_of(x.nan) | (below & above)
    # Terms of one sign err by a part of their sum; terms of both, by a part of their magnitudes.
    count = x.value.shape[axis]
    relative = errors(count if count > 1 else 0, form)
    slack = np.where(mixed & ~overflow, relative * magnitude, 0.0)
    low = np.where(below, -np.inf, low - slack)
    high = np.where(above, np.inf, high + slack)
    return widened(Bounded(value, low, high, nan), np.where(mixed, 0.0, relative), form)
