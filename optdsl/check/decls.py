"""Declarations: slots, and the names that all declarations define."""

from __future__ import annotations

from optdsl import ir, syntax
from optdsl.check.expr import check_macro, infer_whole
from optdsl.check.literals import axis_number, matrix_axis
from optdsl.check.names import OWNED_BY_KERAS, why_reserved
from optdsl.check.scope import Budget, Names, Place, Reporter, Scope
from optdsl.check.shapes import describe_shape, fits, real
from optdsl.ir import Kind, PerStep, SlotShape, Type

KINDS = {"int": Kind.INT, "bool": Kind.BOOL}
_WITH_AXIS = {
    SlotShape.REDUCED: "the axis that is kept with size 1",
    SlotShape.KEEP: "the only axis that keeps its size",
}


def declare(spec: syntax.Spec, report: Reporter) -> Names:
    """Collects what a specification declares; reports reserved and repeated names.

    A hyperparameter whose name is declared again, as something else perhaps, gets no type: whatever
    uses the name may mean either.
    """
    hypers: dict[str, Type | None] = {}
    slots: dict[str, Type | None] = {}
    macros: dict[str, syntax.DefDecl] = {}
    names = Names(hypers, slots, macros, set())
    for member in spec.members:
        match member:
            case syntax.HyperDecl(name, kind_name):
                if _is_new(name, names, report, hyper=True):
                    kind = KINDS.get(kind_name.text) if kind_name else Kind.REAL
                    hypers[name.text] = Type(kind, PerStep()) if kind else None
            case syntax.SlotDecl():
                declare_slots(member, names, report)
            case syntax.DefDecl(name, params):
                if _is_new(name, names, report):
                    macros[name.text] = member
                _check_params(params, report)
            case _:
                pass
    return names


def declare_slots(decl: syntax.SlotDecl, names: Names, report: Reporter) -> None:
    """Collects the slots of a declaration, as `declare` does."""
    quiet = Reporter()  # the shape's errors are reported by `slots_of`
    form = _slot_shape(decl.shape, quiet)
    for name in decl.names:
        if _is_new(name, names, report):
            names.slots[name.text] = _slot(name, form).type if form else None


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
    known = {form.value: form for form in SlotShape}
    if name not in known:
        meant = report.closest(name, known)
        report.error(
            "undefined-name",
            shape.name.span,
            f"there is no shape `{name}`",
            f"did you mean `{meant}`?"
            if meant
            else "the shapes are `param`, `scalar`, `row`, `reduced(k)`, `keep(k)`, `square(k)` "
            "and `global`",
        )
        return None
    form = known[name]
    if form in _WITH_AXIS:
        if shape.axis is None:
            help_ = f"name {_WITH_AXIS[form]}, as in `{name}(-1)`"
            report.error("bad-axis", shape.span, f"`{name}` needs an axis", help_)
            return None
        axis = axis_number(shape.axis, report, f"`{name}` takes")
        return None if axis is None else (form, axis)
    if form is SlotShape.SQUARE:
        if shape.axis is None:
            help_ = "write `square(-2)` for rows × rows, `square(-1)` for cols × cols"
            report.error("bad-axis", shape.span, "`square` needs an axis", help_)
            return None
        axis = matrix_axis(shape.axis, report, "`square` takes")
        return None if axis is None else (form, axis)
    if shape.axis is not None:
        help_ = f"write `{name}`, or `reduced(k)` for a tensor without axis k"
        report.error("bad-argument", shape.span, f"the shape `{name}` takes no axis", help_)
        return None
    return form, None
