"""Hyperparameters: numbers, schedules and callables, held to their intervals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import tensorflow as tf

Number = float | Callable[..., Any]
"""A real hyperparameter: a number, a schedule, or a callable without arguments."""


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


class Real:
    """A real hyperparameter, as an attribute of an optimizer.

    Assigning takes effect on the next step, in compiled functions too.
    """

    def __init__(self, interval: str) -> None:
        self.interval = interval
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, optimizer: Any, owner: type | None = None) -> Any:
        return self if optimizer is None else optimizer._core.hyper(self.name)

    def __set__(self, optimizer: Any, value: Any) -> None:
        if "_core" in vars(optimizer):  # Keras's constructor sets a weight decay first
            optimizer._core.set_hyper(self.name, self.checked(value))

    def checked(self, value: Any) -> Any:
        """`value`, as a float where it is a number.

        Raises:
            ValueError: the number is outside the interval.
        """
        if callable(value):
            return value
        if tf.is_tensor(value) and not tf.executing_eagerly():
            return value
        number = float(value)
        if not Interval.parse(self.interval).includes(number):
            raise ValueError(f"{self.name} must be in {self.interval}, got {value!r}")
        return number


class Rate(Real):
    """The learning rate, which a Keras optimizer keeps in its own way."""

    def __get__(self, optimizer: Any, owner: type | None = None) -> Any:
        return self if optimizer is None else optimizer._get_learning_rate()

    def __set__(self, optimizer: Any, value: Any) -> None:
        optimizer._set_learning_rate(self.checked(value))


class Fixed:
    """An int or bool hyperparameter: decides what is compiled; does not change."""

    def __init__(self, kind: type, interval: str, allowed: str) -> None:
        self.kind = kind
        self.interval = Interval.parse(interval)
        self.allowed = allowed
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, optimizer: Any, owner: type | None = None) -> Any:
        if optimizer is None:
            return self
        if self.name not in optimizer._core.fixed:
            raise AttributeError(self.name)
        return optimizer._core.fixed[self.name]

    def __set__(self, optimizer: Any, value: Any) -> None:
        if self.name in optimizer._core.fixed:
            raise AttributeError(f"{self.name} cannot change after construction")
        if self.kind(value) != value or not self.interval.includes(value):
            raise ValueError(f"{self.name} must be {self.allowed}, got {value!r}")
        optimizer._core.fixed[self.name] = self.kind(value)


class Bool(Fixed):
    """A hyperparameter that is true or false."""

    def __init__(self) -> None:
        super().__init__(bool, "[0, 1]", "True or False")


class Int(Fixed):
    """A whole hyperparameter."""

    def __init__(self, interval: str) -> None:
        super().__init__(int, interval, f"a whole number in {interval}")


def float64(value: Any) -> tf.Tensor:
    """A scalar in float64; a Python number takes no detour through float32."""
    if isinstance(value, int | float):
        return tf.constant(value, tf.float64)
    return tf.cast(value, tf.float64)


def scheduled(schedule: Any, iterations: Any) -> tf.Tensor:
    """What a schedule or a callable gives now, in float64."""
    if isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
        return float64(schedule(iterations))
    return float64(schedule())
