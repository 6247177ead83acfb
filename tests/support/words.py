"""What random specifications are made of: sizes of values, names, and forms with gaps."""

from __future__ import annotations

from enum import IntEnum

from optdsl.check.names import why_reserved

HEAD = """\
optimizer Drawn:
    hyper lr         = 0.125 in [0, 1]
    hyper decay      = 0.5 in [0, 1)
    hyper k: int     = 2 in [1, 5]
    hyper n: int     = 0 in [-2, 2]
    hyper flag: bool = true
    hyper off: bool  = false
"""
MACROS = """\
    def mixed(x, y) = x * decay + y * (1 - decay)
    def kept(x) = x
"""


TOTALS = (
    "clip(total({}), -8, 8)",
    "tanh(total({}) / 8)",
    "min(global_norm({}), 8)",
    "sqrt(total(abs({})) / total(size))",
)


class Size(IntEnum):
    """How large a value is at most. A value of a size fits wherever one of a larger size does.

    But for ROW, REDUCED and KEEP, of which none fits another.
    """

    LITERAL = 0
    STEP = 1
    VARIABLE = 2
    ROW = 3
    REDUCED = 4
    KEEP = 5
    TENSOR = 6

    def fits(self, other: Size) -> bool:
        partial = {Size.ROW, Size.REDUCED, Size.KEEP}
        return self == other or (self < other and not {self, other} <= partial)

    def joined(self, other: Size) -> Size:
        """The size of an operation on both."""
        larger = max(self, other)
        return larger if min(self, other).fits(larger) else Size.TENSOR


SHAPES = {
    Size.VARIABLE: ": scalar",
    Size.ROW: ": row",
    Size.REDUCED: ": reduced({axis})",
    Size.KEEP: ": keep({axis})",
    Size.TENSOR: "",
}
NAMES = [
    name
    for name in """a b c m v a_2 old_a old_a_ old_b hyper hyper_ mask mask_ part part_2 s s_ shape
    t_real x y scalars scalar state value then then_2 count index dtype like ids fields rule core
    update initial one_minus_decay lr_times_decay minus_k filled reduced_ total_
    condition""".split()
    if why_reserved(name) is None
]
LITERALS = ("0", "1", "2", "0.1", "0.5", "pi", "3e-2")
HYPERS = ("lr", "decay", "k", "n", "2", "0.5", "pi")
PER_STEP = (*HYPERS, "t", "(t % 3)", "(1 - decay^t)", "lr / t")
DIMS = ("rank", "rows", "cols", "size", "length(0)", "length(-2)")
WHOLE = ("k", "n", "2", "-k % 3", "min(k, 2)", "sign(n)")
WHOLE_PER_STEP = (*WHOLE, "t", "t - k", "sign(t - 2)")
WHOLE_TWO = ("({} + {})", "({} - {})", "min({}, {})", "max({}, {})", "{} % (abs({}) + 1)")
ONE = (
    "-{}",
    "abs({})",
    "sign({})",
    "floor({})",
    "ceil({})",
    "round({})",
    "sin({})",
    "cos({})",
    "tan(tanh({}))",
    "atan2({}, 2)",
    "sigmoid({})",
    "softplus({})",
    "erf({})",
    "cbrt({})",
    "tanh({})",
    "sqrt(abs({}))",
    "log(abs({}) + 1)",
    "log1p(abs({}))",
    "exp(-abs({}))",
    "expm1(-abs({}))",
    "abs({})^k",
    "(abs({}) + 0.5)^n",
    "tanh({})^2",
    "(abs({}) + 1)^-decay",
    "clip({}, -2, 2)",
    "clip({}, n, k)",
    "kept({})",
    # what folds, or is the same twice
    "0 * {}",
    "({} + 0)",
    "{} * 1",
    "{}^1",
    "-(-{})",
    "({0} - {0})",
    "max({0}, {0})",
    "sign(sign({}))",
)
TWO = (
    "({} + {})",
    "({} - {})",
    "({} * {})",
    "{} / (abs({}) + 1)",
    "{} % (abs({}) + 1)",
    "min({}, {})",
    "max({}, {})",
    "atan2({}, abs({}) + 1)",
    "mixed({}, {})",
    "clip({}, {}, 0.3)",
    "clip(decay, {}, {})",
)
REDUCTIONS = ("sum", "mean", "norm", "amax", "amin")
COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")
STATIC = ("flag", "not off", "k > 2", "n == 0 or off", "min(k, 2) < pi and flag")
LOGIC = ("not ({})", "({} and {})", "({} or {})", "({}) == ({})", "({}) != ({})")
