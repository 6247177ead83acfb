"""The rule, with options, on variables: compiled once for each shape and dtype."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from optdsl.runtime.tensorflow.cases import ruled
from optdsl.runtime.tensorflow.groups import Group, hypers_of
from optdsl.runtime.tensorflow.options import Options
from optdsl.runtime.tensorflow.replicas import write
from optdsl.runtime.tensorflow.rows import Rows, as_column, read, write_rows
from optdsl.runtime.tensorflow.rule import Case, Known, Rule, Whole
from optdsl.runtime.tensorflow.state import State, read_param, written

TOGETHER = 8
"""Variables of one kind in one call: more make steps faster and compilation slower."""


class Shared(NamedTuple):
    """What the variables of a group share in one step.

    Attributes:
        scalars: what the rule computes once for all of them.
        decay: share of a variable that decoupled weight decay takes.
        clip: factor that brings all gradients down to `global_clipnorm`.
    """

    scalars: Any
    decay: tf.Tensor | None
    clip: tf.Tensor | None

    def cast(self, dtype: tf.DType) -> Shared:
        """The same in the dtype of a variable's arithmetic."""

        def cast(value: Any) -> Any:
            real = tf.is_tensor(value) and value.dtype.is_floating
            return tf.cast(value, dtype) if real else value

        shared: Shared = tf.nest.map_structure(cast, self)
        return shared


def once(
    function: Callable[..., Any],
    rule: Rule,
    t: tf.Tensor,
    fixed: dict[str, Any],
    group: Group,
    given: dict[str, tf.Tensor],
    known: Known | None = None,
) -> Any:
    """What a function of a rule gives once for the variables of a group.

    Evaluation weights have no loss, and use nothing that reads it.
    """
    none = tf.zeros([], tf.float64)
    more = [given.get("loss", none)] if rule.reads_loss else []
    beyond = [] if known is None else [known]
    return function(t, hypers_of(rule, fixed, group, given), *more, *beyond)


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

    def dense(
        self,
        pairs: Iterable[tuple[tf.Tensor, State]],
        shared: Mapping[Group, Shared],
    ) -> None:
        """Updates variables by dense gradients."""
        for some in alike(pairs, TOGETHER, program_of):
            own = shared[some[0][1].group]
            self.whole([(grad, state.alone()) for grad, state in some], own)

    def read_rows(self, grad: Rows, state: State) -> tuple[Any, ...]:
        """The rows that a gradient names, of the variable and of its slots.

        Then whether no step has updated the variable yet, where the rule asks.
        """
        held = self.rule.by_name[state.case].held_by_row(state.param)
        at = tf.maximum(grad.ids, 0)
        slots = [
            read(slot, at if by_row else None)
            for slot, by_row in zip(state.slots, held, strict=True)
        ]
        first = None if state.first is None else read(state.first)
        return read_param(state, at), slots, first

    def rows(self, grad: Rows, state: State, shared: Shared) -> None:
        """Updates the rows of a variable that its gradient names, and no others.

        They are read and written outside of the compiled part: it would use one core.
        """
        held = self.rule.by_name[state.case].held_by_row(state.param)
        rows = self.read_rows(grad, state)
        targets = self._targets(state)
        dtypes = tuple(variable.dtype for variable, _ in targets)
        shape = tuple(state.param.shape)
        fixed = (state.case, shape, held, state.group.decays, dtypes)
        grad = grad._replace(values=self.clipped(grad.values, shared.clip))
        new = self.part(grad[:2], *rows, shared, *fixed)
        for (variable, by_row), value in zip(targets, new, strict=True):
            if by_row:
                write_rows(variable, grad, value)
            else:
                variable.assign(value)

    def _targets(self, state: State) -> list[tuple[tf.Variable, bool]]:
        """What an update of rows writes, and whether by row."""
        unrounded = [] if state.unrounded is None else [(state.unrounded, True)]
        held = self.rule.by_name[state.case].held_by_row(state.param)
        first = [] if state.first is None else [(state.first, False)]
        kept = [*zip(state.slots, held, strict=True), *first]
        return [(state.param, True), *unrounded, *kept]

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
        first = None if state.first is None else read(state.first)
        seen = Whole(tuple(state.param.shape), touched, first)
        param = read_param(state)
        case = self.rule.by_name[state.case]
        decays = state.group.decays
        param, new = self._ruled(case, grad, param, slots, decays, shared, seen)
        for variable, value, by_row in written(case, state, param, new):
            if touched is None:
                write(variable, value)
            else:
                kept = touched if by_row else tf.reduce_any(touched)
                write(variable, tf.where(kept, value, tf.cast(variable, value.dtype)))

    def _ruled(
        self,
        case: Case,
        grad: tf.Tensor,
        param: tf.Tensor,
        slots: Iterable[tf.Tensor],
        decays: bool,
        shared: Shared,
        seen: Whole,
    ) -> tuple[tf.Tensor, Any]:
        """Weight decay and the rule, all in the dtype of `grad`."""
        param, values = started(case, grad.dtype, param, slots, decays, shared)
        return ruled(case, grad, param, values, shared.scalars, seen)

    def _part(
        self,
        grad: tuple[tf.Tensor, tf.Tensor],
        param: tf.Tensor,
        slots: Sequence[tf.Tensor],
        first: tf.Tensor | None,
        shared: Shared,
        name: str,
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
            first: whether no step has updated it yet, where the rule asks.
            shared: what the variables share.
            name: the name of the rule's case that the variable is in.
            shape: the shape of the whole variable.
            held: which slots have a row for each of its rows.
            decays: whether it takes part in weight decay.
            dtypes: of what is written: the variable, it unrounded, and the slots.
        """
        ids, values = grad
        shared = shared.cast(values.dtype)
        named = as_column(ids >= 0, values)
        seen = Whole(shape, named, first)
        case = self.rule.by_name[name]
        param, new = self._ruled(case, values, param, slots, decays, shared, seen)
        some = tf.reduce_any(named)  # a gradient that names no row changes nothing
        kept = [
            value if by_row else tf.where(some, value, tf.cast(old, value.dtype))
            for value, old, by_row in zip(new, slots, held, strict=True)
        ]
        if first is not None:
            kept.append(first & ~some)
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


def started(
    case: Case,
    dtype: tf.DType,
    param: tf.Tensor,
    slots: Iterable[tf.Tensor],
    decays: bool,
    shared: Shared,
) -> tuple[tf.Tensor, Any]:
    """What the rule starts from: a variable after weight decay, and its slots."""
    param = tf.cast(param, dtype)
    if shared.decay is not None and decays:
        param = param - shared.decay * param
    return param, case.slots(*(tf.cast(slot, dtype) for slot in slots))


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


def _shape(variable: tf.Variable) -> tuple[Any, ...]:
    return tuple(variable.shape), variable.dtype, variable.device


def program_of(pair: tuple[tf.Tensor, State]) -> tuple[Any, ...]:
    """What decides which program updates a variable."""
    state = pair[1]
    touched = state.touched is None
    return (*_shape(state.param), state.case, state.group, touched)
