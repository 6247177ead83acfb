"""Every operator and function of the language: one row each, and nothing about them elsewhere.

A row says how an operation is written, which types it takes and gives, and how each target spells it.
To add a function to the language, add a row (and a test).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Form(Enum):
    """How an operation is written in a specification."""

    INFIX = "infix"
    PREFIX = "prefix"
    FUNCTION = "function"
    IMPLICIT = "implicit"  # inserted by the compiler, never written


class Rule(Enum):
    """Which types an operation takes and which it gives. Shapes broadcast except in reductions."""

    ARITHMETIC = "numbers -> int if all are int, else real"
    REAL = "numbers -> real"
    ROUNDING = "number -> number of the same kind"
    COMPARISON = "numbers -> bool"
    EQUALITY = "two numbers or two bools -> bool"
    LOGIC = "bools -> bool"
    PREDICATE = "number -> bool"
    SELECT = "bool, two numbers or two bools -> their kind"
    REDUCE_REAL = "real tensor -> real, over all axes or one"
    REDUCE_BOOL = "bool tensor -> bool, over all axes or one"
    CONVERT = "int -> real"


@dataclass(frozen=True, slots=True)
class Op:
    """One operation.

    `params` are the argument names, for messages; `symbol` the infix or prefix spelling in a
    specification. `tensorflow` and `python` are a symbol, printed as an operator, or the name of a
    function that is called; `numpy` is the attribute of `numpy` that the reference calls.
    """

    name: str
    form: Form
    params: tuple[str, ...]
    rule: Rule
    tensorflow: str
    python: str
    numpy: str
    symbol: str = ""


def _infix(name: str, symbol: str, rule: Rule, tensorflow: str, python: str, numpy: str) -> Op:
    return Op(name, Form.INFIX, ("left", "right"), rule, tensorflow, python, numpy, symbol)


def _unary(name: str, tensorflow: str, python: str, numpy: str, rule: Rule = Rule.REAL) -> Op:
    return Op(name, Form.FUNCTION, ("x",), rule, tensorflow, python, numpy)


def _reduction(name: str, tensorflow: str, numpy: str, rule: Rule = Rule.REDUCE_REAL) -> Op:
    return Op(name, Form.FUNCTION, ("x",), rule, tensorflow, "", numpy)


_ROWS = (
    _infix("or", "or", Rule.LOGIC, "tf.logical_or", "or", "logical_or"),
    _infix("and", "and", Rule.LOGIC, "tf.logical_and", "and", "logical_and"),
    Op("not", Form.PREFIX, ("x",), Rule.LOGIC, "tf.logical_not", "not", "logical_not", "not"),
    _infix("lt", "<", Rule.COMPARISON, "<", "<", "less"),
    _infix("le", "<=", Rule.COMPARISON, "<=", "<=", "less_equal"),
    _infix("gt", ">", Rule.COMPARISON, ">", ">", "greater"),
    _infix("ge", ">=", Rule.COMPARISON, ">=", ">=", "greater_equal"),
    _infix("eq", "==", Rule.EQUALITY, "tf.equal", "==", "equal"),
    _infix("ne", "!=", Rule.EQUALITY, "tf.not_equal", "!=", "not_equal"),
    _infix("add", "+", Rule.ARITHMETIC, "+", "+", "add"),
    _infix("sub", "-", Rule.ARITHMETIC, "-", "-", "subtract"),
    _infix("mul", "*", Rule.ARITHMETIC, "*", "*", "multiply"),
    _infix("div", "/", Rule.REAL, "/", "/", "divide"),
    _infix("mod", "%", Rule.ARITHMETIC, "%", "%", "mod"),
    Op("neg", Form.PREFIX, ("x",), Rule.ARITHMETIC, "-", "-", "negative", "-"),
    _infix("pow", "^", Rule.REAL, "tf.pow", "**", "power"),
    _unary("abs", "tf.abs", "abs", "abs", Rule.ROUNDING),
    _unary("sign", "tf.sign", "_sign", "sign", Rule.ROUNDING),
    _unary("sqrt", "tf.sqrt", "math.sqrt", "sqrt"),
    _unary("exp", "tf.exp", "math.exp", "exp"),
    _unary("log", "tf.math.log", "math.log", "log"),
    _unary("log1p", "tf.math.log1p", "math.log1p", "log1p"),
    _unary("expm1", "tf.math.expm1", "math.expm1", "expm1"),
    _unary("tanh", "tf.tanh", "math.tanh", "tanh"),
    _unary("floor", "tf.floor", "math.floor", "floor", Rule.ROUNDING),
    Op("min", Form.FUNCTION, ("a", "b"), Rule.ARITHMETIC, "tf.minimum", "min", "minimum"),
    Op("max", Form.FUNCTION, ("a", "b"), Rule.ARITHMETIC, "tf.maximum", "max", "maximum"),
    Op("clip", Form.FUNCTION, ("x", "lo", "hi"), Rule.ARITHMETIC, "tf.clip_by_value", "", "clip"),
    Op("where", Form.FUNCTION, ("c", "a", "b"), Rule.SELECT, "tf.where", "", "where"),
    _unary("is_finite", "tf.math.is_finite", "math.isfinite", "isfinite", Rule.PREDICATE),
    _reduction("sum", "tf.reduce_sum", "sum"),
    _reduction("mean", "tf.reduce_mean", "mean"),
    _reduction("norm", "tf.norm", "linalg.norm"),
    _reduction("amax", "tf.reduce_max", "max"),
    _reduction("amin", "tf.reduce_min", "min"),
    _reduction("any", "tf.reduce_any", "any", Rule.REDUCE_BOOL),
    _reduction("all", "tf.reduce_all", "all", Rule.REDUCE_BOOL),
    Op("real", Form.IMPLICIT, ("x",), Rule.CONVERT, "tf.cast", "float", "float64"),
)

OPS: dict[str, Op] = {op.name: op for op in _ROWS}
FUNCTIONS: dict[str, Op] = {op.name: op for op in _ROWS if op.form is Form.FUNCTION}
INFIX: dict[str, Op] = {op.symbol: op for op in _ROWS if op.form is Form.INFIX}
PREFIX: dict[str, Op] = {op.symbol: op for op in _ROWS if op.form is Form.PREFIX}

PLANNED_FUNCTIONS = frozenset(
    "total global_norm transpose dot diag eye inverse_root qr".split()
)
"""Functions of the language that this version does not build; using one is `unsupported`."""
