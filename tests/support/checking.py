"""Specifications for tests of the checker."""

from __future__ import annotations

from pathlib import Path

from optdsl import ir, parse
from optdsl.check import check
from optdsl.diagnostics import Diagnostic
from optdsl.ir import Kind, PerStep, PerVariable, Tensor
from optdsl.source import SourceFile, Span

SPECS = sorted((Path(__file__).parents[2] / "specs").glob("*.opt"))
HERE = Span(0, 0)
REAL, INT, BOOL = Kind.REAL, Kind.INT, Kind.BOOL
STEP, VARIABLE, FULL = PerStep(), PerVariable(), Tensor()


def reduced(*axes: int | str) -> Tensor:
    return Tensor(frozenset(axes))


def checked(
    *statements: str, declarations: str = ""
) -> tuple[ir.Optimizer | None, tuple[Diagnostic, ...]]:
    lines = [f"    {line}" for line in declarations.splitlines()] + ["    step:"]
    lines += [f"        {line}" for statement in statements for line in statement.splitlines()]
    text = "optimizer Example:\n" + "\n".join(lines) + "\n"
    spec, found = parse.parse(SourceFile("example.opt", text))
    assert found == ()
    assert spec is not None
    return check(spec)


def built(*statements: str, declarations: str = "") -> ir.Optimizer:
    optimizer, found = checked(*statements, "param <- param - grad", declarations=declarations)
    assert found == ()
    assert optimizer is not None
    return optimizer


def only_case(*statements: str, declarations: str = "") -> ir.Case:
    (case,) = built(*statements, declarations=declarations).cases
    return case


def value(text: str, declarations: str = "") -> ir.Expr:
    """The IR of one expression."""
    statement = only_case(f"local = {text}", declarations=declarations).step[0]
    assert isinstance(statement, ir.Let)
    return statement.value


def errors(*statements: str, declarations: str = "") -> list[tuple[str, str]]:
    optimizer, found = checked(*statements, declarations=declarations)
    assert (optimizer is None) == bool(found)
    return [(error.code, error.message) for error in found]
