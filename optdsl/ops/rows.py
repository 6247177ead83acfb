"""The rows: every operator and function of the language, and all that is known of each."""

from __future__ import annotations

from collections.abc import Callable
from math import erf, inf, pi
from typing import Any

from optdsl import intervals as iv
from optdsl.intervals import Interval, inverse, logic
from optdsl.ops.op import Fault, Form, Op, Typing

# --- where an operation is not defined -----------------------------------------------------------

_ZERO_DIVISOR = Fault(
    code="division-by-zero",
    argument=1,
    subject="the divisor {}",
    words="0",
    remedy="add a small positive number to it",
    possible=iv.divides_by_zero,
)
_NEGATIVE = Fault(
    code="domain",
    argument=0,
    subject="{} under `sqrt`",
    words="negative",
    remedy="take `max` of it and 0",
    possible=iv.can_be_negative,
)
_NOT_POSITIVE = Fault(
    code="domain",
    argument=0,
    subject="{} in `log`",
    words="0 or negative",
    remedy="take `max` of it and a small positive number",
    possible=iv.can_be_zero_or_less,
)
_NOT_ABOVE_MINUS_ONE = Fault(
    code="domain",
    argument=0,
    subject="{} in `log1p`",
    words="-1 or less",
    remedy="take `max` of it and 0",
    possible=iv.can_be_minus_one_or_less,
)
_AT_A_POLE = Fault(
    code="domain",
    argument=0,
    subject="{} in `tan`",
    words="an odd multiple of pi/2",
    remedy="take `clip` of it to less than pi/2",
    possible=iv.can_be_a_pole,
)
_POWER_OF_ZERO = Fault(
    code="domain",
    argument=0,
    subject="the base {} of `^`",
    words="0 where the exponent is negative",
    remedy="add a small positive number to it",
    possible=iv.zero_to_negative,
)
_POWER_OF_NEGATIVE = Fault(
    code="domain",
    argument=0,
    subject="the base {} of `^`",
    words="negative where the exponent is not a whole number",
    remedy="take `abs` of it",
    possible=iv.negative_to_fraction,
)


# --- short ways to write a row -------------------------------------------------------------------


def _infix(name: str, symbol: str, typing: Typing, **known: Any) -> Op:
    return Op(name, Form.INFIX, ("left", "right"), typing, symbol=symbol, **known)


def _prefix(name: str, symbol: str, typing: Typing, **known: Any) -> Op:
    return Op(name, Form.PREFIX, ("x",), typing, symbol=symbol, **known)


def _function(name: str, params: str, typing: Typing, **known: Any) -> Op:
    return Op(name, Form.FUNCTION, tuple(params.split()), typing, **known)


def _matrix(name: str, params: str, **known: Any) -> Op:
    return Op(name, Form.FUNCTION, tuple(params.split()), Typing.MATRIX, **known)


def _always(value: float) -> Callable[[Interval], Interval]:
    return lambda _: iv.point(value)


def _within(low: float, high: float) -> Callable[[Interval], Interval]:
    """The interval of a function that takes all values between two, whatever its argument."""
    return lambda x: iv.EMPTY if x.empty else iv.of(low, high)


def _between(low: float, high: float) -> Callable[..., Interval]:
    """The interval of a function whose elements lie between two numbers, whatever it is given."""
    return lambda *args: iv.EMPTY if any(arg.empty for arg in args) else iv.of(low, high)


def _product(x: Interval, y: Interval) -> Interval:
    """An element of a product of matrices is a sum of products."""
    return iv.total(iv.mul(x, y))


def _orthogonal(np: Any, x: Any) -> Any:
    q, r = np.linalg.qr(x)
    return np.where(np.diag(r) < 0, -q, q)


def _eigenvalues(np: Any, x: Any) -> Any:
    return np.linalg.eigvalsh((x + x.T) / 2)[None, ::-1]


def _eigenvectors(np: Any, x: Any) -> Any:
    return np.linalg.eigh((x + x.T) / 2)[1][:, ::-1]


def _inverse_root(np: Any, x: Any, p: Any) -> Any:
    values, vectors = np.linalg.eigh((x + x.T) / 2)
    return vectors * values ** (-1 / p) @ vectors.T


def _sorting(np: Any, x: Any) -> Any:
    return np.eye(len(x))[np.argsort(-x[:, 0], kind="stable")]


def _diagonal(np: Any, x: Any) -> Any:
    return np.diag(x)[:, None]


def _clip(np: Any, x: Any, low: Any, high: Any) -> Any:
    """NumPy's own `clip` gives the upper limit where that is below the lower one."""
    return np.maximum(np.minimum(x, high), low)


def _erf(np: Any, x: Any) -> Any:
    """NumPy has none of its own."""
    return np.vectorize(erf, otypes=[float])(x)


def _sigmoid(np: Any, x: Any) -> Any:
    """`1 / (1 + exp(-x))`, without overflow."""
    small = np.exp(-np.abs(x))
    return np.where(x < 0, small, 1) / (1 + small)


def _softplus(np: Any, x: Any) -> Any:
    """`log(1 + exp(x))`, without overflow."""
    return np.logaddexp(0.0, x)


# --- the rows ------------------------------------------------------------------------------------

# fmt: off
_LOGIC = (
    _infix("or", "or", Typing.LOGIC, numpy="logical_or", plain=True,
           interval=iv.logical_or, commutative=True, neutral=0, idempotent=True),
    _infix("and", "and", Typing.LOGIC, numpy="logical_and", plain=True,
           interval=iv.logical_and, commutative=True, neutral=1, idempotent=True),
    _prefix("not", "not", Typing.LOGIC, numpy="logical_not", plain=True, interval=iv.logical_not),
)

_COMPARISONS = (
    _infix("lt", "<", Typing.COMPARISON, numpy="less", plain=True,
           interval=iv.less, negation="ge"),
    _infix("le", "<=", Typing.COMPARISON, numpy="less_equal", plain=True,
           interval=iv.less_equal, negation="gt"),
    _infix("gt", ">", Typing.COMPARISON, numpy="greater", plain=True,
           interval=iv.greater, negation="le"),
    _infix("ge", ">=", Typing.COMPARISON, numpy="greater_equal", plain=True,
           interval=iv.greater_equal, negation="lt"),
    _infix("eq", "==", Typing.EQUALITY, numpy="equal", plain=True,
           interval=iv.equal, commutative=True, negation="ne"),
    _infix("ne", "!=", Typing.EQUALITY, numpy="not_equal", plain=True,
           interval=iv.not_equal, commutative=True, negation="eq"),
    _function("is_finite", "x", Typing.PREDICATE, numpy="isfinite", interval=iv.either),
)

_ARITHMETIC = (
    _infix("add", "+", Typing.ARITHMETIC, word="{0}_plus_{1}",
           numpy="add", plain=True,
           interval=iv.add, inverse=inverse.add,
           commutative=True, neutral=0, roundings=1),
    _infix("sub", "-", Typing.ARITHMETIC, word="{0}_minus_{1}",
           numpy="subtract", plain=True,
           interval=iv.sub, inverse=inverse.sub,
           neutral=0, of_same=_always(0.0), roundings=1),
    _infix("mul", "*", Typing.ARITHMETIC, word="{0}_times_{1}",
           numpy="multiply", plain=True,
           interval=iv.mul, inverse=inverse.mul,
           commutative=True, neutral=1, of_same=iv.square, roundings=1),
    # a / sqrt(b) may become a * rsqrt(b), and rsqrt is good to 2 ulp, which are 4 roundings.
    _infix("div", "/", Typing.REAL, word="{0}_over_{1}",
           numpy="divide",
           interval=iv.div, domain=(_ZERO_DIVISOR,),
           neutral=1, of_same=_always(1.0), roundings=5),
    # The quotient, the product and the difference may each be rounded.
    _infix("mod", "%", Typing.ARITHMETIC,
           numpy="mod",
           interval=iv.mod, domain=(_ZERO_DIVISOR,), roundings=3),
    _prefix("neg", "-", Typing.ARITHMETIC, word="minus_{0}",
            numpy="negative", plain=True,
            interval=iv.neg, inverse=inverse.neg),
    # exp and log; the interpreter adds what follows from the size of their arguments.
    _infix("pow", "^", Typing.REAL, word="{0}_to_the_{1}", also=("power",),
           numpy="power",
           interval=iv.power, domain=(_POWER_OF_ZERO, _POWER_OF_NEGATIVE), inverse=inverse.power,
           neutral=1, roundings=8),
    Op("real", Form.IMPLICIT, ("x",), Typing.CONVERT, word="{0}",
       numpy="float64", plain=True,
       interval=iv.same, inverse=inverse.same, equals=logic.the_first),
)

_FUNCTIONS = (
    _function("abs", "x", Typing.SAME_KIND, numpy="abs", plain=True,
              interval=iv.absolute, inverse=inverse.absolute, equals=logic.the_positive,
              turns=((0, 0),)),
    _function("sign", "x", Typing.SAME_KIND, numpy="sign", plain=True, interval=iv.sign),
    # The root may be x * rsqrt(x) with a Newton step.
    _function("sqrt", "x", Typing.REAL, numpy="sqrt",
              interval=iv.sqrt, domain=(_NEGATIVE,), inverse=inverse.sqrt,
              turns=((0, 0),), roundings=3),
    # exp and the next ones are polynomials in the format itself, up to 4 ulp.
    _function("exp", "x", Typing.REAL, numpy="exp", interval=iv.exp, roundings=8),
    _function("log", "x", Typing.REAL, also=("ln",),
              numpy="log", interval=iv.log, domain=(_NOT_POSITIVE,),
              turns=((0, -inf),), roundings=8),
    # In float64, XLA on x from -0.5 to -0.25: measured 241.
    _function("log1p", "x", Typing.REAL,
              numpy="log1p", interval=iv.log1p, domain=(_NOT_ABOVE_MINUS_ONE,), turns=((-1, -inf),),
              roundings=8, double_roundings=300),
    _function("expm1", "x", Typing.REAL, numpy="expm1", interval=iv.expm1, roundings=8),
    # A rational function of degree 13 over 6.
    _function("tanh", "x", Typing.REAL, numpy="tanh", interval=iv.tanh, roundings=12),
    _function("cos", "x", Typing.REAL, numpy="cos", interval=_within(-1, 1), slope=1, roundings=8),
    # What is measured of these, on 200,000 numbers of all magnitudes, is half of it or less.
    _function("sin", "x", Typing.REAL, numpy="sin", interval=_within(-1, 1), slope=1, roundings=8),
    _function("tan", "x", Typing.REAL,
              numpy="tan", interval=iv.tan, domain=(_AT_A_POLE,), poles=pi / 2, roundings=8),
    _function("atan2", "y x", Typing.REAL, also=("arctan2",),
              numpy="arctan2", interval=iv.atan2, roundings=12),
    _function("sigmoid", "x", Typing.REAL, also=("expit", "logistic"),
              numpy=_sigmoid, interval=iv.sigmoid, roundings=16),
    _function("softplus", "x", Typing.REAL, numpy=_softplus, interval=iv.softplus, roundings=16),
    _function("erf", "x", Typing.REAL, numpy=_erf, interval=iv.erf, roundings=12),
    _function("floor", "x", Typing.REAL, numpy="floor", interval=iv.floor),
    _function("ceil", "x", Typing.REAL, also=("ceiling",), numpy="ceil", interval=iv.ceil),
    # Half to even, as everywhere in IEEE arithmetic.
    _function("round", "x", Typing.REAL, also=("rint",), numpy="rint", interval=iv.round_),
    # A power of 1/3, which is itself rounded: that counts |log x| / 3 times, up to 30 and 236.
    _function("cbrt", "x", Typing.REAL, also=("cube_root",),
              numpy="cbrt", interval=iv.cbrt, roundings=32, double_roundings=300),
    _function("min", "a b", Typing.ARITHMETIC, also=("minimum",),
              numpy="minimum", plain=True, interval=iv.minimum,
              commutative=True, idempotent=True, equals=logic.the_smaller, picks=True),
    _function("max", "a b", Typing.ARITHMETIC, also=("maximum",),
              numpy="maximum", plain=True, interval=iv.maximum,
              commutative=True, idempotent=True, equals=logic.the_larger, picks=True),
    _function("clip", "x lo hi", Typing.ARITHMETIC,
              numpy=_clip, plain=True,
              interval=iv.clip, equals=logic.the_clipped, picks=True),
    _function("where", "c a b", Typing.SELECT, also=("select",),
              numpy="where", plain=True, interval=iv.select),
)

_REDUCTIONS = (
    _function("sum", "x", Typing.REDUCE_REAL, also=("reduce_sum",),
              numpy="sum", interval=iv.total, left_out=0),
    _function("mean", "x", Typing.REDUCE_REAL, also=("average", "reduce_mean"),
              numpy="mean", interval=iv.mean),
    _function("norm", "x", Typing.REDUCE_REAL,
              numpy="linalg.norm",
              interval=iv.norm, left_out=0),
    _function("amax", "x", Typing.REDUCE_REAL, also=("reduce_max",),
              numpy="max", interval=iv.same, left_out=-inf),
    _function("amin", "x", Typing.REDUCE_REAL, also=("reduce_min",),
              numpy="min", interval=iv.same, left_out=inf),
    _function("any", "x", Typing.REDUCE_BOOL,
              numpy="any", interval=iv.same, left_out=False),
    _function("all", "x", Typing.REDUCE_BOOL,
              numpy="all", interval=iv.same, left_out=True),
)

_MATRICES = (
    Op("matmul", Form.INFIX, ("left", "right"), Typing.MATRIX, symbol="@", also=("dot_product",),
       numpy="matmul", interval=_product),
    _matrix("transpose", "x", numpy="transpose", interval=iv.same),
    _matrix("diag", "x", also=("diag_part", "diagonal"), numpy=_diagonal, interval=iv.same),
    _matrix("eye", "k", also=("identity",), numpy="eye", interval=_between(0, 1)),
    _matrix("inverse_root", "x p", numpy=_inverse_root, interval=_between(-inf, inf)),
    _matrix("qr", "x", numpy=_orthogonal, interval=_between(-1, 1)),
    _matrix("eigenvectors", "x", also=("eigh",), numpy=_eigenvectors, interval=_between(-1, 1)),
    _matrix("eigenvalues", "x", also=("eigvals",), numpy=_eigenvalues,
            interval=_between(-inf, inf)),
    _matrix("sorting", "x", also=("argsort",), numpy=_sorting, interval=_between(0, 1)),
)

# At least one variable has a gradient in a step, and at least one element.
_ACROSS = (
    _function("total", "x", Typing.TOTAL, numpy="sum", interval=iv.total),
)
# fmt: on

ROWS: tuple[Op, ...] = (
    *_LOGIC,
    *_COMPARISONS,
    *_ARITHMETIC,
    *_FUNCTIONS,
    *_REDUCTIONS,
    *_MATRICES,
    *_ACROSS,
)
