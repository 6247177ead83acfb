"""The generated code of random specifications, not only of those in the library."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from hypothesis import given, seed
from hypothesis import strategies as st

import optdsl
from support.programs import hypers, program, programs
from support.strategies import some
from support.trials import KINDS, Trial, agree, trial

SHAPES: tuple[tuple[int, ...], ...] = ((6, 4), (5,), (2, 3, 4), ())


def agree_on(text: str, shape: tuple[int, ...], dtype: str = "float64", **options: Any) -> None:
    """Trains a variable with dense gradients, and one with rows if it has any."""
    kinds = ("dense", "rows") if shape else ("dense",)
    agree(text, [trial(shape, dtype, kind) for kind in kinds], jit_compile=False, **options)


@pytest.mark.parametrize("flag", [True, False])
@pytest.mark.parametrize(
    "lines",
    [
        ["a <- where(flag, grad, 1)", "one <- sum(where(flag, grad, 1))"],
        ["when norm(grad) > 1:", "    a <- where(flag, grad, one)"],
        ["by_row <- mean(param * where(flag, 1, by_row), axis=row)"],
        ["one <- mean(param * tanh(where(flag, one, size)))"],
        ["one <- mean(param * floor(t)) + floor(k / 2)"],
        ["a <- 0.1", "one <- tanh(0.1)"],
    ],
)
def test_values_known_before_the_step(lines: list[str], flag: bool) -> None:
    """Numbers that Python has, or chooses, behave as tensors do: in shape, dtype and digits."""
    text = program([*lines, "param <- param - lr * grad"], a="0.1", by_row="where(flag, lr, 0.1)")
    agree_on(text, (6, 4), flag=flag, k=3)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    "lines",
    [
        ["a <- min(sum(grad, axis=1), sum(grad, axis=-1))"],
        ["x = min(sum(grad, axis=1), sum(grad, axis=-1))", "one <- sum(where(flag, x, param))"],
        ["when t > 1:", "    x = sum(grad, axis=0)", "otherwise:", "    x = grad", "one <- sum(x)"],
    ],
)
def test_axes_that_are_the_same_and_branches_that_differ(
    lines: list[str], shape: tuple[int, ...]
) -> None:
    """Values that are smaller, for some variables or in some branch, than their types say."""
    text = program([*lines, "param <- param - lr * grad"])
    agree_on(text, shape, k=3)


def test_the_first_step_asked_for_in_a_total_alone() -> None:
    agree_on(program(["one <- total(where(first, grad, 1))", "param <- param - lr * grad"]), (6, 4))


def test_initial_values_reduce_the_variable() -> None:
    text = program(
        ["param <- param - lr * (by_row * mean_of + one) * grad"],
        one="norm(param)",
        by_row="amax(param, axis=row)",
        mean_of="mean(param, axis=0)",
    )
    agree_on(text, (6, 4), "float32", k=1)


@pytest.mark.parametrize(
    "name", ["hyper", "mask", "mask_", "old_m", "part", "s", "s_", "shape", "t_real"]
)
@pytest.mark.parametrize("role", ["int", "bool", "slot", "per step", "tensor"])
def test_names_that_the_generated_functions_have_too(name: str, role: str) -> None:
    declared, used = {
        "int": (f"hyper {name}: int = 2", f"{name}"),
        "bool": (f"hyper {name}: bool = true", f"where({name}, 1, 2)"),
        "slot": (f"slot {name} = 0.5", name),
        "per step": ("def f(x) = x", name),
        "tensor": ("slot v", name),
    }[role]
    value = used if role in {"int", "bool"} else "0.5"
    local = {"per step": f"{name} = 1 - 0.5^t", "tensor": f"{name} = grad / (1 + abs(grad))"}
    lines = [
        f"optimizer Drawn:\n    {declared}\n    slot m = {value}\n    sparse lazy\n    step:",
        local.get(role, "fixed = 2"),
        f"m <- old(m) + {used} * (1 - 0.5^t) * sum(grad * size, axis=0)",
        f"param <- param - 0.1 * m * mean({used} * old(m) * param)",
    ]
    agree_on("\n        ".join(lines) + "\n", (6, 4), "float32")


def test_initial_values_of_variables_that_a_function_makes() -> None:
    """A slot that starts at its variable, where that has no value when the slot is made."""
    text = program(["a <- a + grad", "param <- a * k"], a="where(flag, param, 0)")
    optimizer, made = optdsl.load(text).DrawnModule(k=1, jit_compile=False), []

    @tf.function
    def step() -> None:
        if not made:
            made.append(tf.Variable(tf.fill([3], 2.0)))
        optimizer.apply([tf.ones([3])], made)

    step()
    assert made[0].numpy().tolist() == [3.0, 3.0, 3.0]


def test_lines_stay_short(tmp_path: Path) -> None:
    """What formatters make of the code of random programs is that code."""
    number = count()

    @some(60)
    @given(programs())
    def write(text: str) -> None:
        (tmp_path / f"{next(number)}.py").write_text(optdsl.compile(text).source())

    write()
    ruff = [sys.executable, "-m", "ruff", "format", "--isolated", "--no-cache", "--diff", tmp_path]
    done = subprocess.run(ruff, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[:10_000]


@st.composite
def trials(draw: st.DrawFn) -> list[Trial]:
    """One to three variables of several shapes, with dense gradients or with rows."""
    drawn = []
    for shape in draw(st.lists(st.sampled_from(SHAPES), min_size=1, max_size=3)):
        kind = draw(st.sampled_from(tuple(KINDS))) if shape else "dense"
        dtype = draw(st.sampled_from(["float32", "float64", "bfloat16"]))
        drawn.append(trial(shape, dtype, kind, draw(st.integers(0, 99))))
    return drawn


options = st.fixed_dictionaries(
    {
        "jit_compile": st.sampled_from([False] * 9 + [True]),
        "sparse_mode": st.sampled_from([None, "exact", "lazy"]),
    }
)
paths = st.sampled_from(["eager"] * 6 + ["function"] * 3 + ["XLA"])


def agree_on_any() -> Callable[..., None]:
    """A test of random rules, to be given settings of its own."""

    @given(programs(), trials(), paths, hypers, options)
    def test(
        text: str, some_: list[Trial], path: str, fixed: dict[str, Any], chosen: dict[str, Any]
    ) -> None:
        agree(text, some_, path, **fixed, **chosen)

    return test


def test_programs() -> None:
    some(100)(agree_on_any())()


@pytest.mark.slow
@pytest.mark.parametrize("part", range(20))
def test_programs_at_length(part: int) -> None:
    """5,000, always the same; workers share the parts with `--dist load`."""
    seed(part)(some(250)(agree_on_any()))()
