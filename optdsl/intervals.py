"""Intervals of real numbers with open or closed ends, and arithmetic on them.

Every function here is sound: its result contains the value of the real operation for all points of
its operands at which that operation is defined. Ends that floating point cannot hold are rounded
outwards; ends that it can hold stay exact, so that `1 - beta^t` stays above 0 for `beta` in [0, 1).
An infinite end is never attained: these are intervals of finite reals.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf, nextafter
from sys import float_info


@dataclass(frozen=True, slots=True)
class Interval:
    """The real numbers between `low` and `high`; an open end is not itself included.

    `whole` says that only whole numbers are meant, `nonzero` that 0 is left out of the inside.
    """

    low: float = -inf
    high: float = inf
    low_open: bool = False
    high_open: bool = False
    whole: bool = False
    nonzero: bool = False

    def __contains__(self, value: float) -> bool:
        above = value > self.low or (value == self.low and not self.low_open)
        below = value < self.high or (value == self.high and not self.high_open)
        left_out = (self.nonzero and value == 0) or (self.whole and value != _floor(value))
        return above and below and not left_out

    def __str__(self) -> str:
        left, right = "(" if self.low_open else "[", ")" if self.high_open else "]"
        without = " without 0" if self.nonzero else ""
        return f"{left}{self.low:g}, {self.high:g}{right}{without}"

    @property
    def empty(self) -> bool:
        """Whether no number is meant."""
        return self.low > self.high

    @property
    def point(self) -> float | None:
        """The only number it holds, or None."""
        return self.low if self.low == self.high else None

    def within(self, other: Interval) -> bool:
        """Whether every number of this interval is in `other`."""
        return self.empty or intersection(self, other) == self


def _floor(value: float) -> float:
    return value if math.isinf(value) or math.isnan(value) else float(math.floor(value))


def of(
    low: float,
    high: float,
    low_open: bool = False,
    high_open: bool = False,
    whole: bool = False,
    nonzero: bool = False,
) -> Interval:
    """The interval in its one normal form: infinite ends open, whole ends tight, or EMPTY."""
    low_open = low_open or low == -inf or (nonzero and low == 0)
    high_open = high_open or high == inf or (nonzero and high == 0)
    if whole:
        low, low_open = _tight_low(low, low_open)
        high, high_open = _tight_low(-high, high_open)
        high = -high
    if low > high or (low == high and (low_open or high_open)):
        return EMPTY
    whole = whole or (low == high and low == _floor(low))
    # `+ 0.0` turns -0.0 into 0.0: one zero, so that equal intervals print the same
    return Interval(low + 0.0, high + 0.0, low_open, high_open, whole, nonzero and low < 0 < high)


def _tight_low(low: float, low_open: bool) -> tuple[float, bool]:
    """The smallest whole number above a low end; infinite ends stay."""
    if math.isinf(low) or abs(low) >= 2**53:
        return low, low_open
    tight = float(math.ceil(low))
    return (tight + 1, False) if low_open and tight == low else (tight, False)


def normal(x: Interval) -> Interval:
    """`x` in the normal form that `of` gives."""
    return of(x.low, x.high, x.low_open, x.high_open, x.whole, x.nonzero)


def point(value: float) -> Interval:
    """The interval that holds one number."""
    return of(value, value, whole=value == _floor(value))


EMPTY = Interval(inf, -inf, True, True)
ALL = of(-inf, inf)
NEGATIVE = of(-inf, 0, high_open=True)
POSITIVE = of(0, inf, low_open=True)
NOT_NEGATIVE = of(0, inf)
INTEGERS = of(-inf, inf, whole=True)
FALSE, TRUE, EITHER = point(0.0), point(1.0), of(0, 1, whole=True)


# --- sets ----------------------------------------------------------------------------------------


def union(x: Interval, y: Interval) -> Interval:
    """The smallest interval that holds both."""
    if x.empty or y.empty:
        return y if x.empty else x
    low, low_open = min((x.low, x.low_open), (y.low, y.low_open))
    high, closed = max((x.high, not x.high_open), (y.high, not y.high_open))
    nonzero = 0 not in x and 0 not in y
    return of(low, high, low_open, not closed, x.whole and y.whole, nonzero)


def intersection(x: Interval, y: Interval) -> Interval:
    """What is in both."""
    low, low_open = max((x.low, x.low_open), (y.low, y.low_open))
    high, closed = min((x.high, not x.high_open), (y.high, not y.high_open))
    return of(low, high, low_open, not closed, x.whole or y.whole, x.nonzero or y.nonzero)


def without(x: Interval, value: float) -> Interval:
    """`x` with one number taken out, as far as an interval can say so."""
    low_open = x.low_open or x.low == value
    high_open = x.high_open or x.high == value
    return of(x.low, x.high, low_open, high_open, x.whole, x.nonzero or value == 0)


def widen(old: Interval, new: Interval, thresholds: Sequence[float]) -> Interval:
    """An interval that holds both; an end that moved goes on to the next of `thresholds` (sorted).

    Repeated widening is stationary after as many steps as there are thresholds.
    """
    if old.empty or new.empty:
        return union(old, new)
    both = union(old, new)
    low, low_open = both.low, both.low_open
    if low < old.low:
        low = max((stop for stop in thresholds if stop <= low), default=-inf)
        low_open = both.low_open or low < both.low
    high, high_open = both.high, both.high_open
    if high > old.high:
        high = min((stop for stop in thresholds if stop >= high), default=inf)
        high_open = both.high_open or high > both.high
    return of(low, high, low_open, high_open, both.whole, both.nonzero)


# --- ends ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _End:
    """A bound from either side: the limit lies in [low, high], attained unless open."""

    low: float
    high: float
    low_open: bool
    high_open: bool


def _exactly(value: float, open_: bool) -> _End:
    return _End(value, value, open_, open_)


def _about(value: float, ulps: int, floor: float = -inf, ceiling: float = inf) -> _End:
    """A limit known up to rounding that lies strictly between `floor` and `ceiling`."""
    low = high = value
    for _ in range(ulps):
        low, high = nextafter(low, -inf), nextafter(high, inf)
    low, high = min(low, float_info.max), max(high, -float_info.max)
    return _End(max(low, floor), min(high, ceiling), True, True)


def _hull(ends: Sequence[_End], whole: bool = False, nonzero: bool = False) -> Interval:
    low, low_open = min((end.low, end.low_open) for end in ends)
    high, closed = max((end.high, not end.high_open) for end in ends)
    return of(low, high, low_open, not closed, whole, nonzero)


_Bound = tuple[float, bool]  # a value and whether it is open


def _bounds(x: Interval) -> tuple[_Bound, _Bound]:
    return (x.low, x.low_open), (x.high, x.high_open)


def _corners(
    x: Interval, y: Interval, limit: Callable[[_Bound, _Bound], _End], nonzero: bool
) -> Interval:
    """The hull of a function that takes its extremes at the corners of the box."""
    if x.empty or y.empty:
        return EMPTY
    ends = [limit(a, b) for a in _bounds(x) for b in _bounds(y)]
    return _hull(ends, nonzero=nonzero)


def _parts(x: Interval) -> tuple[Interval, Interval]:
    """What is below 0 and what is above it."""
    return intersection(x, NEGATIVE), intersection(x, POSITIVE)


# --- arithmetic ----------------------------------------------------------------------------------


def neg(x: Interval) -> Interval:
    """`-x`."""
    if x.empty:
        return EMPTY
    return of(-x.high, -x.low, x.high_open, x.low_open, x.whole, x.nonzero)


def _sum_of_ends(a: float, b: float) -> tuple[float, float]:
    """A sum and its rounding error, exactly (Knuth's two-sum); no error where it is infinite."""
    total = a + b
    if math.isinf(total):
        return total, 0.0
    part = total - a
    return total, (a - (total - part)) + (b - part)


def add(x: Interval, y: Interval) -> Interval:
    """`x + y`."""
    if x.empty or y.empty:
        return EMPTY
    low, error = _sum_of_ends(x.low, y.low)
    low_open = x.low_open or y.low_open or error != 0
    low = nextafter(low, -inf) if error < 0 else min(low, float_info.max)
    high, error = _sum_of_ends(x.high, y.high)
    high_open = x.high_open or y.high_open or error != 0
    high = nextafter(high, inf) if error > 0 else max(high, -float_info.max)
    return of(low, high, low_open, high_open, x.whole and y.whole)


def sub(x: Interval, y: Interval) -> Interval:
    """`x - y`."""
    return add(x, neg(y))


def _small_whole(*values: float) -> bool:
    return all(abs(value) <= 2**53 and value == math.floor(value) for value in values)


def _product(a: _Bound, b: _Bound) -> _End:
    (x, x_open), (y, y_open) = a, b
    if x == 0 or y == 0:  # 0 times anything, however large
        attained = (x == 0 and not x_open) or (y == 0 and not y_open)
        return _exactly(0.0, not attained)
    value = x * y
    if math.isinf(x) or math.isinf(y) or abs(x) == 1 or abs(y) == 1 or _small_whole(x, y, value):
        return _exactly(value, x_open or y_open)
    return _about(value, 1, 0.0) if (x > 0) == (y > 0) else _about(value, 1, ceiling=0.0)


def mul(x: Interval, y: Interval) -> Interval:
    """`x * y`."""
    product = _corners(x, y, _product, 0 not in x and 0 not in y)
    return normal(Interval(*_fields(product), whole=x.whole and y.whole, nonzero=product.nonzero))


def _fields(x: Interval) -> tuple[float, float, bool, bool]:
    return x.low, x.high, x.low_open, x.high_open


def _quotient(a: _Bound, b: _Bound) -> _End:
    """A limit of x / y for y > 0."""
    (x, x_open), (y, y_open) = a, b
    if x == 0:
        return _exactly(0.0, x_open)
    if y == inf:
        return _exactly(0.0, True)
    if y == 0 or math.isinf(x):
        return _exactly(math.copysign(inf, x), True)
    value = x / y
    if y == 1 or _small_whole(x, y, value):
        return _exactly(value, x_open or y_open)
    return _about(value, 1, 0.0) if x > 0 else _about(value, 1, ceiling=0.0)


def div(x: Interval, y: Interval) -> Interval:
    """`x / y` for the `y` that are not 0."""
    below, above = _parts(y)
    nonzero = 0 not in x
    return union(
        _corners(neg(x), neg(below), _quotient, nonzero), _corners(x, above, _quotient, nonzero)
    )


def mod(x: Interval, y: Interval) -> Interval:
    """`x % y`, which has the sign of `y`, for the `y` that are not 0."""
    below, above = _parts(y)
    return union(neg(_mod_above(neg(x), neg(below))), _mod_above(x, above))


def _mod_above(x: Interval, y: Interval) -> Interval:
    if x.empty or y.empty:
        return EMPTY
    if x.low >= 0 and (x.high < y.low or (x.high == y.low and (x.high_open or y.low_open))):
        return x
    result = of(0, y.high, high_open=True, whole=x.whole and y.whole)
    return intersection(result, of(0, x.high, high_open=x.high_open)) if x.low >= 0 else result


def _power(a: _Bound, b: _Bound) -> _End:
    """A limit of x^y for x >= 0: the exponential of the product of log(x) and y."""
    (x, x_open), (y, y_open) = a, b
    if x == 1 or y == 0:
        attained = (x == 1 and not x_open) or (y == 0 and not y_open)
        return _exactly(1.0, not attained)
    if x == 0:
        return _exactly(0.0, x_open) if y > 0 else _exactly(inf, True)
    if math.isinf(x) or math.isinf(y):
        return _exactly(inf if (x > 1) == (y > 0) else 0.0, True)
    try:
        value = x**y
    except OverflowError:
        value = inf
    if y == 1 or (y > 0 and _small_whole(x, y, value)):
        return _exactly(value, x_open or y_open)
    return _about(value, 2, 1.0) if (x > 1) == (y > 0) else _about(value, 2, 0.0, 1.0)


def power(x: Interval, y: Interval) -> Interval:
    """`x ^ y` where it is defined; `0^0` is 1, a negative base needs a whole exponent."""
    result = _corners(intersection(x, NOT_NEGATIVE), y, _power, 0 not in x)
    if x.low >= 0 or x.empty:
        return result
    exponents = of(*_fields(y), whole=True)
    size = _corners(neg(intersection(x, NEGATIVE)), exponents, _power, True)
    if exponents.point is None:
        return union(result, union(size, neg(size)))
    return union(result, size if exponents.point % 2 == 0 else neg(size))


def square(x: Interval) -> Interval:
    """`x * x` of one and the same number."""
    return power(x, point(2.0))


# --- functions -----------------------------------------------------------------------------------


def absolute(x: Interval) -> Interval:
    """`abs(x)`."""
    if x.low >= 0:
        return x
    if x.high <= 0:
        return neg(x)
    high, closed = max((-x.low, not x.low_open), (x.high, not x.high_open))
    return of(0, high, x.nonzero, not closed, x.whole)


def sign(x: Interval) -> Interval:
    """`sign(x)`: -1, 0 or 1."""
    if x.empty:
        return EMPTY
    low = -1 if x.low < 0 else 0 if 0 in x else 1
    high = 1 if x.high > 0 else 0 if 0 in x else -1
    return of(low, high, whole=True, nonzero=x.nonzero)


def floor(x: Interval) -> Interval:
    """`floor(x)`."""
    if x.empty:
        return EMPTY
    high = _floor(x.high)
    high = high - 1 if x.high_open and high == x.high and abs(high) < 2**53 else high
    return of(_floor(x.low), high, whole=True)


def _monotone(
    x: Interval, domain: Interval, limit: Callable[[float, bool], _End], nonzero: bool
) -> Interval:
    """The hull of an increasing function on the part of `x` that is in its domain."""
    inside = intersection(x, domain)
    return (
        EMPTY if inside.empty else _hull([limit(*end) for end in _bounds(inside)], False, nonzero)
    )


def _sqrt_end(x: float, open_: bool) -> _End:
    value = math.sqrt(x)
    if math.isinf(x) or (_small_whole(value) and value * value == x):
        return _exactly(value, open_)
    return _about(value, 1, 0.0)


def _exp_end(x: float, open_: bool) -> _End:
    if x in (0, inf, -inf):
        return _exactly({0: 1.0, inf: inf, -inf: 0.0}[x], open_)
    try:
        value = math.exp(x)
    except OverflowError:
        value = inf
    return _about(value, 2, 1.0) if x > 0 else _about(value, 2, 0.0, 1.0)


def _log_end(x: float, open_: bool) -> _End:
    if x in (0, 1, inf):
        return _exactly({0: -inf, 1: 0.0, inf: inf}[x], open_)
    return _about(math.log(x), 2, 0.0) if x > 1 else _about(math.log(x), 2, ceiling=0.0)


def _log1p_end(x: float, open_: bool) -> _End:
    if x in (-1, 0, inf):
        return _exactly({-1: -inf, 0: 0.0, inf: inf}[x], open_)
    return _about(math.log1p(x), 2, 0.0) if x > 0 else _about(math.log1p(x), 2, ceiling=0.0)


def _expm1_end(x: float, open_: bool) -> _End:
    if x in (0, inf, -inf):
        return _exactly({0: 0.0, inf: inf, -inf: -1.0}[x], open_)
    try:
        value = math.expm1(x)
    except OverflowError:
        value = inf
    return _about(value, 2, 0.0) if x > 0 else _about(value, 2, -1.0, 0.0)


def _tanh_end(x: float, open_: bool) -> _End:
    if x in (0, inf, -inf):
        return _exactly({0: 0.0, inf: 1.0, -inf: -1.0}[x], open_)
    return _about(math.tanh(x), 2, 0.0, 1.0) if x > 0 else _about(math.tanh(x), 2, -1.0, 0.0)


def sqrt(x: Interval) -> Interval:
    """`sqrt(x)` where `x` is not negative."""
    return _monotone(x, NOT_NEGATIVE, _sqrt_end, nonzero=False)


def exp(x: Interval) -> Interval:
    """`exp(x)`."""
    return _monotone(x, ALL, _exp_end, nonzero=False)


def log(x: Interval) -> Interval:
    """`log(x)` where `x` is positive."""
    return _monotone(x, POSITIVE, _log_end, nonzero=False)


def log1p(x: Interval) -> Interval:
    """`log(1 + x)` where `x` is above -1."""
    return _monotone(x, of(-1, inf, low_open=True), _log1p_end, x.nonzero)


def expm1(x: Interval) -> Interval:
    """`exp(x) - 1`."""
    return _monotone(x, ALL, _expm1_end, x.nonzero)


def tanh(x: Interval) -> Interval:
    """`tanh(x)`."""
    return _monotone(x, ALL, _tanh_end, x.nonzero)


def minimum(x: Interval, y: Interval) -> Interval:
    """`min(x, y)`."""
    return neg(maximum(neg(x), neg(y)))


def maximum(x: Interval, y: Interval) -> Interval:
    """`max(x, y)`."""
    if x.empty or y.empty:
        return EMPTY
    low, low_open = max((x.low, x.low_open), (y.low, y.low_open))
    high, closed = max((x.high, not x.high_open), (y.high, not y.high_open))
    nonzero = 0 not in x and 0 not in y
    return of(low, high, low_open, not closed, x.whole and y.whole, nonzero)


def clip(x: Interval, low: Interval, high: Interval) -> Interval:
    """`clip(x, low, high)`; where `low` is above `high`, either of them may be the result."""
    clipped = minimum(maximum(x, low), high)
    if low.high <= high.low:
        return clipped
    return union(clipped, maximum(minimum(x, high), low))


def select(c: Interval, x: Interval, y: Interval) -> Interval:
    """`where(c, x, y)`."""
    if c.empty:
        return EMPTY
    return union(x if 1 in c else EMPTY, y if 0 in c else EMPTY)


def same(x: Interval) -> Interval:
    """`x` itself: a conversion, the largest or the smallest of many."""
    return x


# --- truth: 0 is false, 1 is true ----------------------------------------------------------------


def truth(certain: bool, impossible: bool) -> Interval:
    """TRUE where it is certain, FALSE where it is impossible, else EITHER."""
    return TRUE if certain else FALSE if impossible else EITHER


def less(x: Interval, y: Interval) -> Interval:
    """`x < y`."""
    if x.empty or y.empty:
        return EMPTY
    touching_open = x.high == y.low and (x.high_open or y.low_open)
    return truth(x.high < y.low or touching_open, x.low >= y.high)


def less_equal(x: Interval, y: Interval) -> Interval:
    """`x <= y`."""
    return logical_not(less(y, x))


def greater(x: Interval, y: Interval) -> Interval:
    """`x > y`."""
    return less(y, x)


def greater_equal(x: Interval, y: Interval) -> Interval:
    """`x >= y`."""
    return logical_not(less(x, y))


def equal(x: Interval, y: Interval) -> Interval:
    """`x == y`."""
    if x.empty or y.empty:
        return EMPTY
    one = x.point is not None and x.point == y.point
    return truth(one, intersection(x, y).empty)


def not_equal(x: Interval, y: Interval) -> Interval:
    """`x != y`."""
    return logical_not(equal(x, y))


def logical_not(x: Interval) -> Interval:
    """`not x`."""
    return sub(TRUE, x)


def logical_and(x: Interval, y: Interval) -> Interval:
    """`x and y`."""
    return minimum(x, y)


def logical_or(x: Interval, y: Interval) -> Interval:
    """`x or y`."""
    return maximum(x, y)


def either(x: Interval) -> Interval:
    """A truth value about which nothing is known."""
    return EMPTY if x.empty else EITHER


# --- reductions of at least one element ----------------------------------------------------------


def total(x: Interval) -> Interval:
    """`sum(x)`: one element or more."""
    if x.empty:
        return EMPTY
    low, low_open = (x.low, x.low_open) if x.low >= 0 else (-inf, True)
    high, high_open = (x.high, x.high_open) if x.high <= 0 else (inf, True)
    return of(low, high, low_open, high_open, x.whole)


def mean(x: Interval) -> Interval:
    """`mean(x)`: between the ends, but not of whole numbers, and 0 may be met."""
    return of(*_fields(x))


def norm(x: Interval) -> Interval:
    """`norm(x)`: the root of the sum of squares."""
    return of(*_fields(sqrt(total(square(x)))))


# --- where an operation is not defined -----------------------------------------------------------


def divides_by_zero(_: Interval, y: Interval) -> bool:
    """Whether a divisor can be 0."""
    return 0 in y


def can_be_negative(x: Interval) -> bool:
    """Whether the argument of `sqrt` can be negative."""
    return x.low < 0 and not x.empty


def can_be_zero_or_less(x: Interval) -> bool:
    """Whether the argument of `log` can be 0 or negative."""
    return can_be_negative(x) or 0 in x


def can_be_minus_one_or_less(x: Interval) -> bool:
    """Whether the argument of `log1p` can be -1 or less."""
    return not intersection(x, of(-inf, -1)).empty


def zero_to_negative(x: Interval, y: Interval) -> bool:
    """Whether `x ^ y` can be 0 to a negative power."""
    return 0 in x and can_be_negative(y)


def negative_to_fraction(x: Interval, y: Interval) -> bool:
    """Whether `x ^ y` can be a negative number to a power that is not whole."""
    return can_be_negative(x) and not y.empty and not y.whole
