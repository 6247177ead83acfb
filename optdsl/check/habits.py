"""Names and functions that people bring from elsewhere: what they are called here."""

from __future__ import annotations

from optdsl.ops import OPS

_NO_CHANCE = "a rule is a pure function of gradients and state: there are no random numbers"
_SHAPES = "a value has the shape that it needs by itself: write the number alone"
_DIMENSIONS = "write `size`, `rows`, `cols`, `rank` or `length(k)`"

FUNCTIONS: dict[str, str] = {
    "float": "a whole number becomes real by itself where it meets a real one",
    "cast": "a whole number becomes real by itself where it meets a real one",
    "int": "write `floor(x)`",
    "trunc": "write `sign(x) * floor(abs(x))`",
    "pow": "write `x^y`",
    "rsqrt": "write `1 / sqrt(x)`",
    "square": "write `x^2`",
    "reciprocal": "write `1 / x`",
    "log2": "write `log(x) / log(2)`",
    "log10": "write `log(x) / log(10)`",
    "exp2": "write `2^x`",
    "sinh": "write `(exp(x) - exp(-x)) / 2`",
    "cosh": "write `(exp(x) + exp(-x)) / 2`",
    "atan": "write `atan2(x, 1)`",
    "arctan": "write `atan2(x, 1)`",
    "asin": "write `atan2(x, sqrt(1 - x^2))`",
    "arcsin": "write `atan2(x, sqrt(1 - x^2))`",
    "acos": "write `atan2(sqrt(1 - x^2), x)`",
    "arccos": "write `atan2(sqrt(1 - x^2), x)`",
    "erfc": "write `1 - erf(x)`",
    "relu": "write `max(x, 0)`",
    "silu": "write `x * sigmoid(x)`",
    "swish": "write `x * sigmoid(x)`",
    "gelu": "write `x * (1 + erf(x / sqrt(2))) / 2`",
    "softsign": "write `x / (1 + abs(x))`",
    "logit": "write `log(x / (1 - x))`",
    "lerp": "write `a + w * (b - a)`",
    "clamp": "write `clip(x, lo, hi)`",
    "hypot": "write `sqrt(x^2 + y^2)`",
    "var": "write `mean((x - mean(x))^2)`",
    "variance": "write `mean((x - mean(x))^2)`",
    "std": "write `sqrt(mean((x - mean(x))^2))`",
    "rms": "write `sqrt(mean(x^2))`",
    "l1_norm": "write `sum(abs(x))`",
    "prod": "write `exp(sum(log(x)))` where x is positive",
    "isfinite": "did you mean `is_finite`?",
    "isnan": "write `x != x`",
    "isinf": "write `not is_finite(x) and x == x`",
    "cond": "write `where(condition, value, other)`, or a block `when condition:`",
    "if_else": "write `where(condition, value, other)`, or a block `when condition:`",
    "ema": "write `beta * m + (1 - beta) * x`, with a `slot m`",
    "matmul": "write `x @ y`",
    "shape": _DIMENSIONS,
    "numel": _DIMENSIONS,
    "len": _DIMENSIONS,
    "ndim": "write `rank`",
    **dict.fromkeys(("zeros", "zeros_like", "ones", "ones_like", "full", "full_like"), _SHAPES),
    **dict.fromkeys(
        """random random_normal random_uniform normal uniform bernoulli rademacher randn rand
        truncated_normal dropout noise""".split(),
        _NO_CHANCE,
    ),
}
for _op in OPS.values():
    _meant = f"write `x{_op.symbol}y`" if _op.symbol else f"did you mean `{_op.name}`?"
    FUNCTIONS |= dict.fromkeys(_op.also, _meant)

NAMES: dict[str, str] = {
    **dict.fromkeys("lr rate step_size".split(), "learning_rate"),
    **dict.fromkeys("g gradient gradients grads dw".split(), "grad"),
    **dict.fromkeys("w weight weights theta parameter parameters params".split(), "param"),
    **dict.fromkeys("iterations iteration step steps global_step step_count".split(), "t"),
}
"""What a value is called here."""

OTHERS: dict[str, str] = {
    "epoch": "a rule knows steps only: `t` is the number of this one",
    "epochs": "a rule knows steps only: `t` is the number of this one",
    "layer": "a rule knows one variable: its `rank`, `rows`, `cols`, `size` and `length(k)`",
    "batch_size": "a rule does not know its batch: declare `hyper batch_size: int = …`",
    "e": "write `exp(1)`",
    "None": "a slot has a value from the start, and `first` is true on a variable's first step",
    "nan": "`where` and `is_finite` choose what to do about values that are not finite",
}
"""What to do without a value that is not there."""
