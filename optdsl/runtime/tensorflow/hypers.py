"""Hyperparameters: numbers, schedules and callables, held to their intervals."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from optdsl.runtime.tensorflow.kinds import (
    Interval,
    Kind,
    plain_scalar,
    real_number,
    shown,
    switch,
    whole_number,
)

Number = float | Callable[..., Any]
"""A real hyperparameter: a number, a schedule, or a callable without arguments.

A variable of TensorFlow or Keras, which have no type information, is followed.
"""


NOBODY_S = math.nan
"""What is kept for a hyperparameter that nobody gave, and each step computes."""


def given(value: tf.Tensor, default: tf.Tensor) -> tf.Tensor:
    """A hyperparameter where somebody gave it, else what is computed from others."""
    return tf.where(tf.math.is_nan(value), default, value)


def shown_number(variable: tf.Variable) -> float | None:
    """The number that is kept for a hyperparameter; None where nobody gave one."""
    number = float(variable.numpy())
    return None if math.isnan(number) else number


class Followed:
    """A variable that was given for a number: read at each step."""

    def __init__(self, variable: Any) -> None:
        self.variable = variable

    def __call__(self) -> Any:
        """The variable, as a callable gives a number."""
        return self.variable

    def assign(self, value: Any) -> None:
        """Writes a number into it."""
        self.variable.assign(tf.cast(value, self.variable.dtype))


class Real:
    """A real hyperparameter, as an attribute of an optimizer.

    Assigning takes effect on the next step, in compiled functions too. With `computed`,
    None is what each step computes from other hyperparameters.
    """

    def __init__(self, interval: str, *, computed: bool = False) -> None:
        self.interval = interval
        self.computed = computed
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, optimizer: Any, owner: type | None = None) -> Any:
        return self if optimizer is None else optimizer._core.hyper(self.name)

    def __set__(self, optimizer: Any, value: Any) -> None:
        if "_core" in vars(optimizer):  # Keras's constructor sets a weight decay first
            optimizer._core.set_hyper(self.name, self.checked(value))

    def given(self, optimizer: Any) -> Any:
        """What there is: a schedule, a callable, or the variable of a number."""
        return optimizer._core.given(self.name)

    def checked(self, value: Any) -> Any:
        """`value`: as a float where it is a number, as `Followed` where a variable.

        None becomes `NOBODY_S` where it is allowed.

        Raises:
            ValueError: it is not what a hyperparameter can be, or the number is outside
                the interval.
        """
        if value is None and self.computed:
            return NOBODY_S
        if isinstance(value, tf.Variable | keras.Variable):
            return self._followed(value)
        if callable(value):
            self._check_arguments(value)
            return value
        if isinstance(value, tf.Tensor) and not hasattr(value, "numpy"):
            self._check_scalar(value)
            return value
        return self._kind.checked(self.name, value)

    @property
    def _kind(self) -> Kind:
        allowed = "a number in {}, or a variable, schedule or callable that gives one"
        if self.computed:
            allowed += ", or None"
        return real_number(self.interval, allowed)

    def _followed(self, variable: Any) -> Followed:
        self._check_scalar(variable)
        if not tf.as_dtype(variable.dtype).is_floating:
            must = f"{self.name} must be a number or a floating-point variable"
            raise ValueError(f"{must}, got {shown(variable)}")
        if tf.executing_eagerly():
            self._kind.checked(self.name, tf.convert_to_tensor(variable))
        return Followed(variable)

    def _check_scalar(self, tensor: Any) -> None:
        dtype, shape = tf.as_dtype(tensor.dtype), tf.TensorShape(tensor.shape)
        if not (dtype.is_floating or dtype.is_integer) or shape.rank not in (0, None):
            what = f"{dtype.name} of shape {shape}"
            raise ValueError(f"{self.name} must be one real number, got {what}")

    def _check_arguments(self, function: Any) -> None:
        """Refuses a callable that cannot be called without arguments."""
        if isinstance(function, keras.optimizers.schedules.LearningRateSchedule):
            return
        try:
            signature = inspect.signature(function)
        except ValueError:  # some built-in functions do not say
            return
        try:
            signature.bind()
        except TypeError:
            raise ValueError(
                f"{self.name} must be a callable without arguments, or a schedule of "
                f"keras.optimizers.schedules, which is called with the step; got one "
                f"that takes {signature}"
            ) from None

    def value(self, optimizer: Any) -> tf.Tensor:
        """The value in this step, in float64.

        Raises:
            ValueError: a schedule, callable or variable gives none in the interval;
                values that only the compiled step knows are not checked.
        """
        return self.now(self.given(optimizer), optimizer._core.iterations)

    def now(self, given: Any, iterations: Any) -> tf.Tensor:
        """What a schedule, a callable or a number's variable is in this step."""
        if isinstance(given, tf.Variable | keras.Variable):
            return float64(given)
        if isinstance(given, keras.optimizers.schedules.LearningRateSchedule):
            return self._held("schedule", given(iterations))
        source = "variable" if isinstance(given, Followed) else "callable"
        return self._held(source, given())

    def _held(self, source: str, value: Any) -> tf.Tensor:
        """A value in float64, held to the interval where it is known already."""
        if isinstance(value, tf.Variable | keras.Variable):
            value = tf.convert_to_tensor(value)
        if isinstance(value, tf.Tensor) and not hasattr(value, "numpy"):
            self._check_scalar(value)
            return float64(value)
        number, within = plain_scalar(value), Interval.parse(self.interval)
        if isinstance(number, bool | None) or not within.includes(number):
            raise ValueError(
                f"{self.name} must be in {self.interval}, "
                f"but its {source} gave {shown(value)}"
            )
        return float64(value if isinstance(value, tf.Tensor) else number)


class Rate(Real):
    """The learning rate, which a Keras optimizer keeps in its own way."""

    def __get__(self, optimizer: Any, owner: type | None = None) -> Any:
        return self if optimizer is None else optimizer._get_learning_rate()

    def __set__(self, optimizer: Any, value: Any) -> None:
        optimizer._set_learning_rate(self.checked(value))

    def given(self, optimizer: Any) -> Any:
        """The same, from where the optimizer keeps it."""
        return optimizer._given_learning_rate()


class NoRate:
    """What a rule without the hyperparameter `learning_rate` has of that name."""

    def __get__(self, optimizer: Any, owner: type | None = None) -> Any:
        if optimizer is None:
            return self
        raise AttributeError(self._why(optimizer))

    def __set__(self, optimizer: Any, value: Any) -> None:
        raise AttributeError(self._why(optimizer))

    def _why(self, optimizer: Any) -> str:
        hypers = ", ".join(optimizer._rule.hyper_names) or "none"
        name = optimizer._rule.name
        return f"{name} has no hyperparameter learning_rate; it has: {hypers}"


class Fixed:
    """An int or bool hyperparameter: decides what is compiled; does not change."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
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
        optimizer._core.fixed[self.name] = self.kind.checked(self.name, value)


class Bool(Fixed):
    """A hyperparameter that is true or false."""

    def __init__(self) -> None:
        super().__init__(switch())


class Int(Fixed):
    """A whole hyperparameter."""

    def __init__(self, interval: str) -> None:
        super().__init__(whole_number(interval))


def float64(value: Any) -> tf.Tensor:
    """A scalar in float64; a Python number takes no detour through float32."""
    if isinstance(value, int | float):
        return tf.constant(value, tf.float64)
    return tf.cast(value, tf.float64)
