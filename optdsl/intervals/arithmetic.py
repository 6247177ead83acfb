"""Arithmetic, powers, and functions made of straight pieces."""

from __future__ import annotations

import math
from math import inf, nextafter
from sys import float_info

from optdsl.intervals.ends import Bound, End, about, corners, exactly, parts
from optdsl.intervals.interval import (
    EMPTY,
    NEGATIVE,
    NOT_NEGATIVE,
    Interval,
    floor_of,
    intersection,
    normal,
    of,
    point,
    union,
)


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


def small_whole(*values: float) -> bool:
    """Whether all are whole and so small that floating point holds every whole number there."""
    return all(abs(value) <= 2**53 and value == math.floor(value) for value in values)


def _product(a: Bound, b: Bound) -> End:
    (x, x_open), (y, y_open) = a, b
    if x == 0 or y == 0:  # 0 times anything, however large
        attained = (x == 0 and not x_open) or (y == 0 and not y_open)
        return exactly(0.0, not attained)
    value = x * y
    if math.isinf(x) or math.isinf(y) or abs(x) == 1 or abs(y) == 1 or small_whole(x, y, value):
        return exactly(value, x_open or y_open)
    return about(value, 1, 0.0) if (x > 0) == (y > 0) else about(value, 1, ceiling=0.0)


def mul(x: Interval, y: Interval) -> Interval:
    """`x * y`."""
    product = corners(x, y, _product, 0 not in x and 0 not in y)
    return normal(Interval(*fields(product), whole=x.whole and y.whole, nonzero=product.nonzero))


def fields(x: Interval) -> tuple[float, float, bool, bool]:
    """The ends of an interval, without what is known of its inside."""
    return x.low, x.high, x.low_open, x.high_open


def _quotient(a: Bound, b: Bound) -> End:
    """A limit of x / y for y > 0."""
    (x, x_open), (y, y_open) = a, b
    if x == 0:
        return exactly(0.0, x_open)
    if y == inf:
        return exactly(0.0, True)
    if y == 0 or math.isinf(x):
        return exactly(math.copysign(inf, x), True)
    value = x / y
    if y == 1 or small_whole(x, y, value):
        return exactly(value, x_open or y_open)
    return about(value, 1, 0.0) if x > 0 else about(value, 1, ceiling=0.0)


def div(x: Interval, y: Interval) -> Interval:
    """`x / y` for the `y` that are not 0."""
    below, above = parts(y)
    nonzero = 0 not in x
    return union(
        corners(neg(x), neg(below), _quotient, nonzero), corners(x, above, _quotient, nonzero)
    )


def mod(x: Interval, y: Interval) -> Interval:
    """`x % y`, which has the sign of `y`, for the `y` that are not 0."""
    below, above = parts(y)
    return union(neg(_mod_above(neg(x), neg(below))), _mod_above(x, above))


def _mod_above(x: Interval, y: Interval) -> Interval:
    if x.empty or y.empty:
        return EMPTY
    if x.low >= 0 and (x.high < y.low or (x.high == y.low and (x.high_open or y.low_open))):
        return x
    result = of(0, y.high, high_open=True, whole=x.whole and y.whole)
    return intersection(result, of(0, x.high, high_open=x.high_open)) if x.low >= 0 else result


def _power(a: Bound, b: Bound) -> End:
    """A limit of x^y for x >= 0: the exponential of the product of log(x) and y."""
    (x, x_open), (y, y_open) = a, b
    if x == 1 or y == 0:
        attained = (x == 1 and not x_open) or (y == 0 and not y_open)
        return exactly(1.0, not attained)
    if x == 0:
        return exactly(0.0, x_open) if y > 0 else exactly(inf, True)
    if math.isinf(x) or math.isinf(y):
        return exactly(inf if (x > 1) == (y > 0) else 0.0, True)
    try:
        value = x**y
    except OverflowError:
        value = inf
    if y == 1 or (y > 0 and small_whole(x, y, value)):
        return exactly(value, x_open or y_open)
    return about(value, 2, 1.0) if (x > 1) == (y > 0) else about(value, 2, 0.0, 1.0)


def power(x: Interval, y: Interval) -> Interval:
    """`x ^ y` where it is defined; `0^0` is 1, a negative base needs a whole exponent."""
    result = corners(intersection(x, NOT_NEGATIVE), y, _power, 0 not in x)
    if x.low >= 0 or x.empty:
        return result
    exponents = of(*fields(y), whole=True)
    size = corners(neg(intersection(x, NEGATIVE)), exponents, _power, True)
    if exponents.point is None:
        return union(result, union(size, neg(size)))
    return union(result, size if exponents.point % 2 == 0 else neg(size))


def square(x: Interval) -> Interval:
    """`x * x` of one and the same number."""
    return power(x, point(2.0))


# --- pieces ---------------------------------------------------------------------------------------


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
    high = floor_of(x.high)
    high = high - 1 if x.high_open and high == x.high and abs(high) < 2**53 else high
    return of(floor_of(x.low), high, whole=True)


def ceil(x: Interval) -> Interval:
    """`ceil(x)`."""
    return neg(floor(neg(x)))


def round_(x: Interval) -> Interval:
    """`round(x)`, half to even."""
    if x.empty:
        return EMPTY
    low, high = (end if math.isinf(end) else float(round(end)) for end in (x.low, x.high))
    return of(low, high, whole=True)


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
    """`clip(x, low, high)`, which is `low` where that is above `high`."""
    return maximum(minimum(x, high), low)


def select(c: Interval, x: Interval, y: Interval) -> Interval:
    """`where(c, x, y)`."""
    if c.empty:
        return EMPTY
    return union(x if 1 in c else EMPTY, y if 0 in c else EMPTY)


def same(x: Interval) -> Interval:
    """`x` itself: a conversion, the largest or the smallest of many."""
    return x
