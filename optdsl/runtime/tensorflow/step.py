"""One step of fixed variables with fixed options: one call, compiled once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from optdsl.runtime.tensorflow.options import Options
from optdsl.runtime.tensorflow.replicas import write
from optdsl.runtime.tensorflow.rows import (
    Rows,
    as_column,
    check_gradient,
    distinct_rows,
    numbers,
    read,
    write_rows,
)
from optdsl.runtime.tensorflow.rule import Rule, Whole
from optdsl.runtime.tensorflow.state import (
    State,
    accumulate,
    compute_dtype,
    read_param,
    written,
)


class Shared(NamedTuple):
    """What the variables share in one step.

    Attributes:
        scalars: what the rule computes once for all variables.
        undecayed: the same for variables without weight decay, where the rule has it.
        decay: share of a variable that decoupled weight decay takes.
        clip: factor that brings all gradients down to `global_clipnorm`.
    """

    scalars: Any
    undecayed: Any
    decay: tf.Tensor | None
    clip: tf.Tensor | None

    def cast(self, dtype: tf.DType) -> Shared:
        """The same in the dtype of a variable's arithmetic."""

        def cast(value: Any) -> Any:
            real = tf.is_tensor(value) and value.dtype.is_floating
            return tf.cast(value, dtype) if real else value

        shared: Shared = tf.nest.map_structure(cast, self)
        return shared


class Step:
    """One step of fixed variables with fixed options: one call, compiled once.

    Dense gradients share one XLA cluster. Each gradient that is applied by rows has a
    cluster of its own, so that a new number of ids compiles no other variable again.
    """

    def __init__(
        self,
        rule: Rule,
        states: Sequence[State],
        updated: Iterable[int],
        iterations: tf.Variable,
        fixed: dict[str, Any],
        options: Options,
    ) -> None:
        self.rule = rule
        self.states = states
        self.updated = [states[index] for index in updated]
        self.iterations = iterations
        self.fixed = fixed
        self.options = options
        self.run = tf.function(self._run, autograph=False, reduce_retracing=True)
        jit = tf.function(autograph=False, jit_compile=options["jit_compile"] or None)
        self.update_dense = jit(self._update_dense)
        self.update_rows = jit(self._update_rows)
        self.update_averages = jit(self._update_averages)

    def _run(self, grads: list[Any], hypers: dict[str, tf.Tensor]) -> None:
        """The whole step; if a check fails, nothing is written."""
        pairs = list(zip(grads, self.updated, strict=True))
        checks = [c for grad, state in pairs for c in check_gradient(grad, state.param)]
        with tf.control_dependencies(checks):
            if self.options["skip_nonfinite"]:
                self._if_finite(grads, lambda: self._take(pairs, hypers))
            else:
                self._take(pairs, hypers)

    def _take(self, pairs: list[Any], hypers: dict[str, tf.Tensor]) -> None:
        """The step, unless a gradient overflows while it is prepared."""
        prepared = [self._prepare(grad, state) for grad, state in pairs]
        if self.options["skip_nonfinite"]:
            self._if_finite(prepared, lambda: self._advance(prepared, hypers))
        else:
            self._advance(prepared, hypers)

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
            return tf.ensure_shape(values, state.param.shape)
        values = tf.ensure_shape(values, [None, *state.param.shape[1:]])
        if self.options["gradient_accumulation_steps"] is not None:
            return tf.IndexedSlices(values, grad.indices)
        rows = state.param.shape[0]
        if self._touches_rows_only(values.shape.rank):
            return distinct_rows(values, grad.indices, rows)
        return tf.math.unsorted_segment_sum(values, grad.indices, rows)

    def _touches_rows_only(self, rank: int) -> bool:
        """Whether a step leaves the rows without a gradient alone.

        In the exact mode that gives what the dense step gives where the rule leaves
        such rows as they are, unless they decay.
        """
        if self.options["sparse_mode"] == "lazy":
            return True
        least = self.rule.rows_suffice
        return least is not None and rank >= least and not self.options["weight_decay"]

    def _advance(self, grads: list[Any], hypers: dict[str, tf.Tensor]) -> None:
        """Updates now, or collects gradients and updates when enough have come."""
        steps = self.options["gradient_accumulation_steps"]
        if steps is None:
            self._update(grads, self.iterations + 1, hypers)
        else:
            for grad, state in zip(grads, self.updated, strict=True):
                accumulate(grad, state)
            tf.cond(
                (self.iterations + 1) % steps == 0,
                lambda: self._update_accumulated(steps, hypers),
                lambda: None,
            )
        self.iterations.assign_add(1)

    def _update_accumulated(self, steps: int, hypers: dict[str, tf.Tensor]) -> None:
        """Updates with the mean of the collected gradients; starts collecting anew."""
        grads = [tf.divide(state.accumulator, steps) for state in self.updated]
        self._update(grads, self.iterations // steps + 1, hypers)
        for state in self.updated:
            for variable in (state.accumulator, state.touched):
                if variable is not None:
                    variable.assign(tf.zeros_like(variable))

    def _update(
        self, grads: list[Any], t: tf.Tensor, hypers: dict[str, tf.Tensor]
    ) -> None:
        """Update number `t`: of the variables, their slots and their averages."""
        shared = self._shared(grads, t, hypers)
        dense = [None if isinstance(grad, Rows) else grad for grad in grads]
        if any(grad is not None for grad in dense):
            self.update_dense(dense, shared)
        for index, grad in enumerate(grads):
            # A table without rows has none to update.
            if isinstance(grad, Rows) and self.updated[index].param.shape[0]:
                param, slots = self._read_rows(index, grad)
                self.update_rows(index, grad, param, slots, shared)
        if self.options["use_ema"]:
            self.update_averages(t)

    def _shared(
        self, grads: list[Any], t: tf.Tensor, hypers: dict[str, tf.Tensor]
    ) -> Shared:
        """Computes once what all variables need."""
        clip = None
        if (limit := self.options["global_clipnorm"]) is not None:
            squares = [tf.reduce_sum(tf.square(numbers(grad))) for grad in grads]
            norm = tf.sqrt(tf.add_n([tf.cast(each, tf.float64) for each in squares]))
            clip = limit / tf.maximum(norm, limit)
        decay = undecayed = None
        if self.rule.owns_weight_decay:
            none = {"weight_decay": tf.zeros([], tf.float64)}
            undecayed = self._scalars(t, hypers | none)
        elif (share := self.options["weight_decay"]) is not None:
            rate = hypers.get("learning_rate", tf.constant(1, tf.float64))
            decay = share * rate
        return Shared(self._scalars(t, hypers), undecayed, decay, clip)

    def _scalars(self, t: tf.Tensor, hypers: dict[str, tf.Tensor]) -> Any:
        return self.rule.scalars(t, self.rule.hypers(**self.fixed, **hypers))

    def _clipped(self, grad: tf.Tensor, clip: tf.Tensor | None) -> tf.Tensor:
        """A gradient after `clipvalue`, `clipnorm` or `global_clipnorm`."""
        if (limit := self.options["clipvalue"]) is not None:
            return tf.clip_by_value(grad, -limit, limit)
        if (limit := self.options["clipnorm"]) is not None:
            norm = tf.sqrt(tf.reduce_sum(tf.square(grad)))
            return grad * (limit / tf.maximum(norm, limit))
        return grad if clip is None else grad * clip

    def _apply(
        self,
        grad: tf.Tensor,
        param: tf.Tensor,
        slots: Iterable[tf.Tensor],
        state: State,
        shared: Shared,
        mask: tf.Tensor | None,
    ) -> tuple[tf.Tensor, Any]:
        """Clipping, weight decay and the rule, all in the dtype of `grad`."""
        dtype = grad.dtype
        grad = self._clipped(grad, shared.clip)
        param = tf.cast(param, dtype)
        decays = state.decays
        if shared.decay is not None and decays:
            param = param - shared.decay * param
        undecayed = shared.undecayed is not None and not decays
        scalars = shared.undecayed if undecayed else shared.scalars
        values = self.rule.slots(*(tf.cast(slot, dtype) for slot in slots))
        if self.rule.sees_whole:
            whole = Whole(tuple(state.param.shape), mask)
            return self.rule.update(grad, param, values, scalars, whole)
        return self.rule.update(grad, param, values, scalars)

    def _update_dense(self, grads: list[tf.Tensor | None], shared: Shared) -> None:
        """Updates every variable that has a dense gradient."""
        dtypes = {grad.dtype for grad in grads if grad is not None}
        shared_in = {dtype: shared.cast(dtype) for dtype in dtypes}
        for grad, state in zip(grads, self.updated, strict=True):
            if grad is not None:
                self._update_whole(grad, state, shared_in[grad.dtype])

    def _update_whole(self, grad: tf.Tensor, state: State, shared: Shared) -> None:
        """Updates one variable; its rows without a gradient too, unless it is lazy."""
        touched = None if state.touched is None else as_column(state.touched, grad)
        # Read before anything is written: a copy of a slot stays what it was.
        slots = [read(slot) for slot in state.slots]
        param, new = self._apply(grad, read_param(state), slots, state, shared, touched)
        for variable, value, by_row in written(self.rule, state, param, new):
            if touched is None:
                write(variable, value)
            else:
                kept = touched if by_row else tf.reduce_any(touched)
                write(variable, tf.where(kept, value, tf.cast(variable, value.dtype)))

    def _read_rows(self, index: int, grad: Rows) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """A variable and its slots at the rows of its gradient.

        Not in the XLA cluster, which would fetch them from memory on one core only.
        """
        state = self.updated[index]
        at = tf.maximum(grad.ids, 0)
        held = self.rule.held_by_row(state.param)
        slots = [
            read(slot, at if by_row else None)
            for slot, by_row in zip(state.slots, held, strict=True)
        ]
        return read_param(state, at), slots

    def _update_rows(
        self,
        index: int,
        grad: Rows,
        param: tf.Tensor,
        slots: Sequence[tf.Tensor],
        shared: Shared,
    ) -> None:
        """Updates the rows of one variable that its gradient names, and no others.

        Args:
            index: of the variable, among those that are updated.
            grad: the gradient.
            param: the same rows of the variable.
            slots: its slots, or the same rows of them.
            shared: what the variables share.
        """
        state, dtype = self.updated[index], grad.values.dtype
        named = as_column(grad.ids >= 0, grad.values)
        param, new = self._apply(
            grad.values, param, slots, state, shared.cast(dtype), named
        )
        for variable, value, by_row in written(self.rule, state, param, new):
            if by_row:
                write_rows(variable, grad.ids, value)
            else:  # a gradient that names no row changes nothing
                old = tf.cast(variable, value.dtype)
                write(variable, tf.where(tf.reduce_any(named), value, old))

    def _update_averages(self, t: tf.Tensor) -> None:
        """Moves the averages towards the variables; the first update sets them."""
        share = tf.constant(1 - self.options["ema_momentum"], tf.float64)
        share = tf.where(t == 1, tf.ones_like(share), share)
        every = self.options["ema_overwrite_frequency"]
        for state in self.states:
            if state.average is None:
                continue
            old = state.average.value()
            param = tf.cast(state.param, old.dtype)
            average = old + tf.cast(share, old.dtype) * (param - old)
            state.average.assign(average)
            if every is not None:
                write(state.param, tf.where(t % every == 0, average, param))
