"""Running the statements of a step on NumPy values: the inside of `interpreter`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import assert_never

import numpy as np

from optdsl import ir
from optdsl.interpreter.bounds import DOUBLE, Bounded, Format, Truth, Value, certain, exact, rounded
from optdsl.interpreter.enclosures import (
    arithmetic,
    compare,
    enclosed,
    is_finite,
    logic,
    reduce,
    select,
)
from optdsl.interpreter.matrices import matrix
from optdsl.ops import OPS, Typing


@dataclass(slots=True)
class Frame:
    """What names stand for while a step runs, for one variable. `shape` is the whole variable's.

    `slots` has the global ones, too, the same in each frame. `first` says whether it is the
    variable's first step. `changing` are the locals that have another value in each round of a
    `repeat`. `totals` are the sums over all variables that the current statement reads.
    """

    hypers: dict[str, Value]
    t: int
    shape: tuple[int, ...]
    form: Format
    grad: Bounded
    param: Bounded
    slots: dict[str, Bounded] = field(default_factory=dict)
    first: bool = True
    locals: dict[str, Value] = field(default_factory=dict)
    changing: frozenset[str] = frozenset()
    loss: Bounded | None = None
    globals: frozenset[str] = frozenset()
    totals: dict[ir.Call, Bounded] = field(default_factory=dict)
    old: dict[str, Bounded] = field(init=False)

    def __post_init__(self) -> None:
        self.old = {**self.slots, "param": self.param}

    def branch(self) -> Frame:
        """A copy whose names can be bound anew."""
        other = replace(self, slots=dict(self.slots), locals=dict(self.locals))
        other.old = self.old
        return other


def takes(case: ir.Case, frame: Frame) -> bool:
    """Whether a case takes a variable, if no case before it does."""
    return case.condition is None or bool(_truth(case.condition, frame).value)


def computed(default: ir.Expr, hypers: dict[str, Value]) -> Bounded:
    """The value of a default, from hyperparameters alone."""
    nothing = exact(0)
    return _number(default, Frame(hypers, 0, (), DOUBLE, nothing, nothing))


def initial(slot: ir.Slot, frame: Frame) -> Bounded:
    """The value of a slot before the first step."""
    value = _number(slot.initial, frame)
    if slot.shape is ir.SlotShape.GLOBAL:
        return value
    shape = slot_shape(slot, frame.param.value.shape)
    return _fit(value, slot.initial.type, shape, frame.form)


def _fit(value: Value, kind: ir.Type, shape: tuple[int, ...], form: Format) -> Bounded:
    """A value as a slot or the variable holds it: in its shape, and in the compute format."""
    assert isinstance(value, Bounded)
    cast = _cast(value, kind, form)
    assert isinstance(cast, Bounded)
    return cast.map(lambda part: np.broadcast_to(part, shape))


def _cast(value: Value, kind: ir.Type, form: Format) -> Value:
    """A value as tensors meet it: what is the same for all variables was computed in float64."""
    if isinstance(value, Bounded) and kind == ir.Type(ir.Kind.REAL, ir.PerStep()):
        return rounded(value, form)
    return value


def execute(statements: tuple[ir.Stmt, ...], frames: Sequence[Frame]) -> None:
    """Run statements in order, each for all variables; what they update is in their frames."""
    for statement in statements:
        for part in [*ir.parts(ir.expression(statement))][::-1]:  # the inner ones first
            if isinstance(part, ir.Call) and OPS[part.op].totals:
                total = _total(part, frames)
                for frame in frames:
                    frame.totals[part] = total
        match statement:
            case ir.Let():
                for frame in frames:
                    frame.locals[statement.name] = _bound(statement, frame)
            case ir.Repeat():
                for frame in frames:  # no sum over all variables is inside
                    for _ in range(int(_number(statement.count, frame).value)):
                        execute(statement.body, [frame])
            case ir.Set():
                for frame in frames:
                    _set(statement, frame)
            case ir.If():
                _branch(statement, frames)
            case _:
                assert_never(statement)


def _bound(statement: ir.Let, frame: Frame) -> Value:
    """The value of a local; of one that changes from round to round, in the full shape."""
    value, shape = _evaluate(statement.value, frame), statement.value.type.shape
    if statement.name in frame.changing and ir.is_tensor(shape):
        return _expanded(value, _shape(shape, frame.param.value.shape))
    return value


def _total(call: ir.Call, frames: Sequence[Frame]) -> Bounded:
    """The sum over variables, in float64, of the sum of each, in its own format."""
    (arg,) = call.args
    sums = [exact(0.0)]
    for frame in frames:
        value = _cast(_evaluate(arg, frame), arg.type, frame.form)
        if ir.is_tensor(arg.type.shape):
            value = _reduction(ir.Call("sum", (arg,), None, arg.type, arg.span), value, frame.form)
        assert isinstance(value, Bounded)
        sums.append(value)
    parts = zip(*((each.value, each.low, each.high, each.nan) for each in sums), strict=True)
    total = reduce("sum", Bounded(*map(np.stack, parts)), 0, DOUBLE)
    assert isinstance(total, Bounded)
    return total.map(lambda part: part[0])


def _set(statement: ir.Set, frame: Frame) -> None:
    value, kind = _evaluate(statement.value, frame), statement.value.type
    match statement.target:
        case changing if changing in frame.changing:
            shape = frame.locals[changing].value.shape
            frame.locals[changing] = _fit(value, kind, shape, frame.form)
        case "param":
            frame.param = _fit(value, kind, frame.param.value.shape, frame.form)
        case "grad":
            frame.grad = _fit(value, kind, frame.grad.value.shape, frame.form)
        case of_all if of_all in frame.globals:
            assert isinstance(value, Bounded)
            frame.slots[of_all] = value
        case slot:
            shape = frame.slots[slot].value.shape
            frame.slots[slot] = _fit(value, kind, shape, frame.form)


def _branch(statement: ir.If, frames: Sequence[Frame]) -> None:
    """One branch, or both and the union of what they leave, where the condition may do either."""
    sides = [(_truth(statement.condition, each), each.branch(), each.branch()) for each in frames]
    execute(statement.then, [then for condition, then, _ in sides if condition.may_hold])
    execute(statement.orelse, [orelse for condition, _, orelse in sides if condition.may_fail])
    for frame, side in zip(frames, sides, strict=True):
        _join(statement, frame, *side)


def _join(statement: ir.If, frame: Frame, condition: Truth, then: Frame, orelse: Frame) -> None:
    """What the branches leave, in the frame that they came from."""
    if not condition.may_fail:
        orelse = then
    if not condition.may_hold:
        then = orelse
    frame.param = _union(condition, then.param, orelse.param)
    frame.grad = _union(condition, then.grad, orelse.grad)
    for name in frame.slots:
        frame.slots[name] = _union(condition, then.slots[name], orelse.slots[name])
    for name in frame.changing & frame.locals.keys():
        frame.locals[name] = select(condition, then.locals[name], orelse.locals[name])
    for name, kind in statement.joins:
        joined = select(condition, then.locals[name], orelse.locals[name])
        if ir.is_tensor(kind.shape):  # not only as large as the branch that was taken
            joined = _expanded(joined, _shape(kind.shape, frame.param.value.shape))
        outside = isinstance(kind.shape, ir.PerStep) or kind.kind is not ir.Kind.REAL
        frame.locals[name] = joined if outside else _rounded(joined, frame.form)


def _expanded(value: Value, shape: tuple[int, ...]) -> Value:
    return value.map(lambda part: np.broadcast_to(part, shape))


def _union(condition: Truth, a: Bounded, b: Bounded) -> Bounded:
    both = select(condition, a, b)
    assert isinstance(both, Bounded)
    return both


def _rounded(value: Value, form: Format) -> Value:
    return rounded(value, form) if isinstance(value, Bounded) else value


def _number(expr: ir.Expr, frame: Frame) -> Bounded:
    value = _evaluate(expr, frame)
    assert isinstance(value, Bounded)
    return value


def _truth(expr: ir.Expr, frame: Frame) -> Truth:
    value = _evaluate(expr, frame)
    assert isinstance(value, Truth)
    return value


def _evaluate(expr: ir.Expr, frame: Frame) -> Value:
    match expr:
        case ir.Const():
            return certain(expr.value) if isinstance(expr.value, bool) else exact(expr.value)
        case ir.Old():
            return frame.old[expr.name]
        case ir.Ref():
            return _read(expr, frame)
        case ir.Call():
            return _call(expr, frame)
        case _:
            assert_never(expr)


def _read(ref: ir.Ref, frame: Frame) -> Value:
    match ref.role:
        case ir.Role.HYPER:
            return frame.hypers[ref.name]
        case ir.Role.COUNTER:
            return exact(frame.t)
        case ir.Role.LOSS:
            assert frame.loss is not None
            return frame.loss
        case ir.Role.DIM:
            return exact(_dimension(ref.name, frame.shape))
        case ir.Role.FIRST:
            return certain(frame.first)
        case ir.Role.GRAD:
            return frame.grad
        case ir.Role.PARAM:
            return frame.param
        case ir.Role.SLOT:
            return frame.slots[ref.name]
        case ir.Role.LOCAL:
            return frame.locals[ref.name]
        case ir.Role.SHARED:
            raise AssertionError(f"{ref.name} is no value of the language")
        case _:
            assert_never(ref.role)


def _dimension(name: str, shape: tuple[int, ...]) -> int:
    padded = (1, 1, *shape)
    if name.startswith("length("):
        axis = int(name[len("length(") : -1])
        return math.prod(shape[place] for place in _axes(axis, len(shape)))
    return {
        "rank": len(shape),
        "rows": padded[-2],
        "cols": padded[-1],
        "size": int(np.prod(shape)),
    }[name]


def _call(call: ir.Call, frame: Frame) -> Value:
    if OPS[call.op].totals:
        return frame.totals[call]
    per_step = isinstance(call.type.shape, ir.PerStep)
    form = DOUBLE if per_step else frame.form
    args = [_evaluate(arg, frame) for arg in call.args]
    if not per_step:
        args = [_cast(v, arg.type, form) for v, arg in zip(args, call.args, strict=True)]
    truths = [arg for arg in args if isinstance(arg, Truth)]
    numbers = [arg for arg in args if isinstance(arg, Bounded)]
    match OPS[call.op].typing:
        case Typing.SELECT:
            return select(truths[0], args[1], args[2])
        case Typing.REDUCE_REAL | Typing.REDUCE_BOOL:
            return _reduction(call, args[0], form)
        case Typing.LOGIC:
            return logic(call.op, truths)
        case Typing.EQUALITY | Typing.COMPARISON:
            return logic(call.op, truths) if truths else compare(call.op, *numbers)
        case Typing.PREDICATE:
            return is_finite(numbers[0])
        case Typing.CONVERT:
            return rounded(numbers[0], form)
        case Typing.MATRIX:
            return matrix(call, numbers, frame.param.value.shape, form)
        case Typing.TOTAL:
            raise AssertionError("a total is known before the statement that reads it")
        case Typing.ARITHMETIC | Typing.SAME_KIND | Typing.REAL:
            whole = call.type.kind is ir.Kind.INT
            return enclosed(call.op, numbers) if whole else arithmetic(call.op, numbers, form)
        case _:
            assert_never(OPS[call.op].typing)


def _reduction(call: ir.Call, x: Value, form: Format) -> Value:
    """Over everything to one value per variable, or over some axes, which stay with size 1."""
    shape = x.value.shape
    every = range(len(shape))
    along = [*every] if call.axis is None else sorted(_axes(call.axis, len(shape)))
    others = [axis for axis in every if axis not in along]
    flat = tuple(math.prod(shape[axis] for axis in axes) for axes in (others, along))
    kept = () if call.axis is None else tuple(1 if axis in along else shape[axis] for axis in every)
    table = x.map(lambda part: part.transpose(*others, *along).reshape(flat))
    return reduce(call.op, table, 1, form).map(lambda part: part.reshape(kept))


# --- shapes ---------------------------------------------------------------------------------------


def slot_shape(slot: ir.Slot, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of a slot of a variable that has `shape`."""
    return _shape(slot.type.shape, shape)


def _shape(kind: ir.Shape, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of a value of a variable that has `shape`."""
    match kind:
        case ir.PerStep() | ir.PerVariable():
            return ()
        case ir.Matrix(first, second):
            sizes = {"rows": shape[0], "cols": shape[-1], "1": 1}
            return sizes[first], sizes[second]
        case ir.Tensor():
            return _tensor_shape(kind, shape)
        case _:
            assert_never(kind)


def _tensor_shape(kind: ir.Tensor, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of a tensor of a variable that has `shape`."""
    reduced = {place for axis in kind.reduced for place in _axes(axis, len(shape))}
    return tuple(1 if i in reduced else size for i, size in enumerate(shape))


def _axes(axis: ir.Axis, rank: int) -> set[int]:
    """The axes that one stands for, counted from the first: those that the variable has."""
    every, left_out = set(range(rank)), ir.kept(axis)
    if isinstance(axis, int):
        return every & {axis % rank} if rank and -rank <= axis < rank else set()
    assert left_out is not None
    return every - {left_out + rank if left_out < 0 else left_out}
