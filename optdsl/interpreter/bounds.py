"""Numbers with a running error bound: what a path that computes in some format may come to.

Beside the float64 value of the real-number rule stands an enclosure, the range in which the result
of *any* reasonable evaluation in the format lies. It starts as the input itself. An operation takes
the range over its operands' enclosures (the operations are monotone between their critical points,
so that the corners give it) and widens each end by the roundings that the operation may commit. So
the tolerance of a comparison is derived, never picked: a path is right iff its result is enclosed.

What the bound allows for, beyond one rounding per operation: contraction to fused multiply-add,
subnormals flushed to zero, quotients by way of a reciprocal or a reciprocal square root, sums in
any order, and overflow to infinity (which may then become NaN).

This module has the formats, the values and their rounding; `enclosures` has the operations.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optdsl.records import record, replace

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


@record
class Format:
    """A binary floating-point format: bits of precision and the range of normal numbers."""

    precision: int
    smallest: float  # the smallest normal number
    largest: float

    @property
    def roundoff(self) -> float:
        """Largest relative error of one rounding to nearest."""
        return 2.0**-self.precision

    @property
    def quantum(self) -> float:
        """Distance between subnormal numbers."""
        return float(np.ldexp(self.smallest, 1 - self.precision))


def _format(precision: int, exponent: int) -> Format:
    top = (1 - 2.0**-precision) * 2.0 ** (exponent - 1) * 2
    return Format(precision, 2.0 ** (2 - exponent), top)


FORMATS: dict[str, Format] = {
    "float16": _format(11, 16),
    "bfloat16": _format(8, 128),
    "float32": _format(24, 128),
    "float64": _format(53, 1024),
}
DOUBLE = FORMATS["float64"]


def compute_format(dtype: str) -> Format:
    """The format in which a variable of `dtype` is computed with; ValueError if there is none."""
    if dtype not in FORMATS:
        raise ValueError(f"dtype must be one of {', '.join(FORMATS)}, but it is {dtype!r}")
    return FORMATS["float32"] if dtype in {"float16", "bfloat16"} else FORMATS[dtype]


@record
class Bounded:
    """Numbers: the float64 `value`, the enclosure `low` to `high`, and where NaN is possible.

    Where `low` and `high` are themselves NaN, the result can be nothing but NaN.
    """

    value: Array
    low: Array
    high: Array
    nan: Mask

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.value, dtype=dtype, copy=copy)

    def contains(self, result: object) -> Mask:
        """Elementwise: whether a path that gave `result` is right."""
        array = np.asarray(result, dtype=np.float64)
        inside = (self.low <= array) & (array <= self.high)
        return np.asarray(np.where(np.isnan(array), self.nan, inside), dtype=np.bool_)

    def map(self, function: Callable[[NDArray[Any]], NDArray[Any]]) -> Bounded:
        """The same rearrangement of all parts: a reshape, an indexing."""
        value, low, high = (function(part) for part in (self.value, self.low, self.high))
        return Bounded(value, low, high, function(self.nan))


@record
class Truth:
    """Booleans: the `value`, and which outcomes the enclosures of what was compared allow."""

    value: Mask
    may_hold: Mask
    may_fail: Mask

    def map(self, function: Callable[[NDArray[Any]], NDArray[Any]]) -> Truth:
        """The same rearrangement of all parts."""
        return Truth(function(self.value), function(self.may_hold), function(self.may_fail))


Value = Bounded | Truth


def exact(value: object) -> Bounded:
    """A number, or an array of them, that every path has exactly."""
    array = np.array(value, dtype=np.float64)
    return Bounded(array, array, array, np.isnan(array))


def certain(value: object) -> Truth:
    """A boolean that every path has."""
    array = np.array(value, dtype=np.bool_)
    return Truth(array, array, ~array)


# --- rounding ------------------------------------------------------------------------------------


def rounded(x: Bounded, form: Format) -> Bounded:
    """`x` converted to `form`, or read from memory: correctly rounded, perhaps flushed to zero."""
    low, high = _nearest(x.low, form), _nearest(x.high, form)
    low = np.where((low > 0) & (low < form.smallest), 0.0, low)
    high = np.where((high < 0) & (high > -form.smallest), 0.0, high)
    return replace(x, low=low, high=high)


def _nearest(x: Array, form: Format) -> Array:
    """The nearest number of a format, ties to even; too large becomes infinite."""
    if form is DOUBLE:
        return x
    _, exponent = np.frexp(x)
    step = np.maximum(np.ldexp(1.0, exponent - form.precision), form.quantum)
    near = np.where(np.isfinite(x), np.rint(x / step) * step, x)
    return np.where(np.abs(near) > form.largest, np.copysign(np.inf, near), near)


def widened(x: Bounded, relative: Array | float, form: Format) -> Bounded:
    """`x` after a computation that errs by `relative` of its result.

    No end crosses zero: an operation whose exact result is not negative does not round to a
    negative number. An end below the normal numbers may have been flushed to zero; one above
    the finite numbers may have become infinite.
    """
    low = np.where(np.isinf(x.low), x.low, x.low - relative * np.abs(x.low))
    high = np.where(np.isinf(x.high), x.high, x.high + relative * np.abs(x.high))
    tiny_low = (np.abs(low) < form.smallest) & (x.low != 0)
    tiny_high = (np.abs(high) < form.smallest) & (x.high != 0)
    low = np.where(tiny_low, low - form.quantum, low)
    high = np.where(tiny_high, high + form.quantum, high)
    low = np.where((x.low >= 0) & (low < form.smallest), 0.0, low)
    high = np.where((x.high <= 0) & (high > -form.smallest), 0.0, high)
    low = np.where(low < -form.largest, -np.inf, low)
    high = np.where(high > form.largest, np.inf, high)
    return replace(x, low=low, high=high)
