"""One variable and all that is kept for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import tensorflow as tf

from optdsl.runtime.tensorflow.cases import initial_slots, is_lazy
from optdsl.runtime.tensorflow.groups import Group
from optdsl.runtime.tensorflow.options import Options
from optdsl.runtime.tensorflow.rows import read
from optdsl.runtime.tensorflow.rule import Case


class State(NamedTuple):
    """One variable and all that is kept for it.

    Attributes:
        param: the variable.
        case: the name of the rule's case that it is in.
        unrounded: `param` as the rule left it, where that has 16 bits.
        slots: the variables that hold the rule's slots.
        group: which hyperparameters `param` has.
        average: of `param`, with `use_ema`.
        accumulator: of gradients, where they accumulate.
        touched: the rows in the accumulator, where the mode is lazy.
        first: whether no step has updated `param` yet, where the rule asks.
    """

    param: tf.Variable
    case: str
    unrounded: tf.Variable | None
    slots: Any
    group: Group
    average: tf.Variable | None
    accumulator: tf.Variable | None
    touched: tf.Variable | None
    first: tf.Variable | None

    def alone(self) -> State:
        """The same without its group, so that several share a program."""
        return self._replace(group=Group(self.group.decays))


def compute_dtype(variable: tf.Variable) -> tf.DType:
    """The dtype of a variable's arithmetic: its own, or float32 if that is wider."""
    return tf.float32 if variable.dtype.size < 4 else variable.dtype


def value_of(param: tf.Variable) -> tf.Tensor:
    """A variable's value; zeros while a function that creates it is traced first."""
    if param.is_initialized():
        return param.value()
    return tf.zeros(param.shape, param.dtype)


def initial_values(
    case: Case, param: tf.Variable, hypers: Any, options: Options
) -> dict[str, tf.Tensor]:
    """What is kept for a variable, by name, before the first step: slots first."""
    value = tf.cast(value_of(param), compute_dtype(param))
    slot_dtype = options["slot_dtype"]
    slots = initial_slots(case, value, hypers)._asdict()
    kept = {name: tf.cast(slots[name], slot_dtype or value.dtype) for name in slots}
    if param.dtype.size < 4 and slot_dtype is None:
        kept["before-rounding"] = value
    if case.reads_first:
        kept["first-step"] = tf.constant(True)
    if options["use_ema"]:
        kept["moving-average"] = value  # what the first update sets it to, too
    if options["gradient_accumulation_steps"] is not None:
        kept["accumulated-gradient"] = tf.zeros_like(value)
        if is_lazy(case, options["sparse_mode"]) and value.shape.rank > 0:
            kept["touched-rows"] = tf.zeros(value.shape[:1], tf.bool)
    return kept


def made_state(
    case: Case,
    param: tf.Variable,
    group: Group,
    name: str,
    initial: dict[str, tf.Tensor],
    make: Callable[[str, tf.Tensor], tf.Variable],
) -> State:
    """The state of a variable; `make` makes a variable of a name and initial value."""
    with tf.distribute.get_strategy().extended.colocate_vars_with(param):
        made = {what: make(f"{name}/{what}", value) for what, value in initial.items()}
    return State(
        param=param,
        case=case.name,
        unrounded=made.get("before-rounding"),
        slots=case.slots(*(made[name] for name in case.slot_names)),
        group=group,
        average=made.get("moving-average"),
        accumulator=made.get("accumulated-gradient"),
        touched=made.get("touched-rows"),
        first=made.get("first-step"),
    )


def read_param(state: State, at: tf.Tensor | None = None) -> tf.Tensor:
    """The variable, or its rows `at`; before rounding, where that is kept.

    Steps of less than half a unit in the last place add up in `unrounded`. It counts
    only while it rounds to the variable: not when somebody else has assigned to that.
    """
    param = read(state.param, at)
    if state.unrounded is None:
        return param
    unrounded = read(state.unrounded, at)
    rounded = tf.bitcast(tf.cast(unrounded, param.dtype), tf.int16)
    same = rounded == tf.bitcast(param, tf.int16)  # bits: XLA may drop pairs of casts
    return tf.where(same, unrounded, tf.cast(param, unrounded.dtype))


def written(
    case: Case, state: State, param: tf.Tensor, slots: Any
) -> Iterator[tuple[tf.Variable, tf.Tensor, bool]]:
    """What an update writes: variable, value, whether it has the rows of `param`."""
    yield state.param, param, True
    if state.unrounded is not None:
        yield state.unrounded, param, True
    yield from zip(state.slots, slots, case.held_by_row(state.param), strict=True)
    if state.first is not None:
        yield state.first, tf.constant(False), False


def accumulate(grad: Any, state: State) -> None:
    """Adds a gradient to the accumulator of its variable."""
    assert state.accumulator is not None
    if isinstance(grad, tf.IndexedSlices):
        state.accumulator.scatter_add(grad)
    else:
        state.accumulator.assign_add(grad)
    if state.touched is None:
        return
    if isinstance(grad, tf.IndexedSlices):
        touched = tf.ones_like(grad.indices, tf.bool)
        state.touched.scatter_update(tf.IndexedSlices(touched, grad.indices))
    else:
        state.touched.assign(tf.ones_like(state.touched))
