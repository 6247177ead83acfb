"""The statements of `step:`: order, locals, updates and branches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import assert_never

from optdsl import ir, syntax
from optdsl.check.decls import report_reserved
from optdsl.check.expr import infer_whole
from optdsl.check.names import GIVEN
from optdsl.check.scope import Scope
from optdsl.check.shapes import broadcast, describe_kind, describe_shape, fits, join, real
from optdsl.format import format_statement
from optdsl.ir import Kind, PerStep, Tensor, Type
from optdsl.records import replace


@dataclass(slots=True)
class Flow:
    """What is known at one point of the step; a branch works on a copy.

    `hidden` are the locals that an earlier `when` assigns in one branch only; `elsewhere` those of
    the other branch, which can be assigned in this one, too. `given` are the global slots that have
    their new values; `differs` says that some variables may not get here.
    """

    locals: dict[str, Type | None] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    elsewhere: frozenset[str] = frozenset()
    given: set[str] = field(default_factory=set)
    differs: bool = False

    def branch(self, condition: ir.Expr | None, other: Flow | None = None) -> Flow:
        """The same knowledge for a branch, given the branch before it."""
        new = frozenset(other.locals) - frozenset(self.locals) if other else frozenset()
        differs = condition is not None and not isinstance(condition.type.shape, PerStep)
        return Flow(
            dict(self.locals),
            set(self.hidden),
            self.elsewhere | new,
            set(self.given),
            self.differs or differs,
        )


@dataclass(slots=True)
class Attempt:
    """One attempt at checking the step.

    `as_real` are the locals that are whole in one branch and real in the other: they become real in
    both. They are found by checking; where `wider` is not empty at the end, the step is checked
    again with them.
    """

    scope: Scope
    as_real: frozenset[str]
    wider: dict[str, syntax.When] = field(default_factory=dict)


_MAX_ATTEMPTS = 8


def check_step(body: tuple[syntax.Stmt, ...], scope: Scope) -> tuple[ir.Stmt, ...]:
    """The IR of the step's statements, without those that have errors, which are reported."""
    scope = replace(scope, later=frozenset(_assigned(body)))
    as_real: frozenset[str] = frozenset()
    spent = scope.budget.nodes
    for _ in range(_MAX_ATTEMPTS):
        scope.budget.nodes = spent
        attempt = Attempt(scope, as_real)
        result = _block(body, Flow(), attempt)
        if not attempt.wider:
            return result
        as_real |= set(attempt.wider)
    for name, when in attempt.wider.items():
        scope.error(
            "type-mismatch",
            when.condition.span,
            f"`{name}` is whole in one branch of this `when` and real in the other",
            f"make it real in both: write `1.0`, or `1.0 * {name}`",
        )
    return result


def _assigned(body: tuple[syntax.Stmt, ...]) -> Iterator[str]:
    for statement in body:
        match statement:
            case syntax.Assign(target):
                yield target.text
            case syntax.When(_, then, otherwise):
                yield from _assigned(then)
                yield from _assigned(otherwise)
            case _:
                pass


def updates_param(body: tuple[syntax.Stmt, ...]) -> bool:
    """Whether some path updates `param`, or might: an unsupported statement could."""
    for statement in body:
        match statement:
            case syntax.Update(target) | syntax.Assign(target) if target.text == "param":
                return True  # `param = …` is an error of its own
            case syntax.Unsupported():
                return True
            case syntax.When(_, then, otherwise):
                if updates_param(then) or updates_param(otherwise):
                    return True
            case _:
                pass
    return False


def _block(body: tuple[syntax.Stmt, ...], flow: Flow, attempt: Attempt) -> tuple[ir.Stmt, ...]:
    checked = (_statement(statement, flow, attempt) for statement in body)
    return tuple(statement for statement in checked if statement is not None)


def _statement(statement: syntax.Stmt, flow: Flow, attempt: Attempt) -> ir.Stmt | None:
    match statement:
        case syntax.Assign():
            return _assign(statement, flow, attempt)
        case syntax.Update():
            return _update(statement, flow, attempt)
        case syntax.When():
            return _when(statement, flow, attempt)
        case syntax.Unsupported(what, span):
            attempt.scope.error("unsupported", span, f"`{what}` is not supported yet")
            return None
        case _:
            assert_never(statement)


def _value(expr: syntax.Expr, flow: Flow, attempt: Attempt) -> ir.Expr | None:
    """The value of a statement's expression, with what is known there."""
    hidden = flow.elsewhere | flow.hidden
    scope = replace(
        attempt.scope, locals=flow.locals, hidden=hidden, reported=set(), differs=flow.differs
    )
    return infer_whole(expr, scope)


# --- locals --------------------------------------------------------------------------------------


def _assign(statement: syntax.Assign, flow: Flow, attempt: Attempt) -> ir.Let | None:
    name = statement.target
    value = _value(statement.value, flow, attempt)
    if not _can_assign(name, flow, attempt.scope):
        return None
    if value is not None and name.text in attempt.as_real and value.type.kind is Kind.INT:
        value = real(value)
    flow.locals[name.text] = None if value is None else value.type
    if value is None:
        return None
    return ir.Let(name.text, value, format_statement(statement), name.span)


def _can_assign(name: syntax.Ident, flow: Flow, scope: Scope) -> bool:
    """Whether `name = …` defines a local here; if not, reports why."""
    text, previous = name.text, scope.names.kind_of(name.text)
    if text == "param" or text in scope.names.slots:
        what = "the variable" if text == "param" else "a slot"
        scope.error(
            "duplicate-name",
            name.span,
            f"`{text}` is {what}, and `=` makes a new local",
            f"to update it, write `{text} <- …`",
        )
    elif previous is not None:
        help_ = "give the local another name"
        scope.error("duplicate-name", name.span, f"`{text}` is already {previous}", help_)
    elif text in flow.locals:
        scope.error(
            "local-reassigned",
            name.span,
            f"`{text}` already has a value, and a local gets one only",
            "give the new value another name; what lasts between steps is a `slot`",
        )
    elif text in flow.hidden:
        scope.error(
            "local-reassigned",
            name.span,
            f"`{text}` already has a value in a branch of a `when` above",
            "assign it in both branches, or give this one another name",
        )
        flow.locals[text] = None
    elif not report_reserved(name, scope.report):
        return True
    else:
        flow.locals[text] = None  # so that reading it is no second error
    return False


# --- updates -------------------------------------------------------------------------------------


def _update(statement: syntax.Update, flow: Flow, attempt: Attempt) -> ir.Set | None:
    value = _value(statement.value, flow, attempt)
    target = _target_type(statement.target, flow, attempt.scope)
    if value is None or target is None:
        return None
    name = statement.target.text
    if isinstance(target.shape, PerStep) and not _can_give(statement, flow, attempt.scope):
        return None
    if value.type.kind is Kind.BOOL:
        attempt.scope.error(
            "type-mismatch",
            statement.value.span,
            f"`{name}` holds real numbers, but this is a boolean",
            "`where(c, 1, 0)` makes a number of a boolean",
        )
        return None
    shape = value.type.shape
    if not fits(shape, target.shape):
        attempt.scope.error(
            "shape-mismatch",
            statement.value.span,
            f"`{name}` holds {describe_shape(target.shape)}, but this is {describe_shape(shape)}",
            _how_to_reduce(target),
        )
        return None
    return ir.Set(name, real(value), format_statement(statement), statement.span)


def _can_give(statement: syntax.Update, flow: Flow, scope: Scope) -> bool:
    """Whether a global slot can be given a value here; reports where not."""
    name = statement.target.text
    if flow.differs:
        scope.error(
            "misplaced-global",
            statement.target.span,
            f"`{name}` is one for all variables, but the condition of this `when` is not the same "
            "for all of them",
            "update it outside, with a value that `total(…)` gives",
        )
        return False
    if name in flow.given:
        scope.error(
            "misplaced-global",
            statement.target.span,
            f"`{name}` already has its new value, and a global slot gets one in a step",
            "give the earlier value the name of a local, with `=`",
        )
        return False
    flow.given.add(name)
    return True


def _how_to_reduce(target: Type) -> str:
    match target.shape:
        case PerStep():
            return "add it up over all variables, with `total(…)`"
        case Tensor(reduced):
            axis = next(iter(reduced), None)  # a slot has at most one
            return f"reduce it along that axis, for example with `mean(…, axis={axis})`"
        case _:
            return "reduce it to one value, for example with `norm(…)` or `mean(…)`"


def _target_type(target: syntax.Ident, flow: Flow, scope: Scope) -> Type | None:
    """The type of what `<-` updates; None where that is reported, or has an error of its own."""
    name = target.text
    if name == "param":
        return GIVEN["param"][1]
    if name in scope.names.slots:
        return scope.names.slots[name]
    if name in flow.locals or name in flow.hidden or name in scope.later:
        scope.error(
            "update-of-constant",
            target.span,
            f"`{name}` is a local, which `<-` cannot change",
            f"give the new value another name, with `=`; or declare `slot {name}`",
        )
    elif name in GIVEN or name in ("inf", "pi", "true", "false"):
        scope.error(
            "update-of-constant",
            target.span,
            f"`{name}` is given, and a step cannot change it",
            "it counts the updates by itself"
            if name == "t"
            else "give the new value a name of its own, with `=`",
        )
    elif name in scope.names.hypers and scope.names.hypers[name] is None:
        pass  # its declaration has an error, perhaps that a slot has the same name
    elif (what := scope.names.kind_of(name)) is not None:
        help_ = "give the new value another name, with `=`; what lasts between steps is a `slot`"
        scope.error("update-of-constant", target.span, f"`{name}` is {what}, not a slot", help_)
    else:
        meant = scope.report.closest(name, {*scope.names.slots, "param"})
        declare = f"declare it: `slot {name}`; or write `{name} = …` for a value of this step only"
        help_ = f"did you mean `{meant}`?" if meant else declare
        scope.error("undefined-name", target.span, f"there is no slot `{name}`", help_)
    return None


# --- branches ------------------------------------------------------------------------------------


def _when(statement: syntax.When, flow: Flow, attempt: Attempt) -> ir.If | None:
    condition = _condition(statement.condition, flow, attempt)
    then_flow = flow.branch(condition)
    then = _block(statement.body, then_flow, attempt)
    else_flow = flow.branch(condition, then_flow)
    orelse = _block(statement.otherwise, else_flow, attempt)
    joins: list[tuple[str, Type]] = []
    for name, left in then_flow.locals.items():
        if name not in flow.locals and name in else_flow.locals:
            joined = _join(name, left, else_flow.locals[name], statement, attempt)
            if joined is not None and condition is not None:
                shape = broadcast(joined.shape, condition.type.shape)
                joined = replace(joined, shape=shape)
            flow.locals[name] = joined
            if joined is not None:
                joins.append((name, joined))
    flow.hidden |= then_flow.hidden | else_flow.hidden
    flow.hidden |= (then_flow.locals.keys() | else_flow.locals.keys()) - flow.locals.keys()
    flow.hidden -= flow.locals.keys()
    flow.given |= then_flow.given | else_flow.given
    if condition is None:
        return None
    equation = format_statement(statement)
    return ir.If(condition, then, orelse, tuple(joins), equation, statement.span)


def _join(
    name: str, left: Type | None, right: Type | None, statement: syntax.When, attempt: Attempt
) -> Type | None:
    """The type of a local that both branches assign."""
    if left is None or right is None:
        return None
    joined = join(left, right)
    if joined is None:
        attempt.scope.error(
            "type-mismatch",
            statement.condition.span,
            f"after this `when`, `{name}` is {describe_kind(left.kind)} or "
            f"{describe_kind(right.kind)}",
            "assign the same kind of value in both branches",
        )
    elif left.kind is not right.kind:
        attempt.wider[name] = statement
    return joined


def _condition(expr: syntax.Expr, flow: Flow, attempt: Attempt) -> ir.Expr | None:
    condition = _value(expr, flow, attempt)
    if condition is None:
        return None
    if condition.type.kind is not Kind.BOOL:
        attempt.scope.error(
            "type-mismatch",
            expr.span,
            f"the condition of `when` must be a boolean, but this is "
            f"{describe_kind(condition.type.kind)}",
            "compare it with something, for example `when t == 1:`",
        )
        return None
    if isinstance(condition.type.shape, Tensor):
        attempt.scope.error(
            "shape-mismatch",
            expr.span,
            "the condition of `when` must be one boolean, but this is "
            f"{describe_shape(condition.type.shape)}",
            "choose element by element with `where(c, a, b)`, or reduce with `any(…)` or `all(…)`",
        )
        return None
    return condition
