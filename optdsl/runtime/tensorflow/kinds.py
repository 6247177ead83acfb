"""Kinds of values that people give: what is allowed, and how it is kept."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import tensorflow as tf

_SMALLEST, _LARGEST = 2.0**-126, float(tf.float32.max)  # that are normal in float32


class Interval(NamedTuple):
    """An interval of numbers; an infinite end does not belong to it."""

    low: float
    high: float
    low_open: bool
    high_open: bool

    @classmethod
    def parse(cls, text: str) -> Interval:
        """The interval that is written as `[0, 1)`."""
        low, high = text[1:-1].split(",")
        return cls(float(low), float(high), text[0] == "(", text[-1] == ")")

    def includes(self, number: float) -> bool:
        """Whether a number is in it; NaN never is."""
        above = self.low < number if self.low_open else self.low <= number
        below = number < self.high if self.high_open else number <= self.high
        return above and below


class NotAcceptedError(Exception):
    """Why a value is not accepted: what it must be, if `allowed` does not say it."""


class Kind(NamedTuple):
    """A kind of values.

    Attributes:
        allowed: what belongs to it, in words.
        accept: a value as it is kept; raises `NotAcceptedError` for others.
    """

    allowed: str
    accept: Callable[[Any], Any]

    def checked(self, name: str, value: Any) -> Any:
        """A value as it is kept.

        Raises:
            ValueError: it is of another kind; `name` says whose value it is.
        """
        try:
            return self.accept(value)
        except NotAcceptedError as why:
            must = str(why) or self.allowed
            raise ValueError(f"{name} must be {must}, got {shown(value)}") from None

    def or_none(self, *, zero: bool = False) -> Kind:
        """The same and None; with `zero`, 0 is another word for None."""

        def accept(value: Any) -> Any:
            number = plain_scalar(value) if zero else None
            off = number == 0 and not isinstance(number, bool)
            return None if value is None or off else self.accept(value)

        return Kind(f"{self.allowed.replace(' or ', ', ')} or None", accept)


def shown(value: Any) -> str:
    """A value in a message: in one line, and not a long one."""
    plain = plain_scalar(value)
    text = " ".join(repr(value if plain is None else plain).split())
    return text if len(text) <= 60 else f"{text[:57]}..."


def plain_scalar(value: Any) -> Any:
    """A number or truth value as Python has it, from anything that holds just one.

    That is a number of Python or NumPy, an array without axes, or such a tensor that
    has a value already; None for everything else.
    """
    if isinstance(value, int | float):
        return value
    if isinstance(value, Decimal | Fraction):
        return float(value)
    if isinstance(value, tf.Tensor) and hasattr(value, "numpy"):
        value = value.numpy()
    if isinstance(value, tf.Variable) or getattr(value, "ndim", None) != 0:
        return None  # a variable changes: who takes one has to follow it
    dtype = getattr(value, "dtype", None)
    if dtype == tf.bfloat16.as_numpy_dtype:
        return float(value)
    return value.item() if getattr(dtype, "kind", "O") in "biuf" else None


def real_number(interval: str, allowed: str = "a number in {}") -> Kind:
    """Numbers in an interval that float32 has too, neither 0 nor infinite there."""
    within = Interval.parse(interval)

    def accept(value: Any) -> float:
        number = plain_scalar(value)
        if number is None or isinstance(number, bool):
            raise NotAcceptedError
        if not within.includes(number):
            raise NotAcceptedError(f"in {interval}")
        if number and not _SMALLEST <= abs(number) <= _LARGEST:
            must = f"of magnitude {_SMALLEST:.1e} to {_LARGEST:.1e}, as float32 has it"
            raise NotAcceptedError(must)
        return float(number)

    return Kind(allowed.format(interval), accept)


def whole_number(interval: str) -> Kind:
    """Integers in an interval; no 2.0, which is one only by chance."""
    within = Interval.parse(interval)

    def accept(value: Any) -> int:
        number = plain_scalar(value)
        if isinstance(number, float) and number.is_integer():
            raise NotAcceptedError(f"a whole number, written as {number:.0f}")
        if not isinstance(number, int) or isinstance(number, bool):
            raise NotAcceptedError
        if not within.includes(number):
            raise NotAcceptedError
        if not -(2**63) <= number < 2**63:
            raise NotAcceptedError("a whole number of 64 bits")
        return number

    every = math.isinf(within.low) and math.isinf(within.high)
    return Kind("a whole number" + ("" if every else f" in {interval}"), accept)


def switch() -> Kind:
    """True and False."""

    def accept(value: Any) -> bool:
        truth = plain_scalar(value)
        if not isinstance(truth, bool):
            raise NotAcceptedError
        return truth

    return Kind("True or False", accept)


def one_of(*words: str) -> Kind:
    """Some words."""

    def accept(value: Any) -> str:
        if not isinstance(value, str) or value not in words:
            raise NotAcceptedError
        return value

    return Kind(" or ".join(map(repr, words)), accept)


def named_by_pattern(what: str) -> Kind:
    """Words by regular expression, as a dictionary."""

    def accept(value: Any) -> dict[str, str]:
        if not isinstance(value, Mapping):
            raise NotAcceptedError
        if not all(isinstance(part, str) for item in value.items() for part in item):
            raise NotAcceptedError
        for pattern in value:
            try:
                re.compile(pattern)
            except re.error as error:
                what = f"a dictionary by regular expression: {pattern!r} is none"
                raise NotAcceptedError(f"{what} ({error})") from None
        return dict(value)

    return Kind(f"a dictionary of {what} by regular expression", accept)


def floating_dtype() -> Kind:
    """The dtypes that state can have."""
    allowed = (tf.float16, tf.bfloat16, tf.float32, tf.float64)

    def accept(value: Any) -> tf.DType:
        has_one = hasattr(value, "dtype") and not isinstance(value, type)
        if has_one or isinstance(value, int | float):  # TensorFlow numbers its dtypes
            raise NotAcceptedError
        try:
            dtype = tf.as_dtype(value)
        except TypeError:
            raise NotAcceptedError from None
        if dtype not in allowed:
            raise NotAcceptedError
        return dtype

    return Kind("float16, bfloat16, float32 or float64", accept)
