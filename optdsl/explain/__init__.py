"""A specification in words: what it computes, keeps and costs, and what is proved of it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import assert_never

from optdsl import ir, syntax
from optdsl.analysis import CaseFacts, Facts
from optdsl.analysis.cost import FLOAT32_BYTES, Cost, size
from optdsl.analysis.domain import DomainReport
from optdsl.analysis.sparsity import Sparsity
from optdsl.format import format_expr
from optdsl.ops import OPS, Form
from optdsl.passes.lowering import Named, lowered_cases
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
    parts = [_of_case(known, optimizer.hypers, facts.source) for known in facts.cases]
    title_lines = _wrapped(f"{optimizer.name}: {title}" if title else optimizer.name)
    if optimizer.cases[0].name:
        several = [section for part in parts for section in part]
        sections = [_cases(optimizer.cases), _hypers(optimizer), _once(optimizer), *several]
    else:
        step, state, weights, across, *rest = parts[0]
        sections = [step, weights, _hypers(optimizer), state, across, _once(optimizer), *rest]
    sections.append(_allowed(facts))
    return [title_lines, *(section for section in sections if section)]


def _of_case(known: CaseFacts, hypers: tuple[ir.Hyper, ...], source: SourceFile) -> list[list[str]]:
    """What there is to say of a case: of one that has a name under headings that begin with it."""
    case = known.case
    sections = (
        ["Equations", *_indented(equations(case.step, 0))],
        _state(case, known.cost),
        _evaluation(case),
        _phases(case, hypers),
        _sparse(case, known.sparsity),
        _domain(known.domain, source),
    )
    name = f"`{case.name}`: " if case.name else ""
    return [[name + part[0], *part[1:]] if part else [] for part in sections]


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
        if isinstance(statement, ir.Repeat):
            lines += equations(statement.body, depth + 1)
        if isinstance(statement, ir.If):
            lines += equations(statement.then, depth + 1)
            if statement.orelse:
                lines.append(_INDENT * depth + "otherwise:")
                lines += equations(statement.orelse, depth + 1)
    return lines


def _cases(cases: tuple[ir.Case, ...]) -> list[str]:
    """Which variables each case is for, and as what it sees them."""
    rows = []
    for case in cases:
        which = "all others" if case.condition is None else f"where {text(case.condition)}"
        folded = "each as a matrix, all axes but the last folded into one"
        rows.append((case.name, which, folded if case.as_matrix else ""))
    title = "Cases: a variable is in the first that takes it, unless `cases` says otherwise"
    return [title, *_indented(_table(rows))]


def _evaluation(case: ir.Case) -> list[str]:
    if not case.evaluation:
        return []
    return ["While the model is evaluated", *_indented(equations(case.evaluation, 0))]


def _hypers(optimizer: ir.Optimizer) -> list[str]:
    if not optimizer.hypers:
        return []
    rows = []
    for hyper in optimizer.hypers:
        default = hyper.written or f"{hyper.default:g}"
        if hyper.kind is ir.Kind.BOOL:
            default = str(hyper.default).lower()
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
    first = ir.reads(case.step, ir.Role.FIRST)
    if not case.slots and not first:
        return ["State: none", *_indented([moved])]
    bytes_ = total.bytes_per_parameter
    large = [f"{bytes_} bytes per parameter in float32"] if bytes_ else []
    smaller = [f"`{name}`" for name in (*total.smaller, *["first"] * first)]
    title = f"State: {' and '.join([*large, *smaller])}"
    rows = [
        (slot.name, size(slot), f"starts at {text(slot.initial)}", " ".join(slot.doc.split()))
        for slot in case.slots
    ]
    if first:
        rows.append(("first", "one flag per variable", "starts at true", ""))
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


def _once(optimizer: ir.Optimizer) -> list[str]:
    scalars = [(scalar.name, text(scalar.value)) for scalar in once(optimizer)]
    of_all = {name for case in optimizer.cases for name in _names(case)}
    rows = [(name, f"= {text}") for name, text in scalars if name != text]
    given = [name for name, text in scalars if name == text and name not in of_all]
    lines = _table(rows) if rows else []
    if given:
        lines.append(f"{', '.join(given)}: as given")
    return ["Computed once per step, in float64", *_indented(lines)] if lines else []


def once(optimizer: ir.Optimizer) -> tuple[Named, ...]:
    """What is computed once per step; what a global slot becomes is called `new_` and its name."""
    cases = (replace(each, step=_with_new(each.step, _names(each))) for each in optimizer.cases)
    return lowered_cases(replace(optimizer, cases=tuple(cases)))[0].scalars


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


def _sparse(case: ir.Case, facts: Sparsity) -> list[str]:
    """What the two modes do with a gradient that has rows, and why."""
    if case.needs_all_rows:
        why = "the step is about a whole matrix"
        return ["Sparse gradients: written out with zeros, in any mode", f"{_INDENT}{why}"]
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
    lines = [f"Sparse gradients: {case.sparse}, unless `sparse_mode` says otherwise"]
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


def _allowed(facts: Facts) -> list[str]:
    """The warnings that the writer allows, with the reasons."""
    lines = []
    for it in facts.allowed:
        lines += _wrapped(f"line {it.line}: {it.code}: {it.reason}", _INDENT, _INDENT * 2)
    return ["Allowed", *lines] if lines else []


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
    op: str, args: tuple[syntax.Expr, ...], axis: ir.Axis | None, expr: ir.Call
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
            if op == "eye":
                return syntax.CallExpr(syntax.Ident(op, span), (where,), (), span)
            keyword = syntax.Keyword(syntax.Ident("axis", span), where, span)
            keywords = () if axis is None else (keyword,)
            return syntax.CallExpr(syntax.Ident(op, span), args, keywords, span)
        case _:
            assert_never(known.form)
