"""Sums over all variables of a step: compiled once for each shape and dtype."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import tensorflow as tf

from optdsl.runtime.tensorflow.cases import is_lazy, measured
from optdsl.runtime.tensorflow.groups import Group
from optdsl.runtime.tensorflow.hypers import float64
from optdsl.runtime.tensorflow.rows import Rows, as_column, read
from optdsl.runtime.tensorflow.rule import Measure, Whole
from optdsl.runtime.tensorflow.state import State, read_param
from optdsl.runtime.tensorflow.update import (
    TOGETHER,
    Shared,
    Update,
    alike,
    dense_of,
    program_of,
    rows_of,
    started,
)


class Totals:
    """What the phases of a step add up over all variables, before these are updated."""

    def __init__(self, update: Update) -> None:
        self.rule = update.rule
        self.update = update
        self.lazy = not self.rule.cases and is_lazy(
            self.rule.by_name[""], update.options["sparse_mode"]
        )
        jit = tf.function(
            autograph=False, jit_compile=update.options["jit_compile"] or None
        )
        self.whole = [jit(partial(self._whole, one)) for one in self.rule.measures]
        self.part = [jit(partial(self._part, one)) for one in self.rule.measures]

    def of(
        self, phase: int, pairs: Iterable[Any], shared: Mapping[Group, Shared]
    ) -> Any:
        """What one phase adds up, in float64."""
        found = []
        for some in alike(dense_of(pairs), TOGETHER, program_of):
            alone = [(grad, state.alone()) for grad, state in some]
            found.append(self.whole[phase](alone, shared[some[0][1].group]))
        for grad, state in rows_of(pairs):
            own = shared[state.group]
            rows = (grad.ids, self.update.clipped(grad.values, own.clip))
            held = self.update.read_rows(grad, state)
            fixed = (tuple(state.param.shape), state.group.decays)
            found.append(self.part[phase](rows, *held, own, *fixed))
        # Tables without rows have none to add.
        none = tuple(tf.zeros([], tf.float64) for _ in self.rule.sum_names)
        return _added(found) if found else none

    def kept(self, pairs: Iterable[Any], old: Any, new: Any) -> Any:
        """The new global slots; the old ones where a lazy step touches no row."""
        touched = [
            grad.ids >= 0 if isinstance(grad, Rows) else state.touched
            for grad, state in pairs
        ]
        if not self.lazy or any(rows is None for rows in touched):
            return new
        some = tf.reduce_any([tf.reduce_any(rows) for rows in touched])
        return tf.nest.map_structure(
            lambda before, after: tf.where(some, float64(after), before),
            old,
            new,
        )

    # --- what is compiled -----------------------------------------------------------

    def _whole(
        self, measure: Measure, pairs: list[tuple[tf.Tensor, State]], shared: Shared
    ) -> Any:
        """What variables that are alike add to the sums of a phase."""
        shared = shared.cast(pairs[0][0].dtype)
        found = []
        for grad, state in pairs:
            touched = None if state.touched is None else as_column(state.touched, grad)
            first = None if state.first is None else read(state.first)
            seen = Whole(tuple(state.param.shape), touched, first)
            slots = [read(slot) for slot in state.slots]
            clipped = self.update.clipped(grad, shared.clip)
            of = (clipped, read_param(state), slots, state.group.decays, shared, seen)
            found.append(self._measured(measure, *of))
        return _added(found)

    def _part(
        self,
        measure: Measure,
        grad: tuple[tf.Tensor, tf.Tensor],
        param: tf.Tensor,
        slots: Sequence[tf.Tensor],
        first: tf.Tensor | None,
        shared: Shared,
        shape: tuple[int, ...],
        decays: bool,
    ) -> Any:
        """What some rows of a variable add to the sums of a phase, as in `Update`."""
        ids, values = grad
        seen = Whole(shape, as_column(ids >= 0, values), first)
        shared = shared.cast(values.dtype)
        return self._measured(measure, values, param, slots, decays, shared, seen)

    def _measured(
        self,
        measure: Measure,
        grad: tf.Tensor,
        param: tf.Tensor,
        slots: Iterable[tf.Tensor],
        decays: bool,
        shared: Shared,
        seen: Whole,
    ) -> Any:
        """What one variable adds to the sums of a phase, in float64."""
        case, mask = self.rule.by_name[""], seen.mask
        param, values = started(case, grad.dtype, param, slots, decays, shared)
        sums = measured(case, measure, grad, param, values, shared.scalars, seen)

        def counted(own: tf.Tensor | None) -> tf.Tensor | None:
            if own is None:
                return None
            own = tf.cast(own, tf.float64)
            if not self.lazy or mask is None:
                return own
            # Without a row, a variable is not in the step; not even by its size.
            return tf.where(tf.reduce_any(mask), own, tf.zeros_like(own))

        return tf.nest.map_structure(counted, sums)


def with_sums(sums: Any, found: Any) -> Any:
    """Sums, with those that were found now."""
    pairs = zip(sums, found, strict=True)
    return type(sums)(*(old if new is None else new for old, new in pairs))


def _added(sums: list[Any]) -> Any:
    """Sums of the same kinds, added up."""

    def add(*each: tf.Tensor | None) -> tf.Tensor | None:
        return None if each[0] is None else tf.add_n(each)

    return tf.nest.map_structure(add, *sums)
