"""Hyperparameters as they are kept: numbers in variables, the rest as it was given."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from optdsl.runtime.tensorflow.hypers import (
    NOBODY_S,
    Followed,
    float64,
    shown_number,
)
from optdsl.runtime.tensorflow.saving import Saved


class Given:
    """The real hyperparameters of an optimizer.

    Attributes:
        saved: what is saved by name; it has the variables of numbers.
        schedules: what was given and is no number.
        traced: whether a compiled function of somebody's contains a step.
    """

    saved: Saved
    schedules: dict[str, Any]
    traced: bool

    def hyper(self, name: str) -> Any:
        """A hyperparameter as it was given; while a graph is traced, its variable."""
        if isinstance(given := self.schedules.get(name), Followed):
            return given.variable
        if given is not None:
            return given
        if name not in self.saved.by_name:
            raise AttributeError(name)
        variable = self.saved.by_name[name]
        return shown_number(variable) if tf.executing_eagerly() else variable

    def given(self, name: str) -> Any:
        """A hyperparameter as it is kept: as it was given, or the number's variable."""
        return self.schedules.get(name, self.saved.by_name.get(name))

    def set_hyper(self, name: str, value: Any) -> None:
        """Puts a number into a variable; keeps a schedule or callable as it is."""
        old = self.schedules.get(name)
        if isinstance(old, Followed) and not callable(value) and value is not NOBODY_S:
            old.assign(value)
            return
        self.check_kind(name, old, value)
        if callable(value):
            self.schedules[name] = value
            return
        self.schedules.pop(name, None)
        if name in self.saved.by_name:
            self.saved.by_name[name].assign(float64(value))
            return
        self.saved.by_name[name] = tf.Variable(
            value,
            dtype=tf.float64,
            trainable=False,
            name=name,
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
        )

    def check_kind(self, name: str, old: Any, new: Any) -> None:
        """Refuses a schedule or callable that compiled functions would not notice.

        Raises:
            RuntimeError: the optimizer is part of a compiled function.
        """
        if self.traced and (callable(old) or callable(new)):
            raise RuntimeError(
                f"a compiled function contains {name} as it was: make a new optimizer "
                "to change from or to a schedule or callable"
            )
