"""A specification in words: what it computes, keeps and costs, and what is proved of it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import assert_never

from optdsl import ir, syntax
from optdsl.analysis import Facts
from optdsl.analysis.cost import FLOAT32_BYTES, Cost, size
from optdsl.analysis.domain import DomainReport
from optdsl.analysis.sparsity import Sparsity
from optdsl.format import format_expr
from optdsl.ops import OPS, Form
from optdsl.passes.lowering import Named, lower
from optdsl.passes.phases import phases
from optdsl.records import replace
from optdsl.source import SourceFile

_WIDTH = 100
_INDENT = "    "


def explain(facts: Facts) -> str:
    """What an optimizer does, for a person: text that ends in a newline."""
    return "\n\n".join("\n".join(section) for section in _sections(facts)) + "\n"


def explain_markdown(facts: Facts) -> str:
    """The same as a Markdown page."""
    title, *sections = _sections(facts)
    lines = [f"# {' '.join(title)}"]
    for line in (line for section in sections for line in section):
        if line.startswith(_INDENT):
            lines.append(line)  # indented text is shown as it is
        else:
            lines += ["", f"## {line}", ""]
    return "\n".join(lines) + "\n"


def _sections(facts: Facts) -> list[list[str]]:
    """A title, and parts that are a heading and indented lines."""
    optimizer = facts.optimizer
    title = optimizer.doc.strip().split("\n\n")[0].replace("\n", " ")
    (known,) = facts.cases
    case = known.case
    sections = (
        _wrapped(f"{optimizer.name}: {title}" if title else optimizer.name),
        ["Equations", *_indented(equations(case.step, 0))],
        _hypers(optimizer),
        _state(case, known.cost),
        _phases(case, optimizer.hypers),
        _once(case, optimizer.hypers),
        _sparse(case.sparse, known.sparsity),
        _domain(known.domain, facts.source),
    )
    return [section for section in sections if section]


# --- text ----------------------------------------------------------------------------------------


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"{_INDENT}{line}" for line in lines]


def _wrapped(text: str, first: str = "", rest: str = "") -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns that stand under each other, two spaces apart."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


# --- sections ------------------------------------------------------------------------------------


def equations(body: tuple[ir.Stmt, ...], depth: int) -> list[str]:
    """The statements as they are written, a line each."""
    lines = []
    for statement in body:
        lines.append(_INDENT * depth + statement.equation)
        if isinstance(statement, ir.If):
            lines += equations(statement.then, depth + 1)
            if statement.orelse:
                lines.append(_INDENT * depth + "otherwise:")
                lines += equations(statement.orelse, depth + 1)
    return lines


def _hypers(optimizer: ir.Optimizer) -> list[str]:
    if not optimizer.hypers:
        return []
    rows = []
    for hyper in optimizer.hypers:
        default = str(hyper.default).lower() if hyper.kind is ir.Kind.BOOL else f"{hyper.default:g}"
        kind = "true or false" if hyper.kind is ir.Kind.BOOL else f"in {hyper.interval}"
        whole = "whole, " if hyper.kind is ir.Kind.INT else ""
        rows.append((hyper.name, default, whole + kind, " ".join(hyper.doc.split())))
    return ["Hyperparameters", *_indented(_table(rows))]


def _state(case: ir.Case, total: Cost) -> list[str]:
    moved = (
        f"A dense step reads {_count(total.reads, 'tensor')} and writes "
        f"{_count(total.writes, 'tensor')} as large as the variable: "
        f"{FLOAT32_BYTES * (total.reads + total.writes)} bytes per parameter."
    )
    if not case.slots:
        return ["State: none", *_indented([moved])]
    bytes_ = total.bytes_per_parameter
    large = [f"{bytes_} bytes per parameter in float32"] if bytes_ else []
    title = f"State: {' and '.join([*large, *(f'`{name}`' for name in total.smaller)])}"
    rows = [
        (slot.name, size(slot), f"starts at {text(slot.initial)}", " ".join(slot.doc.split()))
        for slot in case.slots
    ]
    return [title, *_indented(_table(rows)), *_indented([moved])]


def _phases(case: ir.Case, hypers: tuple[ir.Hyper, ...]) -> list[str]:
    """What is added up over all variables, and what that parts the step into."""
    measures = phases(case, hypers).measures
    if not measures:
        return []
    lines = []
    for number, measure in enumerate(measures, start=1):
        lines.append(f"{number}  adds up, over all variables with a gradient:")
        lines += [f"       {text(call)}" for call in measure.calls]
    given = [f"`{name}`" for name in dict.fromkeys(ir.updated(case.step)) if name in _names(case)]
    if given:
        lines.append(f"   then {', '.join(given)}, once for all variables")
    lines.append(f"{len(measures) + 1}  updates each variable and its slots")
    sums = "a sum" if sum(len(one.calls) for one in measures) == 1 else "sums"
    title = f"Phases: {len(measures) + 1}, since {sums} over all variables must be known in between"
    return [title, *_indented(lines)]


def _names(case: ir.Case) -> set[str]:
    return {slot.name for slot in case.global_slots}


def _once(case: ir.Case, hypers: tuple[ir.Hyper, ...]) -> list[str]:
    scalars = [(scalar.name, text(scalar.value)) for scalar in once(case, hypers)]
    rows = [(name, f"= {text}") for name, text in scalars if name != text]
    given = [name for name, text in scalars if name == text and name not in _names(case)]
    lines = _table(rows) if rows else []
    if given:
        lines.append(f"{', '.join(given)}: as given")
    return ["Computed once per step, in float64", *_indented(lines)] if lines else []


def once(case: ir.Case, hypers: tuple[ir.Hyper, ...]) -> tuple[Named, ...]:
    """What is computed once per step; what a global slot becomes is called `new_` and its name."""
    body = _with_new(case.step, _names(case))
    return lower(replace(case, step=body), hypers).scalars


def _with_new(body: tuple[ir.Stmt, ...], names: set[str]) -> tuple[ir.Stmt, ...]:
    done: list[ir.Stmt] = []
    for statement in body:
        match statement:
            case ir.Set(name, value, equation, span) if name in names:
                done.append(ir.Let(f"new_{name}", value, equation, span))
            case ir.If(_, then, orelse):
                sides = {"then": _with_new(then, names), "orelse": _with_new(orelse, names)}
                done.append(replace(statement, **sides))
            case _:
                done.append(statement)
    return tuple(done)


def _sparse(declared: str, facts: Sparsity) -> list[str]:
    """What the two modes do with a gradient that has rows, and why."""
    if facts.touched_rows:
        exact = "touches only the rows with a gradient, and gives what the dense step gives:"
        below = f"variables of rank {facts.min_rank - 1} and below take the dense step"
        reasons = [*facts.reasons, below] if facts.min_rank > 1 else list(facts.reasons)
    else:
        exact = "runs the dense step on the whole variable:"
        reasons = list(facts.reasons)
    lazy = "updates the rows with a gradient, and leaves the variable and its slots elsewhere"
    if not facts.row_local:
        lazy += "; what mixes rows sees these rows only"
    lines = [f"Sparse gradients: {declared}, unless `sparse_mode` says otherwise"]
    lines += _indented([f"exact  {exact}"])
    for reason in reasons:
        lines += _wrapped(reason, f"{_INDENT}       - ", f"{_INDENT}         ")
    return lines + _wrapped(lazy, f"{_INDENT}lazy   ", f"{_INDENT}       ")


def _domain(report: DomainReport, source: SourceFile) -> list[str]:
    """What keeps `/`, `sqrt`, `log` and `^` defined, and where nothing does."""
    rows = [
        (
            _SIGNS.get(proof.operation, proof.operation),
            proof.text,
            f"in {proof.interval}",
            f"never {proof.never}",
        )
        for proof in report.proofs
    ]
    lines = ["Proved, over the real numbers", *_indented(_table(rows))] if rows else []
    if report.diagnostics:
        lines += ["Not proved"]
        for finding in report.diagnostics:
            line = source.position(finding.span.start).line
            lines += _wrapped(
                f"line {line}: {'; '.join((finding.message, *finding.notes))}",
                _INDENT,
                _INDENT * 2,
            )
    return lines


_SIGNS = {op.name: op.symbol for op in OPS.values() if op.symbol}


# --- expressions ---------------------------------------------------------------------------------


def text(expr: ir.Expr) -> str:
    """An expression as one writes it."""
    return format_expr(_surface(expr))


def _surface(expr: ir.Expr) -> syntax.Expr:
    """An expression as a person would have written it."""
    span = expr.span
    match expr:
        case ir.Const(bool(value)):
            return syntax.Boolean(value, span)
        case ir.Const(value):
            return syntax.Number(repr(value).removesuffix(".0"), span)
        case ir.Ref(name):
            return syntax.Name(name, span)
        case ir.Old(name):
            return syntax.CallExpr(syntax.Ident("old", span), (syntax.Name(name, span),), (), span)
        case ir.Call(op, args, axis):
            return _surface_call(op, tuple(_surface(arg) for arg in args), axis, expr)
        case _:
            assert_never(expr)


def _surface_call(
    op: str, args: tuple[syntax.Expr, ...], axis: int | str | None, expr: ir.Call
) -> syntax.Expr:
    span, known = expr.span, OPS[op]
    match known.form:
        case Form.IMPLICIT:
            return args[0]
        case Form.INFIX:
            return syntax.Binary(known.symbol, args[0], args[1], span)
        case Form.PREFIX:
            return syntax.Unary(known.symbol, args[0], span)
        case Form.FUNCTION:
            where: syntax.Expr = syntax.Name(str(axis), span)
            keyword = syntax.Keyword(syntax.Ident("axis", span), where, span)
            keywords = () if axis is None else (keyword,)
            return syntax.CallExpr(syntax.Ident(op, span), args, keywords, span)
        case _:
            assert_never(known.form)
