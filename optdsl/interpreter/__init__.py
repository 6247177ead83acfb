"""The reference: runs a checked specification on NumPy arrays, as it left the checker.

It shares no code with the printer, the targets or the templates. Every value is the float64 value
of the rule in real numbers, with the enclosure in which a path lies that computes in the variable's
format (see `bounds`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
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
        """The state after one more step.

        `mode`, "exact" or "lazy", replaces what the specification declares for sparse gradients;
        `loss` is that of the step, for a specification that reads it. Raises ValueError where the
        gradient does not fit the variable, an id is out of range, or the loss is missing.
        """
        case = self.case_of(state.param.value.shape)
        if ir.reads(case.step, ir.Role.LOSS) and loss is None:
            raise ValueError(f"{self.optimizer.name} reads the loss: give `loss`")
        self._loss = None if loss is None else exact(loss)
        mode = case.sparse if mode is None else mode
        if mode not in {"exact", "lazy"}:
            raise ValueError(f'mode must be "exact" or "lazy", but it is {mode!r}')
        mode = "exact" if case.needs_all_rows else mode
        with np.errstate(all="ignore"):
            if not isinstance(grad, SparseGrad):
                return self._dense(state, _checked(exact(grad), state.param.value.shape))
            ids, rows = _summed(grad, state.param.value.shape, compute_format(state.dtype))
            if mode == "lazy":
                return self._lazy(state, ids, rows)
            return self._dense(state, _scatter(exact(np.zeros_like(state.param.value)), ids, rows))

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
            execute(case.evaluation, frame)
        return rounded(_reshaped(frame.param, shape, case), FORMATS[state.dtype])

    def _dense(self, state: State, grad: Bounded) -> State:
        unrounded, slots = self._run(state, state.param.value.shape, grad)
        return _after(state, unrounded, slots)

    def _lazy(self, state: State, ids: NDArray[np.intp], grad: Bounded) -> State:
        """The rule on the touched rows alone: the rest is as if it had not been in this step.

        If there are none, that is everything: slots that are for all rows stay as well.
        """
        if not len(ids):
            return replace(state, t=state.t + 1)
        shape = state.param.value.shape
        case = self.case_of(shape)
        by_row = {slot.name for slot in case.slots if _has_rows(slot, len(shape))}
        touched = replace(
            state,
            unrounded=_gather(state.unrounded, ids),
            slots={n: _gather(s, ids) if n in by_row else s for n, s in state.slots.items()},
        )
        unrounded, slots = self._run(touched, shape, grad)
        return _after(
            state,
            _scatter(state.unrounded, ids, unrounded),
            {n: _scatter(state.slots[n], ids, s) if n in by_row else s for n, s in slots.items()},
        )

    def _run(
        self, state: State, shape: tuple[int, ...], grad: Bounded
    ) -> tuple[Bounded, dict[str, Bounded]]:
        """The variable, unrounded, and its slots; `shape` is the one with all rows."""
        case = self.case_of(shape)
        frame = self._frame(state, shape, grad, case)
        execute(case.step, frame)
        given = grad.value.shape  # some rows of `shape`, perhaps
        return _reshaped(frame.param, given, case), _unfolded(frame.slots, case, given)

    def _frame(self, state: State, shape: tuple[int, ...], grad: Bounded, case: ir.Case) -> Frame:
        """What names stand for as the next step begins."""
        form = compute_format(state.dtype)
        held = {slot.name: _as_held(slot, state.slots[slot.name], case) for slot in case.slots}
        return Frame(
            self._hypers_at(state.t),
            state.t + 1,
            _matrix(shape) if case.as_matrix else shape,
            form,
            rounded(_folded(grad, case), form),
            rounded(_folded(state.unrounded, case), form),
            {name: rounded(slot, form) for name, slot in held.items()},
            first=state.first,
            changing=ir.changing(case.step),
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


def _after(state: State, unrounded: Bounded, slots: Mapping[str, Bounded]) -> State:
    """The state one step later."""
    param = rounded(unrounded, FORMATS[state.dtype])
    return State(param, unrounded, slots, state.t + 1, state.dtype, first=False)


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
