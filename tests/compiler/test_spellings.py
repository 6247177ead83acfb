"""The same rule in another spelling gets the same answer: values are brought to a normal form."""

from __future__ import annotations

import pytest

from optdsl.compiler import compile_source
from optdsl.source import SourceFile

HEAD = """\
optimizer X:
    hyper b = 0.9 in [0, 1)
    hyper c = 0.9 in [0, 1)
    hyper free = 0.5
    hyper eps = 1e-7 in (0, inf)
    slot m, v, n
    slot u: scalar
    step:
"""

MEANS = {  # of what was there, and of a square
    "as Adam has it": ["v <- b * v + (1 - b) * grad^2"],
    "literals": ["v <- 0.9 * v + 0.1 * grad^2"],
    "a product for the square": ["v <- 0.9 * v + 0.1 * grad * grad"],
    "the square apart": ["v <- 0.9 * v + grad * 0.1 * grad"],
    "factors behind": ["v <- v * b + grad * grad * (1 - b)"],
    "factors around": ["v <- b * v + grad * (1 - b) * grad"],
    "towards the square": ["v <- v + (1 - b) * (grad^2 - v)"],
    "away from what was": ["v <- v - (1 - b) * (v - grad^2)"],
    "towards, behind": ["v <- v + (grad * grad - v) * (1 - b)"],
    "from the square": ["v <- grad^2 + b * (v - grad^2)"],
    "the difference as a local": ["d = grad^2 - v", "v <- v + (1 - b) * d"],
    "the weight as a local": ["w = 1 - b", "v <- v + w * (grad^2 - v)"],
    "the weight as a local, twice": ["w = 1 - b", "v <- (1 - w) * v + w * grad^2"],
    "multiplied out": ["v <- b * v + grad^2 - b * grad^2"],
    "with old": ["v <- old(v) + (1 - b) * (grad^2 - old(v))"],
    "negated": ["v <- -((b - 1) * grad^2 - b * v)"],
    "divided": ["v <- (9 * v + grad * grad) / 10"],
    "a literal weight": ["v <- v + 0.1 * (grad^2 - v)"],
    "a product of weights": ["v <- v + (1 - b) * (1 - c) * (grad^2 - v)"],
    "a mean of a mean": ["v <- v + (1 - b) * (c * v + (1 - c) * grad^2 - v)"],
    "a weight per variable": ["w = 1 / (1 + norm(grad))", "v <- v + w * (grad^2 - v)"],
    "a weight per element": ["w = 1 / (1 + abs(grad))", "v <- (1 - w) * v + w * grad^2"],
    "a decaying weight": ["w = t^-0.8", "v <- v + w * (grad^2 - v)"],
    "a mean over the variable": ["v <- v + (1 - b) * (mean(grad * grad) - v)"],
    "a difference that is squared": [
        "m <- b * m + (1 - b) * grad",
        "v <- c * v + (1 - c) * (grad - m) * (grad - m) + eps",
    ],
    "a difference, as AdaBelief has it": [
        "m <- b * m + (1 - b) * grad",
        "d = grad - m",
        "v <- v + (1 - c) * (d * d - v) + eps",
    ],
    "what it was at most": ["n <- v", "v <- v + (1 - b) * (grad^2 - v)", "n <- max(n, v) - n"],
}
YOGI = {
    "as printed": ["v <- v - (1 - b) * sign(v - grad^2) * grad^2"],
    "turned": ["v <- v + (1 - b) * sign(grad^2 - v) * grad^2"],
    "a product for the square": ["v <- v - (1 - b) * sign(v - grad * grad) * grad * grad"],
    "the sign behind": ["v <- v - (1 - b) * grad^2 * sign(v - grad^2)"],
    "the difference as a local": ["s = grad^2", "d = v - s", "v <- v - (1 - b) * sign(d) * s"],
    "a literal": ["v <- v - 0.001 * sign(v - grad^2) * grad^2"],
    "a choice": ["s = grad^2", "v <- where(v > s, v - (1 - b) * s, v + (1 - b) * s)"],
    "a choice of products": [
        "v <- where(grad * grad < v, v - (1 - b) * grad^2, v + (1 - b) * grad^2)"
    ],
    "one value for the variable": [
        "s = mean(grad^2)",
        "u <- u - (1 - b) * sign(u - s) * s",
        "v <- u",
    ],
}


def findings(lines: list[str]) -> list[str]:
    step = [*lines, "param <- param - grad * m * u / (sqrt(v) + sqrt(n) + 1)"]
    text = HEAD + "".join(f"        {line}\n" for line in step)
    found = compile_source(SourceFile("x.opt", text)).diagnostics
    return [one.message for one in found if not one.code.startswith("unused")]


@pytest.mark.parametrize("lines", MEANS.values(), ids=MEANS)
def test_a_mean_of_squares_is_never_negative(lines: list[str]) -> None:
    assert findings(lines) == []


@pytest.mark.parametrize("lines", YOGI.values(), ids=YOGI)
def test_yogi_is_never_negative(lines: list[str]) -> None:
    assert findings(lines) == []


@pytest.mark.parametrize(
    "lines",
    [
        ["v <- v + free * (grad^2 - v)"],  # a weight that may be above 1, or negative
        ["v <- (1 - b) * v - b * grad^2"],
        ["v <- v + (1 - b) * (grad - v)"],
        ["v <- v - (1 - b) * (grad^2 - v)"],
        ["v <- 0.9 * v + 0.1 * grad * m", "m <- grad"],
        ["v <- v - 2 * sign(v - grad^2) * grad^2"],  # Yogi with b = -1
        ["v <- v - (1 - b) * sign(v - grad) * grad^2"],
        ["s = grad^2", "v <- where(v > s, v - s / b, v + s)"],
        ["s = grad^2", "v <- where(v < s, v - (1 - b) * s, v + (1 - b) * s)"],
        ["w = 2 / (1 + norm(grad))", "v <- v + w * (grad^2 - v)"],
    ],
)
def test_what_can_be_negative_is_found(lines: list[str]) -> None:
    assert any(message.startswith("`v` under `sqrt`") for message in findings(lines))


SMALL = ["x = clip(grad, 0, 0.5)", "v <- {}", "m <- 1 / (1 - v)", "n <- grad^2"]


@pytest.mark.parametrize(
    "mean",
    ["b * v + (1 - b) * x", "v + (1 - b) * (x - v)", "v - (v - x) * (1 - b)", "x + b * (v - x)"],
)
def test_a_mean_lies_between(mean: str) -> None:
    assert findings([line.format(mean) for line in SMALL]) == []


def test_what_is_no_mean_does_not() -> None:
    assert findings([line.format("v + (1 - free) * (x - v)") for line in SMALL]) != []
