"""Types: how shapes broadcast, what fits where, and how a type is called in a message."""

from __future__ import annotations

from typing import assert_never

from optdsl import ir
from optdsl.ir import Axis, Kind, Matrix, PerStep, PerVariable, Shape, Tensor, Type
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


def matrix_of(shape: Tensor | Matrix) -> Matrix:
    """A tensor as a matrix of `rows` × `cols`, where it is not reduced.

    In a step that uses matrices, axes are counted from the end: another check makes sure of that.
    """
    if isinstance(shape, Matrix):
        return shape
    return Matrix("1" if -2 in shape.reduced else "rows", "1" if -1 in shape.reduced else "cols")


def of_matrix(first: str, second: str) -> Shape:
    """A matrix of two sizes; a tensor, if it is one."""
    if first == "cols" or second == "rows":
        return Matrix(first, second)
    sizes = {-2: first, -1: second}
    return Tensor(frozenset(axis for axis, size in sizes.items() if size == "1"))


def agree(left: Shape, right: Shape) -> bool:
    """Whether two shapes broadcast: those of matrices may not."""
    match left, right:
        case (Tensor(), Tensor()):
            return True
        case (Tensor() | Matrix() as a, Tensor() | Matrix() as b):
            return all(x == y or "1" in (x, y) for x, y in _pairs(a, b))
        case _:
            return True


def _pairs(left: Tensor | Matrix, right: Tensor | Matrix) -> tuple[tuple[str, str], ...]:
    a, b = matrix_of(left), matrix_of(right)
    return (a.first, b.first), (a.second, b.second)


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
        case (Tensor() | Matrix(), Tensor() | Matrix()):
            return of_matrix(*(b if a == "1" else a for a, b in _pairs(left, right)))
        case _:
            raise AssertionError(f"not shapes: {left}, {right}")


def fits(value: Shape, target: Shape) -> bool:
    """Whether a value of one shape broadcasts to the other without making it larger."""
    match target:
        case PerStep():
            return isinstance(value, PerStep)
        case PerVariable():
            return not ir.is_tensor(value)
        case Tensor() | Matrix() if isinstance(value, Matrix) or (
            isinstance(target, Matrix) and isinstance(value, Tensor)
        ):
            return all(a in (b, "1") for a, b in _pairs(value, target))
        case Matrix():
            return True
        case Tensor(reduced):
            return not isinstance(value, Tensor) or all(covers(value.reduced, a) for a in reduced)
        case _:
            assert_never(target)


def reduce(shape: Tensor | Matrix, axis: Axis | None) -> Shape:
    """The shape after a reduction over one axis, or over all (None)."""
    if isinstance(shape, Matrix) and axis is not None:
        first, second = shape.first, shape.second
        return of_matrix("1" if axis == -2 else first, "1" if axis == -1 else second)
    if isinstance(shape, Matrix):
        return PerVariable()
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
        case Matrix(first, second):
            return f"a matrix of {first} × {second}"
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
