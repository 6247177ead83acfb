"""Rules of the library beside what others wrote of them, in float64, after steps 1, 5 and 30.

`tests/cases/composed/NAME.json` says whose values they are. Two variables have gradients that
depend on them: sin(3 p + t) + p / 10 in step t.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import optdsl
from support.steps import CLASSES

FOLDER = Path(__file__).parents[1] / "cases" / "composed"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))
START = [np.arange(12.0).reshape(3, 4) / 8 - 0.5, np.arange(4.0) / 4 - 0.3]


@cache
def published(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def made(name: str, kind: str, given: dict[str, Any], **options: Any) -> Any:
    """The rule with its hyperparameters; Keras would keep the number of a rate in float32."""
    rule = optdsl.compile(name).optimizer
    assert rule is not None
    hypers = {hyper.name: hyper.default for hyper in rule.hypers} | given
    rate = tf.Variable(hypers.pop("learning_rate"), dtype=tf.float64)
    cls = getattr(optdsl.load(name), rule.name + ("Module" if kind == "module" else ""))
    return cls(rate, **hypers, **options)


@pytest.mark.parametrize("xla", [False, True], ids=["eager", "XLA"])
@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("name", NAMES)
def test_equals_its_peer(name: str, kind: str, xla: bool) -> None:
    """Variables, and evaluation weights where there are some."""
    for run in published(name)["runs"]:
        optimizer = made(name, kind, run["hypers"], jit_compile=xla)
        variables = [tf.Variable(each) for each in START]
        optimizer.build(variables)
        for t in range(1, 31):
            optimizer.apply([tf.sin(3 * each + t) + 0.1 * each for each in variables], variables)
            if str(t) in run["steps"]:
                assert_near(variables, run["steps"][str(t)])
            if str(t) in run.get("evaluation", {}):
                with optimizer.evaluating():
                    assert_near(variables, run["evaluation"][str(t)])


def assert_near(variables: list[tf.Variable], expected: list[Any]) -> None:
    """To 1e-8 of the largest element."""
    for variable, values in zip(variables, expected, strict=True):
        largest = float(np.max(np.abs(values)))
        np.testing.assert_allclose(variable, values, rtol=0, atol=1e-8 * largest)
