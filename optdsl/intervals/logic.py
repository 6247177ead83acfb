"""Truth values as numbers, 0 for false and 1 for true; and where an operation is not defined."""

from __future__ import annotations

from math import inf, pi

from optdsl.intervals.arithmetic import maximum, minimum, sub
from optdsl.intervals.interval import EITHER, EMPTY, FALSE, TRUE, Interval, intersection, of


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


def can_be_a_pole(x: Interval) -> bool:
    """Whether the argument of `tan` can be an odd multiple of pi/2, which no float is."""
    return x.point is None and not x.within(of(-pi / 2, pi / 2))


def zero_to_negative(x: Interval, y: Interval) -> bool:
    """Whether `x ^ y` can be 0 to a negative power."""
    return 0 in x and can_be_negative(y)


def negative_to_fraction(x: Interval, y: Interval) -> bool:
    """Whether `x ^ y` can be a negative number to a power that is not whole."""
    return can_be_negative(x) and not y.empty and not y.whole


# --- which argument a result is ------------------------------------------------------------------


def the_first(*_: Interval) -> int:
    """Always the first."""
    return 0


def the_larger(x: Interval, y: Interval) -> int | None:
    """Of `max(x, y)`, where the intervals tell."""
    return 0 if x.low >= y.high else 1 if y.low >= x.high else None


def the_smaller(x: Interval, y: Interval) -> int | None:
    """Of `min(x, y)`, where the intervals tell."""
    return 0 if x.high <= y.low else 1 if y.high <= x.low else None


def the_clipped(x: Interval, low: Interval, high: Interval) -> int | None:
    """Of `clip(x, low, high)`: what lies between the limits."""
    return 0 if low.high <= x.low and x.high <= high.low else None


def the_positive(x: Interval) -> int | None:
    """Of `abs(x)`: what is not negative."""
    return 0 if x.low >= 0 else None
