"""The base class of every generated Keras optimizer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar, cast

import keras
import tensorflow as tf

from optdsl.runtime.tensorflow.core import Core
from optdsl.runtime.tensorflow.evaluation import Evaluating
from optdsl.runtime.tensorflow.groups import (
    PerVariable,
    given_values,
    grouped,
    values_now,
)
from optdsl.runtime.tensorflow.hypers import Followed, NoRate
from optdsl.runtime.tensorflow.identity import register
from optdsl.runtime.tensorflow.keras_files import KerasFiles
from optdsl.runtime.tensorflow.losses import Handed, Minimizing, with_loss
from optdsl.runtime.tensorflow.options import (
    OPTIONS,
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
    variable_name,
)
from optdsl.runtime.tensorflow.rows import as_gradient
from optdsl.runtime.tensorflow.rule import Rule

KerasClass = TypeVar("KerasClass", bound="type[KerasOptimizer]")

_KERAS_OPTIONS = tuple(
    "weight_decay clipnorm clipvalue global_clipnorm use_ema ema_momentum "
    "ema_overwrite_frequency loss_scale_factor gradient_accumulation_steps".split()
)
"""The options that the constructor of Keras's own base class takes."""


def keras_class(rule: Rule) -> Callable[[KerasClass], KerasClass]:
    """Makes a class the Keras optimizer of a rule, and known to `keras.saving`."""

    def decorate(cls: KerasClass) -> KerasClass:
        cls._rule = rule
        describe(cls, rule.hyper_names)
        register(cls, rule)
        return cls

    return decorate


@with_settings
class KerasOptimizer(KerasFiles, Evaluating, Minimizing, keras.optimizers.Optimizer):
    """A rule as a Keras optimizer.

    Args:
        hypers: the hyperparameters, as the rule's named tuple.
        name: name of the optimizer.
        options: see `Options`.

    Raises:
        ValueError: a hyperparameter is outside its interval, or an option is wrong.
    """

    _rule: Rule
    _core: Core
    built: bool
    learning_rate: Any = NoRate()  # a rule that has one says so

    def __init__(self, hypers: Any, name: str, options: OptionsWithoutDecay) -> None:
        given = known(options, self._rule, type(self))
        own = hypers._asdict()
        has_rate = "learning_rate" in own
        super().__init__(
            learning_rate=self._checked_rate(own.pop("learning_rate"))
            if has_rate
            else 1.0,
            name=name,
            **{option: given[option] for option in _KERAS_OPTIONS if option in given},
        )
        for option in given.keys() - set(_KERAS_OPTIONS):
            setattr(self, option, given[option])
        self._core = Core(self._rule, self._iterations.value)
        self._saved = self._core.saved
        if has_rate and isinstance(self._learning_rate, keras.Variable):
            self._saved.by_name["learning_rate"] = self._learning_rate.value
        for hyper, value in own.items():
            setattr(self, hyper, value)
        bind(self)
        self._accumulated_gradients: list[Any] = []  # Keras's own
        self._handed = Handed()

    # --- hyperparameters and options ------------------------------------------------

    def _checked_rate(self, value: Any) -> Any:
        return getattr(type(self), "learning_rate").checked(value)  # noqa: B009

    def _get_learning_rate(self) -> Any:
        """The learning rate now: a variable, or what the schedule gives."""
        return self._get_current_learning_rate()

    def _given_learning_rate(self) -> Any:
        return self._learning_rate

    def _set_learning_rate(self, value: Any) -> None:
        if isinstance(self._learning_rate, Followed) and not callable(value):
            self._learning_rate.assign(value)
            return
        if callable(self._learning_rate) and not callable(value):
            raise TypeError(
                "the learning rate is a schedule or callable, which no number can "
                "replace: make a new optimizer"
            )
        self._core.check_kind("learning_rate", self._learning_rate, value)
        keras.optimizers.Optimizer.learning_rate.fset(self, value)

    def _given(self) -> dict[str, tf.Tensor]:
        """The real values that a step needs now."""
        return given_values(self)

    def _options(self) -> Options:
        return cast(Options, dict(settings(self)))

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
            ValueError: the optimizer is built already.
        """
        if self.built:
            raise ValueError("call `exclude_from_weight_decay` before `build`")
        super().exclude_from_weight_decay(var_list, list(var_names or ()))

    # --- training -------------------------------------------------------------------

    @property
    def slots(self) -> dict[str, list[tf.Variable]]:
        """The slots by name: one variable for each that the optimizer updates."""
        return self._core.slots()

    def hyperparameters_of(self, variable: Any) -> dict[str, float]:
        """The real hyperparameters that a variable has now, by name.

        They differ from the optimizer's by `overrides`, `multipliers` and
        `exclude_from_weight_decay`.

        Raises:
            ValueError: `build` was not called, or was for other variables.
        """
        return values_now(self, variable)

    def build(self, variables: Iterable[Any]) -> None:
        """Makes state of `variables`; what there is of some of them stays.

        Raises:
            ValueError: a variable's dtype is not a real floating-point one, it was made
                under another distribution strategy, or other state was loaded before.
        """
        variables = listed_variables(variables)
        overwritten = self._overwrite_variable_with_gradient
        updated = [each for each in variables if not overwritten(each)]
        with tf.init_scope(), self._core.scope(updated):
            self._core.build(
                updated,
                grouped(self, updated, list(map(self._use_weight_decay, updated))),
                self._given(),
                self._options(),
                self._add_state,
            )
        self._trainable_variables = variables
        places = self._trainable_variables_indices
        for each in variables:
            if self._var_key(each) in places:
                continue
            places[self._var_key(each)] = len(places)
            if self.gradient_accumulation_steps:  # Keras's own, for what it overwrites
                self._accumulated_gradients.append(
                    self.add_variable_from_reference(each, "accumulator")
                    if overwritten(each)
                    else None
                )
        self.built = True

    def _add_state(self, name: str, initial: tf.Tensor) -> tf.Variable:
        variable = self.add_variable(
            shape=initial.shape,
            initializer=lambda *_, **__: initial,
            dtype=initial.dtype.name,
            name=name.replace("/", "_"),
        )
        return variable.value

    @tf.autograph.experimental.do_not_convert
    def apply(
        self,
        grads: Iterable[Any],
        trainable_variables: Iterable[Any] | None = None,
        *,
        loss: Any = None,
    ) -> None:
        """Takes one step, in one compiled call.

        Args:
            grads: a gradient for each variable: a tensor, a `tf.IndexedSlices`, or None
                for a variable that stays as it is.
            trainable_variables: the variables; by default those of the last `build`.
                Where only some of them were there before, as after layers were
                unfrozen, the others start with fresh state.
            loss: what the gradients are of, for a rule that reads it; by default what
                `scale_loss` was called with, as `fit` does.

        Raises:
            ValueError: gradients and variables do not match, none has a gradient, or
                there is no loss and the rule reads it.
            tf.errors.InvalidArgumentError: ids of an `IndexedSlices` are out of range.
        """
        grads = list(grads)
        handed = self._handed.take()
        if trainable_variables is not None:
            trainable_variables = listed_variables(trainable_variables)
        if not grads and not trainable_variables:
            return
        if trainable_variables is None:
            if not self.built:
                raise ValueError("pass the variables, or call `build` with them first")
            variables = list(self._trainable_variables)
        else:
            variables = trainable_variables
            places = self._trainable_variables_indices
            are_known = {self._var_key(each) in places for each in variables}
            if not places or len(are_known) == 2:
                self.build(variables)
            self._check_variables_are_known(variables)
        if len(grads) != len(variables):
            counts = f"{len(grads)} gradients for {len(variables)} variables"
            raise ValueError(f"got {counts}")
        grads, variables = self._filter_empty_gradients(grads, variables)
        overwrite = self._overwrite_variables_directly_with_gradients
        grads, variables = overwrite(grads, variables)
        if not grads:
            self._iterations.assign_add(1)
            return
        updated = self._core.indices(variables)
        params = [self._core.states[place].param for place in updated]
        grads = [as_gradient(*each) for each in zip(grads, params, strict=True)]
        given = with_loss(self._rule, self._given(), handed if loss is None else loss)
        self._core.step(grads, updated, given, self._options())
        for variable in variables:
            if variable.constraint is not None:
                variable.assign(variable.constraint(variable))

    def apply_gradients(
        self, grads_and_vars: Iterable[Any], *, loss: Any = None
    ) -> Any:
        """`apply` with (gradient, variable) pairs; gives the number of calls so far."""
        self.apply(*listed_pairs(grads_and_vars), loss=loss)
        return self._iterations

    def scale_loss(self, loss: Any) -> Any:
        """The loss times `loss_scale_factor`; the next `apply` knows it as it was."""
        if self._rule.reads_loss:
            self._handed.put(loss)
        return super().scale_loss(loss)

    def _variables_of_build(self) -> list[Any]:
        self._core.indices(None)
        return list(self._trainable_variables)

    def _check_variables_are_known(self, variables: Iterable[Any]) -> None:
        """Keras's check, in fewer words."""
        for each in variables:
            if self._var_key(each) not in self._trainable_variables_indices:
                name = variable_name(each)
                raise ValueError(f"`build` was for other variables than {name}")

    @property
    def _model_variables_moving_average(self) -> list[Any]:
        """The averages, as the callback `SwapEMAWeights` asks for them.

        Raises:
            AttributeError: there are none, without `use_ema`.
            ValueError: they cannot be swapped with the variables.
        """
        if not self.use_ema:
            raise AttributeError("_model_variables_moving_average")
        if not self.built:
            raise ValueError("there are moving averages when `build` has been called")
        averages = {}
        for state in self._core.states:
            param, average = state.param, state.average
            if average is not None and average.dtype != param.dtype:
                raise ValueError(
                    f"the moving average of {param.name} is kept in "
                    f"{average.dtype.name}: it cannot be swapped with the "
                    f"{param.dtype.name} variable"
                )
            averages[param.ref()] = average
        variables = self._trainable_variables
        return [averages.get(tf_variable(each).ref()) for each in variables]

    def finalize_variable_values(self, var_list: Any) -> None:
        """Overwrites the variables with their moving averages, with `use_ema`.

        Raises:
            RuntimeError: a compiled function left steps out, since the variables hold
                their evaluation weights.
        """
        if self._core.aside is not None:
            self._core.aside.check_steps()
        if self.use_ema:
            self._core.restore_averages(self._core.indices(var_list))

    # --- saving ---------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, with the hyperparameters' values now."""
        config: dict[str, Any] = {"name": self.name}
        for name in (*self._rule.hyper_names, *OPTIONS):
            value = getattr(self, name)
            if name == "learning_rate":
                value = self._learning_rate
            if isinstance(value, PerVariable):
                value = value.config()
            if isinstance(value, Followed):
                value = value.variable
            if isinstance(value, tf.Variable | keras.Variable):
                value = float(value.numpy())
            if callable(value):
                value = keras.saving.serialize_keras_object(value)
            config[name] = value.name if isinstance(value, tf.DType) else value
        return config

    @classmethod
    def from_config(
        cls,
        config: dict[str, Any],
        custom_objects: dict[str, Any] | None = None,
    ) -> KerasOptimizer:
        """An optimizer from what `get_config` gave."""
        arguments = {
            name: keras.saving.deserialize_keras_object(value, custom_objects)
            if isinstance(value, dict)
            else value
            for name, value in config.items()
        }
        return cls(**arguments)

    def _trackable_children(
        self,
        save_type: str = "checkpoint",
        **kwargs: Any,
    ) -> dict[str, Any]:
        """State by name only: Keras's own lists would be restored by position."""
        children = super()._trackable_children(save_type, **kwargs)
        return {"_saved": children["_saved"]}
