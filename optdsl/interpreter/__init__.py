"""The reference: runs a checked specification on NumPy arrays, as it left the checker.

It shares no code with the printer, the targets or the templates. Every value is the float64 value
of the rule in real numbers, with the enclosure in which a path lies that computes in the variable's
format (see `bounds`).
"""

from __future__ import annotations

import math
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
from optdsl.interpreter.evaluation import Frame, computed, execute, initial, slot_shape, takes
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
    of 16 bits is more precise: steps of less than half a unit in the last place add up. `first` is
    true until a step has updated the variable, which may be later than step 1.
    """

    param: Bounded
    unrounded: Bounded
    slots: Mapping[str, Bounded]
    t: int
    dtype: str
    first: bool = True


class Reference:
    """What a specification means, to compare generated code with.

    `hypers` replace defaults: a number, or for a real one a callable of the step's index, which
    is 0 on the first; None where the default is computed. Raises ValueError for a number outside
    its interval and for an unknown name. A variable is in the first case whose condition holds,
    unless `case` names another one.
    """

    def __init__(
        self,
        optimizer: ir.Optimizer,
        hypers: Mapping[str, HyperValue | None] | None = None,
        case: str | None = None,
    ) -> None:
        self.optimizer = optimizer
        self._cases = {each.name: each for each in optimizer.cases}
        self._globals = frozenset(s.name for each in optimizer.cases for s in each.global_slots)
        self._forced = case
        given = dict(hypers or {})
        self._hypers: dict[str, HyperValue | None] = {
            hyper.name: given.pop(hyper.name, _default(hyper)) for hyper in optimizer.hypers
        }
        if given:
            raise ValueError(f"{optimizer.name} has no hyperparameter {min(given)}")
        self._loss: Bounded | None = None  # of the step that is taken
        self._hypers_at(0)

    def init(self, param: ArrayLike, dtype: str = "float32") -> State:
        """The state before the first step of a variable of `dtype` that holds `param`.

        `param` must be exact in `dtype`. Raises ValueError for a dtype that is not supported.
        """
        form = compute_format(dtype)
        start = exact(param)
        shape = start.value.shape
        case = self.case_of(shape)
        if case.uses_matrices and not case.as_matrix and len(shape) > 2:
            raise ValueError(f"a step that uses matrices takes rank 2 at most, not {len(shape)}")
        seen = _folded(start, case)
        frame = Frame(self._hypers_at(0), 0, seen.value.shape, form, seen, rounded(seen, form))
        with np.errstate(all="ignore"):
            slots = {slot.name: initial(slot, frame) for slot in case.slots}
        return State(start, start, _unfolded(slots, case, shape), 0, dtype)

    def case_of(self, shape: tuple[int, ...]) -> ir.Case:
        """The case of a variable of some shape."""
        if self._forced is not None:
            return self._cases[self._forced]
        nothing = exact(0)
        frame = Frame(self._hypers_at(0), 0, shape, FORMATS["float64"], nothing, nothing)
        return next(each for each in self.optimizer.cases if takes(each, frame))

    def step(
        self,
        state: State,
        grad: ArrayLike | SparseGrad,
        *,
        mode: str | None = None,
        loss: float | None = None,
    ) -> State:
        """The state after one more step of an optimizer of one variable; see `steps`."""
        return self.steps([state], [grad], mode=mode, loss=loss)[0]

    def steps(
        self,
        states: Sequence[State],
        grads: Sequence[ArrayLike | SparseGrad | None],
        *,
        mode: str | None = None,
        loss: float | None = None,
    ) -> list[State]:
        """The states of all variables after one more step; a gradient None leaves its variable.

        `mode`, "exact" or "lazy", replaces what the specification declares for sparse gradients;
        `loss` is that of the step, for a specification that reads it. Raises ValueError where a
        gradient does not fit its variable, an id is out of range, or the loss is missing.
        """
        reads = any(ir.reads(case.step, ir.Role.LOSS) for case in self.optimizer.cases)
        if reads and loss is None:
            raise ValueError(f"{self.optimizer.name} reads the loss: give `loss`")
        self._loss = None if loss is None else exact(loss)
        if mode not in {None, "exact", "lazy"}:
            raise ValueError(f'mode must be "exact" or "lazy", but it is {mode!r}')
        with np.errstate(all="ignore"):
            jobs = [self._job(state, grad, mode) for state, grad in zip(states, grads, strict=True)]
            for case in self.optimizer.cases:
                of = (job.frame for job in jobs if job.case is case)
                execute(case.step, [frame for frame in of if frame is not None])
            frames = [job.frame for job in jobs if job.frame is not None]
            globals_ = {name: frames[0].slots[name] for name in self._globals if frames}
            return [self._after(job, globals_) for job in jobs]

    def evaluated(self, state: State) -> Bounded:
        """What the variable holds while it is evaluated.

        Raises ValueError where the specification has no `eval`.
        """
        shape = state.param.value.shape
        case = self.case_of(shape)
        if not case.evaluation:
            raise ValueError(f"{self.optimizer.name} has no `eval`")
        frame = self._frame(state, shape, exact(np.zeros(shape)), case)
        frame.t = max(state.t, 1)  # that of the last update
        with np.errstate(all="ignore"):
            execute(case.evaluation, [frame])
        return rounded(_reshaped(frame.param, shape, case), FORMATS[state.dtype])

    def _job(self, state: State, grad: ArrayLike | SparseGrad | None, mode: str | None) -> _Job:
        """What a variable starts a step from.

        A lazy step is the rule on the touched rows alone: the rest is as if it had not been in this
        step. If there are none, that is everything.
        """
        shape = state.param.value.shape
        case = self.case_of(shape)
        if grad is None:
            return _Job(state, case, None, None)
        if not isinstance(grad, SparseGrad):
            dense = _checked(exact(grad), shape)
            return _Job(state, case, None, self._frame(state, shape, dense, case))
        ids, rows = _summed(grad, shape, compute_format(state.dtype))
        if case.needs_all_rows or (mode or case.sparse) == "exact":
            dense = _scatter(exact(np.zeros_like(state.param.value)), ids, rows)
            return _Job(state, case, None, self._frame(state, shape, dense, case))
        if not len(ids):
            return _Job(state, case, None, None)
        by_row = _by_row(case, len(shape))
        touched = replace(
            state,
            unrounded=_gather(state.unrounded, ids),
            slots={n: _gather(s, ids) if n in by_row else s for n, s in state.slots.items()},
        )
        return _Job(state, case, ids, self._frame(touched, shape, rows, case))

    def _after(self, job: _Job, globals_: Mapping[str, Bounded]) -> State:
        """The state of a variable one step later."""
        state, ids, case, frame = job.state, job.ids, job.case, job.frame
        if frame is None:
            return replace(state, t=state.t + 1, slots={**state.slots, **globals_})
        shape = state.param.value.shape
        given = shape if ids is None else (len(ids), *shape[1:])  # some rows, perhaps
        unrounded = _reshaped(frame.param, given, case)
        slots = _unfolded(frame.slots, case, given)
        if ids is not None:
            by_row = _by_row(case, len(shape))
            unrounded = _scatter(state.unrounded, ids, unrounded)
            slots = {
                n: _scatter(state.slots[n], ids, s) if n in by_row else s for n, s in slots.items()
            }
        param = rounded(unrounded, FORMATS[state.dtype])
        return State(param, unrounded, slots, state.t + 1, state.dtype, first=False)

    def _frame(self, state: State, shape: tuple[int, ...], grad: Bounded, case: ir.Case) -> Frame:
        """What names stand for as the next step begins; `state` may have some of the rows."""
        form = compute_format(state.dtype)
        held = {slot.name: _as_held(slot, state.slots[slot.name], case) for slot in case.slots}
        return Frame(
            self._hypers_at(state.t),
            state.t + 1,
            _matrix(shape) if case.as_matrix else shape,
            form,
            rounded(_folded(grad, case), form),
            rounded(_folded(state.unrounded, case), form),
            {n: slot if n in self._globals else rounded(slot, form) for n, slot in held.items()},
            first=state.first,
            changing=ir.changing(case.step),
            globals=self._globals,
            loss=self._loss,
        )

    def _hypers_at(self, index: int) -> dict[str, Value]:
        values: dict[str, Value] = {}
        for hyper in self.optimizer.hypers:
            given = self._hypers[hyper.name]
            if given is None and hyper.computed:
                with np.errstate(all="ignore"):
                    values[hyper.name] = computed(hyper.computed, values)
            else:
                values[hyper.name] = _hyper_value(hyper, given, index)
        return values


@record
class _Job:
    """One variable in a step: `ids` are the rows that it is about, None for all of them.

    `frame` is None for a variable that is not stepped.
    """

    state: State
    case: ir.Case
    ids: NDArray[np.intp] | None
    frame: Frame | None


def _default(hyper: ir.Hyper) -> HyperValue | None:
    """A default that is written; None for one that each step computes."""
    return hyper.default if isinstance(hyper.default, (float, int)) else None


def _hyper_value(hyper: ir.Hyper, given: HyperValue | None, index: int) -> Value:
    value: Any = given(index) if callable(given) else given
    if hyper.kind is ir.Kind.BOOL:
        return certain(value)
    number = int(value) if hyper.kind is ir.Kind.INT else float(value)
    if number not in hyper.interval:
        raise ValueError(f"{hyper.name} must be in {hyper.interval}, but it is {value!r}")
    return exact(number)


# --- matrices ------------------------------------------------------------------------------------


def _matrix(shape: tuple[int, ...]) -> tuple[int, int]:
    """A shape with all axes but the last folded into one."""
    return math.prod(shape[:-1]), shape[-1] if shape else 1


def _folded(x: Bounded, case: ir.Case) -> Bounded:
    """What is as large as the variable, as the step of a case sees it."""
    return _reshaped(x, _matrix(x.value.shape), case)


def _reshaped(x: Bounded, shape: tuple[int, ...], case: ir.Case) -> Bounded:
    return x.map(lambda part: part.reshape(shape)) if case.needs_all_rows else x


def _as_held(slot: ir.Slot, x: Bounded, case: ir.Case) -> Bounded:
    return _folded(x, case) if slot.shape is ir.SlotShape.PARAM else x


def _unfolded(
    slots: Mapping[str, Bounded], case: ir.Case, shape: tuple[int, ...]
) -> dict[str, Bounded]:
    """The slots as they are stored: those of the variable's shape have that."""
    large = {slot.name for slot in case.slots if slot.shape is ir.SlotShape.PARAM}
    return {n: _reshaped(x, shape, case) if n in large else x for n, x in slots.items()}


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


def _by_row(case: ir.Case, rank: int) -> set[str]:
    """The slots with a row for each row of a variable."""
    return {slot.name for slot in case.own_slots if _has_rows(slot, rank)}
