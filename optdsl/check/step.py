"""The statements of `step:`: order, locals, updates and branches."""

from __future__ import annotations

from typing import assert_never

from optdsl import ir, syntax
from optdsl.check.across import can_give
from optdsl.check.assigned import assigned, updated_in_repeats
from optdsl.check.decls import report_reserved
from optdsl.check.expr import infer_whole
from optdsl.check.flow import Attempt, Flow
from optdsl.check.matrices import report_apart
from optdsl.check.names import GIVEN
from optdsl.check.scope import Place, Scope, meant_by
from optdsl.check.shapes import agree, broadcast, describe_kind, describe_shape, fits, join, real
from optdsl.format import format_statement
from optdsl.ir import Kind, Matrix, PerStep, PerVariable, Tensor, Type
from optdsl.records import replace
from optdsl.source import Span

_MAX_ATTEMPTS = 8


def check_step(body: tuple[syntax.Stmt, ...], scope: Scope) -> tuple[ir.Stmt, ...]:
    """The IR of the step's statements, without those that have errors, which are reported."""
    scope = replace(scope, later=frozenset(assigned(body)))
    changing = frozenset(updated_in_repeats(body))
    as_real: frozenset[str] = frozenset()
    spent = scope.budget.nodes
    for _ in range(_MAX_ATTEMPTS):
        scope.budget.nodes = spent
        attempt = Attempt(scope, as_real, changing)
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
        case syntax.Inner(span):
            return _inner(span, attempt.scope)
        case syntax.Repeat():
            return _repeat(statement, flow, attempt)
        case syntax.Unsupported(what, span):
            attempt.scope.error("unsupported", span, f"`{what}` is not supported yet")
            return None
        case _:
            assert_never(statement)


def _value(expr: syntax.Expr, flow: Flow, attempt: Attempt) -> ir.Expr | None:
    """The value of a statement's expression, with what is known there."""
    hidden = flow.elsewhere | flow.hidden
    scope = replace(
        attempt.scope,
        locals=flow.locals,
        hidden=hidden,
        inner=frozenset(flow.inner),
        differs=flow.differs,
        reported=set(),
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
    if value is not None and name.text in attempt.changing:
        value = _changing(value)
    flow.locals[name.text] = None if value is None else value.type
    if value is None:
        return None
    return ir.Let(name.text, value, format_statement(statement), name.span)


def _changing(value: ir.Expr) -> ir.Expr:
    """What a local starts from that a `repeat` updates: nothing that is computed once a step."""
    own = value.type
    if own.kind is Kind.BOOL or (own.kind is Kind.REAL and not isinstance(own.shape, PerStep)):
        return value
    shape = PerVariable() if isinstance(own.shape, PerStep) else own.shape
    return ir.Call("real", (value,), None, Type(Kind.REAL, shape), value.span)


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
    if isinstance(target.shape, PerStep) and not can_give(
        statement.target, flow.differs, flow.given, attempt.scope
    ):
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


def _how_to_reduce(target: Type) -> str:
    match target.shape:
        case Matrix(first, _):
            product = "x @ transpose(x)" if first == "rows" else "transpose(x) @ x"
            return f"of a tensor `x`, `{product}` is such a matrix"
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
    if name == "param" or (name == "grad" and scope.wraps):
        return GIVEN[name][1]
    if name in scope.names.slots:
        if scope.base is Place.EVAL:
            scope.error(
                "update-of-constant",
                target.span,
                f"`{name}` is a slot, and `eval:` changes only `param`",
                f"update it in `step:`; for a value of this block only, write `new_{name} = …`",
            )
            return None
        return scope.names.slots[name]
    if flow.repeated and name in flow.locals:
        return _changed_local(target, flow, scope)
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
        declare = f"declare it: `slot {name}`; or write `{name} = …` for a value of this step only"
        help_ = meant_by(name, {*scope.names.slots, "param"}, scope) or declare
        scope.error("undefined-name", target.span, f"there is no slot `{name}`", help_)
    return None


def _inner(span: Span, scope: Scope) -> ir.Set | None:
    """`inner` updates `param`: a mark, which is replaced by the wrapped rule's step."""
    if not scope.wraps:
        help_ = "begin the file with `wrapper Name:`, or remove the line"
        scope.error("bad-argument", span, "only a `wrapper` has an `inner` step", help_)
        return None
    role, type_ = GIVEN["param"]
    return ir.Set("param", ir.Ref("param", role, type_, span), "inner", span)


def _changed_local(target: syntax.Ident, flow: Flow, scope: Scope) -> Type | None:
    type_ = flow.locals[target.text]
    if type_ is not None and type_.kind is Kind.BOOL:
        scope.error(
            "update-of-constant",
            target.span,
            f"`{target.text}` is a boolean, which `<-` cannot change",
            "use a number, 0 or 1, and compare it where it is read",
        )
        return None
    return type_


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


def _repeat(statement: syntax.Repeat, flow: Flow, attempt: Attempt) -> ir.Repeat | None:
    count = _value(statement.count, flow, attempt)
    inside = flow.branch()
    inside.repeated = True
    body = _block(statement.body, inside, attempt)
    flow.inner |= inside.inner | inside.hidden | inside.locals.keys()
    flow.inner -= flow.hidden | flow.locals.keys()
    match count:
        case None:
            return None
        case ir.Const() | ir.Ref(_, ir.Role.HYPER) if count.type.kind is Kind.INT:
            return ir.Repeat(count, body, format_statement(statement), statement.span)
        case _:
            attempt.scope.error(
                "type-mismatch",
                statement.count.span,
                "the number of rounds must be a whole number or an `int` hyperparameter",
                "write `repeat 5:`, or declare `hyper rounds: int = 5` and write `repeat rounds:`",
            )
            return None


def _join(
    name: str, left: Type | None, right: Type | None, statement: syntax.When, attempt: Attempt
) -> Type | None:
    """The type of a local that both branches assign."""
    if left is None or right is None:
        return None
    if not agree(left.shape, right.shape):
        what = f"after this `when`, `{name}` would be"
        report_apart(what, left.shape, right.shape, statement.condition.span, attempt.scope)
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
    if ir.is_tensor(condition.type.shape):
        attempt.scope.error(
            "shape-mismatch",
            expr.span,
            "the condition of `when` must be one boolean, but this is "
            f"{describe_shape(condition.type.shape)}",
            "choose element by element with `where(c, a, b)`, or reduce with `any(…)` or `all(…)`",
        )
        return None
    return condition
