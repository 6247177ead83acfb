"""Paths through a step: which of them leaves `param` as it is."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from optdsl import syntax
from optdsl.check.assigned import updates_param
from optdsl.check.scope import shorten
from optdsl.diagnostics import Diagnostic, Severity
from optdsl.format import format_expr
from optdsl.source import Span

_HELP = "write `param <- param` there, if the variable shall stay as it is"


def not_updated(step: syntax.StepBlock, positive: AbstractSet[str]) -> Diagnostic:
    """The error of a step that does not update `param` on every path.

    `positive` are hyperparameters that say of a `repeat` that it has a round.
    """
    if not updates_param(step.body, positive):
        help_ = "add `param <- …`, for example `param <- param - learning_rate * grad`"
        return _error(step.span, "this step never updates `param`", help_)
    return _left_out(step.body, positive)


def _left_out(body: tuple[syntax.Stmt, ...], positive: AbstractSet[str]) -> Diagnostic:
    """The error at the first branch without an update beside one that has one."""
    for statement in body:
        if not updates_param((statement,), positive):
            continue
        match statement:
            case syntax.When():
                return _in_branches(statement, positive)
            case syntax.Repeat(_, inner):
                return _left_out(inner, positive)
            case _:
                pass
    raise AssertionError("some path updates `param`, and it is in a branch")


def _in_branches(when: syntax.When, positive: AbstractSet[str]) -> Diagnostic:
    """The error of a `when` that updates `param` on some path and not on others."""
    for branch in (when.body, when.otherwise):
        some, every = (updates_param(branch, positive, always=always) for always in (False, True))
        if some and not every:
            return _left_out(branch, positive)
    condition = f"`{shorten(format_expr(when.condition))}`"
    if not updates_param(when.body, positive):
        return _error(when.span, f"`param` is not updated where {condition} holds", _HELP)
    message = f"`param` is not updated where {condition} does not hold"
    if when.otherwise_span is not None:
        return _error(when.otherwise_span, message, _HELP)
    help_ = "add `otherwise:` with `param <- …`; `param <- param` leaves the variable as it is"
    return _error(when.span, message, help_)


def _error(span: Span, message: str, help_: str) -> Diagnostic:
    return Diagnostic("not-updated", Severity.ERROR, message, span, (), help_)
