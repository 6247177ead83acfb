"""Hyperparameters: kinds, intervals, and defaults that are written or computed."""

from __future__ import annotations

from itertools import takewhile
from math import inf, isnan

from optdsl import ir, syntax
from optdsl.check.decls import KINDS
from optdsl.check.expr import infer_whole
from optdsl.check.literals import number
from optdsl.check.names import OWNED_BY_KERAS
from optdsl.check.scope import Budget, Names, Place, Reporter, Scope
from optdsl.check.shapes import real
from optdsl.defaults import interval_of, numbers, values_of
from optdsl.format import format_expr
from optdsl.intervals import Interval, normal
from optdsl.ir import Kind, PerStep, Type
from optdsl.records import replace

_OTHER_KINDS = {"integer": "int", "boolean": "bool", "logical": "bool", "flag": "bool"}
_DEFAULT_OF = {
    Kind.REAL: "a number, such as `0.9` or `1e-3`",
    Kind.INT: "a whole number, such as `5`",
    Kind.BOOL: "`true` or `false`",
}


def hyper_of(
    decl: syntax.HyperDecl,
    above: tuple[ir.Hyper, ...],
    names: Names,
    budget: Budget,
    report: Reporter,
) -> ir.Hyper | None:
    """A hyperparameter; None, reported, if its kind, default or interval is wrong.

    `above` are the hyperparameters that its default may read.
    """
    kind = _kind(decl, report)
    if kind is None:
        return None
    interval = _interval(decl, kind, report)
    if kind is Kind.REAL and not _is_literal(decl):
        default = _computed(decl, above, names, budget, report)
        if default is None or interval is None:
            return None
        hyper = _hyper(decl, kind, default, interval)
        return hyper if _stays_inside(hyper, above, decl, report) else None
    literal = _default(decl, kind, report)
    if literal is None or interval is None:
        return None
    if kind is not Kind.BOOL and literal not in interval:
        assert decl.interval is not None
        report.error(
            "default-out-of-range",
            decl.default.span,
            f"the default of `{decl.name.text}` is not in {interval}",
            "change the default or the interval",
        )
        return None
    return _hyper(decl, kind, literal, interval)


def _hyper(
    decl: syntax.HyperDecl, kind: Kind, default: float | int | bool | ir.Expr, interval: Interval
) -> ir.Hyper:
    doc = decl.doc.text if decl.doc else ""
    written = "" if _is_literal(decl) else format_expr(decl.default)
    return ir.Hyper(decl.name.text, kind, default, interval, doc, decl.name.span, written)


def _is_literal(decl: syntax.HyperDecl) -> bool:
    match decl.default:
        case syntax.Number() | syntax.Boolean() | syntax.Unary("-", syntax.Number()):
            return True
        case _:
            return False


def _kind(decl: syntax.HyperDecl, report: Reporter) -> Kind | None:
    if decl.kind is None:
        return Kind.REAL
    kind = KINDS.get(decl.kind.text)
    if kind is None:
        word = decl.kind.text
        meant = _OTHER_KINDS.get(word) or report.closest(word, KINDS)
        report.error(
            "undefined-name",
            decl.kind.span,
            f"there is no kind `{word}`: it is `int` or `bool`",
            f"did you mean `{meant}`?"
            if meant
            else f"leave it out for a real number: `hyper {decl.name.text} = …`",
        )
    elif decl.name.text in OWNED_BY_KERAS:
        report.error(
            "type-mismatch",
            decl.kind.span,
            f"`{decl.name.text}` is a real number in every Keras optimizer",
            f"leave out `: {decl.kind.text}`, or choose another name",
        )
        return None
    return kind


def _default(decl: syntax.HyperDecl, kind: Kind, report: Reporter) -> float | int | bool | None:
    match decl.default:
        case syntax.Boolean(value) if kind is Kind.BOOL:
            return value
        case syntax.Number() | syntax.Unary("-", syntax.Number()) if kind is not Kind.BOOL:
            found = signed(decl.default, report)
            if found is None:
                return None
            if kind is Kind.REAL:
                return float(found)
            if isinstance(found, int):
                return found
        case _:
            pass
    help_ = f"write `hyper {decl.name.text}: bool = false`"
    if isinstance(decl.default, syntax.Boolean):
        help_ = f"for a switch, write `hyper {decl.name.text}: bool = …`"
    elif kind is Kind.INT:
        help_ = "write it without `.` and exponent, or leave out `: int`"
        if not _is_literal(decl):
            help_ = "only a real default can be computed: write the number itself"
    report.error(
        "type-mismatch",
        decl.default.span,
        f"the default of `{decl.name.text}` must be {_DEFAULT_OF[kind]}",
        help_,
    )
    return None


def _computed(
    decl: syntax.HyperDecl,
    above: tuple[ir.Hyper, ...],
    names: Names,
    budget: Budget,
    report: Reporter,
) -> ir.Expr | None:
    """A default that is an expression of the hyperparameters above."""
    if decl.name.text in OWNED_BY_KERAS:
        report.error(
            "type-mismatch",
            decl.default.span,
            f"the default of `{decl.name.text}` must be {_DEFAULT_OF[Kind.REAL]}",
            "every Keras optimizer shows it as a number; let others be computed from it",
        )
        return None
    known = {hyper.name: Type(hyper.kind, PerStep()) for hyper in above}
    before = takewhile(lambda name: name != decl.name.text, names.hypers)
    readable = {name: known.get(name) for name in before}  # None for what has an error
    later = frozenset(names.hypers) - readable.keys()
    visible = replace(names, hypers=readable)
    scope = Scope(visible, report, budget, Place.DEFAULT, set(), later=later)
    value = infer_whole(decl.default, scope)
    if value is None:
        return None
    if value.type.kind is Kind.BOOL:
        report.error(
            "type-mismatch",
            decl.default.span,
            f"the default of `{decl.name.text}` must be a number, but this is a boolean",
            "`where(c, 1, 0)` makes a number of a boolean",
        )
        return None
    return real(value)


def _stays_inside(
    hyper: ir.Hyper, above: tuple[ir.Hyper, ...], decl: syntax.HyperDecl, report: Reporter
) -> bool:
    """Whether a computed default is in the interval, whatever the others are; reports where not."""
    assert hyper.computed is not None
    value = numbers((*above, hyper))[hyper.name]
    found = interval_of(hyper.computed, {one.name: values_of(one) for one in above})
    message = f"the default of `{hyper.name}` is not always in {hyper.interval}"
    where = f"`{hyper.name}` is {value:g} where the others have their defaults"
    if isnan(value):
        message = f"the default of `{hyper.name}` has no value"
        where = "the other hyperparameters have their defaults there"
        help_ = "change the expression or the other defaults"
    elif value not in hyper.interval:
        help_ = "change the expression or the interval"
    elif not found.within(normal(hyper.interval)):
        where = f"as far as the analysis can tell, it lies in {found}"
        help_ = "widen the interval, narrow those of the others, or write `clip(…, low, high)`"
    else:
        return True
    report.error(
        "default-out-of-range",
        decl.default.span,
        message,
        help_,
        (where,),
    )
    return False


def signed(expr: syntax.Expr, report: Reporter) -> float | int | None:
    """The value of a number, perhaps with a minus sign; None for anything else.

    Only a number that is out of range is reported.
    """
    match expr:
        case syntax.Number():
            literal = number(expr, report)
            return None if literal is None else literal.value
        case syntax.Unary("-", syntax.Number() as operand):
            literal = number(operand, report)
            return None if literal is None else -literal.value
        case _:
            return None


def _interval(decl: syntax.HyperDecl, kind: Kind, report: Reporter) -> Interval | None:
    written = decl.interval
    if written is None:
        return Interval(0, 1) if kind is Kind.BOOL else Interval(-inf, inf, True, True)
    if kind is Kind.BOOL:
        report.error(
            "bad-interval",
            written.span,
            f"`{decl.name.text}` is a boolean, and has no interval",
            "leave the interval out",
        )
        return None
    low = _end(written.low, kind, report)
    high = _end(written.high, kind, report)
    if low is None or high is None:
        return None
    for end, value, is_open in (
        (written.low, low, written.low_open),
        (written.high, high, written.high_open),
    ):
        if value in (inf, -inf) and not is_open:
            report.error(
                "bad-interval",
                end.span,
                "an infinite end is not a value, so the interval cannot include it",
                "use a round bracket on that side, as in `[0, inf)`",
            )
            return None
    interval = Interval(low, high, written.low_open, written.high_open)
    if _is_empty(interval, kind):
        whole = "whole " if kind is Kind.INT else ""
        swapped = Interval(high, low, written.low_open, written.high_open)
        report.error(
            "bad-interval",
            written.span,
            f"no {whole}number is in {interval}",
            f"did you mean {swapped}?" if low > high else "make it wider, or include its ends",
        )
        return None
    return interval


def _end(expr: syntax.Expr, kind: Kind, report: Reporter) -> float | None:
    match expr:
        case syntax.Name("inf"):
            return inf
        case syntax.Unary("-", syntax.Name("inf")):
            return -inf
        case syntax.Number() | syntax.Unary("-", syntax.Number()):
            value = signed(expr, report)
            if value is None or kind is Kind.REAL or isinstance(value, int):
                return None if value is None else float(value)
            message = "the ends of an `int` hyperparameter's interval are whole numbers"
            report.error("bad-interval", expr.span, message, "write it without `.` and exponent")
        case _:
            message = "the end of an interval is a number or `inf`"
            report.error("bad-interval", expr.span, message, "write the value itself")
    return None


def _is_empty(interval: Interval, kind: Kind) -> bool:
    if kind is Kind.INT and inf not in (-interval.low, interval.high):
        low = int(interval.low) + interval.low_open
        return low > int(interval.high) - interval.high_open
    if interval.low == interval.high:
        return interval.low_open or interval.high_open
    return interval.low > interval.high
