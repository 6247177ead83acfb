"""The type, its normal form, and intervals as sets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from math import inf

from optdsl.records import record


@record
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
        left_out = (self.nonzero and value == 0) or (self.whole and value != floor_of(value))
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


def floor_of(value: float) -> float:
    """The floor of a number; of an infinite one, itself."""
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
        low, low_open = _tight_low(low, low_open, nonzero)
        high, high_open = _tight_low(-high, high_open, nonzero)
        high = -high
    if low > high or (low == high and (low_open or high_open)):
        return EMPTY
    whole = whole or (low == high and low == floor_of(low))
    # `+ 0.0` turns -0.0 into 0.0: one zero, so that equal intervals print the same
    return Interval(low + 0.0, high + 0.0, low_open, high_open, whole, nonzero and low < 0 < high)


def _tight_low(low: float, low_open: bool, nonzero: bool) -> tuple[float, bool]:
    """The smallest whole number above a low end, other than 0 if so; infinite ends stay."""
    if math.isinf(low) or abs(low) >= 2**53:
        return low, low_open
    tight = float(math.ceil(low))
    left_out = (low_open and tight == low) or (nonzero and tight == 0)
    return (tight + 1, False) if left_out else (tight, False)


def normal(x: Interval) -> Interval:
    """`x` in the normal form that `of` gives."""
    return of(x.low, x.high, x.low_open, x.high_open, x.whole, x.nonzero)


def point(value: float) -> Interval:
    """The interval that holds one number."""
    return of(value, value, whole=value == floor_of(value))


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
