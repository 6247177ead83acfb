"""The generated code of random specifications, not only of those in the library."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import optdsl
from optdsl.interpreter import Reference, SparseGrad
from support.programs import program, programs
from support.steps import binary, normal, tensors
from support.strategies import some

SHAPES: tuple[tuple[int, ...], ...] = ((6, 4), (5,), (2, 3, 4), ())
STEPS = 3


def values(shape: Sequence[int], dtype: str, seed: int) -> NDArray[np.float64]:
    """Numbers that a dtype has."""
    return (binary if dtype == "bfloat16" else normal)(shape, seed).astype(np.float64)


def gradients(shape: tuple[int, ...], dtype: str, seed: int, by_rows: bool) -> list[Any]:
    """What the reference takes."""
    seeds = range(seed + 1, seed + 1 + STEPS)
    if by_rows:
        return [SparseGrad([1, 0, 1], values((3, *shape[1:]), dtype, seed)) for seed in seeds]
    return [values(shape, dtype, seed) for seed in seeds]


def agree(
    text: str, shape: tuple[int, ...], dtype: str, seed: int, options: dict[str, Any]
) -> None:
    """Trains with the reference and with the generated class, and compares after every step."""
    compiled = optdsl.compile(text)
    assert compiled.optimizer is not None, compiled.diagnostics
    hypers = {
        hyper.name: options[hyper.name]
        for hyper in compiled.optimizer.hypers
        if hyper.name in options
    }
    reference = Reference(compiled.optimizer, hypers)
    optimizer = optdsl.load(text).DrawnModule(**options)
    start = values(shape, dtype, seed)
    variable, state = tf.Variable(tensors(start, dtype)), reference.init(start, dtype)
    for mode in ("dense", "rows")[: 1 + bool(shape)]:
        for grad in gradients(shape, dtype, seed, by_rows=mode == "rows"):
            optimizer.apply([tensors(grad, dtype)], [variable])
            state = reference.step(state, grad, mode=options.get("sparse_mode"))
            results = {name: slots[0] for name, slots in optimizer.slots.items()}
            for name, bound in {"param": state.param, **state.slots}.items():
                actual = (variable if name == "param" else results[name]).numpy().astype(float)
                assert bound.contains(actual).all(), (
                    f"{name} of a {dtype} {shape} after step {state.t} ({mode}):\n{actual}\n"
                    f"is not in [{bound.low}, {bound.high}]\n{text}"
                )


options = st.fixed_dictionaries(
    {
        "flag": st.booleans(),
        "k": st.integers(1, 5),
        "jit_compile": st.booleans(),
        "sparse_mode": st.sampled_from([None, "exact", "lazy"]),
    }
)


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
    agree(text, (6, 4), "float64", 0, {"flag": flag, "k": 3, "jit_compile": False})


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
    agree(text, shape, "float64", 0, {"flag": True, "k": 3, "jit_compile": False})


def test_initial_values_reduce_the_variable() -> None:
    text = program(
        ["param <- param - lr * (by_row * mean_of + one) * grad"],
        one="norm(param)",
        by_row="amax(param, axis=row)",
        mean_of="mean(param, axis=0)",
    )
    agree(text, (6, 4), "float32", 0, {"flag": True, "k": 1})


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
    options = {"jit_compile": False, "sparse_mode": None}
    agree("\n        ".join(lines) + "\n", (6, 4), "float32", 0, options)


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


CASES = st.tuples(
    programs(),
    st.sampled_from(SHAPES),
    st.sampled_from(["float32", "float64", "bfloat16"]),
    st.integers(0, 99),
    options,
)


@some(15)
@given(CASES)
def test_programs(case: tuple[Any, ...]) -> None:
    agree(*case)


@pytest.mark.slow
@some(500)
@given(CASES)
def test_programs_at_length(case: tuple[Any, ...]) -> None:
    agree(*case)
