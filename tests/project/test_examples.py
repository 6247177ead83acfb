"""The examples do what they say, with their own rule and with others of the library."""

from __future__ import annotations

import importlib.util
import runpy
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner

from optdsl.cli import cli
from optdsl.runtime.tensorflow import EvaluationWeights
from support.specs import keras_class, module_class

ROOT = Path(__file__).parents[2]

RULES: dict[str, dict[str, Any]] = {
    "adamw": {"learning_rate": 3e-3},
    "novograd": {"learning_rate": 3e-3},
    "rmsprop": {"learning_rate": 2e-3, "momentum": 0.5, "centered": True},
    "adafactor_lite": {"learning_rate": 1e-2},
}
"""Rules that differ in their slots: full, one per variable, optional, factored."""

WORTHWHILE = 0.95


def example(name: str) -> dict[str, Any]:
    """What `examples/<name>.py` defines."""
    return runpy.run_path(str(ROOT / "examples" / f"{name}.py"))


@pytest.mark.parametrize(
    ("name", "least"), [("digits_keras", 95), ("digits_module", 95), ("embedding_sparse", 40)]
)
def test_a_script(name: str, least: float, capsys: pytest.CaptureFixture[str]) -> None:
    """As `python examples/<name>.py`, with the rule that the example names."""
    runpy.run_path(str(ROOT / "examples" / f"{name}.py"), run_name="__main__")
    first, *further = capsys.readouterr().out.splitlines()
    assert first.startswith("accuracy on the test set: ")
    assert float(first.split()[-1].removesuffix("%")) > least
    assert all(line.endswith(": 0.0") for line in further)


@pytest.mark.parametrize("spec", RULES)
def test_fit_reads_digits(spec: str) -> None:
    optimizer = keras_class(spec)(**RULES[spec])
    assert example("digits_keras")["main"](optimizer) > WORTHWHILE


@pytest.mark.parametrize("spec", RULES)
def test_a_loop_reads_digits(spec: str) -> None:
    optimizer = module_class(spec)(**RULES[spec])
    assert example("digits_module")["main"](optimizer) > WORTHWHILE


def test_evaluation_weights_read_digits() -> None:
    """A rule that is evaluated with an average, in `fit` and in a loop."""
    optimizer = keras_class("schedule_free_adamw")(0.01)
    assert example("digits_keras")["main"](optimizer, [EvaluationWeights()]) > WORTHWHILE
    with pytest.raises(RuntimeError, match="evaluation weights"):
        optimizer.apply([tf.zeros([64, 64])], optimizer._trainable_variables[:1])
    module = module_class("schedule_free_adamw")(0.01)
    read = example("digits_module")["main"](module, has_evaluation_weights=True)
    assert read > WORTHWHILE


def test_a_generated_file_reads_digits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the README says: build, import, `fit`."""
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(cli, ["build", str(ROOT / "specs" / "amsgrad.opt")])
    assert result.exit_code == 0, result.output
    optimizer = imported(tmp_path / "generated" / "amsgrad.py", monkeypatch).AMSGrad(3e-3)
    assert example("digits_keras")["main"](optimizer) > WORTHWHILE


def imported(path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A file as a module, under a name that no other has."""
    spec = importlib.util.spec_from_file_location("generated_for_an_example", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("kind", ["keras", "module"])
@pytest.mark.parametrize(
    ("spec", "learning_rate"),
    [("adam", 0.03), ("amsgrad", 0.03), ("adagrad", 3.0), ("momentum", 1.0), ("novograd", 0.05)],
)
def test_sparse_training_is_dense_training(spec: str, learning_rate: float, kind: str) -> None:
    """Equal means to the bit: the example sums numbers whose sums are exact in any order."""
    make = keras_class(spec) if kind == "keras" else module_class(spec)
    result = example("embedding_sparse")["main"](lambda: make(learning_rate))
    for sparse, dense in zip(result.sparse.weights, result.dense.weights, strict=True):
        np.testing.assert_array_equal(sparse, dense)
    assert result.sparse.accuracy > 0.4  # the most frequent label is right in 29 % of all texts
