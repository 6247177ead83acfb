"""Increasing functions, angles, and reductions of at least one element."""

from __future__ import annotations

import math
from collections.abc import Callable
from math import inf, nextafter, pi

from optdsl.intervals.arithmetic import fields, small_whole, square
from optdsl.intervals.ends import End, about, bounds, exactly, hull
from optdsl.intervals.interval import ALL, EMPTY, NOT_NEGATIVE, POSITIVE, Interval, intersection, of


def _monotone(
    x: Interval, domain: Interval, limit: Callable[[float, bool], End], nonzero: bool
) -> Interval:
    """The hull of an increasing function on the part of `x` that is in its domain."""
    inside = intersection(x, domain)
    return EMPTY if inside.empty else hull([limit(*end) for end in bounds(inside)], False, nonzero)


def _sqrt_end(x: float, open_: bool) -> End:
    value = math.sqrt(x)
    if math.isinf(x) or (small_whole(value) and value * value == x):
        return exactly(value, open_)
    return about(value, 1, 0.0)


def _exp_end(x: float, open_: bool) -> End:
    if x in (0, inf, -inf):
        return exactly({0: 1.0, inf: inf, -inf: 0.0}[x], open_)
    try:
        value = math.exp(x)
    except OverflowError:
        value = inf
    return about(value, 2, 1.0) if x > 0 else about(value, 2, 0.0, 1.0)


def _log_end(x: float, open_: bool) -> End:
    if x in (0, 1, inf):
        return exactly({0: -inf, 1: 0.0, inf: inf}[x], open_)
    return about(math.log(x), 2, 0.0) if x > 1 else about(math.log(x), 2, ceiling=0.0)


def _log1p_end(x: float, open_: bool) -> End:
    if x in (-1, 0, inf):
        return exactly({-1: -inf, 0: 0.0, inf: inf}[x], open_)
    return about(math.log1p(x), 2, 0.0) if x > 0 else about(math.log1p(x), 2, ceiling=0.0)


def _expm1_end(x: float, open_: bool) -> End:
    if x in (0, inf, -inf):
        return exactly({0: 0.0, inf: inf, -inf: -1.0}[x], open_)
    try:
        value = math.expm1(x)
    except OverflowError:
        value = inf
    return about(value, 2, 0.0) if x > 0 else about(value, 2, -1.0, 0.0)


def _tanh_end(x: float, open_: bool) -> End:
    if x in (0, inf, -inf):
        return exactly({0: 0.0, inf: 1.0, -inf: -1.0}[x], open_)
    return about(math.tanh(x), 2, 0.0, 1.0) if x > 0 else about(math.tanh(x), 2, -1.0, 0.0)


def _sigmoid_end(x: float, open_: bool) -> End:
    if x in (0, inf, -inf):
        return exactly({0: 0.5, inf: 1.0, -inf: 0.0}[x], open_)
    small = math.exp(-abs(x))
    value = (1.0 if x > 0 else small) / (1 + small)
    return about(value, 4, 0.5, 1.0) if x > 0 else about(value, 4, 0.0, 0.5)


def _softplus_end(x: float, open_: bool) -> End:
    if math.isinf(x):
        return exactly(max(x, 0.0), open_)
    return about(max(x, 0.0) + math.log1p(math.exp(-abs(x))), 4, max(x, 0.0))


def _erf_end(x: float, open_: bool) -> End:
    if x in (0, inf, -inf):
        return exactly({0: 0.0, inf: 1.0, -inf: -1.0}[x], open_)
    return about(math.erf(x), 4, 0.0, 1.0) if x > 0 else about(math.erf(x), 4, -1.0, 0.0)


def _cbrt_end(x: float, open_: bool) -> End:
    value = math.cbrt(x)
    if math.isinf(x) or (small_whole(round(value)) and round(value) ** 3 == x):
        return exactly(x if math.isinf(x) else float(round(value)), open_)
    return about(value, 2, 0.0) if x > 0 else about(value, 2, ceiling=0.0)


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


def sigmoid(x: Interval) -> Interval:
    """`1 / (1 + exp(-x))`."""
    return _monotone(x, ALL, _sigmoid_end, nonzero=False)


def softplus(x: Interval) -> Interval:
    """`log(1 + exp(x))`."""
    return _monotone(x, ALL, _softplus_end, nonzero=False)


def erf(x: Interval) -> Interval:
    """`erf(x)`."""
    return _monotone(x, ALL, _erf_end, x.nonzero)


def cbrt(x: Interval) -> Interval:
    """The number whose third power is `x`."""
    return _monotone(x, ALL, _cbrt_end, x.nonzero)


# --- angles --------------------------------------------------------------------------------------

_QUARTER = of(-pi / 2, pi / 2)
"""Between two poles of `tan`: `pi / 2` is a little less than half of pi."""


def _tan_end(x: float, open_: bool) -> End:
    if x == 0:
        return exactly(0.0, open_)
    return about(math.tan(x), 2, 0.0) if x > 0 else about(math.tan(x), 2, ceiling=0.0)


def tan(x: Interval) -> Interval:
    """`tan(x)`: known around 0 only."""
    if x.within(_QUARTER):
        return _monotone(x, ALL, _tan_end, x.nonzero)
    return EMPTY if x.empty else ALL


def atan2(y: Interval, x: Interval) -> Interval:
    """The angle of the point (x, y). Where y is 0, a zero of either sign counts."""
    if y.empty or x.empty:
        return EMPTY
    right = x.low >= 0 and not (0 in x and 0 in y)
    most = nextafter(pi / 2 if right else pi, inf)
    sure = 0 not in y or (right and 0 not in x)
    low = 0.0 if y.low >= 0 and sure else -most
    high = 0.0 if y.high <= 0 and sure else most
    return of(low, high, nonzero=0 not in y)


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
    return of(*fields(x))


def norm(x: Interval) -> Interval:
    """`norm(x)`: the root of the sum of squares."""
    return of(*fields(sqrt(total(square(x)))))
