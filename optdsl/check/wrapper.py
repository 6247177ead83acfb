"""The checker for wrappers: what surrounds the step of a rule that is not known yet."""

from __future__ import annotations

from optdsl import ir, syntax
from optdsl.check.decls import check_macros, declare, slots_of
from optdsl.check.evaluation import evaluation
from optdsl.check.hypers import hyper_of
from optdsl.check.names import why_reserved_class
from optdsl.check.scope import Budget, Place, Reporter, Scope
from optdsl.check.step import check_step
from optdsl.diagnostics import Diagnostic
from optdsl.ir import Kind, PerStep, Type

RATE = "learning_rate"


def check_wrapper(spec: syntax.Spec) -> tuple[ir.Wrapper | None, tuple[Diagnostic, ...]]:
    """Checks names, kinds, shapes and intervals of a wrapper, and builds its IR.

    Returns:
        The wrapper, or None if there is an error; and all errors, in the order of the source.
    """
    report = Reporter()
    if (reason := why_reserved_class(spec.name.text)) is not None:
        message = f"a wrapper cannot be called `{spec.name.text}`: it {reason}"
        report.error("reserved-name", spec.name.span, message, "choose another name")
    names = declare(spec, report)
    own_rate = RATE in names.hypers
    names.hypers.setdefault(RATE, Type(Kind.REAL, PerStep()))
    check_macros(names, report)
    budget = Budget()
    hypers: list[ir.Hyper] = []
    slots: list[ir.Slot] = []
    for member in spec.members:
        match member:
            case syntax.HyperDecl():
                hyper = hyper_of(member, tuple(hypers), names, budget, report)
                hypers += [] if hyper is None else [hyper]
            case syntax.SlotDecl():
                slots += slots_of(member, Scope(names, report, budget, Place.INITIAL, set()))
            case syntax.StepBlock() | syntax.DefDecl() | syntax.EvalBlock():
                pass
            case _:
                _report_foreign(member, report)
    body = _step(spec, report)
    scope = Scope(names, report, budget, Place.STEP, set(), wraps=True)
    step = check_step(body, scope)
    evals = tuple(each for each in spec.members if isinstance(each, syntax.EvalBlock))
    weights = evaluation(evals, Scope(names, report, budget, Place.EVAL, set()))
    if errors := report.errors():
        return None, errors
    place = next(i for i, each in enumerate(body) if isinstance(each, syntax.Inner))
    before, after = step[:place], step[place + 1 :]
    for part in ir.all_parts(before):
        if isinstance(part, ir.Old):
            message = f"`old({part.name})` is what it was when `inner` began"
            report.error("bad-argument", part.span, message, "read it after `inner`")
    read = {name for expr in ir.expressions((*step, *weights)) for name in ir.names(expr)}
    read |= {name for slot in slots for name in ir.names(slot.initial)}
    doc = spec.doc.text if spec.doc else ""
    found = ir.Wrapper(
        spec.name.text,
        doc,
        tuple(hypers),
        tuple(slots),
        before,
        after,
        reads_rate=not own_rate and RATE in read,
        evaluation=weights,
    )
    errors = report.errors()
    return (None if errors else found), errors


def _report_foreign(member: syntax.Member, report: Reporter) -> None:
    """Reports a line that a wrapper does not have."""
    match member:
        case syntax.SparseDecl():
            help_ = "remove the line: the rule that is wrapped says it"
            report.error("bad-argument", member.span, "a wrapper has no `sparse` line", help_)
        case syntax.FixDecl():
            report_fix(member, report)
        case syntax.CaseBlock():
            help_ = "write its statements for all variables; `when` may ask for `rank`"
            report.error("bad-case", member.span, "a wrapper has no cases", help_)
        case _:
            raise AssertionError(f"not foreign to a wrapper: {member}")


def report_fix(member: syntax.FixDecl, report: Reporter) -> None:
    """Reports a `fix` outside of a composition."""
    help_ = "give the value where the name is read"
    report.error("bad-argument", member.span, "only a composition can `fix` a value", help_)


def _step(spec: syntax.Spec, report: Reporter) -> tuple[syntax.Stmt, ...]:
    """The statements of the one `step:`, with `inner` once at its top level."""
    steps = [member for member in spec.members if isinstance(member, syntax.StepBlock)]
    for extra in steps[1:]:
        help_ = "write all statements in one block"
        report.error("duplicate-name", extra.span, "there is a `step:` already", help_)
    if not steps:
        message = f"the wrapper `{spec.name.text}` has no `step:`"
        report.error("not-updated", spec.name.span, message, "add a block `step:` with `inner`")
        return ()
    body = steps[0].body
    top = [each for each in body if isinstance(each, syntax.Inner)]
    for again in top[1:]:
        report.error("duplicate-name", again.span, "`inner` is there already", "keep one of them")
    nested = [each for block in body for each in _nested(block)]
    for each in nested:
        help_ = "put it at the top level of `step:`: the rule takes every step, once"
        report.error("bad-argument", each.span, "`inner` stands in a block", help_)
    if not top and not nested:
        message = "this wrapper never takes the step of the rule: it has no `inner`"
        report.error("not-updated", steps[0].span, message, "add a line `inner`")
    return body


def _nested(statement: syntax.Stmt) -> list[syntax.Inner]:
    """Each `inner` in a block of statements."""
    match statement:
        case syntax.When(_, body, otherwise):
            inside = (*body, *otherwise)
        case syntax.Repeat(_, body):
            inside = body
        case _:
            return []
    top = [each for each in inside if isinstance(each, syntax.Inner)]
    return top + [each for block in inside for each in _nested(block)]
