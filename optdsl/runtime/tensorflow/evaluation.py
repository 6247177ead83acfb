"""Evaluation weights: what `eval` makes of variables, while a model is evaluated."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import tensorflow as tf

from optdsl.runtime.tensorflow.cases import evaluated
from optdsl.runtime.tensorflow.groups import Group
from optdsl.runtime.tensorflow.options import Options
from optdsl.runtime.tensorflow.replicas import write_everywhere
from optdsl.runtime.tensorflow.rows import inside_xla
from optdsl.runtime.tensorflow.rule import Rule, Whole
from optdsl.runtime.tensorflow.state import State, compute_dtype, read_param
from optdsl.runtime.tensorflow.update import TOGETHER, Shared, alike, once

_TRAINING, _EVALUATION, _REFUSED = 0, 1, 2

_SWAPPED = (
    "the variables hold their evaluation weights: call `swap_to_train()` before {}"
)


class Aside:
    """The training weights, while the variables hold their evaluation weights.

    Attributes:
        kept: variables, and what they hold in training, to the bit.
        saves: whether a model may be saved meanwhile, without state of the optimizer.
    """

    def __init__(self) -> None:
        self.kept: list[tuple[tf.Variable, tf.Tensor]] = []
        self.saves = False
        self.evaluations: dict[bool, Evaluation] = {}  # by whether XLA compiles them
        # For functions that are compiled already: they look at it in each step.
        self.marker = tf.Variable(
            _TRAINING,
            dtype=tf.int64,
            trainable=False,
            name="evaluation-weights",
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
        )

    @property
    def active(self) -> bool:
        """Whether the variables hold their evaluation weights."""
        return bool(self.kept)

    def check(self, what: str) -> None:
        """Refuses what needs training weights.

        Raises:
            RuntimeError: the variables hold their evaluation weights.
        """
        if self.active:
            raise RuntimeError(_SWAPPED.format(what))

    def leaves_state_out(self) -> bool:
        """Whether a file is to hold no state: it would belong to other weights.

        Raises:
            RuntimeError: the variables hold their evaluation weights, not for saving.
        """
        if not self.saves:
            self.check("saving")
        return self.saves

    def check_steps(self) -> None:
        """Says that steps were left out, where a compiled function could not say it.

        Raises:
            RuntimeError: there were such steps.
        """
        if int(self.marker.numpy()) == _REFUSED:
            write_everywhere(self.marker, _EVALUATION)
            what = "training; the steps since then have changed nothing"
            raise RuntimeError(_SWAPPED.format(what))

    def swap(self, core: Any, given: dict[str, tf.Tensor], options: Options) -> None:
        """Puts the evaluation weights into all variables that there is state of.

        Raises:
            ValueError: there is none.
        """
        core.indices(None)
        core.start_late()
        jit = options["jit_compile"] and not core.on_servers()
        if jit not in self.evaluations:
            self.evaluations[jit] = Evaluation(core.rule, jit)
        steps = options["gradient_accumulation_steps"] or 1
        t = tf.maximum(tf.convert_to_tensor(core.iterations) // steps, 1)
        groups = {state.group for state in core.states}
        shared = {
            group: Shared(
                once(core.rule.scalars, core.rule, t, core.fixed, group, given),
                None,
                None,
            )
            for group in groups
        }
        of = self.evaluations[jit].of
        self._put([pair for states in core.replicas for pair in of(states, shared)])

    def _put(self, values: list[tuple[tf.Variable, tf.Tensor]]) -> None:
        """Puts evaluation weights into variables, and keeps what was there."""
        self.kept = [(variable, tf.identity(variable)) for variable, _ in values]
        write_everywhere(self.marker, _EVALUATION)
        for variable, value in values:
            variable.assign(value)

    def put_back(self) -> None:
        """Puts the training weights back."""
        for variable, value in self.kept:
            variable.assign(value)
        self.forget()

    def forget(self) -> None:
        """Drops the training weights: others were loaded into the variables."""
        self.kept.clear()
        self.saves = False
        write_everywhere(self.marker, _TRAINING)


def unless_swapped(marker: tf.Variable | None, step: Callable[[], None]) -> None:
    """Takes a step unless the variables hold evaluation weights when it runs.

    That is an error; in somebody's XLA function, where nothing can raise, the step is
    left out.
    """
    if marker is None:
        step()
    elif inside_xla():

        def refuse() -> None:
            marker.assign(_REFUSED)

        tf.cond(marker == _TRAINING, step, refuse)
    else:
        message = _SWAPPED.format("a step")
        check = tf.debugging.Assert(marker == _TRAINING, [message])
        with tf.control_dependencies([check]):
            step()


class Evaluation:
    """The evaluation weights of variables: compiled once for each shape and dtype."""

    def __init__(self, rule: Rule, jit_compile: bool) -> None:
        self.rule = rule
        self.values = tf.function(
            self._values, autograph=False, jit_compile=jit_compile or None
        )

    def of(
        self, states: list[State], shared: Mapping[Group, Shared]
    ) -> list[tuple[tf.Variable, tf.Tensor]]:
        """Variables with their evaluation weights, in their dtypes.

        Those of a case without an `eval` keep what they hold.
        """
        by_name = self.rule.by_name
        own = [s for s in states if by_name[s.case].evaluate is not None]
        found: list[tuple[tf.Variable, tf.Tensor]] = []
        for some in alike(own, TOGETHER, _program_of):
            params = [state.param for state in some]
            group = [state.alone() for state in some]
            values = self.values(group, shared[some[0].group])
            found += zip(params, values, strict=True)
        return found

    def _values(self, group: list[State], shared: Shared) -> list[tf.Tensor]:
        """The evaluation weights of variables that are alike."""
        shared = shared.cast(compute_dtype(group[0].param))
        return [self._value(state, shared) for state in group]

    def _value(self, state: State, shared: Shared) -> tf.Tensor:
        dtype, case = compute_dtype(state.param), self.rule.by_name[state.case]
        slots = case.slots(*(tf.cast(slot, dtype) for slot in state.slots))
        seen = Whole(tuple(state.param.shape), None)
        param = tf.cast(read_param(state), dtype)
        value = evaluated(case, param, slots, shared.scalars, seen)
        return tf.cast(value, state.param.dtype)


def _program_of(state: State) -> tuple[Any, ...]:
    """What decides which program evaluates a variable."""
    param = state.param
    return tuple(param.shape), param.dtype, param.device, state.case, state.group


class Evaluating:
    """What an optimizer has for the evaluation weights of its rule."""

    _core: Any
    _rule: Rule
    _given: Any
    _options: Any

    def swap_to_eval(self) -> None:
        """Puts the evaluation weights into the variables, and keeps those of training.

        Raises:
            RuntimeError: the rule has none, or a function is being compiled.
            ValueError: there are no variables yet.
        """
        self._check_evaluates()
        if not self._core.aside.active:
            self._core.aside.swap(self._core, self._given(), self._options())

    def swap_to_train(self) -> None:
        """Puts the training weights back, to the bit.

        Raises:
            RuntimeError: the rule has no others, or a function is being compiled.
        """
        self._check_evaluates()
        self._core.aside.put_back()

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """The evaluation weights are in the variables inside of `with`."""
        self._check_evaluates()
        swapped = self._core.aside.active
        self.swap_to_eval()
        try:
            yield
        finally:
            if not swapped:
                self.swap_to_train()

    def _check_evaluates(self) -> None:
        if not self._rule.evaluates:
            raise RuntimeError(
                f"{self._rule.name} has no evaluation weights: its specification has "
                "no `eval:`"
            )
        if not tf.executing_eagerly():
            raise RuntimeError(
                "weights are swapped between steps: call it outside of compiled "
                "functions"
            )
