"""The checker: from the surface tree to the typed IR, with every error of a file in one run."""

from __future__ import annotations

from optdsl import ir, syntax
from optdsl.check.cases import cases, the_one_case
from optdsl.check.decls import check_macros, declare
from optdsl.check.hypers import hyper_of
from optdsl.check.names import why_reserved_class
from optdsl.check.scope import Budget, Reporter
from optdsl.check.wrapper import report_fix
from optdsl.diagnostics import Diagnostic


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
    for member in spec.members:
        match member:
            case syntax.HyperDecl():
                hyper = hyper_of(member, tuple(hypers), names, budget, report)
                hypers += [] if hyper is None else [hyper]
            case syntax.FixDecl():
                report_fix(member, report)
            case _:
                pass  # `cases` looks at those that make a case
    names.positive.update(each.name for each in hypers if _is_positive(each))
    if any(isinstance(member, syntax.CaseBlock) for member in spec.members):
        checked = cases(spec, names, report, budget)
    else:
        checked = (the_one_case(spec, names, report, budget),)
    if errors := report.errors():
        return None, errors
    doc = spec.doc.text if spec.doc else ""
    return ir.Optimizer(spec.name.text, doc, tuple(hypers), checked), ()


def _is_positive(hyper: ir.Hyper) -> bool:
    """Whether a whole hyperparameter is at least 1."""
    own = hyper.interval
    return hyper.kind is ir.Kind.INT and own.low + own.low_open >= 1


def _check_name(name: syntax.Ident, report: Reporter) -> None:
    reason = why_reserved_class(name.text)
    if reason is not None:
        message = f"an optimizer cannot be called `{name.text}`: it {reason}"
        report.error("reserved-name", name.span, message, "choose another name")
