"""Rules that were once generated wrongly, on every path; see `programs` for random ones."""

from __future__ import annotations

import pytest
import tensorflow as tf

from support.trials import PATHS, agree, loaded, trial

_RATE = "param <- param - 0.5 * grad"

RULES = {
    # --- a copy of a slot is the value that the slot had, not the one that it gets afterwards
    "a kept copy": ("slot a, b", "param <- param - b", "b <- a", "a <- grad"),
    "a kept copy, through a local": (
        "slot a, b = 1",
        "kept = a",
        "a <- grad",
        "b <- kept",
        "param <- param - b - kept",
    ),
    "a kept copy, through `old`": (
        "slot a, b = 1",
        "a <- a + grad",
        "b <- old(a)",
        "a <- 2 * old(b)",
        "param <- param - b - old(a)",
    ),
    "a kept copy, through `where`": (
        "slot a, b = 1",
        "b <- where(true, a, grad)",
        "a <- where(false, a, grad)",
        "param <- param - b",
    ),
    "a kept copy, through `where` on a hyperparameter": (
        "hyper flag: bool = true; slot a, b = 1",
        "b <- where(flag, a, grad)",
        "a <- where(flag, grad, a)",
        "param <- param - b",
    ),
    "a kept copy, in a branch": (
        "hyper flag: bool = true; slot a, b, c = 1",
        "when flag:",
        "    b <- a",
        "    a <- grad",
        "when t > 1:",
        "    c <- b",
        "otherwise:",
        "    b <- c",
        "param <- param - b - c",
    ),
    "two slots that change places": (
        "slot a = 1; slot b = param",
        "b <- a",
        "a <- old(b)",
        "param <- param - 0.5 * a * grad - b",
    ),
    "copies of smaller slots": (
        "slot a, b: scalar; slot c, d: row; slot e, f: reduced(0)",
        "b <- a",
        "a <- sum(grad)",
        "d <- c",
        "c <- sum(grad, axis=row)",
        "f <- e",
        "e <- mean(grad, axis=0)",
        "param <- param - b - d - f",
    ),
    "a history of three slots": (
        "slot one, two, three",
        "three <- two",
        "two <- one",
        "one <- grad",
        "param <- param - one - 0.5 * two - 0.25 * three",
    ),
    "a copy of the variable": (
        "slot before, at_start = param",
        "before <- param",
        _RATE,
        "at_start <- old(param)",
        "param <- param - 0.5 * (param - before) + 0.125 * at_start",
    ),
    # --- branches that leave nothing
    "an `otherwise` without a result": (
        "slot a",
        "when t > 1:",
        "    a <- grad",
        "otherwise:",
        "    unused = grad * 2",
        "    a <- a",
        "param <- param - a",
    ),
    "an `otherwise` of a local alone": (
        "slot a; hyper flag: bool = false",
        "when flag:",
        "    a <- grad",
        "otherwise:",
        "    unused = grad * 2",
        _RATE,
    ),
    "a `when` without a result": (
        "slot a; hyper flag: bool = false",
        "when flag:",
        "    unused = grad * 2",
        "otherwise:",
        "    a <- grad",
        "when any(grad > 0):",
        "    unread = param",
        "otherwise:",
        "    a <- a + 1",
        _RATE,
    ),
    "two branches without a result": (
        "slot a",
        "when t > 1:",
        "    unused = grad",
        "otherwise:",
        "    unread = param",
        "when rank > 1:",
        "    unheard = grad",
        "otherwise:",
        "    unseen = param",
        _RATE,
    ),
    "a branch of a `when` without a result": (
        "slot a; hyper flag: bool = true",
        "when flag:",
        "    a <- grad",
        "otherwise:",
        "    when any(grad > 0):",
        "        unused = grad",
        "    otherwise:",
        "        when rank > 1:",
        "            unread = t",
        "when not flag:",
        "    when t > 1:",
        "        unheard = param",
        "otherwise:",
        "    a <- 2 * a",
        "param <- param - a",
    ),
    # --- literals alone
    "a condition of literals": (
        "slot a",
        "when pi >= 1.5 and is_finite(pi):",
        "    a <- grad",
        "when min(pi, 0.25) >= max(pi, pi):",
        "    a <- param",
        "otherwise:",
        "    a <- a + 1",
        "when not true or sign(0 - 2) == abs(1):",
        "    a <- 2 * grad",
        "param <- param - a",
    ),
    "a local of literals in a branch": (
        "slot a",
        "when t > 1:",
        "    x = sign(sign(pi))",
        "    y = abs(2)",
        "    a <- grad * x * y",
        "otherwise:",
        "    x = exp(log1p(1))",
        "    y = sqrt(4)",
        "    a <- grad * y / x",
        "param <- param - a * x + y",
    ),
    "slots that start from literals": (
        "slot a: scalar = sign(sign(max(1, pi))); slot b = where(min(pi, 0.25) < 1, abs(0 - 2), 3)",
        "a <- a + sqrt(sqrt(16))",
        "b <- b * exp(log(2)) + grad",
        "param <- param - a * b",
    ),
    "slots that start from hyperparameters, rounded once": (
        "hyper n: int = -1; hyper rate = 0.3; slot a = (0.03 + 0.5)^n; slot b: scalar = rate / 7",
        "param <- param - 0.5 * grad * a - b",
    ),
    "long chains of literals": (
        "hyper rate = 0.5 in [0, 1]; slot a",
        "x = rate * (1 - min(0.5, 0.25)) * max(sqrt(2), exp(0.5)) * floor(pi) * abs(0 - 3)",
        "y = where(1 < 2, tanh(1), log(2)) + t * sign(sign(pi)) - sqrt(sqrt(sqrt(16)))",
        "when sqrt(rate) < exp(log(2)) * pi and is_finite(sqrt(sqrt(pi))):",
        "    a <- a + x * grad",
        "param <- param - x * y * a",
    ),
    # --- whole and real numbers
    "a local joined from a real and a whole number": (
        "hyper k: int = 2; slot a",
        "when t > 1:",
        "    x = k",
        "    y = 0.5",
        "    z = t - 1",
        "otherwise:",
        "    x = 0.5",
        "    y = 1",
        "    z = 1 / t",
        "when any(grad > 0):",
        "    u = rows",
        "otherwise:",
        "    u = mean(grad)",
        "a <- a + x * y * grad + u",
        "param <- param - a * z",
    ),
    # --- a gradient without ids
    "a quotient by a mean": (
        "slot a: scalar; slot b",
        "a <- a + 1 / mean(grad^2 + 0.01)",
        "b <- b + grad",
        "param <- param - 0.1 * a * b",
    ),
    "a logarithm of a sum": (
        "slot a: scalar; slot b: reduced(0)",
        "a <- a + log(sum(grad^2 + 1))",
        "b <- b + 1 / amax(abs(grad) + 1, axis=0)",
        "param <- param - 0.1 * grad / (1 + a^2) - 0.1 * b",
    ),
}  # fmt: skip


def rule(declarations: str, *statements: str) -> str:
    """A whole specification."""
    declared = "".join(f"    {line.strip()}\n" for line in declarations.split(";"))
    step = "".join(f"        {line}\n" for line in statements)
    return f"optimizer Drawn:\n{declared}    step:\n{step}"


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("mode", ["exact", "lazy"])
@pytest.mark.parametrize("name", RULES)
def test_rule(name: str, mode: str, path: str) -> None:
    kind = "rows, then none" if path == "eager" else "rows"
    trials = [trial((4, 3), seed=1), trial((4, 3), kind=kind, seed=2)]
    agree(rule(*RULES[name]), trials, path, sparse_mode=mode, jit_compile=False)


def test_literals_that_slots_start_from_where_a_function_makes_the_variable() -> None:
    text = rule(*RULES["slots that start from literals"])
    optimizer, made = loaded(text)[1].DrawnModule(jit_compile=False), []

    @tf.function(autograph=False)
    def step() -> None:
        if not made:
            made.append(tf.Variable(tf.fill([3], 20.0)))
        optimizer.apply([tf.ones([3])], made)

    step()
    assert made[0].numpy().tolist() == [5.0] * 3


@pytest.mark.parametrize("mode", [None, "exact", "lazy"])
def test_no_mode_is_that_of_the_rule(mode: str | None) -> None:
    text = rule("slot a; sparse lazy", "a <- a + grad", "param <- 0.5 * param + a")
    agree(text, [trial((4, 3), kind="rows")], sparse_mode=mode, jit_compile=False)
