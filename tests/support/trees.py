"""Surface trees for tests."""

from __future__ import annotations

from optdsl import syntax
from optdsl.diagnostics import Diagnostic, Severity
from optdsl.parse import parse
from optdsl.source import SourceFile

HEAD = "optimizer A:\n"
STEP = HEAD + "    step:\n"


def tree(text: str) -> syntax.Spec:
    spec, found = parse(SourceFile("a.opt", text))
    assert found == ()
    assert spec is not None
    return spec


def errors(text: str) -> tuple[Diagnostic, ...]:
    spec, found = parse(SourceFile("a.opt", text))
    assert spec is None
    assert found
    assert {one.severity for one in found} == {Severity.ERROR}
    return found


def the_error(text: str) -> Diagnostic:
    (found,) = errors(text)
    return found


def expr(text: str) -> syntax.Expr:
    """The tree of an expression on its own."""
    (step,) = tree(f"{STEP}        x = {text}\n").members
    assert isinstance(step, syntax.StepBlock)
    (statement,) = step.body
    assert isinstance(statement, syntax.Assign)
    return statement.value


def grouped(tree: syntax.Expr) -> str:
    """An expression with every operation in brackets."""
    match tree:
        case syntax.Binary(symbol, left, right):
            return f"[{grouped(left)} {symbol} {grouped(right)}]"
        case syntax.Unary(symbol, operand):
            return f"[{symbol} {grouped(operand)}]"
        case syntax.CallExpr():
            parts = [grouped(arg) for arg in tree.args]
            parts += [f"{key.name.text}={grouped(key.value)}" for key in tree.keywords]
            return f"{tree.function.text}({', '.join(parts)})"
        case syntax.Boolean():
            return str(tree.value)
        case syntax.Number() | syntax.Name():
            return tree.text
