"""The loss of a step, for a rule that reads it, and steps that take their gradients."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any

import tensorflow as tf

from optdsl.runtime.tensorflow.hypers import float64
from optdsl.runtime.tensorflow.kinds import plain_scalar, shown
from optdsl.runtime.tensorflow.replicas import listed_variables, tf_variable
from optdsl.runtime.tensorflow.rule import Rule


def with_loss(rule: Rule, hypers: dict[str, tf.Tensor], loss: Any) -> dict[str, Any]:
    """The hyperparameters in a step; with the loss, where the rule reads it.

    Raises:
        ValueError: there is none, or it is not one real number.
    """
    if not rule.reads_loss:
        return hypers
    if loss is None:
        raise ValueError(
            f"{rule.name} reads the loss, and this step has none: call "
            "`minimize(loss_fn, variables)`, or `apply(grads, variables, loss=loss)`. "
            "`fit` hands it over by itself, but not through a LossScaleOptimizer: "
            "compile with `auto_scale_loss=False`"
        )
    return {**hypers, "loss": _real_number(loss)}


def _real_number(loss: Any) -> tf.Tensor:
    """A loss in float64.

    Raises:
        ValueError: it is not one real number.
    """
    number = plain_scalar(loss)
    if isinstance(loss, tf.Tensor | tf.Variable):
        good = loss.dtype.is_floating and loss.shape.rank in (0, None)
        what = f"{loss.dtype.name} of shape {loss.shape}"
    else:
        good = number is not None and not isinstance(number, bool)
        what = shown(loss)
    if not good:
        raise ValueError(f"the loss must be one real number, got {what}")
    return float64(loss if isinstance(loss, tf.Tensor | tf.Variable) else number)


class Handed:
    """Losses that `fit` has handed over, and no step has taken yet.

    The replicas of a strategy are threads of one process: each has its own.
    """

    def __init__(self) -> None:
        self.losses: dict[int, Any] = {}  # by thread

    def put(self, loss: Any) -> None:
        """Keeps the loss for the next step of this thread."""
        self.losses[threading.get_ident()] = loss

    def take(self) -> Any:
        """What was kept; None if nothing was."""
        return self.losses.pop(threading.get_ident(), None)


class Minimizing:
    """What an optimizer has that takes the gradients itself."""

    apply: Any
    _options: Any
    _variables_of_build: Any

    def minimize(
        self, loss: Callable[[], Any], variables: Iterable[Any] | None = None
    ) -> Any:
        """Takes one step down a loss, and gives the loss before it.

        Args:
            loss: a function without arguments that computes one number.
            variables: the variables; by default those of the last `build`.

        Raises:
            ValueError: the loss is no function, or does not depend on the variables.
        """
        if not callable(loss):
            raise ValueError(
                "give a function without arguments that computes the loss, not "
                f"{type(loss).__name__}: its gradients are taken here"
            )
        if variables is None:
            variables = self._variables_of_build()
        variables = listed_variables(variables)
        watched = [tf_variable(each) for each in variables]
        factor = self._options()["loss_scale_factor"]
        with tf.GradientTape() as tape:
            tape.watch(watched)
            value = loss()
            scaled = value if factor is None else value * factor
        self.apply(tape.gradient(scaled, watched), variables, loss=value)
        return value
