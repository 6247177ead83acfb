"""What a rule means, as a hash: hyperparameters, slots and step, without any text about them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from optdsl import ir

_LENGTH = 16


def meaning(optimizer: ir.Optimizer) -> str:
    """A hash that differs where two rules differ, and not where their words or layout do."""
    text = "\n".join(_lines(optimizer))
    return hashlib.sha256(text.encode()).hexdigest()[:_LENGTH]


def _lines(optimizer: ir.Optimizer) -> Iterator[str]:
    yield optimizer.name
    for hyper in optimizer.hypers:
        default = _text(hyper.computed) if hyper.computed else repr(hyper.default)
        yield f"hyper {hyper.name} {hyper.kind.value} {default} {hyper.interval}"
    for case in optimizer.cases:
        yield f"case {case.name} {case.sparse}"
        if case.condition is not None:
            yield f"if {_text(case.condition)}"
        if case.as_matrix:
            yield "as matrix"
        for slot in case.slots:
            yield f"slot {slot.name} {slot.shape.value} {slot.axis} {_text(slot.initial)}"
        for statement, conditions in ir.guarded(case.step):
            yield f"{len(conditions)} {_statement(statement)}"
        for statement, conditions in ir.guarded(case.evaluation):
            yield f"eval {len(conditions)} {_statement(statement)}"


def _statement(statement: ir.Stmt) -> str:
    value = _text(ir.expression(statement))
    match statement:
        case ir.Let(name):
            return f"{name} = {value}"
        case ir.Set(target):
            return f"{target} <- {value}"
        case ir.If(_, then, orelse):
            return f"when {value}: {len(then)} {len(orelse)}"
        case ir.Repeat(_, body):
            return f"repeat {value}: {len(body)}"


def _text(expr: ir.Expr) -> str:
    """An expression, fully in parentheses, with the kinds of its literals."""
    match expr:
        case ir.Const(value):
            return repr(value)
        case ir.Ref(name):
            return name
        case ir.Old(name):
            return f"old {name}"
        case ir.Call(op, args, axis):
            return f"({' '.join([op, str(axis), *map(_text, args)])})"
