"""Every operator and function of the language: one row each, and nothing about them elsewhere.

A row says how an operation is written, which types and intervals it takes and gives, and how each
target spells it. To add a function to the language, add a row (and a test).
"""
# ruff: noqa: E501 - one row stays one line, however long

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from optdsl import intervals as iv
from optdsl.intervals import Interval
from optdsl.records import record


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
    SAME_KIND = "number -> number of the same kind"
    COMPARISON = "numbers -> bool"
    EQUALITY = "two numbers or two bools -> bool"
    LOGIC = "bools -> bool"
    PREDICATE = "number -> bool"
    SELECT = "bool, two numbers or two bools -> their kind"
    REDUCE_REAL = "real tensor -> real, over all axes or one"
    REDUCE_BOOL = "bool tensor -> bool, over all axes or one"
    CONVERT = "int -> real"


@record
class Fault:
    """A way in which an operation can be undefined.

    `code` is the diagnostic; `argument` the index of the argument at fault; "`subject` can be
    `words`" says what is wrong and `remedy` what to do. `possible` tells from the intervals of all
    arguments whether it can happen.
    """

    code: str
    argument: int
    subject: str
    words: str
    remedy: str
    possible: Callable[..., bool]


# fmt: off
_ZERO_DIVISOR = (
    Fault("division-by-zero", 1, "the divisor {}", "0", "add a small positive number to it", iv.divides_by_zero),
)
_NEGATIVE = (
    Fault("domain", 0, "{} under `sqrt`", "negative", "take `max` of it and 0", iv.can_be_negative),
)
_NOT_POSITIVE = (
    Fault("domain", 0, "{} in `log`", "0 or negative", "take `max` of it and a small positive number", iv.can_be_zero_or_less),
)
_NOT_ABOVE_MINUS_ONE = (
    Fault("domain", 0, "{} in `log1p`", "-1 or less", "take `max` of it and 0", iv.can_be_minus_one_or_less),
)
_BAD_POWER = (
    Fault("domain", 0, "the base {} of `^`", "0 where the exponent is negative", "add a small positive number to it", iv.zero_to_negative),
    Fault("domain", 0, "the base {} of `^`", "negative where the exponent is not a whole number", "take `abs` of it", iv.negative_to_fraction),
)
# fmt: on


@record
class Op:
    """One operation.

    `params` are the argument names, for messages; `symbol` the infix or prefix spelling in a
    specification. `tensorflow` and `python` are a symbol, printed as an operator, the name of a
    function that is called, or a template with `{0}` (and `{1}` for the axis of a reduction); `numpy` is the attribute of `numpy` that the reference calls.
    `interval` gives the interval of the result from those of the arguments; `domain` says where the
    operation is not defined.
    """

    name: str
    form: Form
    params: tuple[str, ...]
    rule: Rule
    tensorflow: str
    python: str
    numpy: str
    interval: Callable[..., Interval]
    symbol: str = ""
    domain: tuple[Fault, ...] = ()

    @property
    def plain(self) -> bool:
        return (
            self.name
            in "or and not lt le gt ge eq ne add sub mul neg real abs sign min max clip where".split()
        )

    @property
    def commutative(self) -> bool:
        return self.name in ("min", "max", "eq", "ne")

    @property
    def reduces(self) -> bool:
        return self.rule in (Rule.REDUCE_REAL, Rule.REDUCE_BOOL)

    @property
    def word(self) -> str:
        return {
            "add": "{0}_plus_{1}",
            "sub": "{0}_minus_{1}",
            "mul": "{0}_times_{1}",
            "div": "{0}_over_{1}",
            "pow": "{0}_to_the_{1}",
            "neg": "minus_{0}",
            "real": "{0}",
        }.get(self.name, "")


def _infix(
    name: str,
    symbol: str,
    rule: Rule,
    tensorflow: str,
    python: str,
    numpy: str,
    interval: Callable[..., Interval],
    domain: tuple[Fault, ...] = (),
) -> Op:
    args = ("left", "right")
    return Op(name, Form.INFIX, args, rule, tensorflow, python, numpy, interval, symbol, domain)


def _unary(
    name: str,
    tensorflow: str,
    python: str,
    numpy: str,
    interval: Callable[..., Interval],
    rule: Rule = Rule.REAL,
    domain: tuple[Fault, ...] = (),
) -> Op:
    args = ("x",)
    return Op(name, Form.FUNCTION, args, rule, tensorflow, python, numpy, interval, "", domain)


def _reduction(
    name: str,
    tensorflow: str,
    numpy: str,
    interval: Callable[..., Interval],
    rule: Rule = Rule.REDUCE_REAL,
) -> Op:
    return Op(name, Form.FUNCTION, ("x",), rule, tensorflow, "", numpy, interval)


# fmt: off
_ROWS = (
    _infix("or", "or", Rule.LOGIC, "tf.logical_or", "or", "logical_or", iv.logical_or),
    _infix("and", "and", Rule.LOGIC, "tf.logical_and", "and", "logical_and", iv.logical_and),
    Op("not", Form.PREFIX, ("x",), Rule.LOGIC, "tf.logical_not", "not", "logical_not", iv.logical_not, "not"),
    _infix("lt", "<", Rule.COMPARISON, "<", "<", "less", iv.less),
    _infix("le", "<=", Rule.COMPARISON, "<=", "<=", "less_equal", iv.less_equal),
    _infix("gt", ">", Rule.COMPARISON, ">", ">", "greater", iv.greater),
    _infix("ge", ">=", Rule.COMPARISON, ">=", ">=", "greater_equal", iv.greater_equal),
    _infix("eq", "==", Rule.EQUALITY, "tf.equal", "==", "equal", iv.equal),
    _infix("ne", "!=", Rule.EQUALITY, "tf.not_equal", "!=", "not_equal", iv.not_equal),
    _infix("add", "+", Rule.ARITHMETIC, "+", "+", "add", iv.add),
    _infix("sub", "-", Rule.ARITHMETIC, "-", "-", "subtract", iv.sub),
    _infix("mul", "*", Rule.ARITHMETIC, "*", "*", "multiply", iv.mul),
    _infix("div", "/", Rule.REAL, "/", "/", "divide", iv.div, _ZERO_DIVISOR),
    _infix("mod", "%", Rule.ARITHMETIC, "%", "%", "mod", iv.mod, _ZERO_DIVISOR),
    Op("neg", Form.PREFIX, ("x",), Rule.ARITHMETIC, "-", "-", "negative", iv.neg, "-"),
    _infix("pow", "^", Rule.REAL, "tf.pow", "**", "power", iv.power, _BAD_POWER),
    _unary("abs", "tf.abs", "abs", "abs", iv.absolute, Rule.SAME_KIND),
    _unary("sign", "tf.sign", "((({0}) > 0) - (({0}) < 0))", "sign", iv.sign, Rule.SAME_KIND),
    _unary("sqrt", "tf.sqrt", "math.sqrt", "sqrt", iv.sqrt, domain=_NEGATIVE),
    _unary("exp", "tf.exp", "math.exp", "exp", iv.exp),
    _unary("log", "tf.math.log", "math.log", "log", iv.log, domain=_NOT_POSITIVE),
    _unary("log1p", "tf.math.log1p", "math.log1p", "log1p", iv.log1p, domain=_NOT_ABOVE_MINUS_ONE),
    _unary("expm1", "tf.math.expm1", "math.expm1", "expm1", iv.expm1),
    _unary("tanh", "tf.tanh", "math.tanh", "tanh", iv.tanh),
    _unary("floor", "tf.floor", "math.floor", "floor", iv.floor),
    Op("min", Form.FUNCTION, ("a", "b"), Rule.ARITHMETIC, "tf.minimum", "min", "minimum", iv.minimum),
    Op("max", Form.FUNCTION, ("a", "b"), Rule.ARITHMETIC, "tf.maximum", "max", "maximum", iv.maximum),
    Op("clip", Form.FUNCTION, ("x", "lo", "hi"), Rule.ARITHMETIC, "tf.clip_by_value", "max(min({0}, {2}), {1})", "clip", iv.clip),
    Op("where", Form.FUNCTION, ("c", "a", "b"), Rule.SELECT, "tf.where", "", "where", iv.select),
    _unary("is_finite", "tf.math.is_finite", "math.isfinite", "isfinite", iv.either, Rule.PREDICATE),
    _reduction("sum", "tf.reduce_sum", "sum", iv.total),
    _reduction("mean", "tf.reduce_mean", "mean", iv.mean),
    _reduction("norm", "tf.sqrt(tf.reduce_sum(tf.square({0}){1}))", "linalg.norm", iv.norm),
    _reduction("amax", "tf.reduce_max", "max", iv.same),
    _reduction("amin", "tf.reduce_min", "min", iv.same),
    _reduction("any", "tf.reduce_any", "any", iv.same, Rule.REDUCE_BOOL),
    _reduction("all", "tf.reduce_all", "all", iv.same, Rule.REDUCE_BOOL),
    Op("real", Form.IMPLICIT, ("x",), Rule.CONVERT, "tf.cast", "float", "float64", iv.same),
)
# fmt: on

OPS: dict[str, Op] = {op.name: op for op in _ROWS}
FUNCTIONS: dict[str, Op] = {op.name: op for op in _ROWS if op.form is Form.FUNCTION}
INFIX: dict[str, Op] = {op.symbol: op for op in _ROWS if op.form is Form.INFIX}
PREFIX: dict[str, Op] = {op.symbol: op for op in _ROWS if op.form is Form.PREFIX}

PLANNED_FUNCTIONS = frozenset("total global_norm transpose dot diag eye inverse_root qr".split())
"""Functions of the language that this version does not build; using one is `unsupported`."""
