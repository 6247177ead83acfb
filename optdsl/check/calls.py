"""Operations: which types each takes and gives, with conversions written out."""

from __future__ import annotations

from typing import assert_never

from optdsl import ir, syntax
from optdsl.check.matrices import matrix_call, report_apart
from optdsl.check.scope import Scope
from optdsl.check.shapes import agree, broadcast, describe_kind, describe_shape, real, reduce
from optdsl.format import format_expr
from optdsl.ir import Kind, Matrix, PerStep, Tensor, Type
from optdsl.ops import Op, Typing
from optdsl.source import Span

_Args = tuple[ir.Expr, ...]


def apply(
    op: Op,
    written: tuple[syntax.Expr, ...],
    values: tuple[ir.Expr | None, ...],
    axis: ir.Axis | None,
    span: Span,
    scope: Scope,
) -> ir.Expr | None:
    """A call of one operation, or None where its arguments do not have the right types.

    Args:
        op: The operation.
        written: Its arguments in the source, for messages.
        values: Its arguments, as many as it takes.
        axis: The axis of a reduction.
        span: The whole call.
        scope: Where errors go.
    """
    args = tuple(value for value in values if value is not None)
    if len(args) < len(values):
        return None
    match op.typing:
        case Typing.ARITHMETIC | Typing.SAME_KIND:
            if not _numbers(op, written, args, scope):
                return None
            args = _alike(args)
            kind = args[0].type.kind
        case Typing.REAL | Typing.CONVERT:
            if not _numbers(op, written, args, scope):
                return None
            args, kind = tuple(map(real, args)), Kind.REAL
        case Typing.COMPARISON | Typing.PREDICATE:
            if not _numbers(op, written, args, scope):
                return None
            args = tuple(map(real, args)) if op.typing is Typing.PREDICATE else _alike(args)
            kind = Kind.BOOL
        case Typing.EQUALITY:
            if not _same_family(op, written, args, scope):
                return None
            args, kind = _alike(args), Kind.BOOL
        case Typing.LOGIC:
            if not _booleans(op, written, args, scope):
                return None
            kind = Kind.BOOL
        case Typing.SELECT:
            chosen = args[1:]
            good = _booleans(op, written[:1], args[:1], scope)
            if not (_same_family(op, written[1:], chosen, scope) and good):
                return None
            chosen = _alike(chosen)
            args, kind = (args[0], *chosen), chosen[0].type.kind
        case Typing.REDUCE_REAL | Typing.REDUCE_BOOL | Typing.TOTAL:
            return _reduction(op, written, args, axis, span, scope)
        case Typing.MATRIX:
            return matrix_call(op, written, args, span, scope)
        case _:
            assert_never(op.typing)
    shape = _together(op, args, span, scope)
    return None if shape is None else ir.Call(op.name, args, None, Type(kind, shape), span)


def _together(op: Op, args: _Args, span: Span, scope: Scope) -> ir.Shape | None:
    """The shape that arguments have together; None, reported, for matrices that do not fit."""
    shape = args[0].type.shape
    for arg in args[1:]:
        if not agree(shape, arg.type.shape):
            report_apart(called(op), shape, arg.type.shape, span, scope)
            return None
        shape = broadcast(shape, arg.type.shape)
    return shape


def _total(
    op: Op, written: tuple[syntax.Expr, ...], args: _Args, span: Span, scope: Scope
) -> ir.Expr | None:
    if not _numbers(op, written, args, scope):
        return None
    return ir.Call(op.name, (real(args[0]),), None, Type(Kind.REAL, PerStep()), span)


def _reduction(
    op: Op,
    written: tuple[syntax.Expr, ...],
    args: _Args,
    axis: ir.Axis | None,
    span: Span,
    scope: Scope,
) -> ir.Expr | None:
    if op.totals:
        return _total(op, written, args, span, scope)
    boolean = op.typing is Typing.REDUCE_BOOL
    kinds_right = (_booleans if boolean else _numbers)(op, written, args, scope)
    shape = args[0].type.shape
    if not isinstance(shape, Tensor | Matrix):
        scope.error(
            "shape-mismatch",
            written[0].span,
            f"{called(op)} needs a tensor, but this is {describe_shape(shape)}",
            "leave the reduction out: there is nothing to reduce",
        )
        return None
    if not kinds_right:
        return None
    kind = Kind.BOOL if boolean else Kind.REAL
    args = args if boolean else tuple(map(real, args))
    return ir.Call(op.name, args, axis, Type(kind, reduce(shape, axis)), span)


def limits_come_first(
    written: tuple[syntax.Expr, ...],
    values: tuple[ir.Expr | None, ...],
    span: Span,
    scope: Scope,
) -> bool:
    """Whether `clip` is given two numbers and then a tensor, as if that were to be clipped."""
    last = values[2]
    if last is None or not isinstance(last.type.shape, Tensor):
        return False
    if not all(map(_is_literal, written[:2])):
        return False
    meant = ", ".join(map(format_expr, (written[2], *written[:2])))
    message = "`clip` takes the value first, then the limits"
    scope.error("bad-argument", span, message, f"write `clip({meant})`")
    return True


def _is_literal(expr: syntax.Expr) -> bool:
    match expr:
        case syntax.Number() | syntax.Unary("-", syntax.Number()):
            return True
        case _:
            return False


def called(op: Op) -> str:
    """An operation as messages call it."""
    return f"`{op.symbol or op.name}`"


def _alike(args: _Args) -> _Args:
    """The arguments with one kind: if any is real, all are."""
    return tuple(map(real, args)) if any(a.type.kind is Kind.REAL for a in args) else args


def _numbers(op: Op, written: tuple[syntax.Expr, ...], args: _Args, scope: Scope) -> bool:
    wrong = [expr for expr, arg in zip(written, args, strict=True) if arg.type.kind is Kind.BOOL]
    for expr in wrong:
        scope.error(
            "type-mismatch",
            expr.span,
            f"{called(op)} takes numbers, but this is a boolean",
            "`where(c, 1, 0)` makes a number of a boolean",
        )
    return not wrong


def _booleans(op: Op, written: tuple[syntax.Expr, ...], args: _Args, scope: Scope) -> bool:
    what = "takes booleans" if op.typing is not Typing.SELECT else "takes a boolean first"
    wrong = False
    for expr, arg in zip(written, args, strict=True):
        if arg.type.kind is not Kind.BOOL:
            wrong = True
            scope.error(
                "type-mismatch",
                expr.span,
                f"{called(op)} {what}, but this is {describe_kind(arg.type.kind)}",
                "compare it with something, for example `x > 0`",
            )
    return not wrong


def _same_family(op: Op, written: tuple[syntax.Expr, ...], args: _Args, scope: Scope) -> bool:
    """Whether both arguments are numbers or both are booleans."""
    left, right = (arg.type.kind for arg in args)
    if (left is Kind.BOOL) == (right is Kind.BOOL):
        return True
    scope.error(
        "type-mismatch",
        written[0].span.to(written[1].span),
        f"{called(op)} takes two numbers or two booleans, "
        f"but these are {describe_kind(left)} and {describe_kind(right)}",
        "a condition is written alone, `c` or `not c`"
        if op.typing is Typing.EQUALITY
        else "choose between two values of the same kind",
    )
    return False
