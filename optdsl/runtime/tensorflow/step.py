"""One step of fixed variables with fixed options: one call, traced once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import tensorflow as tf

from optdsl.runtime.tensorflow.cases import is_lazy
from optdsl.runtime.tensorflow.evaluation import unless_swapped
from optdsl.runtime.tensorflow.groups import Group, decays, values_of
from optdsl.runtime.tensorflow.hypers import float64
from optdsl.runtime.tensorflow.replicas import write
from optdsl.runtime.tensorflow.rows import (
    check_gradient,
    distinct_rows,
    distinct_rows_of_fixed_size,
    inside_xla,
    numbers,
    read,
)
from optdsl.runtime.tensorflow.rule import Known
from optdsl.runtime.tensorflow.state import State, accumulate, compute_dtype
from optdsl.runtime.tensorflow.totals import Totals, with_sums
from optdsl.runtime.tensorflow.update import Shared, Update, dense_of, once, rows_of


class Step:
    """One step of fixed variables with fixed options: one call, traced once."""

    def __init__(
        self,
        states: Sequence[State],
        updated: Iterable[int],
        iterations: tf.Variable,
        fixed: dict[str, Any],
        update: Update,
        marker: tf.Variable | None = None,
        loss_sum: tf.Variable | None = None,
        totals: Totals | None = None,
        globals_: Sequence[tf.Variable] = (),
    ) -> None:
        self.rule = update.rule
        self.options = update.options
        self.states = states
        self.updated = [states[index] for index in updated]
        self.iterations = iterations
        self.fixed = fixed
        self.update = update
        self.decays = not self.rule.owns_weight_decay and decays(update.options)
        self.marker = marker  # of evaluation weights, where the rule has such
        self.loss_sum = loss_sum  # of a rule that reads it, where gradients accumulate
        self.totals = totals  # where the rule sees other variables
        self.globals = globals_
        self.function = tf.function(self._run, autograph=False, reduce_retracing=True)
        self.known: dict[tuple[tf.DType, ...], Any] = {}  # traces, by dtypes

    def run(self, grads: list[Any], given: dict[str, tf.Tensor]) -> None:
        """Takes the step; `given` has the loss, too, where the rule reads it.

        Dense gradients of the variables' shapes are given to what was traced for them
        at once: to look it up takes TensorFlow a fifth of a step of small variables.
        """
        if not self._are_plain(grads):
            self.function(grads, given)
            return
        dtypes = tuple(grad.dtype for grad in grads)
        now = {name: tf.convert_to_tensor(value) for name, value in given.items()}
        if dtypes not in self.known:
            self.known[dtypes] = self.function.get_concrete_function(grads, now)
        self.known[dtypes](grads, now)

    def _are_plain(self, grads: list[Any]) -> bool:
        """Whether gradients are dense, of the right shapes, and there now."""
        if not tf.executing_eagerly() or tf.config.functions_run_eagerly():
            return False
        pairs = zip(grads, self.updated, strict=True)
        return all(
            not isinstance(grad, tf.IndexedSlices) and grad.shape == state.param.shape
            for grad, state in pairs
        )

    def _run(self, grads: list[Any], given: dict[str, tf.Tensor]) -> None:
        """The whole step; if a check fails, nothing is written."""
        pairs = list(zip(grads, self.updated, strict=True))
        checks = [c for grad, state in pairs for c in check_gradient(grad, state.param)]
        with tf.control_dependencies(checks):
            unless_swapped(self.marker, lambda: self._checked(pairs, given))

    def _checked(self, pairs: list[Any], given: dict[str, tf.Tensor]) -> None:
        """The step, unless a gradient is not finite and such steps are skipped."""
        if self.options["skip_nonfinite"]:
            grads = [grad for grad, _ in pairs]
            loss = [given["loss"]] if self.rule.reads_loss else []
            self._if_finite([*grads, *loss], lambda: self._take(pairs, given))
        else:
            self._take(pairs, given)

    def _take(self, pairs: list[Any], given: dict[str, tf.Tensor]) -> None:
        """The step, unless a gradient overflows while it is prepared."""
        prepared = [self._prepare(grad, state) for grad, state in pairs]
        if self.options["skip_nonfinite"]:
            self._if_finite(prepared, lambda: self._advance(prepared, given))
        else:
            self._advance(prepared, given)

    def _if_finite(self, grads: list[Any], then: Callable[[], None]) -> None:
        """Does something if all gradients are finite.

        Nothing is computed from others, which `tf.debugging.enable_check_numerics`
        would stop at.
        """
        finite = [tf.reduce_all(tf.math.is_finite(numbers(grad))) for grad in grads]
        tf.cond(tf.reduce_all(finite), then, lambda: None)

    def _prepare(self, grad: Any, state: State) -> Any:
        """A gradient without its loss scale, in the compute dtype.

        An `IndexedSlices` becomes dense, or `Rows` where only rows are to be touched;
        on its way into an accumulator it stays what it is.
        """
        values = tf.cast(numbers(grad), compute_dtype(state.param))
        if (scale := self.options["loss_scale_factor"]) is not None:
            values = values / scale
        if not isinstance(grad, tf.IndexedSlices):
            known = values.shape.is_fully_defined()  # and compared by `check_gradient`
            return values if known else tf.ensure_shape(values, state.param.shape)
        values = tf.ensure_shape(values, [None, *state.param.shape[1:]])
        if self.options["gradient_accumulation_steps"] is not None:
            return tf.IndexedSlices(values, grad.indices)
        rows = state.param.shape[0]
        if self._touches_rows_only(state):
            if inside_xla():
                return distinct_rows_of_fixed_size(values, grad.indices, rows)
            return distinct_rows(values, grad.indices)
        return tf.math.unsorted_segment_sum(values, grad.indices, rows)

    def _touches_rows_only(self, state: State) -> bool:
        """Whether a step leaves the rows without a gradient alone.

        In the exact mode that gives what the dense step gives where the rule leaves
        such rows as they are, unless they decay.
        """
        case, rank = self.rule.by_name[state.case], state.param.shape.rank
        if is_lazy(case, self.options["sparse_mode"]):
            return True
        least = case.rows_suffice
        return least is not None and rank >= least and not self.decays

    def _advance(self, grads: list[Any], given: dict[str, tf.Tensor]) -> None:
        """Updates now, or collects gradients and updates when enough have come."""
        steps = self.options["gradient_accumulation_steps"]
        if steps is None:
            self._update(grads, self.iterations + 1, given)
        else:
            for grad, state in zip(grads, self.updated, strict=True):
                accumulate(grad, state)
            if self.loss_sum is not None:
                self.loss_sum.assign_add(given["loss"])
            tf.cond(
                (self.iterations + 1) % steps == 0,
                lambda: self._update_accumulated(steps, given),
                lambda: None,
            )
        self.iterations.assign_add(1)

    def _update_accumulated(self, steps: int, given: dict[str, tf.Tensor]) -> None:
        """Updates with the mean of the collected gradients; starts collecting anew."""
        grads = [tf.divide(state.accumulator, steps) for state in self.updated]
        if self.loss_sum is not None:
            given = {**given, "loss": self.loss_sum / steps}
        self._update(grads, self.iterations // steps + 1, given)
        if self.loss_sum is not None:
            self.loss_sum.assign(tf.zeros_like(self.loss_sum))
        for state in self.updated:
            for variable in (state.accumulator, state.touched):
                if variable is not None:
                    variable.assign(tf.zeros_like(variable))

    def _update(
        self, grads: list[Any], t: tf.Tensor, given: dict[str, tf.Tensor]
    ) -> None:
        """Update number `t`: of the variables, their slots and their averages."""
        pairs = list(zip(grads, self.updated, strict=True))
        clip, known = self._clip(grads), None
        if self.totals is not None:
            known = self._known(self.totals, pairs, t, given, clip)
        shared = self._shared(self.rule.scalars, t, given, clip, known)
        self.update.dense(dense_of(pairs), shared)
        for grad, state in rows_of(pairs):
            self.update.rows(grad, state, shared[state.group])
        if known is not None and self.globals:
            for variable, value in zip(self.globals, known.new, strict=True):
                write(variable, float64(value))
        if self.options["use_ema"]:
            self.update.averages(self.states, t)

    def _known(
        self,
        totals: Totals,
        pairs: list[Any],
        t: tf.Tensor,
        given: dict[str, tf.Tensor],
        clip: tf.Tensor | None,
    ) -> Known:
        """Adds up over all variables, phase by phase, what the rule asks for.

        What is there once for all variables has the optimizer's own hyperparameters.
        """
        rule, old, sums = self.rule, None, None
        if rule.global_slots is not None:
            old = rule.global_slots(*(read(variable) for variable in self.globals))
        if rule.sums is not None:
            make = getattr(rule.sums, "_make")  # noqa: B009
            sums = make([None] * len(rule.sum_names))
        known = Known(old, sums, old)
        for phase, measure in enumerate(rule.measures):
            if measure.new_globals is not None:
                known = known._replace(
                    new=self._once(measure.new_globals, t, Group(), given, known)
                )
            now = self._shared(measure.scalars, t, given, clip, known)
            found = totals.of(phase, pairs, now)
            known = known._replace(sums=with_sums(known.sums, found))
        if rule.new_globals is None:
            return known
        new = self._once(rule.new_globals, t, Group(), given, known)
        return known._replace(new=totals.kept(pairs, old, new))

    def _clip(self, grads: list[Any]) -> tf.Tensor | None:
        """What brings all gradients down to `global_clipnorm`."""
        if (limit := self.options["global_clipnorm"]) is None:
            return None
        squares = [tf.reduce_sum(tf.square(numbers(grad))) for grad in grads]
        norm = tf.sqrt(tf.add_n([tf.cast(each, tf.float64) for each in squares]))
        return limit / tf.maximum(norm, limit)

    def _shared(
        self,
        scalars: Callable[..., Any],
        t: tf.Tensor,
        given: dict[str, tf.Tensor],
        clip: tf.Tensor | None,
        known: Known | None,
    ) -> dict[Group, Shared]:
        """Computes once what all variables of a group need in a phase."""

        def of(group: Group) -> Shared:
            decay = None
            if self.decays:
                values = values_of(group, given)
                rate = values.get("learning_rate", tf.constant(1, tf.float64))
                decay = values["weight_decay"] * rate
            return Shared(self._once(scalars, t, group, given, known), decay, clip)

        groups = dict.fromkeys(state.group for state in self.updated)
        return {group: of(group) for group in groups}

    def _once(
        self,
        function: Callable[..., Any],
        t: tf.Tensor,
        group: Group,
        given: dict[str, tf.Tensor],
        known: Known | None,
    ) -> Any:
        """What a function of the rule gives for all variables of a group."""
        return once(function, self.rule, t, self.fixed, group, given, known)
