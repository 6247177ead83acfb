"""Values and variables that a distribution strategy keeps once for each replica."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


def tf_variable(variable: Any) -> tf.Variable:
    """The `tf.Variable` in a Keras variable, or the variable itself."""
    return variable.value if isinstance(variable, keras.Variable) else variable


def local(value: Any) -> tuple[Any, ...]:
    """The parts of a value on the replicas: one where it is not distributed."""
    strategy = tf.distribute.get_strategy()
    parts: tuple[Any, ...] = strategy.experimental_local_results(value)
    return parts


def on_replica(structure: Any, replica: int) -> Any:
    """A structure with the parts that its tensors and variables have on one replica."""

    def part(value: Any) -> Any:
        if value is None or isinstance(value, bool):
            return value
        return local(value)[replica]

    return tf.nest.map_structure(part, structure)


def write(variable: tf.Variable, value: tf.Tensor) -> None:
    """Writes a whole variable, rounded to its dtype."""
    variable.assign(tf.cast(value, variable.dtype))


def write_everywhere(variable: tf.Variable, value: Any) -> None:
    """Writes a variable on all replicas, also where a function runs on one of them."""
    for part in local(variable):
        write(part, value)
