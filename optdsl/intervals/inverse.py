"""What the result of an operation says about its arguments.

Each function takes the intervals of the result and of the arguments, and gives one for each of the
first arguments; none of those that can have led to the result are left out.
"""

from __future__ import annotations

from optdsl.intervals import arithmetic
from optdsl.intervals.interval import ALL, NOT_NEGATIVE, Interval, intersection, of, without


def same(result: Interval, _: Interval) -> tuple[Interval]:
    """Of `x` itself."""
    return (result,)


def neg(result: Interval, _: Interval) -> tuple[Interval]:
    """Of `-x`."""
    return (arithmetic.neg(result),)


def add(result: Interval, x: Interval, y: Interval) -> tuple[Interval, Interval]:
    """Of `x + y`."""
    return arithmetic.sub(result, y), arithmetic.sub(result, x)


def sub(result: Interval, x: Interval, y: Interval) -> tuple[Interval, Interval]:
    """Of `x - y`."""
    return arithmetic.add(result, y), arithmetic.sub(x, result)


def mul(result: Interval, x: Interval, y: Interval) -> tuple[Interval, Interval]:
    """Of `x * y`."""
    return _factor(result, y), _factor(result, x)


def _factor(result: Interval, other: Interval) -> Interval:
    factor = ALL if 0 in other else arithmetic.div(result, other)
    return factor if 0 in result else without(factor, 0.0)


def power(result: Interval, _: Interval, y: Interval) -> tuple[Interval, ...]:
    """Of `x ^ y`: a base whose power is not 0 is not 0, if the exponent is positive."""
    return (without(ALL, 0.0),) if 0 not in result and y.low > 0 else ()


def sqrt(result: Interval, _: Interval) -> tuple[Interval]:
    """Of `sqrt(x)`."""
    return (arithmetic.square(intersection(result, NOT_NEGATIVE)),)


def absolute(result: Interval, _: Interval) -> tuple[Interval]:
    """Of `abs(x)`."""
    size = of(-result.high, result.high, result.high_open, result.high_open)
    return (without(size, 0.0) if 0 not in result else size,)
