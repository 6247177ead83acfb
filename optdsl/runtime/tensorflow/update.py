"""The rule, with options, on variables: compiled once for each shape and dtype."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import tensorflow as tf

from optdsl.runtime.tensorflow.options import Options
from optdsl.runtime.tensorflow.replicas import write
from optdsl.runtime.tensorflow.rows import Rows, as_column, read, write_rows
from optdsl.runtime.tensorflow.rule import Measure, Rule, Whole
from optdsl.runtime.tensorflow.state import State, read_param, written

TOGETHER = 8
"""Variables of one kind in one call: more make steps faster and compilation slower."""


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


class Update:
    """The update of variables: each call is compiled once for its shapes and dtypes.

    The variables are arguments, so that all of one shape share a program.
    """

    def __init__(self, rule: Rule, options: Options) -> None:
        self.rule = rule
        self.options = options
        jit = tf.function(autograph=False, jit_compile=options["jit_compile"] or None)
        self.whole = jit(self._whole)
        self.part = jit(self._part)
        self.average = jit(self._average)
        self.sum_whole = [jit(partial(self._sum_whole, one)) for one in rule.measures]
        self.sum_part = [jit(partial(self._sum_part, one)) for one in rule.measures]

    def sums(self, phase: int, pairs: Iterable[Any], shared: Shared) -> Any:
        """What one phase adds up over all variables, in float64."""
        found = [
            self.sum_whole[phase](group, shared)
            for group in alike(dense_of(pairs), TOGETHER, _kind)
        ]
        for grad, state in rows_of(pairs):
            values = self.clipped(grad.values, shared.clip)
            param, slots = self._read_rows(grad, state)
            fixed = (tuple(state.param.shape), state.decays)
            rows = (grad.ids, values)
            found.append(self.sum_part[phase](rows, param, slots, shared, *fixed))
        # Tables without rows have none to add.
        none = tuple(tf.zeros([], tf.float64) for _ in self.rule.sum_names)
        return _added(found) if found else none

    def dense(self, pairs: Iterable[tuple[tf.Tensor, State]], shared: Shared) -> None:
        """Updates variables by dense gradients."""
        for group in alike(pairs, TOGETHER, _kind):
            self.whole(group, shared)

    def _read_rows(self, grad: Rows, state: State) -> tuple[tf.Tensor, list[Any]]:
        """The rows that a gradient names, of the variable and of its slots."""
        held = self.rule.held_by_row(state.param)
        at = tf.maximum(grad.ids, 0)
        slots = [
            read(slot, at if by_row else None)
            for slot, by_row in zip(state.slots, held, strict=True)
        ]
        return read_param(state, at), slots

    def rows(self, grad: Rows, state: State, shared: Shared) -> None:
        """Updates the rows of a variable that its gradient names, and no others.

        They are read and written outside of the compiled part: it would use one core.
        """
        held = self.rule.held_by_row(state.param)
        param, slots = self._read_rows(grad, state)
        targets = self._targets(state)
        dtypes = tuple(variable.dtype for variable, _ in targets)
        fixed = (tuple(state.param.shape), held, state.decays, dtypes)
        grad = grad._replace(values=self.clipped(grad.values, shared.clip))
        new = self.part(grad[:2], param, slots, shared, *fixed)
        for (variable, by_row), value in zip(targets, new, strict=True):
            if by_row:
                write_rows(variable, grad, value)
            else:
                variable.assign(value)

    def _targets(self, state: State) -> list[tuple[tf.Variable, bool]]:
        """What an update of rows writes, and whether by row."""
        unrounded = [] if state.unrounded is None else [(state.unrounded, True)]
        held = self.rule.held_by_row(state.param)
        return [(state.param, True), *unrounded, *zip(state.slots, held, strict=True)]

    def averages(self, states: Iterable[State], t: tf.Tensor) -> None:
        """Moves moving averages towards variables; the first update sets them."""
        kept = [(s.param, s.average) for s in states if s.average is not None]
        for group in alike(kept, TOGETHER, lambda pair: _shape(pair[0])):
            self.average(group, t)

    def clipped(self, grad: tf.Tensor, clip: tf.Tensor | None) -> tf.Tensor:
        """A gradient after `clipvalue`, `clipnorm` or `global_clipnorm`."""
        if (limit := self.options["clipvalue"]) is not None:
            return tf.clip_by_value(grad, -limit, limit)
        if (limit := self.options["clipnorm"]) is not None:
            norm = tf.sqrt(tf.reduce_sum(tf.square(grad)))
            return grad * (limit / tf.maximum(norm, limit))
        return grad if clip is None else grad * tf.cast(clip, grad.dtype)

    # --- what is compiled -----------------------------------------------------------

    def _whole(self, pairs: list[tuple[tf.Tensor, State]], shared: Shared) -> None:
        """Updates variables that are alike."""
        shared = shared.cast(pairs[0][0].dtype)
        for grad, state in pairs:
            self._one(self.clipped(grad, shared.clip), state, shared)

    def _one(self, grad: tf.Tensor, state: State, shared: Shared) -> None:
        """Updates a variable; its rows without a gradient too, unless it is lazy."""
        touched = None if state.touched is None else as_column(state.touched, grad)
        # Read before anything is written: a copy of a slot stays what it was.
        slots = [read(slot) for slot in state.slots]
        seen = Whole(tuple(state.param.shape), touched)
        param = read_param(state)
        rule = (self.rule.update, self.rule.sees_whole)
        param, new = self._ruled(rule, grad, param, slots, state.decays, shared, seen)
        for variable, value, by_row in written(self.rule, state, param, new):
            if touched is None:
                write(variable, value)
            else:
                kept = touched if by_row else tf.reduce_any(touched)
                write(variable, tf.where(kept, value, tf.cast(variable, value.dtype)))

    def _ruled(
        self,
        rule: tuple[Callable[..., Any], bool],
        grad: tf.Tensor,
        param: tf.Tensor,
        slots: Iterable[tf.Tensor],
        decays: bool,
        shared: Shared,
        seen: Whole,
    ) -> Any:
        """Weight decay and a function of the rule, all in the dtype of `grad`."""
        function, sees_whole = rule
        dtype = grad.dtype
        param = tf.cast(param, dtype)
        if shared.decay is not None and decays:
            param = param - shared.decay * param
        undecayed = shared.undecayed is not None and not decays
        scalars = shared.undecayed if undecayed else shared.scalars
        values = self.rule.slots(*(tf.cast(slot, dtype) for slot in slots))
        if sees_whole:
            return function(grad, param, values, scalars, seen)
        return function(grad, param, values, scalars)

    def _sum_whole(
        self, measure: Measure, pairs: list[tuple[tf.Tensor, State]], shared: Shared
    ) -> Any:
        """What variables that are alike add to the sums of a phase."""
        shared = shared.cast(pairs[0][0].dtype)
        found = []
        for grad, state in pairs:
            touched = None if state.touched is None else as_column(state.touched, grad)
            seen = Whole(tuple(state.param.shape), touched)
            given = [read(slot) for slot in state.slots]
            clipped = self.clipped(grad, shared.clip)
            of = (clipped, read_param(state), given, state.decays, shared, seen)
            found.append(self._measured(measure, *of))
        return _added(found)

    def _sum_part(
        self,
        measure: Measure,
        grad: tuple[tf.Tensor, tf.Tensor],
        param: tf.Tensor,
        slots: Sequence[tf.Tensor],
        shared: Shared,
        shape: tuple[int, ...],
        decays: bool,
    ) -> Any:
        """What some rows of a variable add to the sums of a phase; see `_part`."""
        ids, values = grad
        seen = Whole(shape, as_column(ids >= 0, values))
        shared = shared.cast(values.dtype)
        return self._measured(measure, values, param, slots, decays, shared, seen)

    def _measured(self, measure: Measure, *of: Any) -> Any:
        """What one variable adds to the sums of a phase, in float64."""
        sums = self._ruled((measure.measure, measure.sees_whole), *of)
        mask = of[-1].mask
        lazy = self.options["sparse_mode"] == "lazy"

        def counted(own: tf.Tensor | None) -> tf.Tensor | None:
            if own is None:
                return None
            own = tf.cast(own, tf.float64)
            # Without a row, a variable is not in the step; not even by its size.
            some = tf.reduce_any(mask) if lazy and mask is not None else None
            return own if some is None else tf.where(some, own, tf.zeros_like(own))

        return tf.nest.map_structure(counted, sums)

    def _part(
        self,
        grad: tuple[tf.Tensor, tf.Tensor],
        param: tf.Tensor,
        slots: Sequence[tf.Tensor],
        shared: Shared,
        shape: tuple[int, ...],
        held: tuple[bool, ...],
        decays: bool,
        dtypes: tuple[tf.DType, ...],
    ) -> list[tf.Tensor]:
        """The new rows of a variable and of what is kept for it, rounded to its dtypes.

        Args:
            grad: the ids of its rows, and the rows.
            param: the same rows of the variable.
            slots: its slots, or the same rows of them.
            shared: what the variables share.
            shape: the shape of the whole variable.
            held: which slots have a row for each of its rows.
            decays: whether it takes part in weight decay.
            dtypes: of what is written: the variable, it unrounded, and the slots.
        """
        ids, values = grad
        shared = shared.cast(values.dtype)
        named = as_column(ids >= 0, values)
        seen = Whole(shape, named)
        rule = (self.rule.update, self.rule.sees_whole)
        param, new = self._ruled(rule, values, param, slots, decays, shared, seen)
        some = tf.reduce_any(named)  # a gradient that names no row changes nothing
        kept = [
            value if by_row else tf.where(some, value, tf.cast(old, value.dtype))
            for value, old, by_row in zip(new, slots, held, strict=True)
        ]
        both = [param] * (len(dtypes) - len(kept))
        typed = zip([*both, *kept], dtypes, strict=True)
        return [tf.cast(value, dtype) for value, dtype in typed]

    def _average(
        self, pairs: list[tuple[tf.Variable, tf.Variable]], t: tf.Tensor
    ) -> None:
        """Moves averages of variables that are alike; overwrites these at times."""
        share = tf.constant(1 - self.options["ema_momentum"], tf.float64)
        share = tf.where(t == 1, tf.ones_like(share), share)
        every = self.options["ema_overwrite_frequency"]
        for param, average in pairs:
            old = average.value()
            now = tf.cast(param, old.dtype)
            new = old + tf.cast(share, old.dtype) * (now - old)
            average.assign(new)
            if every is not None:
                write(param, tf.where(t % every == 0, new, now))


def alike(
    items: Iterable[Any], most: int, kind: Callable[[Any], Any]
) -> Iterator[list[Any]]:
    """Items of one kind together, at most so many."""
    kinds: dict[Any, list[Any]] = {}
    for item in items:
        kinds.setdefault(kind(item), []).append(item)
    for found in kinds.values():
        for start in range(0, len(found), most):
            yield found[start : start + most]


def dense_of(pairs: Iterable[Any]) -> list[Any]:
    """The pairs of a dense gradient and a state."""
    return [pair for pair in pairs if not isinstance(pair[0], Rows)]


def rows_of(pairs: Iterable[Any]) -> list[Any]:
    """The pairs of a gradient of rows and a state, of variables that have rows."""
    rows = (pair for pair in pairs if isinstance(pair[0], Rows))
    return [pair for pair in rows if pair[1].param.shape[0]]


def _added(sums: list[Any]) -> Any:
    """Sums of the same kinds, added up."""

    def add(*each: tf.Tensor | None) -> tf.Tensor | None:
        return None if each[0] is None else tf.add_n(each)

    return tf.nest.map_structure(add, *sums)


def _shape(variable: tf.Variable) -> tuple[Any, ...]:
    return tuple(variable.shape), variable.dtype, variable.device


def _kind(pair: tuple[tf.Tensor, State]) -> tuple[Any, ...]:
    """What decides which program updates a variable."""
    state = pair[1]
    return (*_shape(state.param), state.decays, state.touched is None)
