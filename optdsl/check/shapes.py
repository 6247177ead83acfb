"""Types: how shapes broadcast, what fits where, and how a type is called in a message."""

from __future__ import annotations

from typing import assert_never

from optdsl import ir
from optdsl.ir import Axis, Kind, PerStep, PerVariable, Shape, Tensor, Type
from optdsl.records import replace


def covers(reduced: frozenset[Axis], axis: Axis) -> bool:
    """Whether a tensor with the axes `reduced` certainly has size 1 along `axis`.

    Axes compare as they were written: -1 and 1 may be the same or not, depending on the rank. "row"
    means every axis but the first, so it covers each axis k >= 1; and where an axis is kept by one
    and not by another, all have size 1.
    """
    singles = [each for each in reduced if isinstance(each, int)]
    left = [k for each in reduced if (k := ir.kept(each)) is not None]
    if any(k in singles or any(_differ(k, other) for other in left) for k in left):
        return True
    if isinstance(axis, int):
        return axis in singles or any(_differ(k, axis) for k in left)
    return ir.kept(axis) in left


def _differ(one: int, other: int) -> bool:
    """Whether two axes are different ones of every variable that has both."""
    return one != other and (one < 0) == (other < 0)


def broadcast(left: Shape, right: Shape) -> Shape:
    """The shape of an elementwise operation: an axis stays where either operand has it."""
    match left, right:
        case (PerStep(), other) | (other, PerStep()):
            return other
        case (PerVariable(), other) | (other, PerVariable()):
            return other
        case (Tensor(a), Tensor(b)):
            both = {axis for axis in a if covers(b, axis)} | {axis for axis in b if covers(a, axis)}
            return Tensor(frozenset(both))
        case _:
            raise AssertionError(f"not shapes: {left}, {right}")


def fits(value: Shape, target: Shape) -> bool:
    """Whether a value of one shape broadcasts to the other without making it larger."""
    match target:
        case PerStep():
            return isinstance(value, PerStep)
        case PerVariable():
            return not isinstance(value, Tensor)
        case Tensor(reduced):
            return not isinstance(value, Tensor) or all(covers(value.reduced, a) for a in reduced)
        case _:
            assert_never(target)


def reduce(shape: Tensor, axis: Axis | None) -> Shape:
    """The shape after a reduction over one axis, or over all (None)."""
    return PerVariable() if axis is None else Tensor(shape.reduced | {axis})


def real(value: ir.Expr) -> ir.Expr:
    """`value` with kind REAL; a literal becomes a real literal, anything else is converted."""
    if value.type.kind is Kind.REAL:
        return value
    type_ = replace(value.type, kind=Kind.REAL)
    match value:
        case ir.Const(number):
            return ir.Const(float(number), type_, value.span)
        case ir.Call("neg", (ir.Const(),) as args):
            return ir.Call("neg", (real(args[0]),), None, type_, value.span)
        case _:
            return ir.Call("real", (value,), None, type_, value.span)


def join(left: Type, right: Type) -> Type | None:
    """The type of a local after its two branches; None where the kinds do not go together."""
    kinds = {left.kind, right.kind}
    if len(kinds) == 2 and Kind.BOOL in kinds:
        return None
    return Type(left.kind if len(kinds) == 1 else Kind.REAL, broadcast(left.shape, right.shape))


def _per_index(axis: Axis) -> str:
    """A tensor that is reduced over several axes."""
    match axis:
        case ir.But(k):
            return f"a tensor with one value per index of axis {k}"
        case _:
            return f"a tensor with one value per {axis}"


def describe_kind(kind: Kind) -> str:
    """`real` -> "a real number" and so on."""
    return {
        Kind.REAL: "a real number",
        Kind.INT: "a whole number",
        Kind.BOOL: "a boolean",
    }[kind]


def describe_shape(shape: Shape) -> str:
    """A shape class in words that stand after "is" or "holds"."""
    match shape:
        case PerStep():
            return "one value per step"
        case PerVariable():
            return "one value per variable"
        case Tensor(reduced):
            if not reduced:
                return "a tensor as large as the variable"
            axes = sorted(axis for axis in reduced if isinstance(axis, int))
            several = [axis for axis in reduced if not isinstance(axis, int)]
            if several:
                single = len(several) == 1 and not covers(reduced, ir.kept(several[0]) or 0)
                return _per_index(several[0]) if single else "a reduced tensor"
            names = " and ".join(str(axis) for axis in axes)
            return f"a tensor reduced over {'axis' if len(axes) == 1 else 'axes'} {names}"
        case _:
            assert_never(shape)
