"""IR expression -> document, with parentheses exactly where they are needed.

An expression prints as calls of the target's functions, on float64 scalars or on tensors, or, where
it is known when a step is traced, as plain Python on numbers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import assert_never

from optdsl.analysis.sizes import is_sized
from optdsl.ir import But, Call, Const, Expr, Kind, Old, Ref, Role, kept
from optdsl.ops import OPS, Form, Op, Typing
from optdsl.passes.static import is_static
from optdsl.records import record, replace
from optdsl.targets import Target
from optdsl.targets.document import Document, Group, Helper, Line, bracketed, in_parentheses

_ATOM = 100
_PRECEDENCE = {
    "if": 1,
    "or": 2,
    "and": 3,
    "not": 4,
    "<": 5, "<=": 5, ">": 5, ">=": 5, "==": 5, "!=": 5,
    "+": 6, "-": 6,
    "*": 7, "/": 7, "%": 7, "@": 7,
    "neg": 8,
}  # fmt: skip

_PYTHON = {
    "abs": ("abs({0})", _ATOM),
    "sign": ("({0} > 0) - ({0} < 0)", _PRECEDENCE["-"]),
    "min": ("min({0}, {1})", _ATOM),
    "max": ("max({0}, {1})", _ATOM),
    "clip": ("max(min({0}, {2}), {1})", _ATOM),
}
"""Functions on numbers that are known when a step is traced, with the precedence of the text."""

OPERATORS = ("lt", "le", "gt", "ge", "add", "sub", "mul", "div", "mod", "neg", "matmul")
"""Operations that tensors have as operators."""

T_AS_REAL = "t_real"


@record
class Surroundings:
    """The generated function that an expression stands in.

    `names` maps a name to Python text where that is not the name itself; `old` does so for names
    under `old(…)`; `fixed` are those whose values are known when a step is traced. `dtype` is the
    dtype that a literal gets where it cannot be inferred, and `like` a tensor of the variable's
    rank. `sized` are the locals as large as their types say. `whole` says whether there is a
    `whole`, which knows the rows that are padding.
    """

    target: Target
    helper_prefix: str
    names: Mapping[str, str]
    fixed: frozenset[str]
    dtype: str
    old: Mapping[str, str] = MappingProxyType({})
    like: str = "grad"
    sized: frozenset[str] = frozenset()
    whole: bool = False

    def helper(self, name: str) -> Helper:
        """A name of the runtime."""
        return Helper(name, f"{self.helper_prefix}{name}")

    def is_static(self, expr: Expr) -> bool:
        """Whether Python knows a value when a step is traced."""
        return is_static(expr, self.fixed)


def expression(expr: Expr, here: Surroundings) -> Document:
    """The text of an expression, for a place inside brackets."""
    return Group(_print(expr, here)[0])


def statement_value(expr: Expr, here: Surroundings) -> Document:
    """The text of an expression, for a place where a line can only be broken in brackets."""
    text, rank = _print(expr, here)
    return Group(text) if rank == _ATOM else in_parentheses(Group(text))


def constant(number: Document, kind: Kind, here: Surroundings) -> Document:
    """A tensor for a number, or a boolean, that Python knows."""
    return call(here.target.constant, number, here.target.dtypes.get(kind, here.dtype))


def call(function: Document, *args: Document) -> Document:
    """A call of a function by name."""
    return bracketed((function, "("), args, ")")


def literal(value: float | int | bool | str | But) -> str:
    """A constant as Python writes it; whole numbers without a fraction."""
    if isinstance(value, str | But):
        return f'"{value}"'
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e6:
        return str(int(value))
    return number(value)


def number(value: float | int | bool) -> str:
    """A number as a person writes it: `1e-7`, where Python says `1e-07`."""
    text = repr(value)
    power = re.fullmatch(r"0\.(00+)1", text)
    if power:
        return f"1e-{len(power[1]) + 1}"
    return re.sub(r"e([+-])0?", lambda sign: "e" + sign[1].strip("+"), text)


def _template(template: str, *values: Document) -> Document:
    """A template with documents in its places `{0}`, `{1}`."""
    pieces = re.split(r"\{(\d)\}", template)
    return tuple(values[int(one)] if index % 2 else one for index, one in enumerate(pieces))


def _print(expr: Expr, here: Surroundings) -> tuple[Document, int]:
    """Text and precedence."""
    match expr:
        case Const(value):
            text = literal(value)
            return text, _PRECEDENCE["neg"] if text.startswith("-") else _ATOM
        case Ref(name):
            return here.names.get(name, name), _ATOM
        case Old(name):
            return here.old[name], _ATOM
        case Call():
            return _python(expr, here) if here.is_static(expr) else _tensor(expr, here)
        case _:
            assert_never(expr)


# --- numbers that Python knows -------------------------------------------------------------------


def _python(expr: Call, here: Surroundings) -> tuple[Document, int]:
    """A call whose arguments are Python numbers."""
    match expr:
        case Call("real", (arg,)):  # Python mixes whole and real numbers as the language does
            return _print(arg, here)
        case Call("where"):
            return _conditional(expr, here)
    op = OPS[expr.op]
    if op.form is not Form.FUNCTION:
        return _operator(op.symbol, expr.args, here)
    template, rank = _PYTHON[op.name]
    least = 0 if rank == _ATOM else _ATOM
    return _template(template, *(_grouped(arg, least, here) for arg in expr.args)), rank


def _conditional(expr: Call, here: Surroundings) -> tuple[Document, int]:
    """`where` on a condition that is known: Python's own."""
    rank = _PRECEDENCE["if"]
    condition, yes, no = (_grouped(arg, rank + 1, here) for arg in expr.args)
    return (yes, Line(), "if ", condition, Line(), "else ", no), rank


def _operator(symbol: str, args: tuple[Expr, ...], here: Surroundings) -> tuple[Document, int]:
    """A prefix or an infix operation."""
    if len(args) == 1:
        rank = _PRECEDENCE["neg" if symbol == "-" else symbol]
        if symbol == "-":  # formatters part `-(-x)`
            return ("-", _grouped(args[0], _ATOM, here)), rank
        return (f"{symbol} ", _grouped(args[0], rank, here)), rank
    rank = _PRECEDENCE[symbol]
    # `a - (b - c)` keeps its parentheses, and `a < b` takes no comparison.
    left, own = _print(args[0], here)
    if own < rank or own == rank == _PRECEDENCE["<"]:
        left = ("(", left, ")")
    elif own != rank:
        left = Group(left)
    return (left, Line(), f"{symbol} ", _grouped(args[1], rank + 1, here)), rank


def _grouped(expr: Expr, rank: int, here: Surroundings) -> Document:
    text, own = _print(expr, here)
    return ("(", Group(text), ")") if own < rank else Group(text)


# --- tensors -------------------------------------------------------------------------------------


def _tensor(expr: Call, here: Surroundings) -> tuple[Document, int]:
    """A call that the target computes."""
    if OPS[expr.op].typing is Typing.MATRIX:
        return _matrix(expr, here)
    if all(map(here.is_static, expr.args)):
        return _on_numbers(expr, here)
    match expr:
        case Call("real", (arg,)):
            return _real(arg, here), _ATOM
        case Call("pow", (base, Const(2.0))):  # one rounding, where pow may have several
            return call(f"{here.target.prefix}square", expression(base, here)), _ATOM
        case Call("where", args) if _is_choice(args, here):
            return _conditional(expr, here)
        case Call("clip", (x, low, high)) if x.type.shape != expr.type.shape:
            below = Call("min", (x, high), None, expr.type, expr.span)
            return _tensor(Call("max", (below, low), None, expr.type, expr.span), here)
        case Call(op) if OPS[op].reduces:
            return _reduction(expr, here), _ATOM
        case Call(op, args) if op in OPERATORS:
            return _operator(OPS[op].symbol, args, here)
        case Call(op, args) if OPS[op].commutative and here.is_static(args[0]):
            return _tensor(replace(expr, args=args[::-1]), here)
        case Call(op):
            return call(_function(OPS[op], here), *_arguments(expr, here)), _ATOM


def _function(op: Op, here: Surroundings) -> Document:
    """What is called for an operation that is one function: the target's, or the runtime's."""
    return here.helper(op.name) if op.name in here.target.carried else spelling(op, here.target)


def _matrix(expr: Call, here: Surroundings) -> tuple[Document, int]:
    """A function of matrices: an operator, one of the target's, or one of the runtime's."""
    args = [expression(arg, here) for arg in expr.args]
    match here.target.matrices[expr.op]:
        case "":
            return _operator(OPS[expr.op].symbol, expr.args, here)
        case name if name.startswith(here.target.prefix):
            return call(name, *args), _ATOM
        case name if expr.axis is not None:
            return call(here.helper(name), here.like, literal(expr.axis)), _ATOM
        case name:
            return call(here.helper(name), *args), _ATOM


def spelling(op: Op, target: Target) -> str:
    """The target's name for an operation that is one function."""
    known = target.spellings.get(op.name, f"{target.prefix}{op.numpy}")
    assert isinstance(known, str), f"{op.name} is made of several functions"
    return known


def _on_numbers(expr: Call, here: Surroundings) -> tuple[Document, int]:
    """A call on numbers that Python might refuse: the target gives what IEEE arithmetic gives."""
    op = OPS[expr.op]
    args = [constant(expression(arg, here), arg.type.kind, here) for arg in expr.args]
    if op.name in OPERATORS:  # a tensor on one side is enough
        rank = _PRECEDENCE[op.symbol]
        right = _grouped(expr.args[1], rank + 1, here)
        return (args[0], Line(), f"{op.symbol} ", right), rank
    return call(_function(op, here), *args), _ATOM


def _is_choice(args: tuple[Expr, ...], here: Surroundings) -> bool:
    """Whether Python can choose for a `where`: between tensors alike, so that either will do."""
    condition, yes, no = args
    return (
        here.is_static(condition)
        and yes.type.shape == no.type.shape
        and all(is_sized(value, here.sized) for value in (yes, no))
        and not any(map(here.is_static, (yes, no)))
    )


def _arguments(expr: Call, here: Surroundings) -> list[Document]:
    """Arguments of a function that takes its dtype from the first number."""
    args = [expression(arg, here) for arg in expr.args]
    first = 1 if expr.op == "where" else 0
    if here.is_static(expr.args[first]):
        for index, arg in enumerate(expr.args):
            if here.is_static(arg):
                args[index] = constant(args[index], arg.type.kind, here)
    return args


def _real(arg: Expr, here: Surroundings) -> Document:
    """A whole number as a real one."""
    if isinstance(arg, Ref) and arg.role is Role.COUNTER:
        return T_AS_REAL
    return call(here.target.cast, expression(arg, here), here.dtype)


def _reduction(expr: Call, here: Surroundings) -> Document:
    """A reduction over everything, or over one axis, which stays with size 1."""
    arg = expression(expr.args[0], here)
    if here.whole and mixes_rows(expr):
        axis = () if expr.axis is None else (f"axis={literal(expr.axis)}",)
        return call(here.helper(here.target.reductions[expr.op]), arg, "whole", *axis)
    more: tuple[Document, ...] = ()
    if expr.axis is not None:
        axes = call(here.helper("axes"), here.like, literal(expr.axis))
        more = (("axis=", axes), "keepdims=True")
    match here.target.spellings.get(expr.op):
        case (after, function, before):
            return call(after, call(function, call(before, arg), *more))
        case _:
            return call(spelling(OPS[expr.op], here.target), arg, *more)


def mixes_rows(expr: Expr) -> bool:
    """Whether a reduction may run over the leading axis of some variable."""
    if not isinstance(expr, Call) or not OPS[expr.op].reduces:
        return False
    if expr.axis is None or isinstance(expr.axis, int):
        return expr.axis is None or expr.axis <= 0
    return kept(expr.axis) != 0
