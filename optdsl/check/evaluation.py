"""`eval:` blocks: what `param` is while a model is evaluated."""

from __future__ import annotations

from optdsl import ir, syntax
from optdsl.check.assigned import updates_param
from optdsl.check.scope import Scope
from optdsl.check.step import check_step


def evaluation(blocks: tuple[syntax.EvalBlock, ...], scope: Scope) -> tuple[ir.Stmt, ...]:
    """What `param` becomes for evaluation; nothing where the rule does not say."""
    for extra in blocks[1:]:
        help_ = "write all statements in one block"
        scope.error("duplicate-name", extra.span, "there is an `eval:` already", help_)
    if not blocks:
        return ()
    if not updates_param(blocks[0].body, scope.names.positive):
        help_ = "add `param <- …`, for example `param <- average`"
        scope.error("not-updated", blocks[0].span, "this `eval:` never updates `param`", help_)
    return check_step(blocks[0].body, scope)
