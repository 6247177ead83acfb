"""Rules on matrices, and on some variables only, give what the code of others gives.

`tests/cases/peers` holds the values of implementations that others wrote, run in float64, with the
names and versions of those. PyTorch keeps outputs on the first axis: where a rule treats the axes
differently, the peer was given the transposed variables, and what it gave was transposed back.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from support.specs import keras_class, module_class

FOLDER = Path(__file__).parents[1] / "cases" / "peers"
NAMES = ("muon", "shampoo", "soap", "adam_mini")
STEPS = 30
TOLERANCE = 1e-8  # of the largest element: Keras keeps a learning rate in float32


def drawn(shapes: list[tuple[int, ...]]) -> tuple[list[Any], list[list[Any]]]:
    """The variables' first values and the gradients of all steps that the peers were given."""
    random = np.random.RandomState(0)
    starts = [random.normal(size=shape) for shape in shapes]
    return starts, [[random.normal(size=shape) for shape in shapes] for _ in range(STEPS)]


def check(spec: str, run: str, cls: Any, *, jit: bool) -> None:
    known = json.loads((FOLDER / f"{spec}.json").read_text("utf-8"))["runs"][run]
    starts, grads = drawn([tuple(shape) for shape in known["shapes"]])
    built = cls(jit_compile=jit, **known["hypers"])
    variables = [tf.Variable(start) for start in starts]
    for step, given in enumerate(grads, start=1):
        built.apply([tf.constant(grad) for grad in given], variables)
        for variable, right in zip(variables, known["values"].get(str(step), []), strict=False):
            error = np.abs(variable.numpy().ravel() - right)
            assert np.max(error) <= TOLERANCE * np.max(np.abs(right)), (step, variable.shape)


@pytest.mark.parametrize("run", ["default", "other"])
@pytest.mark.parametrize("spec", NAMES)
def test_the_module_without_xla(spec: str, run: str) -> None:
    check(spec, run, module_class(spec), jit=False)


@pytest.mark.parametrize("spec", NAMES)
def test_the_module_with_xla(spec: str) -> None:
    check(spec, "other", module_class(spec), jit=True)


@pytest.mark.parametrize("spec", NAMES)
def test_the_keras_optimizer(spec: str) -> None:
    check(spec, "default", keras_class(spec), jit=False)
    check(spec, "default", keras_class(spec), jit=True)
