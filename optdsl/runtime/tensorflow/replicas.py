"""Values and variables that a distribution strategy keeps once for each replica."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import Any

import keras
import tensorflow as tf

_ELSEWHERE = (
    "was made outside `strategy.scope()`, and a step would not reach all replicas: "
    "make the optimizer and its variables in the scope of the same strategy"
)


def tf_variable(variable: Any) -> tf.Variable:
    """The `tf.Variable` in a Keras variable, or the variable itself.

    Raises:
        ValueError: the variable is in parts, on several parameter servers.
    """
    if isinstance(variable, keras.Variable):
        return variable.value
    parts = getattr(variable, "variables", None)
    if parts is not None and not isinstance(variable, tf.Variable):
        raise ValueError(
            f"a variable in {len(parts)} parts is given, of which the first is "
            f"{parts[0].name}; each has a gradient of its own: pass its `variables`"
        )
    return variable


def strategy_here() -> tf.distribute.Strategy | None:
    """The strategy whose scope or replica this is, if any."""
    return tf.distribute.get_strategy() if tf.distribute.has_strategy() else None


def scope_for(
    strategy: tf.distribute.Strategy | None, variables: Iterable[Any]
) -> contextlib.AbstractContextManager[Any]:
    """The scope in which an optimizer made under `strategy` makes state of variables.

    Raises:
        ValueError: the optimizer or a variable was made under another strategy.
    """
    here = strategy_here()
    if strategy is None and here is not None:
        raise ValueError(f"the optimizer {_ELSEWHERE}")
    extended = (strategy or tf.distribute.get_strategy()).extended
    for variable in map(tf_variable, variables):
        if not extended.variable_created_in_scope(variable):
            made = "the optimizer" if strategy is None else variable.name
            raise ValueError(f"{made} {_ELSEWHERE}")
    if strategy is None or strategy is here:
        return contextlib.nullcontext()
    scope: contextlib.AbstractContextManager[Any] = strategy.scope()
    return scope


def check_replica(strategy: tf.distribute.Strategy | None) -> None:
    """Refuses a step anywhere but on a replica of the optimizer's strategy.

    Raises:
        RuntimeError: it would reach some replicas only, or some of them twice.
    """
    here = strategy_here()
    if strategy is None and here is not None:
        raise RuntimeError(f"the optimizer {_ELSEWHERE}")
    if strategy is not here or tf.distribute.get_replica_context() is None:
        raise RuntimeError("gradients are applied inside `strategy.run`")


def variable_name(variable: Any) -> str:
    """What to call a variable in a message: its path, or its name."""
    path: str = getattr(variable, "path", None) or variable.name.split(":")[0]
    return path


def listed_variables(given: Iterable[Any]) -> list[Any]:
    """Variables as a list.

    Raises:
        ValueError: something else is among them, perhaps the gradients, or a variable
            in parts.
    """
    if isinstance(given, tf.Variable | keras.Variable):
        raise ValueError("give a list of variables, not one variable alone")
    variables = list(given)
    for each in map(tf_variable, variables):
        if not isinstance(each, tf.Variable | keras.Variable):
            swapped = hasattr(each, "shape")
            why = ": gradients come first, then variables" if swapped else ""
            kind = type(each).__name__
            raise ValueError(f"{kind} is not a variable{why}")
    return variables


def listed_pairs(pairs: Iterable[Any]) -> tuple[list[Any], list[Any]]:
    """Gradients and variables from (gradient, variable) pairs.

    Raises:
        ValueError: something else than a pair is among them.
    """
    grads, variables = [], []
    for pair in pairs:
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            kind = type(pair).__name__
            raise ValueError(f"give (gradient, variable) pairs, not {kind}")
        grads.append(pair[0])
        variables.append(pair[1])
    return grads, variables


def local(value: Any) -> tuple[Any, ...]:
    """The parts of a value on the replicas: one where it is not distributed."""
    strategy = tf.distribute.get_strategy()
    parts: tuple[Any, ...] = strategy.experimental_local_results(value)
    return parts


def on_replica(structure: Any, replica: int) -> Any:
    """A structure with the parts that its tensors and variables have on one replica."""

    def part(value: Any) -> Any:
        if value is None or isinstance(value, bool | str):
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
