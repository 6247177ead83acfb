"""Expressions: from the surface tree to typed IR.

`None` is the poison value: an expression that is already reported. Everything that contains one is
None too, so that one mistake gives one message.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import pi
from typing import assert_never

from optdsl import ir, ops, syntax
from optdsl.check.across import can_total
from optdsl.check.calls import apply, limits_come_first
from optdsl.check.literals import BAD, axis_number, axis_value, matrix_axis, number
from optdsl.check.matrices import eye
from optdsl.check.names import FUNCTIONS, GIVEN
from optdsl.check.scope import (
    MAX_DEPTH,
    MAX_NODES,
    READABLE_HELP,
    TOO_DEEP,
    Argument,
    LimitError,
    Place,
    Scope,
    check_name,
    report_no_function,
)
from optdsl.ir import Kind, PerStep, Type
from optdsl.records import replace


def infer_whole(expr: syntax.Expr, scope: Scope) -> ir.Expr | None:
    """The typed IR of a statement's whole expression, with the limits on size and depth reported.

    Too many nodes are reported once: everything after that is too much as well.
    """
    budget = scope.budget
    try:
        value = infer(expr, scope)
        if value is not None and ir.depth(value) > MAX_DEPTH:
            raise LimitError(TOO_DEEP)
    except LimitError as error:
        budget.depth = 0
        if not budget.is_reported:
            help_ = "give its parts names of their own, with `name = …`"
            scope.error("limit", expr.span, str(error), help_)
        budget.is_reported = budget.nodes > MAX_NODES
        return None
    return value


def infer(expr: syntax.Expr, scope: Scope) -> ir.Expr | None:
    """The typed IR of an expression, or None where an error is reported.

    Raises:
        LimitError: the expression is too large or too deep.
    """
    budget = scope.budget
    budget.spend(1)
    if budget.depth >= MAX_DEPTH:
        raise LimitError(TOO_DEEP)
    budget.depth += 1
    result = _infer(expr, scope)
    budget.depth -= 1
    return result


def _infer(expr: syntax.Expr, scope: Scope) -> ir.Expr | None:
    match expr:
        case syntax.Number():
            return number(expr, scope.report)
        case syntax.Boolean(value):
            return ir.Const(value, Type(Kind.BOOL, PerStep()), expr.span)
        case syntax.Name():
            return _read(expr, scope)
        case syntax.Unary(symbol, operand):
            values = (infer(operand, scope),)
            return apply(ops.PREFIX[symbol], (operand,), values, None, expr.span, scope)
        case syntax.Binary(symbol, left, right):
            both = (infer(left, scope), infer(right, scope))
            return apply(ops.INFIX[symbol], (left, right), both, None, expr.span, scope)
        case syntax.CallExpr():
            return _call(expr, scope)
        case _:
            assert_never(expr)


# --- names ---------------------------------------------------------------------------------------


def _read(name: syntax.Name, scope: Scope) -> ir.Expr | None:
    text, span = name.text, name.span
    if scope.arguments is not None and text in scope.arguments:
        argument = scope.arguments[text]
        scope.budget.spend(argument.nodes)
        return argument.value
    if text == "pi":
        return ir.Const(pi, Type(Kind.REAL, PerStep()), span)
    if not check_name(name, scope):
        return None
    if text in GIVEN:
        role, type_ = GIVEN[text]
        return ir.Ref(text, role, type_, span)
    for role, known in (
        (ir.Role.LOCAL, scope.locals),
        (ir.Role.HYPER, scope.names.hypers),
        (ir.Role.SLOT, scope.names.slots),
    ):
        if text in known:
            found = known[text]
            return None if found is None else ir.Ref(text, role, found, span)
    raise AssertionError(f"check_name let {text} pass")


# --- calls ---------------------------------------------------------------------------------------


def _call(call: syntax.CallExpr, scope: Scope) -> ir.Expr | None:
    name = call.function.text
    if name in scope.names.macros:
        return _expand(scope.names.macros[name], call, scope)
    if name == "old":
        return _old(call, scope)
    if name == "length":
        return _length(call, scope)
    if name == "global_norm":
        return _global_norm(call, scope)
    if name == "eye":
        return _eye(call, scope)
    if name in ops.SHORTHANDS:
        return _shorthand(call, scope)
    if name not in ops.FUNCTIONS:
        _infer_all(call, scope)
        report_no_function(call, scope)
        return None
    op = ops.FUNCTIONS[name]
    values = _infer_all(call, scope)
    axis = _axis(call, op.params, op.reduces, scope)
    if axis is BAD or not _counts(call, op.params, op.reduces, scope):
        return None
    if name == "clip" and limits_come_first(call.args, values, call.span, scope):
        return None
    if op.totals and not can_total(call, scope):
        return None
    return apply(op, call.args, values, axis, call.span, scope)


def _eye(call: syntax.CallExpr, scope: Scope) -> ir.Expr | None:
    """`eye(k)`: its argument is an axis, not a value."""
    if _has_keywords(call, ("k",), scope) or not _counts(call, ("k",), False, scope):
        return None
    axis = matrix_axis(call.args[0], scope.report, "`eye` takes")
    return None if axis is None else eye(axis, call.span)


def _shorthand(call: syntax.CallExpr, scope: Scope) -> ir.Expr | None:
    """`dot(x, y)` is the sum of the products, `trace(x)` that of the diagonal."""
    params = ops.SHORTHANDS[call.function.text]
    values = _infer_all(call, scope)
    if _has_keywords(call, params, scope) or not _counts(call, params, False, scope):
        return None
    inner = ops.OPS["diag" if call.function.text == "trace" else "mul"]
    each = apply(inner, call.args, values, None, call.span, scope)
    return apply(ops.OPS["sum"], (call,), (each,), None, call.span, scope)


def _global_norm(call: syntax.CallExpr, scope: Scope) -> ir.Expr | None:
    """`global_norm(x)`: the root of the total of the squares."""
    (values, span) = (_infer_all(call, scope), call.span)
    if _has_keywords(call, ("x",), scope) or not _counts(call, ("x",), False, scope):
        return None
    if not can_total(call, scope):
        return None
    two = ir.Const(2, Type(Kind.INT, PerStep()), span)
    square = apply(ops.INFIX["^"], call.args * 2, (*values, two), None, span, scope)
    total = apply(ops.FUNCTIONS["total"], call.args, (square,), None, span, scope)
    return apply(ops.FUNCTIONS["sqrt"], call.args, (total,), None, span, scope)


def _infer_all(call: syntax.CallExpr, scope: Scope) -> tuple[ir.Expr | None, ...]:
    return tuple(infer(arg, scope) for arg in call.args)


def _counts(call: syntax.CallExpr, params: tuple[str, ...], reduction: bool, scope: Scope) -> bool:
    """Whether a call has as many arguments as the function takes; reports where not."""
    given, name = len(call.args), call.function.text
    if given == len(params):
        return True
    plural = "" if len(params) == 1 else "s"
    help_: str | None = f"write `{name}({', '.join(params)})`"
    if reduction and given == 2:
        help_ = f"name the axis: `{name}(x, axis=k)`"
        if name == "norm":
            help_ += "; other norms are `sum(abs(x))` and `amax(abs(x))`"
    elif name in ("min", "max") and given > 2:
        help_ = f"nest the calls: `{name}(a, {name}(b, c))`"
    elif name in ("min", "max") and given == 1:
        help_ = f"`a{name}(x)` is the {name}imum over the elements of a tensor"
    scope.error(
        "bad-argument",
        call.span,
        f"`{name}` takes {len(params)} argument{plural}, but {_are_given(given)}",
        help_,
    )
    return False


def _are_given(count: int) -> str:
    return "none is given" if count == 0 else f"{count} {'is' if count == 1 else 'are'} given"


def _is_in_step(call: syntax.CallExpr, param: str, scope: Scope) -> bool:
    """Whether a call with one argument, which only a step can make, is right so far."""
    if _has_keywords(call, (param,), scope) or not _counts(call, (param,), False, scope):
        return False
    if scope.place is Place.STEP:
        return True
    scope.error(
        "undefined-name",
        call.span,
        f"`{call.function.text}` cannot be used {scope.place.value}",
        READABLE_HELP[scope.place],
    )
    return False


def _length(call: syntax.CallExpr, scope: Scope) -> ir.Expr | None:
    """A dimension like `rows`: its name says the axis."""
    if not _is_in_step(call, "k", scope):
        return None
    axis = axis_number(call.args[0], scope.report, "`length` takes")
    if axis is None:
        return None
    return ir.Ref(f"length({axis})", ir.Role.DIM, GIVEN["size"][1], call.span)


def _old(call: syntax.CallExpr, scope: Scope) -> ir.Expr | None:
    if not _is_in_step(call, "x", scope):
        return None
    argument = call.args[0]
    if not isinstance(argument, syntax.Name):
        infer(argument, scope)
    elif argument.text == "param":
        return ir.Old("param", GIVEN["param"][1], call.span)
    elif argument.text in scope.names.slots and argument.text not in scope.locals:
        type_ = scope.names.slots[argument.text]
        return None if type_ is None else ir.Old(argument.text, type_, call.span)
    elif not check_name(argument, scope):
        return None
    scope.error(
        "bad-argument",
        argument.span,
        "`old` takes the name of a slot or `param`",
        "only slots and `param` change during a step",
    )
    return None


def _has_keywords(call: syntax.CallExpr, params: tuple[str, ...], scope: Scope) -> bool:
    """Whether a call of something without keywords has any; reports the first."""
    if not call.keywords:
        return False
    name, keyword = call.function.text, call.keywords[0]
    help_ = f"give the arguments by position: `{name}({', '.join(params)})`"
    if keyword.name.text == "axis":
        help_ = "only reductions, such as `mean(x, axis=0)`, have an axis"
    message = f"`{name}` has no keyword `{keyword.name.text}`"
    scope.error("bad-argument", keyword.span, message, help_)
    return True


def _axis(
    call: syntax.CallExpr, params: tuple[str, ...], reduction: bool, scope: Scope
) -> ir.Axis | None:
    """The axis of a call, None where none is given, `BAD` where one is reported."""
    if not reduction:
        return BAD if _has_keywords(call, params, scope) else None
    axis: ir.Axis | None = None
    for position, keyword in enumerate(call.keywords):
        if keyword.name.text != "axis":
            scope.error(
                "bad-argument",
                keyword.span,
                f"`{call.function.text}` has no keyword `{keyword.name.text}`",
                "its only keyword is `axis`",
            )
            axis = BAD
        elif position > 0:
            scope.error("bad-argument", keyword.span, "`axis` is given twice", "keep one of them")
            axis = BAD
        else:
            axis = axis_value(keyword.value, scope.report)
    return axis


def _expand(decl: syntax.DefDecl, call: syntax.CallExpr, scope: Scope) -> ir.Expr | None:
    """A macro call: the macro's body with the arguments in place of its parameters."""
    params = tuple(param.text for param in decl.params)
    arguments: dict[str, Argument] = {}
    for param, arg in zip(params, call.args, strict=False):
        before = scope.budget.nodes
        value = infer(arg, scope)
        arguments[param] = Argument(value, scope.budget.nodes - before)
    for arg in call.args[len(params) :]:
        infer(arg, scope)
    if _has_keywords(call, params, scope) or not _counts(call, params, False, scope):
        return None
    if any(outer.function.text == decl.name.text for outer in scope.calls):
        return None  # a macro that calls itself is reported where it is defined
    return infer(decl.value, replace(scope, arguments=arguments, calls=(*scope.calls, call)))


def check_macro(decl: syntax.DefDecl, earlier: Mapping[str, syntax.DefDecl], scope: Scope) -> None:
    """Checks the names in a macro, used or not; `earlier` are the macros it may call."""
    params = {param.text: Argument(None, 0) for param in decl.params}
    inside = replace(scope, arguments=params, reported=set())
    stack = [decl.value]
    while stack:
        match stack.pop():
            case syntax.Name(text) as name if text not in params and text != "pi":
                check_name(name, inside)
            case syntax.Unary(_, operand):
                stack.append(operand)
            case syntax.Binary(_, left, right):
                stack += (right, left)
            case syntax.CallExpr(function, args) as call:
                name_ = function.text
                if name_ in ("old", "length"):
                    _call(call, inside)
                    continue
                stack += reversed(args)
                if name_ in scope.names.macros and name_ not in earlier:
                    _report_order(decl, function, scope)
                elif name_ not in FUNCTIONS and name_ not in earlier:
                    report_no_function(call, inside)
            case _:
                pass


def _report_order(decl: syntax.DefDecl, function: syntax.Ident, scope: Scope) -> None:
    """Reports the call of a macro that is not above the one that calls it."""
    name = function.text
    scope.error(
        "undefined-name",
        function.span,
        f"`{name}` calls itself" if name == decl.name.text else f"`{name}` is defined further down",
        "a `def` can only use those above it",
    )
