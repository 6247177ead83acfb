"""Limits at the ends of intervals, and the hulls of functions that take their extremes there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf, nextafter
from sys import float_info

from optdsl.intervals.interval import EMPTY, NEGATIVE, POSITIVE, Interval, intersection, of
from optdsl.records import record


@record
class End:
    """A bound from either side: the limit lies in [low, high], attained unless open."""

    low: float
    high: float
    low_open: bool
    high_open: bool


def exactly(value: float, open_: bool) -> End:
    """A limit that floating point holds."""
    return End(value, value, open_, open_)


def about(value: float, ulps: int, floor: float = -inf, ceiling: float = inf) -> End:
    """A limit known up to rounding that lies strictly between `floor` and `ceiling`."""
    low = high = value
    for _ in range(ulps):
        low, high = nextafter(low, -inf), nextafter(high, inf)
    low, high = min(low, float_info.max), max(high, -float_info.max)
    return End(max(low, floor), min(high, ceiling), True, True)


def hull(ends: Sequence[End], whole: bool = False, nonzero: bool = False) -> Interval:
    """The smallest interval with all these limits."""
    low, low_open = min((end.low, end.low_open) for end in ends)
    high, closed = max((end.high, not end.high_open) for end in ends)
    return of(low, high, low_open, not closed, whole, nonzero)


Bound = tuple[float, bool]  # a value and whether it is open


def bounds(x: Interval) -> tuple[Bound, Bound]:
    """The lower and the upper end."""
    return (x.low, x.low_open), (x.high, x.high_open)


def corners(
    x: Interval, y: Interval, limit: Callable[[Bound, Bound], End], nonzero: bool
) -> Interval:
    """The hull of a function that takes its extremes at the corners of the box."""
    if x.empty or y.empty:
        return EMPTY
    ends = [limit(a, b) for a in bounds(x) for b in bounds(y)]
    return hull(ends, nonzero=nonzero)


def parts(x: Interval) -> tuple[Interval, Interval]:
    """What is below 0 and what is above it."""
    return intersection(x, NEGATIVE), intersection(x, POSITIVE)
