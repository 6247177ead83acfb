"""The reference: runs a checked specification on NumPy arrays, as it left the checker.

It shares no code with the printer, the targets or the templates. Every value is the float64 value
of the rule in real numbers, with the enclosure in which a path lies that computes in the variable's
format (see `bounds`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optdsl import ir
from optdsl.interpreter.bounds import (
    FORMATS,
    Bounded,
    Format,
    Value,
    certain,
    compute_format,
    exact,
    rounded,
)
from optdsl.interpreter.enclosures import reduce
from optdsl.interpreter.evaluation import Frame, execute, initial, slot_shape
from optdsl.records import record, replace

HyperValue = float | int | bool | Callable[[int], float]


@record
class SparseGrad:
    """The gradient of some rows: `values[i]` belongs to row `ids[i]`; duplicates add up."""

    ids: ArrayLike
    values: ArrayLike


@record
class State:
    """One variable and its slots after `t` steps; `dtype` is the variable's.

    `param` is what the variable holds. The next step starts from `unrounded`, which for a dtype
    of 16 bits is more precise: steps of less than half a unit in the last place add up.
    """

    param: Bounded
    unrounded: Bounded
    slots: Mapping[str, Bounded]
    t: int
    dtype: str


class Reference:
    """What a specification means, to compare generated code with.

    `hypers` replace defaults: a number, or for a real one a callable of the step's index, which
    is 0 on the first. Raises ValueError for a number outside its interval and for an unknown name.
    """

    def __init__(
        self, optimizer: ir.Optimizer, hypers: Mapping[str, HyperValue] | None = None
    ) -> None:
        self.optimizer = optimizer
        (self._case,) = optimizer.cases
        self._globals = frozenset(slot.name for slot in self._case.global_slots)
        given = dict(hypers or {})
        self._hypers: dict[str, HyperValue] = {
            hyper.name: given.pop(hyper.name, hyper.default) for hyper in optimizer.hypers
        }
        if given:
            raise ValueError(f"{optimizer.name} has no hyperparameter {min(given)}")
        self._hypers_at(0)

    def init(self, param: ArrayLike, dtype: str = "float32") -> State:
        """The state before the first step of a variable of `dtype` that holds `param`.

        `param` must be exact in `dtype`. Raises ValueError for a dtype that is not supported.
        """
        form = compute_format(dtype)
        start = exact(param)
        frame = Frame(self._hypers_at(0), 0, start.value.shape, form, start, rounded(start, form))
        with np.errstate(all="ignore"):
            slots = {slot.name: initial(slot, frame) for slot in self._case.slots}
        return State(start, start, slots, 0, dtype)

    def step(self, state: State, grad: ArrayLike | SparseGrad, *, mode: str | None = None) -> State:
        """The state after one more step of an optimizer of one variable; see `steps`."""
        return self.steps([state], [grad], mode=mode)[0]

    def steps(
        self,
        states: Sequence[State],
        grads: Sequence[ArrayLike | SparseGrad | None],
        *,
        mode: str | None = None,
    ) -> list[State]:
        """The states of all variables after one more step; a gradient None leaves its variable.

        `mode`, "exact" or "lazy", replaces what the specification declares for sparse gradients.
        Raises ValueError where a gradient does not fit its variable or an id is out of range.
        """
        mode = self._case.sparse if mode is None else mode
        if mode not in {"exact", "lazy"}:
            raise ValueError(f'mode must be "exact" or "lazy", but it is {mode!r}')
        with np.errstate(all="ignore"):
            jobs = [self._job(state, grad, mode) for state, grad in zip(states, grads, strict=True)]
            frames = [job.frame for job in jobs if job.frame is not None]
            execute(self._case.step, frames)
            globals_ = {name: frames[0].slots[name] for name in self._globals if frames}
            return [self._after(job, globals_) for job in jobs]

    def _job(self, state: State, grad: ArrayLike | SparseGrad | None, mode: str) -> _Job:
        """What a variable starts a step from.

        A lazy step is the rule on the touched rows alone: the rest is as if it had not been in this
        step. If there are none, that is everything.
        """
        shape = state.param.value.shape
        if grad is None:
            return _Job(state, None, None)
        if not isinstance(grad, SparseGrad):
            return _Job(state, None, self._frame(state, _checked(exact(grad), shape)))
        ids, rows = _summed(grad, shape, compute_format(state.dtype))
        if mode == "exact":
            dense = _scatter(exact(np.zeros_like(state.param.value)), ids, rows)
            return _Job(state, None, self._frame(state, dense))
        if not len(ids):
            return _Job(state, None, None)
        by_row = self._by_row(len(shape))
        touched = replace(
            state,
            unrounded=_gather(state.unrounded, ids),
            slots={n: _gather(s, ids) if n in by_row else s for n, s in state.slots.items()},
        )
        return _Job(state, ids, self._frame(touched, rows))

    def _after(self, job: _Job, globals_: Mapping[str, Bounded]) -> State:
        """The state of a variable one step later."""
        state, ids, frame = job.state, job.ids, job.frame
        if frame is None:
            return replace(state, t=state.t + 1, slots={**state.slots, **globals_})
        unrounded, slots = frame.param, frame.slots
        if ids is not None:
            by_row = self._by_row(state.param.value.ndim)
            unrounded = _scatter(state.unrounded, ids, unrounded)
            slots = {
                n: _scatter(state.slots[n], ids, s) if n in by_row else s for n, s in slots.items()
            }
        param = rounded(unrounded, FORMATS[state.dtype])
        return State(param, unrounded, slots, state.t + 1, state.dtype)

    def _by_row(self, rank: int) -> set[str]:
        """The slots with a row for each row of a variable."""
        return {slot.name for slot in self._case.slots if _has_rows(slot, rank)}

    def _frame(self, state: State, grad: Bounded) -> Frame:
        """What names stand for when a step begins; `state` may have some of the rows."""
        shape = state.param.value.shape  # of all of them
        form = compute_format(state.dtype)
        slots = {
            name: slot if name in self._globals else rounded(slot, form)
            for name, slot in state.slots.items()
        }
        return Frame(
            self._hypers_at(state.t),
            state.t + 1,
            shape,
            form,
            rounded(grad, form),
            rounded(state.unrounded, form),
            slots,
            self._globals,
        )

    def _hypers_at(self, index: int) -> dict[str, Value]:
        return {
            hyper.name: _hyper_value(hyper, self._hypers[hyper.name], index)
            for hyper in self.optimizer.hypers
        }


@record
class _Job:
    """One variable in a step: `ids` are the rows that it is about, None for all of them.

    `frame` is None for a variable that is not stepped.
    """

    state: State
    ids: NDArray[np.intp] | None
    frame: Frame | None


def _hyper_value(hyper: ir.Hyper, given: HyperValue, index: int) -> Value:
    value: Any = given(index) if callable(given) else given
    if hyper.kind is ir.Kind.BOOL:
        return certain(value)
    number = int(value) if hyper.kind is ir.Kind.INT else float(value)
    if number not in hyper.interval:
        raise ValueError(f"{hyper.name} must be in {hyper.interval}, but it is {value!r}")
    return exact(number)


# --- rows and shapes -----------------------------------------------------------------------------


def _checked(grad: Bounded, shape: tuple[int, ...]) -> Bounded:
    if grad.value.shape != shape:
        raise ValueError(f"the gradient has shape {grad.value.shape}, the variable {shape}")
    return grad


def _summed(
    grad: SparseGrad, shape: tuple[int, ...], form: Format
) -> tuple[NDArray[np.intp], Bounded]:
    """The touched rows, each once, and the sum of what was given for each."""
    ids = np.asarray(grad.ids, dtype=np.intp)
    if not shape:
        raise ValueError("a variable of rank 0 has no rows")
    values = _checked(exact(grad.values), (*ids.shape, *shape[1:]))
    if np.any((ids < 0) | (ids >= shape[0])):
        raise ValueError(f"ids must be from 0 to {shape[0] - 1}, but they are {ids.tolist()}")
    values = rounded(values, form)
    unique = np.unique(ids)
    rows = exact(np.zeros((len(unique), *shape[1:])))
    for place, row in enumerate(unique):
        total = reduce("sum", _gather(values, np.flatnonzero(ids == row)), 0, form)
        assert isinstance(total, Bounded)
        rows = _scatter(rows, np.array([place]), total)
    return unique, rows


def _gather(x: Bounded, rows: NDArray[np.intp]) -> Bounded:
    return x.map(lambda part: part[rows])


def _scatter(x: Bounded, rows: NDArray[np.intp], new: Bounded) -> Bounded:
    def put(old: NDArray[Any], part: NDArray[Any]) -> NDArray[Any]:
        array = old.copy()
        array[rows] = part
        return array

    low, high = put(x.low, new.low), put(x.high, new.high)
    return Bounded(put(x.value, new.value), low, high, put(x.nan, new.nan))


def _has_rows(slot: ir.Slot, rank: int) -> bool:
    """Whether a slot is indexed by the leading axis of its variable."""
    return slot_shape(slot, (2,) * rank)[:1] == (2,)
