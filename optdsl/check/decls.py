"""Declarations: hyperparameters, slots and the names they define."""

from __future__ import annotations

from math import inf

from optdsl import ir, syntax
from optdsl.check.expr import axis_number, check_macro, infer_whole, number
from optdsl.check.names import OWNED_BY_KERAS, why_reserved
from optdsl.check.scope import Budget, Names, Place, Reporter, Scope
from optdsl.check.shapes import describe_shape, fits, real
from optdsl.intervals import Interval
from optdsl.ir import Kind, PerStep, SlotShape, Type

_KINDS = {"int": Kind.INT, "bool": Kind.BOOL}
_OTHER_KINDS = {"integer": "int", "boolean": "bool", "logical": "bool", "flag": "bool"}
_LATER_SHAPES = frozenset({"square"})
_DEFAULT_OF = {
    Kind.REAL: "a number, such as `0.9` or `1e-3`",
    Kind.INT: "a whole number, such as `5`",
    Kind.BOOL: "`true` or `false`",
}


def declare(spec: syntax.Spec, report: Reporter) -> Names:
    """Collects what a specification declares; reports reserved and repeated names.

    A hyperparameter whose name is declared again, as something else perhaps, gets no type: whatever
    uses the name may mean either.
    """
    hypers: dict[str, Type | None] = {}
    slots: dict[str, Type | None] = {}
    macros: dict[str, syntax.DefDecl] = {}
    names = Names(hypers, slots, macros)
    for member in spec.members:
        match member:
            case syntax.HyperDecl(name, kind_name):
                if _is_new(name, names, report, hyper=True):
                    kind = _KINDS.get(kind_name.text) if kind_name else Kind.REAL
                    hypers[name.text] = Type(kind, PerStep()) if kind else None
            case syntax.SlotDecl(idents, shape):
                quiet = Reporter()  # the shape's errors are reported by `slots_of`
                form = _slot_shape(shape, quiet)
                for name in idents:
                    if _is_new(name, names, report):
                        slots[name.text] = _slot(name, form).type if form else None
            case syntax.DefDecl(name, params):
                if _is_new(name, names, report):
                    macros[name.text] = member
                _check_params(params, report)
            case _:
                pass
    return names


def _is_new(name: syntax.Ident, names: Names, report: Reporter, *, hyper: bool = False) -> bool:
    """Whether a declaration defines a name; reserved names do, so that uses are not errors too."""
    previous = names.kind_of(name.text)
    if previous is not None:
        report.error(
            "duplicate-name",
            name.span,
            f"`{name.text}` is already {previous}",
            "give one of them another name",
        )
        if name.text in names.hypers:
            names.hypers[name.text] = None
        return False
    if not (hyper and name.text in OWNED_BY_KERAS):
        report_reserved(name, report)
    return True


def report_reserved(name: syntax.Ident, report: Reporter) -> bool:
    """Reports a name that a specification cannot define; gives whether it did."""
    reason = why_reserved(name.text)
    if reason is None:
        return False
    help_ = "choose another name"
    if name.text in OWNED_BY_KERAS:
        help_ = f"declare it with `hyper {name.text} = …`, or choose another name"
    report.error("reserved-name", name.span, f"`{name.text}` {reason}", help_)
    return True


def _check_params(params: tuple[syntax.Ident, ...], report: Reporter) -> None:
    seen: set[str] = set()
    for param in params:
        if param.text in seen:
            message = f"the parameter `{param.text}` is there twice"
            report.error("duplicate-name", param.span, message, "give each its own name")
        seen.add(param.text)
        report_reserved(param, report)


def check_macros(names: Names, report: Reporter) -> None:
    """Checks every macro's names, whether something calls it or not."""
    earlier: dict[str, syntax.DefDecl] = {}
    scope = Scope(names, report, Budget(), Place.STEP, set())
    for name, decl in names.macros.items():
        check_macro(decl, earlier, scope)
        earlier[name] = decl


# --- hyperparameters -----------------------------------------------------------------------------


def hyper_of(decl: syntax.HyperDecl, report: Reporter) -> ir.Hyper | None:
    """A hyperparameter; None, reported, if its kind, default or interval is wrong."""
    kind = _kind(decl, report)
    if kind is None:
        return None
    default = _default(decl, kind, report)
    interval = _interval(decl, kind, report)
    if default is None or interval is None:
        return None
    if kind is not Kind.BOOL and default not in interval:
        assert decl.interval is not None
        report.error(
            "default-out-of-range",
            decl.default.span,
            f"the default of `{decl.name.text}` is not in {interval}",
            "change the default or the interval",
        )
        return None
    doc = decl.doc.text if decl.doc else ""
    return ir.Hyper(decl.name.text, kind, default, interval, doc, decl.name.span)


def _kind(decl: syntax.HyperDecl, report: Reporter) -> Kind | None:
    if decl.kind is None:
        return Kind.REAL
    kind = _KINDS.get(decl.kind.text)
    if kind is None:
        word = decl.kind.text
        meant = _OTHER_KINDS.get(word) or report.closest(word, _KINDS)
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
    help_ = None
    if isinstance(decl.default, syntax.Boolean):
        help_ = f"for a switch, write `hyper {decl.name.text}: bool = …`"
    elif isinstance(decl.default, syntax.Name) and decl.default.text == "inf":
        help_ = "`inf` can only be the end of an interval"
    elif kind is Kind.INT:
        help_ = "write it without `.` and exponent, or leave out `: int`"
    report.error(
        "type-mismatch",
        decl.default.span,
        f"the default of `{decl.name.text}` must be {_DEFAULT_OF[kind]}",
        help_,
    )
    return None


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


# --- slots ---------------------------------------------------------------------------------------


def slots_of(decl: syntax.SlotDecl, scope: Scope) -> tuple[ir.Slot, ...]:
    """The slots of one declaration; none of them where the shape or initial value is wrong."""
    form = _slot_shape(decl.shape, scope.report)
    initial: ir.Expr | None = ir.Const(0.0, Type(Kind.REAL, PerStep()), decl.span)
    if decl.initial is not None:
        initial = infer_whole(decl.initial, scope)
    if form is None or initial is None:
        return ()
    slots = tuple(_slot(name, form, initial, decl) for name in decl.names)
    written = decl.initial
    if written is None:
        return slots
    if initial.type.kind is Kind.BOOL:
        help_ = "a slot holds real numbers: use 0 and 1"
        scope.error("type-mismatch", written.span, "the initial value is a boolean", help_)
        return ()
    if not fits(initial.type.shape, slots[0].type.shape):
        scope.error(
            "shape-mismatch",
            written.span,
            f"the initial value is {describe_shape(initial.type.shape)}, "
            f"but the slot holds {describe_shape(slots[0].type.shape)}",
            "a global slot starts from hyperparameters alone"
            if form[0] is SlotShape.GLOBAL
            else "reduce it, for example with `mean(…)`",
        )
        return ()
    return slots


def _slot(
    name: syntax.Ident,
    form: tuple[SlotShape, int | None],
    initial: ir.Expr | None = None,
    decl: syntax.SlotDecl | None = None,
) -> ir.Slot:
    value = initial or ir.Const(0.0, Type(Kind.REAL, PerStep()), name.span)
    doc = decl.doc.text if decl and decl.doc else ""
    value = real(value) if value.type.kind is Kind.INT else value
    return ir.Slot(name.text, form[0], form[1], value, doc, name.span)


def _slot_shape(
    shape: syntax.ShapeExpr | None, report: Reporter
) -> tuple[SlotShape, int | None] | None:
    """A slot's shape and axis; None, reported, where it is wrong."""
    if shape is None:
        return SlotShape.PARAM, None
    name = shape.name.text
    if name in _LATER_SHAPES:
        report.error("unsupported", shape.span, f"the shape `{name}` is not supported yet")
        return None
    known = {form.value: form for form in SlotShape}
    if name not in known:
        meant = report.closest(name, known)
        report.error(
            "undefined-name",
            shape.name.span,
            f"there is no shape `{name}`",
            f"did you mean `{meant}`?"
            if meant
            else "the shapes are `param`, `scalar`, `row`, `reduced(k)` and `global`",
        )
        return None
    form = known[name]
    if form is SlotShape.REDUCED:
        if shape.axis is None:
            help_ = "name the axis that is kept with size 1, as in `reduced(-1)`"
            report.error("bad-axis", shape.span, "`reduced` needs an axis", help_)
            return None
        axis = axis_number(shape.axis, report, "`reduced` takes")
        return None if axis is None else (form, axis)
    if shape.axis is not None:
        help_ = f"write `{name}`, or `reduced(k)` for a tensor without axis k"
        report.error("bad-argument", shape.span, f"the shape `{name}` takes no axis", help_)
        return None
    return form, None
