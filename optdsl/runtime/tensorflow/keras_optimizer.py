"""The base class of every generated Keras optimizer."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterable
from typing import Any, TypeVar, cast

import keras
import tensorflow as tf

from optdsl.runtime.tensorflow.core import Core
from optdsl.runtime.tensorflow.hypers import float64
from optdsl.runtime.tensorflow.options import (
    OPTIONS,
    Options,
    OptionsWithoutDecay,
    describe,
    known,
    settings,
    with_settings,
)
from optdsl.runtime.tensorflow.replicas import tf_variable, write_everywhere
from optdsl.runtime.tensorflow.rows import as_gradient
from optdsl.runtime.tensorflow.rule import Rule
from optdsl.runtime.tensorflow.saving import renamed, state_names

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
        register = keras.saving.register_keras_serializable(package="optdsl")
        return cast(KerasClass, register(cls))

    return decorate


@with_settings
class KerasOptimizer(keras.optimizers.Optimizer):
    """A rule as a Keras optimizer.

    Args:
        hypers: the hyperparameters, as the rule's named tuple.
        name: name of the optimizer.
        options: see `Options`.

    Raises:
        ValueError: a hyperparameter is outside its interval, or an option is wrong.
    """

    _rule: Rule
    built: bool

    def __init__(self, hypers: Any, name: str, options: OptionsWithoutDecay) -> None:
        given = known(options, self._rule, type(self))
        own = hypers._asdict()
        rate = own.pop("learning_rate", None)
        super().__init__(
            learning_rate=1.0 if rate is None else self._checked_rate(rate),
            name=name,
            **{option: given[option] for option in _KERAS_OPTIONS if option in given},
        )
        for option in given.keys() - set(_KERAS_OPTIONS):
            setattr(self, option, given[option])
        self._core = Core(self._rule, self._iterations.value)
        self._saved = self._core.saved
        if rate is not None and isinstance(self._learning_rate, keras.Variable):
            self._saved.by_name["learning_rate"] = self._learning_rate.value
        for hyper, value in own.items():
            setattr(self, hyper, value)
        self._unclaimed: Any = None  # state that was loaded before `build`

    # --- hyperparameters and options ------------------------------------------------

    def _checked_rate(self, value: Any) -> Any:
        return vars(type(self))["learning_rate"].checked(value)

    def _get_learning_rate(self) -> Any:
        """The learning rate now: a variable, or what the schedule gives."""
        return self._get_current_learning_rate()

    def _set_learning_rate(self, value: Any) -> None:
        if callable(self._learning_rate) and not callable(value):
            raise TypeError(
                "the learning rate is a schedule or callable, which no number can "
                "replace: make a new optimizer"
            )
        self._core.check_kind("learning_rate", self._learning_rate, value)
        keras.optimizers.Optimizer.learning_rate.fset(self, value)

    def _hypers(self) -> dict[str, tf.Tensor]:
        """The real hyperparameters now."""
        return {
            name: float64(self._get_current_learning_rate())
            if name == "learning_rate"
            else self._core.value(name)
            for name in self._rule.hyper_names
            if name not in self._core.fixed
        }

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

    def build(self, variables: Iterable[Any]) -> None:
        """Makes the state of `variables`; does nothing the second time.

        Raises:
            ValueError: a variable's dtype is not a real floating-point one, it was made
                under another distribution strategy, or other state was loaded before.
        """
        if self.built:
            return
        variables = list(variables)
        overwritten = self._overwrite_variable_with_gradient
        updated = [each for each in variables if not overwritten(each)]
        with tf.init_scope(), self._core.scope(updated):
            self._core.build(
                [tf_variable(each) for each in updated],
                state_names(updated),
                [self._use_weight_decay(each) for each in updated],
                self._hypers(),
                self._options(),
                self._add_state,
            )
            if self._unclaimed is not None:
                self._claim()
        self._trainable_variables = variables
        self._trainable_variables_indices = {
            self._var_key(each): index for index, each in enumerate(variables)
        }
        if self.gradient_accumulation_steps:  # Keras's own, for what it overwrites
            self._accumulated_gradients = [None] * len(variables)
            for index, each in enumerate(variables):
                if overwritten(each):
                    accumulator = self.add_variable_from_reference(each, "accumulator")
                    self._accumulated_gradients[index] = accumulator
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
    ) -> None:
        """Takes one step, in one compiled call.

        Args:
            grads: a gradient for each variable: a tensor, a `tf.IndexedSlices`, or None
                for a variable that stays as it is.
            trainable_variables: the variables; by default those of `build`.

        Raises:
            ValueError: gradients and variables do not match, or none has a gradient.
            tf.errors.InvalidArgumentError: ids of an `IndexedSlices` are out of range.
        """
        grads = list(grads)
        if not grads:
            return
        if trainable_variables is None:
            if not self.built:
                raise ValueError("pass the variables, or call `build` with them first")
            variables = list(self._trainable_variables)
        else:
            variables = list(trainable_variables)
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
        grads = [as_gradient(grad) for grad in grads]
        self._core.step(grads, updated, self._hypers(), self._options())
        for variable in variables:
            if variable.constraint is not None:
                variable.assign(variable.constraint(variable))

    def finalize_variable_values(self, var_list: Any) -> None:
        """Overwrites the variables with their moving averages, with `use_ema`."""
        if self.use_ema:
            self._core.restore_averages(self._core.indices(var_list))

    # --- saving ---------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, with the hyperparameters' values now."""
        given: dict[str, Any] = super().get_config()
        hypers = self._rule.hyper_names
        config = {"name": given["name"]}
        for name in (*hypers, *OPTIONS):
            value = given[name] if name == "learning_rate" else getattr(self, name)
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

    def save_own_variables(self, store: Any) -> None:
        """Writes the state to a Keras file, with its layout."""
        names = list(self._saved.by_name)
        layout = json.dumps([self._saved.layout.serialize(), names])
        store["layout"] = tf.io.decode_raw(layout, tf.uint8).numpy()
        for index, name in enumerate(names):
            store[str(index)] = self._saved.by_name[name].numpy()

    def load_own_variables(self, store: Any) -> None:
        """Reads the state from a Keras file by name; waits for `build` where necessary.

        Raises:
            ValueError: the state is another rule's, or other variables'.
        """
        keys = set(store.keys())
        if not keys:
            warnings.warn(f"the file holds no state for {self.name}", stacklevel=2)
            return
        if "layout" not in keys:
            raise ValueError(
                f"the state in the file was not saved by {self._rule.name}"
            )
        text = keras.ops.convert_to_numpy(store["layout"]).tobytes().decode()
        layout, names = json.loads(text)
        state = self._saved.layout.read(layout)
        values = [keras.ops.convert_to_numpy(store[str(i)]) for i in range(len(names))]
        by_name = dict(zip(names, values, strict=True))
        self._unclaimed = (state, [by_name.pop(name) for name in state or ()])
        if self.built:
            self._claim()
        for name in by_name.keys() & self._saved.by_name.keys():
            write_everywhere(self._saved.by_name[name], by_name[name])

    def _claim(self) -> None:
        """Gives loaded state to the variables of `build`."""
        state, values = self._unclaimed
        if state is not None:
            names = renamed(list(state), list(self._saved.layout.own or ()))
            state = dict(zip(names, state.values(), strict=True))
        self._saved.layout.compare(state)
        for name, value in zip(state or (), values, strict=True):
            write_everywhere(self._saved.by_name[name], value)
        self._unclaimed = None
        self._core.late = []

    def _trackable_children(
        self,
        save_type: str = "checkpoint",
        **kwargs: Any,
    ) -> dict[str, Any]:
        """State by name only: Keras's own lists would be restored by position."""
        children = super()._trackable_children(save_type, **kwargs)
        return {"_saved": children["_saved"]}
