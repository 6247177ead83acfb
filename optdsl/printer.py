"""IR expression -> Python text, with parentheses exactly where they are needed.

An expression prints as TensorFlow, on float64 scalars or on tensors, or, where it is known when a
step is traced, as plain Python on numbers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import assert_never

from optdsl.analysis.sizes import is_sized
from optdsl.ir import Call, Const, Expr, Kind, Old, Ref, Role
from optdsl.ops import OPS
from optdsl.passes import is_static
from optdsl.records import record

_ATOM = 100
_PRECEDENCE = {
    "if": 1,
    "or": 2,
    "and": 3,
    "not": 4,
    "<": 5, "<=": 5, ">": 5, ">=": 5, "==": 5, "!=": 5,
    "+": 6, "-": 6,
    "*": 7, "/": 7, "%": 7,
    "neg": 8,
    "**": 9,
}  # fmt: skip
_COMMUTATIVE = frozenset({"min", "max", "eq", "ne"})


@record
class Scope:
    """How the names of an expression are spelled, and which of them are fixed.

    `names` maps a name to Python text where that is not the name itself; `old` does so for names
    under `old(…)`; `dtype` is the dtype that a literal gets where TensorFlow cannot infer one, and
    `like` a tensor of the variable's rank. `sized` are the locals as large as their types say.
    `masked` says whether rows can be padding, so that a reduction over rows needs the mask.
    """

    names: Mapping[str, str]
    old: Mapping[str, str]
    fixed: frozenset[str]
    dtype: str
    like: str = "grad"
    sized: frozenset[str] = frozenset()
    masked: bool = False


def expression(expr: Expr, scope: Scope) -> str:
    """The Python text of an expression on tensors."""
    return _print(expr, scope)[0]


def constant(text: str, expr: Expr, scope: Scope) -> str:
    """A tensor for `text`, the spelling of an expression on Python numbers."""
    match expr.type.kind:
        case Kind.REAL:
            return f"tf.constant({text}, {scope.dtype})"
        case Kind.INT:
            return f"tf.constant({text}, tf.int64)"
        case Kind.BOOL:
            return f"tf.constant({text})"
        case _:
            assert_never(expr.type.kind)


def literal(value: float | int | bool | str) -> str:
    """A constant as Python writes it; whole numbers without a fraction."""
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e6:
        return str(int(value))
    return repr(value).replace("e+", "e")


def _print(expr: Expr, scope: Scope) -> tuple[str, int]:
    """Text and precedence."""
    match expr:
        case Const(value):
            text = literal(value)
            return text, _PRECEDENCE["neg"] if text.startswith("-") else _ATOM
        case Ref(name):
            return scope.names.get(name, name), _ATOM
        case Old(name):
            return scope.old[name], _ATOM
        case Call():
            return _python(expr, scope) if is_static(expr, scope.fixed) else _tensor(expr, scope)
        case _:
            assert_never(expr)


def _python(call: Call, scope: Scope) -> tuple[str, int]:
    """A call whose arguments are Python numbers."""
    op = OPS[call.op]
    if call.op == "real":  # Python mixes whole and real numbers as the language does
        return _print(call.args[0], scope)
    if call.op == "where":
        return _conditional(call, scope)
    match call.args:
        case (Const(float(base)), exponent) if call.op == "pow":  # never a huge whole number
            rank = _PRECEDENCE["**"]
            return _joined(repr(base), "**", _grouped(exponent, rank, scope)), rank
    return _spell(call.op, op.python, call.args, scope)


def _tensor(call: Call, scope: Scope) -> tuple[str, int]:
    """A call that has at least one tensor among its arguments."""
    if all(is_static(arg, scope.fixed) for arg in call.args):
        return _literals(call, scope)
    match call:
        case Call("real", (arg,)):
            return _real(arg, scope), _ATOM
        case Call("pow", (base, Const(2.0))):  # one rounding, where pow may have several
            return f"tf.square({expression(base, scope)})", _ATOM
        case Call("where", args) if _is_choice(args, scope):
            return _conditional(call, scope)
        case Call("clip", (x, low, high)) if x.type.shape != call.type.shape:
            below = Call("min", (x, high), None, call.type, call.span)
            return _tensor(Call("max", (below, low), None, call.type, call.span), scope)
        case Call(op, args) if op in _COMMUTATIVE and is_static(args[0], scope.fixed):
            return _tensor(Call(op, args[::-1], call.axis, call.type, call.span), scope)
        case Call(op, _) if OPS[op].reduces:
            return _reduction(call, scope), _ATOM
        case Call(op, args):
            return _spell(op, OPS[op].tensorflow, args, scope)


def _is_choice(args: tuple[Expr, ...], scope: Scope) -> bool:
    """Whether Python can choose for a `where`: between tensors alike, so that either will do."""
    condition, yes, no = args
    return (
        is_static(condition, scope.fixed)
        and yes.type.shape == no.type.shape
        and all(is_sized(value, scope.sized) for value in (yes, no))
        and not any(is_static(value, scope.fixed) for value in (yes, no))
    )


def _literals(call: Call, scope: Scope) -> tuple[str, int]:
    """A call on literals that Python might refuse: TensorFlow gives what IEEE arithmetic gives."""
    texts = [constant(expression(arg, scope), arg, scope) for arg in call.args]
    spelling = OPS[call.op].tensorflow
    if spelling in _PRECEDENCE:
        return f" {spelling} ".join(texts), _PRECEDENCE[spelling]
    return f"{spelling}({', '.join(texts)})", _ATOM


def _spell(name: str, spelling: str, args: tuple[Expr, ...], scope: Scope) -> tuple[str, int]:
    """An operator, a template with `{0}`, or a function to call."""
    if "{0}" in spelling:
        return spelling.format(*(expression(arg, scope) for arg in args)), _ATOM
    if spelling not in _PRECEDENCE:
        return f"{spelling}({', '.join(_arguments(name, args, scope))})", _ATOM
    if len(args) == 1:
        rank = _PRECEDENCE["neg" if spelling == "-" else spelling]
        if spelling == "-":  # formatters part `-(x**y)` and `-(-x)` as well
            return f"-{_grouped(args[0], _ATOM, scope)}", rank
        return f"{spelling} {_grouped(args[0], rank, scope)}", rank
    rank = _PRECEDENCE[spelling]
    # `a - (b - c)` and `(a ** b) ** c` keep their parentheses, `a < b` takes no comparison.
    left, right = (rank + 1, rank) if spelling == "**" else (rank, rank + 1)
    if rank == _PRECEDENCE["<"]:
        left = rank + 1
    return _joined(_grouped(args[0], left, scope), spelling, _grouped(args[1], right, scope)), rank


def _joined(left: str, symbol: str, right: str) -> str:
    """An infix operation, spaced as formatters do it: `a + b`, but `a**2`."""
    simple = re.compile(r"-?[\w.]+")
    gap = "" if symbol == "**" and simple.fullmatch(left) and simple.fullmatch(right) else " "
    return f"{left}{gap}{symbol}{gap}{right}"


def _arguments(name: str, args: tuple[Expr, ...], scope: Scope) -> list[str]:
    """Arguments of a TensorFlow function, which takes its dtype from the first number."""
    texts = [expression(arg, scope) for arg in args]
    first = 1 if name == "where" else 0
    numbers = range(first, len(args))
    bare = [i for i in numbers if is_static(args[i], scope.fixed)]
    if first in bare and any(not is_static(arg, scope.fixed) for arg in args):
        for i in bare:
            texts[i] = constant(texts[i], args[i], scope)
    return texts


def _conditional(call: Call, scope: Scope) -> tuple[str, int]:
    """`where` on a condition that is known: Python's own."""
    rank = _PRECEDENCE["if"]
    condition, yes, no = (_grouped(arg, rank + 1, scope) for arg in call.args)
    return f"{yes} if {condition} else {no}", rank


def _real(arg: Expr, scope: Scope) -> str:
    """A whole number as a real one."""
    if isinstance(arg, Ref) and arg.role is Role.COUNTER:
        return "t_real"
    return f"tf.cast({expression(arg, scope)}, {scope.dtype})"


def _reduction(call: Call, scope: Scope) -> str:
    """A reduction over everything, or over one axis, which stays with size 1."""
    arg = expression(call.args[0], scope)
    if mixes_rows(call) and scope.masked:
        axis = "" if call.axis is None else f", axis={call.axis}"
        return f"_{call.op}({arg}, mask{axis})"
    if call.axis is None:
        return reduction(call.op, arg, "")
    axes = f"_axes({scope.like}, {literal(call.axis)})"
    return reduction(call.op, arg, f", axis={axes}, keepdims=True")


def reduction(op: str, arg: str, axis: str) -> str:
    """A reduction of the tensor `arg`; `axis` is empty, or more arguments after a comma."""
    spelling = OPS[op].tensorflow
    template = spelling if "{0}" in spelling else f"{spelling}({{0}}{{1}})"
    return template.format(arg, axis)


def mixes_rows(call: Call) -> bool:
    """Whether a reduction may run over the leading axis of some variable."""
    if not OPS[call.op].reduces:
        return False
    return call.axis is None or (isinstance(call.axis, int) and call.axis <= 0)


def _grouped(expr: Expr, rank: int, scope: Scope) -> str:
    text, own = _print(expr, scope)
    return f"({text})" if own < rank else text
