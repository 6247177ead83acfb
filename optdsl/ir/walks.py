"""Every walk over statements and expressions of the IR."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import assert_never

from optdsl.ir.nodes import (
    Axis,
    But,
    Call,
    Expr,
    If,
    Let,
    Old,
    Ref,
    Repeat,
    Role,
    Set,
    Stmt,
)
from optdsl.records import replace

# --- axes ----------------------------------------------------------------------------------------


def kept(axis: Axis) -> int | None:
    """The axis that is left out of several; None of a single one."""
    match axis:
        case But(left_out):
            return left_out
        case str():
            return {"row": 0, "column": -1}[axis]
        case int():
            return None


# --- walks ---------------------------------------------------------------------------------------


def parts(expr: Expr) -> Iterator[Expr]:
    """An expression and all its parts, outermost first, from left to right."""
    stack = [expr]
    while stack:
        part = stack.pop()
        yield part
        if isinstance(part, Call):
            stack += reversed(part.args)


def depth(expr: Expr) -> int:
    """How deep an expression is nested: 1 for a name or a literal."""
    deepest, layer = 0, [expr]
    while layer:
        deepest += 1
        layer = [arg for part in layer if isinstance(part, Call) for arg in part.args]
    return deepest


def names(expr: Expr) -> Iterator[str]:
    """The names that an expression reads, under `old` too, once for each time."""
    return (part.name for part in parts(expr) if isinstance(part, (Ref, Old)))


def rewrite(expr: Expr, change: Callable[[Expr], Expr | None]) -> Expr:
    """An expression with other parts: each that `change` gives something for becomes that.

    It is asked from the outside in, and not about the parts of what it gave.
    """
    changed = change(expr)
    if changed is not None:
        return changed
    if not isinstance(expr, Call):
        return expr
    return replace(expr, args=tuple(rewrite(arg, change) for arg in expr.args))


def rewritten(
    body: tuple[Stmt, ...],
    value: Callable[[Expr], Expr],
    name: Callable[[str], str] = str,
    equation: Callable[[str], str] = str,
) -> tuple[Stmt, ...]:
    """Statements with other values, names of what they bind and update, and equations."""

    def inside(block: tuple[Stmt, ...]) -> tuple[Stmt, ...]:
        return rewritten(block, value, name, equation)

    def one(statement: Stmt) -> Stmt:
        match statement:
            case Let(bound, expr, text, span):
                return Let(name(bound), value(expr), equation(text), span)
            case Set(target, expr, text, span):
                return Set(name(target), value(expr), equation(text), span)
            case If(condition, then, orelse, joins, text, span):
                joined = tuple((name(local), type_) for local, type_ in joins)
                then, orelse = inside(then), inside(orelse)
                return If(value(condition), then, orelse, joined, equation(text), span)
            case Repeat(count, block, text, span):
                return Repeat(value(count), inside(block), equation(text), span)
            case _:
                assert_never(statement)

    return tuple(map(one, body))


def guarded(
    body: tuple[Stmt, ...], conditions: tuple[Expr, ...] = ()
) -> Iterator[tuple[Stmt, tuple[Expr, ...]]]:
    """All statements, nested ones too, in order, each with the conditions that it stands under."""
    for statement in body:
        yield statement, conditions
        match statement:
            case If(condition, then, orelse):
                yield from guarded(then, (*conditions, condition))
                yield from guarded(orelse, (*conditions, condition))
            case Repeat(count, inner):
                yield from guarded(inner, (*conditions, count))
            case Let() | Set():
                pass
            case _:
                assert_never(statement)


def statements(body: tuple[Stmt, ...]) -> Iterator[Stmt]:
    """All statements, nested ones too, in order."""
    return (statement for statement, _ in guarded(body))


def expression(statement: Stmt) -> Expr:
    """The expression of a statement itself: its value, its condition or its count."""
    match statement:
        case Let(_, value) | Set(_, value):
            return value
        case If(condition):
            return condition
        case Repeat(count):
            return count
        case _:
            assert_never(statement)


def expressions(body: tuple[Stmt, ...]) -> Iterator[Expr]:
    """The expressions that statements hold, those of nested ones too, in order."""
    return (expression(statement) for statement in statements(body))


def all_parts(body: tuple[Stmt, ...]) -> Iterator[Expr]:
    """All parts of all expressions that statements hold."""
    return (part for expr in expressions(body) for part in parts(expr))


def reads(body: tuple[Stmt, ...], role: Role) -> bool:
    """Whether statements read a name with this role."""
    return any(isinstance(part, Ref) and part.role is role for part in all_parts(body))


def bound(body: tuple[Stmt, ...]) -> Iterator[str]:
    """The locals that statements bind, once for each time."""
    return (each.name for each in statements(body) if isinstance(each, Let))


def updated(body: tuple[Stmt, ...]) -> Iterator[str]:
    """The slots, locals, and `param`, that statements update, once for each time."""
    return (each.target for each in statements(body) if isinstance(each, Set))


def changing(body: tuple[Stmt, ...]) -> frozenset[str]:
    """The locals that have another value in each round of a `Repeat`."""
    return frozenset(bound(body)) & frozenset(updated(body))
