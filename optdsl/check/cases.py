"""`case` blocks: which variables each is for, and what it may hold."""

from __future__ import annotations

from typing import assert_never

from optdsl import ir, syntax
from optdsl.check.across import report_faults
from optdsl.check.assigned import updates_param
from optdsl.check.decls import declare_slots, report_reserved, slots_of
from optdsl.check.evaluation import evaluation
from optdsl.check.expr import infer_whole
from optdsl.check.matrices import check_axes, uses_matrices
from optdsl.check.paths import not_updated
from optdsl.check.scope import Budget, Names, Place, Reporter, Scope
from optdsl.check.shapes import describe_kind
from optdsl.check.step import check_step
from optdsl.check.wrapper import report_fix
from optdsl.ir import Kind, Role
from optdsl.ops import OPS
from optdsl.records import record, replace

_SPARSE_MODES = ("exact", "lazy")


@record
class Block:
    """A `step`, and what it stands among: the members of a case, or those outside of cases.

    `owner` is what a `step` that is missing is missing in.
    """

    owner: syntax.Ident
    slots: tuple[syntax.SlotDecl, ...]
    sparse: tuple[syntax.SparseDecl, ...]
    steps: tuple[syntax.StepBlock, ...]
    evals: tuple[syntax.EvalBlock, ...]


def block(owner: syntax.Ident, members: tuple[syntax.Member, ...]) -> Block:
    """The members that make a case."""
    return Block(
        owner,
        tuple(each for each in members if isinstance(each, syntax.SlotDecl)),
        tuple(each for each in members if isinstance(each, syntax.SparseDecl)),
        tuple(each for each in members if isinstance(each, syntax.StepBlock)),
        tuple(each for each in members if isinstance(each, syntax.EvalBlock)),
    )


def the_one_case(spec: syntax.Spec, names: Names, report: Reporter, budget: Budget) -> ir.Case:
    """The case of a specification without `case` blocks: its name is empty."""
    own = block(spec.name, spec.members)
    scope = Scope(names, report, budget, Place.INITIAL, set())
    slots = tuple(slot for decl in own.slots for slot in slots_of(decl, scope))
    step = _step(own, names, report, budget)
    weights = evaluation(own.evals, Scope(names, report, budget, Place.EVAL, set()))
    case = ir.Case("", slots, step, _sparse(own.sparse, report), evaluation=weights)
    return _checked(case, own, report)


def cases(spec: syntax.Spec, names: Names, report: Reporter, budget: Budget) -> tuple[ir.Case, ...]:
    """The cases of a specification that has `case` blocks."""
    outside = block(spec.name, spec.members)
    strays = [("step:", each.span) for each in outside.steps]
    strays += [("sparse", each.span) for each in outside.sparse]
    strays += [("eval:", each.span) for each in outside.evals]
    for what, span in strays:
        message = f"`{what}` stands outside of the cases"
        report.error("bad-case", span, message, "each case has its own: move it into one")
    blocks = [each for each in spec.members if isinstance(each, syntax.CaseBlock)]
    _check_names(blocks, report)
    _check_order(blocks, report)
    scope = Scope(names, report, budget, Place.INITIAL, set())
    shared = tuple(slot for decl in outside.slots for slot in slots_of(decl, scope))
    return tuple(_case(each, shared, names, report, budget) for each in blocks)


def _case(
    decl: syntax.CaseBlock,
    shared: tuple[ir.Slot, ...],
    names: Names,
    report: Reporter,
    budget: Budget,
) -> ir.Case:
    own = block(decl.name, decl.members)
    inside = replace(names, slots=dict(names.slots))
    for slot in own.slots:
        declare_slots(slot, inside, report)
    for member in decl.members:
        _check_member(member, inside, report)
    condition = _condition(decl.condition, inside, report, budget)
    scope = Scope(inside, report, budget, Place.INITIAL, set())
    slots = tuple(slot for each in own.slots for slot in slots_of(each, scope))
    step = _step(own, inside, report, budget)
    folded = _is_folded(decl.as_matrix, report)
    mode = _sparse(own.sparse, report)
    weights = evaluation(own.evals, Scope(inside, report, budget, Place.EVAL, set()))
    case = ir.Case(decl.name.text, (*shared, *slots), step, mode, condition, folded, weights)
    return _checked(case, own, report)


def _check_member(member: syntax.Member, names: Names, report: Reporter) -> None:
    """Reports what cannot stand in a case; uses of a name that it declares are no errors too."""
    help_ = "move it up, before the cases"
    match member:
        case syntax.HyperDecl(name):
            report.error("bad-case", member.span, "`hyper` stands inside of a case", help_)
            names.hypers.setdefault(name.text, None)
        case syntax.DefDecl(name):
            report.error("bad-case", member.span, "`def` stands inside of a case", help_)
            names.macros.setdefault(name.text, member)
        case syntax.CaseBlock():
            help_ = "write one condition, with `and`, for each case"
            report.error("bad-case", member.span, "a case stands inside of a case", help_)
        case syntax.FixDecl():
            report_fix(member, report)
        case syntax.SlotDecl() | syntax.SparseDecl() | syntax.StepBlock() | syntax.EvalBlock():
            pass
        case _:
            assert_never(member)


def _check_names(blocks: list[syntax.CaseBlock], report: Reporter) -> None:
    """Reports names that are not those of one case alone, or would be the same in Python."""
    seen: dict[str, str] = {}
    for name in (decl.name for decl in blocks):
        if report_reserved(name, report):
            continue
        key = name.text.replace("_", "").lower()
        if key in seen:
            message = f"there is a case `{seen[key]}` already"
            report.error("duplicate-name", name.span, message, "give one of them another name")
        seen.setdefault(key, name.text)


def _check_order(blocks: list[syntax.CaseBlock], report: Reporter) -> None:
    for decl in blocks[:-1]:
        if decl.condition is None:
            report.error(
                "bad-case",
                decl.span,
                f"the case `{decl.name.text}` takes every variable: those after it get none",
                f"write `case {decl.name.text} if …:`, or move it to the end",
            )
    last = blocks[-1]
    if last.condition is not None:
        report.error(
            "bad-case",
            last.condition.span,
            "the last case has a condition: what happens to the other variables?",
            "leave the condition out, or add another case after it, such as `case rest:`",
        )


def _is_folded(words: syntax.Ident | None, report: Reporter) -> bool:
    if words is not None and words.text != "as matrix":
        message = f"expected `as matrix`, found `{words.text}`"
        report.error("syntax", words.span, message, "write `case name as matrix if condition:`")
    return words is not None


def _condition(
    expr: syntax.Expr | None, names: Names, report: Reporter, budget: Budget
) -> ir.Expr | None:
    """A condition that can be decided when state is made; None where it is wrong, too."""
    if expr is None:
        return None
    scope = Scope(names, report, budget, Place.CONDITION, set())
    value = infer_whole(expr, scope)
    if value is None:
        return None
    if value.type.kind is not Kind.BOOL:
        scope.error(
            "type-mismatch",
            expr.span,
            f"the condition of a case must be a boolean, but this is "
            f"{describe_kind(value.type.kind)}",
            "compare it with something, for example `if rank == 2:`",
        )
        return None
    parts = sorted(ir.parts(value), key=lambda part: isinstance(part, ir.Call))
    return value if all(_is_decided(part, scope) for part in parts) else None


def _is_decided(part: ir.Expr, scope: Scope) -> bool:
    """Whether a part of a condition has the same value in every step; reports it if not."""
    match part:
        case ir.Ref(name, Role.HYPER) if part.type.kind is Kind.REAL:
            message = f"`{name}` is a real hyperparameter, which can change from step to step"
            help_ = f"use dimensions and switches: `hyper {name}: int = …` or `: bool = …`"
        case ir.Ref(name, Role.COUNTER):
            message = f"`{name}` changes from step to step, and a variable stays in its case"
            help_ = "use `when` in the case's step"
        case ir.Call("div" | "mod", (_, ir.Const(divisor))) if divisor != 0:
            return True
        case ir.Call(op) if not OPS[op].plain:
            message = f"`{OPS[op].symbol or op}` cannot be used in the condition of a case"
            help_ = "compare whole numbers: write `rows > 2 * cols`, not `rows / cols > 2`"
        case _:
            return True
    scope.error("bad-case", part.span, message, help_)
    return False


# --- what every case has -------------------------------------------------------------------------


def _step(own: Block, names: Names, report: Reporter, budget: Budget) -> tuple[ir.Stmt, ...]:
    if not own.steps:
        report.error(
            "not-updated",
            own.owner.span,
            f"`{own.owner.text}` never updates `param`: it has no `step:`",
            "add a block `step:` with `param <- …`",
        )
        return ()
    for extra in own.steps[1:]:
        help_ = "write all statements in one block"
        report.error("duplicate-name", extra.span, "there is a `step:` already", help_)
    if not any(updates_param(step.body, names.positive, always=True) for step in own.steps):
        report.add(not_updated(own.steps[0], names.positive))
    return check_step(own.steps[0].body, Scope(names, report, budget, Place.STEP, set()))


def _checked(case: ir.Case, own: Block, report: Reporter) -> ir.Case:
    """The case, with what follows if it uses matrices; reports what does not go with that."""
    report_faults(case, report)
    if uses_matrices(case.slots, case.step):
        case = replace(case, uses_matrices=True)
        check_axes(case.slots, case.step, report)
    if case.sparse == "lazy" and case.needs_all_rows:
        report.error(
            "bad-argument",
            own.sparse[0].span,
            "`sparse lazy` updates single rows, and this step needs a whole matrix",
            "leave the line out: a sparse gradient is then written out with zeros",
        )
    return case


def _sparse(decls: tuple[syntax.SparseDecl, ...], report: Reporter) -> str:
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
                f"did you mean `{meant}`?" if meant else "write `sparse exact` or `sparse lazy`",
            )
    return decls[0].mode.text if decls else "exact"
