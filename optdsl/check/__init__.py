"""The checker: from the surface tree to the typed IR, with every error of a file in one run."""

from __future__ import annotations

from typing import assert_never

from optdsl import ir, syntax
from optdsl.check.decls import check_macros, declare, slots_of
from optdsl.check.hypers import hyper_of
from optdsl.check.names import why_reserved_class
from optdsl.check.scope import Budget, Names, Place, Reporter, Scope
from optdsl.check.step import check_step, updates_param
from optdsl.diagnostics import Diagnostic

_SPARSE_MODES = ("exact", "lazy")


def check(spec: syntax.Spec) -> tuple[ir.Optimizer | None, tuple[Diagnostic, ...]]:
    """Checks names, kinds, shapes and intervals, and builds the IR.

    Args:
        spec: A surface tree as the parser gives it.

    Returns:
        The optimizer, or None if there is an error; and all errors, in the order of the source.
    """
    report = Reporter()
    _check_name(spec.name, report)
    names = declare(spec, report)
    check_macros(names, report)
    budget = Budget()
    hypers: list[ir.Hyper] = []
    slots: list[ir.Slot] = []
    steps: list[syntax.StepBlock] = []
    evals: list[syntax.EvalBlock] = []
    sparse: list[syntax.SparseDecl] = []
    for member in spec.members:
        match member:
            case syntax.HyperDecl():
                hyper = hyper_of(member, tuple(hypers), names, budget, report)
                hypers += [] if hyper is None else [hyper]
            case syntax.SlotDecl():
                slots += slots_of(member, Scope(names, report, budget, Place.INITIAL, set()))
            case syntax.SparseDecl():
                sparse.append(member)
            case syntax.StepBlock():
                steps.append(member)
            case syntax.EvalBlock():
                evals.append(member)
            case syntax.UnsupportedBlock(what, span):
                report.error("unsupported", span, f"`{what}` is not supported yet")
            case syntax.DefDecl():
                pass
            case _:
                assert_never(member)
    step = _step(spec, steps, names, report, budget)
    evaluation = _evaluation(evals, Scope(names, report, budget, Place.EVAL, set()))
    mode = _sparse(sparse, report)
    errors = sorted(report.found.values(), key=lambda error: (error.span.start, error.span.end))
    if errors:
        return None, tuple(errors)
    doc = spec.doc.text if spec.doc else ""
    case = ir.Case("", tuple(slots), step, mode, evaluation)
    return ir.Optimizer(spec.name.text, doc, tuple(hypers), (case,)), ()


def _check_name(name: syntax.Ident, report: Reporter) -> None:
    reason = why_reserved_class(name.text)
    if reason is not None:
        message = f"an optimizer cannot be called `{name.text}`: it {reason}"
        report.error("reserved-name", name.span, message, "choose another name")


def _step(
    spec: syntax.Spec,
    steps: list[syntax.StepBlock],
    names: Names,
    report: Reporter,
    budget: Budget,
) -> tuple[ir.Stmt, ...]:
    if not steps and any(isinstance(member, syntax.UnsupportedBlock) for member in spec.members):
        return ()  # the steps of `case` blocks
    if not steps:
        report.error(
            "not-updated",
            spec.name.span,
            f"`{spec.name.text}` never updates `param`: it has no `step:`",
            "add a block `step:` with `param <- …`",
        )
        return ()
    for extra in steps[1:]:
        help_ = "write all statements in one block"
        report.error("duplicate-name", extra.span, "there is a `step:` already", help_)
    if not any(updates_param(step.body) for step in steps):
        report.error(
            "not-updated",
            steps[0].span,
            "this step never updates `param`",
            "add `param <- …`, for example `param <- param - learning_rate * grad`",
        )
    return check_step(steps[0].body, Scope(names, report, budget, Place.STEP, set()))


def _evaluation(blocks: list[syntax.EvalBlock], scope: Scope) -> tuple[ir.Stmt, ...]:
    """What `param` becomes for evaluation; nothing where the rule does not say."""
    for extra in blocks[1:]:
        help_ = "write all statements in one block"
        scope.error("duplicate-name", extra.span, "there is an `eval:` already", help_)
    if not blocks:
        return ()
    if not updates_param(blocks[0].body):
        help_ = "add `param <- …`, for example `param <- average`"
        scope.error("not-updated", blocks[0].span, "this `eval:` never updates `param`", help_)
    return check_step(blocks[0].body, scope)


def _sparse(decls: list[syntax.SparseDecl], report: Reporter) -> str:
    for extra in decls[1:]:
        help_ = "keep one of the two lines"
        report.error("duplicate-name", extra.span, "`sparse` is declared already", help_)
    for decl in decls:
        if decl.mode.text not in _SPARSE_MODES:
            meant = report.closest(decl.mode.text, _SPARSE_MODES)
            report.error(
                "bad-argument",
                decl.mode.span,
                f"`sparse` takes `exact` or `lazy`, not `{decl.mode.text}`",
                f"did you mean `{meant}`?" if meant else None,
            )
    return decls[0].mode.text if decls else "exact"
