"""Matrices: what each function takes and gives, in terms of `rows` and `cols`."""

from __future__ import annotations

from optdsl import ir
from optdsl.check.scope import Reporter, Scope
from optdsl.check.shapes import describe_shape, matrix_of, of_matrix, real
from optdsl.ir import Call, Kind, Matrix, Shape, SlotShape, Tensor, Type
from optdsl.ops import OPS, Op, Typing
from optdsl.source import Span
from optdsl.syntax import Expr as Written

AXES = (-1, -2)
"""Where the axes of a matrix are counted from."""


def matrix_call(
    op: Op, written: tuple[Written, ...], args: tuple[ir.Expr, ...], span: Span, scope: Scope
) -> ir.Expr | None:
    """A call of a function of matrices, or None where its arguments do not fit."""
    roots = op.name == "inverse_root"
    matrices, others = (args[:1], args[1:]) if roots else (args, ())
    if not all(_is_matrix(op, *each, scope) for each in zip(written, matrices, strict=False)):
        return None
    if not all(_is_number(each, written[1].span, scope) for each in others):
        return None
    args = tuple(map(real, args))
    sizes = [_sizes(arg.type.shape) for arg in matrices]
    shape = _shape(op, sizes)
    if shape is None:
        if op.name == "matmul":
            report_apart("`@`", args[0].type.shape, args[1].type.shape, span, scope)
        else:
            wanted = "a column" if op.name == "sorting" else "a square matrix"
            message = f"`{op.name}` needs {wanted}, but this is {_described(sizes[0])}"
            help_ = "`diag(x)` is a column" if op.name == "sorting" else "`x @ transpose(x)` is one"
            scope.error("shape-mismatch", written[0].span, message, help_)
        return None
    return Call(op.name, args, None, Type(Kind.REAL, shape), span)


def eye(axis: int, span: Span) -> ir.Expr:
    """The identity of the size of an axis."""
    side = "rows" if axis == -2 else "cols"
    return Call("eye", (), axis, Type(Kind.REAL, Matrix(side, side)), span)


def _shape(op: Op, sizes: list[Matrix]) -> Shape | None:
    """The shape of a result; None where the arguments do not have the right ones."""
    x = sizes[0]
    if op.name == "matmul":
        y = sizes[1]
        return of_matrix(x.first, y.second) if x.second == y.first else None
    if op.name == "transpose":
        return of_matrix(x.second, x.first)
    if op.name == "sorting":
        return of_matrix(x.first, x.first) if x.second == "1" else None
    if x.first != x.second:
        return None
    match op.name:
        case "diag":
            return of_matrix(x.first, "1")
        case "eigenvalues":
            return of_matrix("1", x.first)
        case _:
            return of_matrix(x.first, x.first)


def _sizes(shape: Shape) -> Matrix:
    assert isinstance(shape, Tensor | Matrix)
    return matrix_of(shape)


def _is_matrix(op: Op, written: Written, arg: ir.Expr, scope: Scope) -> bool:
    name = f"`{op.symbol or op.name}`"
    if arg.type.kind is Kind.BOOL:
        message = f"{name} takes numbers, but this is a boolean"
        help_ = "`where(c, 1, 0)` makes a number of a boolean"
        scope.error("type-mismatch", written.span, message, help_)
        return False
    if not ir.is_tensor(arg.type.shape):
        message = f"{name} needs a matrix, but this is {describe_shape(arg.type.shape)}"
        advice = "multiply by a number with `*`" if op.symbol else "give it a tensor"
        scope.error("shape-mismatch", written.span, message, advice)
        return False
    return True


def _is_number(arg: ir.Expr, span: Span, scope: Scope) -> bool:
    if arg.type.kind is not Kind.BOOL and not ir.is_tensor(arg.type.shape):
        return True
    message = "`inverse_root` takes one number as its exponent"
    scope.error("type-mismatch", span, message, "`inverse_root(x, 4)` is x^(-1/4)")
    return False


def report_apart(what: str, left: Shape, right: Shape, span: Span, scope: Scope) -> None:
    """Reports two matrices whose sizes do not go together."""
    a, b = (_described(_sizes(shape)) for shape in (left, right))
    message = f"{what} of {a} and {b}: the sizes do not match"
    scope.error("shape-mismatch", span, message, "`transpose(x)` changes rows and columns")


def _described(sizes: Matrix) -> str:
    return f"a matrix of {sizes.first} × {sizes.second}"


# --- whole cases ---------------------------------------------------------------------------------


def uses_matrices(slots: tuple[ir.Slot, ...], step: tuple[ir.Stmt, ...]) -> bool:
    """Whether a case has square slots or calls functions of matrices."""
    parts = [*ir.all_parts(step), *(part for slot in slots for part in ir.parts(slot.initial))]
    calls = (OPS[part.op].typing for part in parts if isinstance(part, Call))
    return Typing.MATRIX in calls or any(slot.shape is SlotShape.SQUARE for slot in slots)


def check_axes(slots: tuple[ir.Slot, ...], step: tuple[ir.Stmt, ...], report: Reporter) -> None:
    """Reports axes that are not counted from the end, in a case that uses matrices.

    A vector is 1 × n there: its first axis would be another one than its last.
    """
    help_ = "write -1 for the columns of a row, -2 for the rows of a column"
    message = "a step that uses matrices counts axes from the end: -1 or -2"
    calls = [part for part in ir.all_parts(step) if isinstance(part, Call)]
    for call in calls:
        if call.axis not in (None, *AXES):
            report.error("bad-axis", call.span, message, help_)
    for slot in slots:
        if slot.shape is SlotShape.ROW or (slot.axis not in (None, *AXES)):
            report.error("bad-axis", slot.span, message, "use `reduced(-1)` or `reduced(-2)`")
