"""Literals: numbers, and the axes of reductions, slots and matrices."""

from __future__ import annotations

from math import isinf

from optdsl import ir, syntax
from optdsl.check.matrices import AXES
from optdsl.check.scope import Reporter, shorten
from optdsl.ir import Kind, PerStep, Type

BAD = "bad axis"
"""What stands for an axis that is reported."""


def number(literal: syntax.Number, report: Reporter) -> ir.Const | None:
    """A literal as a constant: INT where it is written as a whole number, else REAL."""
    text = literal.text
    value = float(text)
    if isinf(value):
        report.error(
            "limit",
            literal.span,
            f"`{shorten(text, 24)}` is too large for a 64-bit floating-point number",
            help="the largest is about 1.8e308",
        )
        return None
    if value == 0 and any(digit in "123456789" for digit in text.split("e")[0]):
        report.error(
            "limit",
            literal.span,
            f"`{shorten(text, 24)}` is too small for a 64-bit floating-point number",
            help="it would become 0; the smallest is about 4.9e-324",
        )
        return None
    if not text.isdigit():
        return ir.Const(value, Type(Kind.REAL, PerStep()), literal.span)
    if value >= 2**63:
        report.error(
            "limit",
            literal.span,
            f"the whole number `{shorten(text, 24)}` does not fit in 64 bits",
            help="write it as a real number, with `.0` or an exponent",
        )
        return None
    return ir.Const(int(text), Type(Kind.INT, PerStep()), literal.span)


def axis_value(expr: syntax.Expr, report: Reporter) -> ir.Axis:
    """What `axis=` is given: a number, `row`, `column` or `but(k)`; `BAD`, reported, if not."""
    match expr:
        case syntax.Name("row" | "column" as several):
            return several
        case syntax.CallExpr(syntax.Ident("but"), (only,), ()):
            left_out = axis_number(only, report, "`but` takes")
            return BAD if left_out is None else ir.But(left_out)
        case _:
            found = axis_number(expr, report, "`axis` takes", ", `row`, `column` or `but(k)`")
            return BAD if found is None else found


def axis_number(expr: syntax.Expr, report: Reporter, who: str, other: str = "") -> int | None:
    """The value of an axis literal from -8 to 7; None, reported, for anything else."""
    sign, literal = 1, expr
    if isinstance(expr, syntax.Unary) and expr.symbol == "-":
        sign, literal = -1, expr.operand
    if isinstance(literal, syntax.Number) and literal.text.isdigit() and len(literal.text) < 8:
        axis = sign * int(literal.text)
        if -8 <= axis <= 7:
            return axis
    report.error(
        "bad-axis",
        expr.span,
        f"{who} a whole number from -8 to 7{other}",
        help="axis 0 is the first, -1 the last; it is written as a number, not computed",
    )
    return None


def matrix_axis(expr: syntax.Expr, report: Reporter, who: str) -> int | None:
    """An axis of a matrix, counted from the end; None, reported, for anything else."""
    axis = axis_number(expr, report, who)
    if axis is None or axis in AXES:
        return axis
    report.error(
        "bad-axis",
        expr.span,
        f"{who} -1 or -2: a matrix has two axes, counted from the end",
        "-2 stands for `rows`, -1 for `cols`",
    )
    return None
