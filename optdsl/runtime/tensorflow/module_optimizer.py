"""The base class of every generated `tf.Module`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, TypeVar, cast

import tensorflow as tf

from optdsl.runtime.tensorflow.core import Core
from optdsl.runtime.tensorflow.evaluation import Evaluating
from optdsl.runtime.tensorflow.groups import (
    given_values,
    grouped,
    values_now,
    variables_of,
)
from optdsl.runtime.tensorflow.hypers import NoRate
from optdsl.runtime.tensorflow.losses import Minimizing, with_loss
from optdsl.runtime.tensorflow.options import (
    Options,
    OptionsWithoutDecay,
    bind,
    describe,
    known,
    settings,
    with_settings,
)
from optdsl.runtime.tensorflow.replicas import (
    listed_pairs,
    listed_variables,
    tf_variable,
)
from optdsl.runtime.tensorflow.rows import as_gradient
from optdsl.runtime.tensorflow.rule import Rule

ModuleClass = TypeVar("ModuleClass", bound="type[ModuleOptimizer]")


def module_class(rule: Rule) -> Callable[[ModuleClass], ModuleClass]:
    """Makes a class the `tf.Module` of a rule."""

    def decorate(cls: ModuleClass) -> ModuleClass:
        cls._rule = rule
        describe(cls, rule.hyper_names)
        return cls

    return decorate


@with_settings
class ModuleOptimizer(Evaluating, Minimizing, tf.Module):
    """A rule as a `tf.Module`, for training loops of one's own.

    Args:
        hypers: the hyperparameters, as the rule's named tuple.
        name: name of the module.
        options: see `Options`.

    Raises:
        ValueError: a hyperparameter is outside its interval, or an option is wrong.
    """

    _rule: Rule
    _core: Core
    learning_rate: Any = NoRate()  # a rule that has one says so

    def __init__(self, hypers: Any, name: str, options: OptionsWithoutDecay) -> None:
        super().__init__(name=name)
        for option, value in known(options, self._rule, type(self)).items():
            setattr(self, option, value)
        iterations = tf.Variable(
            0,
            dtype=tf.int64,
            trainable=False,
            name="iterations",
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
        )
        self._core = Core(self._rule, iterations)
        self._saved = self._core.saved
        for hyper, value in hypers._asdict().items():
            setattr(self, hyper, value)
        bind(self)
        self._undecayed: list[Any] = []
        self._undecayed_names: list[str] = []

    def _get_learning_rate(self) -> Any:
        return self._core.hyper("learning_rate")

    def _given_learning_rate(self) -> Any:
        return self._core.given("learning_rate")

    def _set_learning_rate(self, value: Any) -> None:
        self._core.set_hyper("learning_rate", value)

    def _options(self) -> Options:
        return cast(Options, dict(settings(self)))

    def _given(self) -> dict[str, tf.Tensor]:
        """The real values that a step needs now."""
        return given_values(self)

    @property
    def iterations(self) -> Any:
        """Number of updates so far; gradients that only accumulate do not count."""
        steps = self._options()["gradient_accumulation_steps"]
        return self._core.iterations // steps if steps else self._core.iterations

    @property
    def slots(self) -> dict[str, list[tf.Variable]]:
        """The slots by name: one variable for each that the module was built with."""
        return self._core.slots()

    def hyperparameters_of(self, variable: Any) -> dict[str, float]:
        """The real hyperparameters that a variable has now, by name.

        They differ from the optimizer's by `overrides`, `multipliers` and
        `exclude_from_weight_decay`.

        Raises:
            ValueError: `build` was not called, or was for other variables.
        """
        return values_now(self, variable)

    def exclude_from_weight_decay(
        self,
        var_list: Iterable[Any] | None = None,
        var_names: Iterable[str] | None = None,
    ) -> None:
        """Keeps variables out of weight decay; call it before `build`.

        Args:
            var_list: the variables themselves.
            var_names: patterns; a variable whose name matches one is kept out.

        Raises:
            ValueError: the module is built already.
        """
        if self._core.states:
            raise ValueError("call `exclude_from_weight_decay` before `build`")
        self._undecayed = [tf_variable(each).ref() for each in var_list or ()]
        self._undecayed_names = list(var_names or ())

    def _decays(self, variable: Any) -> bool:
        if tf_variable(variable).ref() in self._undecayed:
            return False
        patterns = self._undecayed_names
        return not any(re.search(pattern, variable.name) for pattern in patterns)

    def build(self, variables: Iterable[Any]) -> None:
        """Makes state of `variables`; what there is of some of them stays.

        Raises:
            ValueError: a variable's dtype is not a real floating-point one, it was made
                under another distribution strategy, or other state was restored before.
        """
        variables = listed_variables(variables)
        with tf.init_scope(), self._core.scope(variables):
            self._core.build(
                variables,
                grouped(self, variables, [self._decays(each) for each in variables]),
                self._given(),
                self._options(),
                lambda name, initial: tf.Variable(initial, trainable=False, name=name),
            )

    @tf.autograph.experimental.do_not_convert
    def apply(
        self,
        grads: Iterable[Any],
        variables: Iterable[Any] | None = None,
        *,
        loss: Any = None,
    ) -> None:
        """Takes one step, in one compiled call.

        Args:
            grads: a gradient for each variable: a tensor, a `tf.IndexedSlices`, or None
                for a variable that stays as it is.
            variables: the variables; by default those of the last `build`. Where only
                some of them were there before, the others start with fresh state.
            loss: what the gradients are of, for a rule that reads it.

        Raises:
            ValueError: gradients and variables do not match, none has a gradient, or
                there is no loss and the rule reads it.
            tf.errors.InvalidArgumentError: ids of an `IndexedSlices` are out of range.
        """
        grads = list(grads)
        if variables is not None:
            variables = listed_variables(variables)
        if not grads and not variables:
            return
        core = self._core
        if variables is not None and (not core.states or core.knows_some(variables)):
            self.build(variables)
        places = self._core.indices(variables)
        if len(grads) != len(places):
            raise ValueError(f"got {len(grads)} gradients for {len(places)} variables")
        updated = {
            place: as_gradient(grad, self._core.states[place].param)
            for place, grad in zip(places, grads, strict=True)
            if grad is not None
        }
        if not updated:
            raise ValueError("none of the variables has a gradient")
        given = list(updated.values())
        values = with_loss(self._rule, self._given(), loss)
        self._core.step(given, tuple(updated), values, self._options())

    def apply_gradients(
        self,
        grads: Iterable[Any],
        variables: Iterable[Any] | None = None,
        *,
        loss: Any = None,
    ) -> None:
        """`apply`, or the same with one iterable of (gradient, variable) pairs."""
        if variables is None:
            grads, variables = listed_pairs(grads)
        self.apply(grads, variables, loss=loss)

    def _variables_of_build(self) -> list[Any]:
        places = self._core.indices(None)
        return [self._core.states[place].param for place in places]

    def finalize_variable_values(self, variables: Iterable[Any] | None = None) -> None:
        """Overwrites variables, by default all, with their averages, with `use_ema`."""
        self._core.restore_averages(self._core.indices(variables))

    def _trackable_children(
        self,
        save_type: str = "checkpoint",
        **kwargs: Any,
    ) -> dict[str, Any]:
        """Without variables that were given for hyperparameters: they are not ours."""
        children = super()._trackable_children(save_type, **kwargs)
        if save_type == "savedmodel":
            return {**children, **variables_of(self)}
        others = self._rule.hyper_names
        return {name: each for name, each in children.items() if name not in others}
