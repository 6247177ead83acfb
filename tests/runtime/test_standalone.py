"""A standalone file is the thin one with the runtime in it: the same bits, state included."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import tensorflow as tf

import optdsl
from support.specs import FOLDER, SPECS, module, optimizer
from support.steps import Array, assert_same, binary, rows, start

CHOSEN: dict[str, Any] = {"use_ema": True, "clipnorm": 1.0, "loss_scale_factor": 2.0}
FORMS = ["keras", "module"]


def standalone(spec: str) -> ModuleType:
    """The standalone file as a module, without optdsl's runtime in reach."""
    source = optdsl.compile(FOLDER / f"{spec}.opt").source(standalone=True)
    made = ModuleType(f"standalone_{spec}")
    sys.modules[made.__name__] = made
    exec(compile(source, made.__name__, "exec"), made.__dict__)
    return made


def trained(source: ModuleType, spec: str, form: str) -> dict[str, Array]:
    """Variables and all state after dense steps and steps on rows."""
    name = optimizer(spec).name + ("Module" if form == "module" else "")
    averages = not optimizer(spec).cases[0].evaluation  # which have no averages beside them
    trainer = getattr(source, name)(**{**CHOSEN, "use_ema": averages})
    variables = [start(), start((6, 2), "bfloat16")]
    for seed in range(2):
        dense = [tf.constant(binary((6, 4), seed)), tf.cast(binary((6, 2), seed), "bfloat16")]
        trainer.apply(dense, variables)
        trainer.apply([rows(binary((6, 4), 7 + seed)), dense[1]], variables)
    state = {name: each.numpy() for name, each in trainer._saved.by_name.items()}
    values = {f"variable {i}": each.numpy() for i, each in enumerate(variables)}
    return {**values, **{name: value.astype(float) for name, value in state.items()}}


@pytest.mark.parametrize("spec", SPECS)
def test_the_same_bits(spec: str) -> None:
    form = FORMS[SPECS.index(spec) % 2]
    assert_same(trained(standalone(spec), spec, form), trained(module(spec), spec, form))


def imported(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                yield from (alias.name.partition(".")[0] for alias in names)
            case ast.ImportFrom(module=str(name)):
                yield name.partition(".")[0]


@pytest.mark.parametrize("spec", SPECS)
def test_it_needs_tensorflow_and_keras_only(spec: str) -> None:
    source = optdsl.compile(FOLDER / f"{spec}.opt").source(standalone=True)
    assert set(imported(source)) - sys.stdlib_module_names == {"tensorflow", "keras"}


def test_it_carries_what_the_rule_needs() -> None:
    """A rule without reductions needs none; a module needs no Keras class."""
    plain = optdsl.compile(FOLDER / "adam.opt")
    assert "def reduce_sum" not in plain.source(standalone=True)
    assert "class KerasOptimizer" not in plain.source("module", standalone=True)
    assert "def reduce_sum" in optdsl.compile(FOLDER / "novograd.opt").source(standalone=True)


def test_it_runs_where_optdsl_is_not(tmp_path: Path) -> None:
    source = optdsl.compile(FOLDER / "novograd.opt").source(standalone=True)
    (tmp_path / "novograd.py").write_text(source, encoding="utf-8")
    program = (
        "import sys; sys.modules['optdsl'] = None\n"
        "import tensorflow as tf; from novograd import NovoGradModule\n"
        "variable = tf.Variable([1.0]); NovoGradModule(0.5).apply([tf.ones([1])], [variable])\n"
        "print(variable.numpy()[0] < 1)"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout == "True\n", done.stderr[-2000:]


def test_a_file_for_another_runtime_is_refused() -> None:
    source = optdsl.compile(FOLDER / "adam.opt").source()
    other = source.replace("    api=1,\n", "    api=2,\n    news=True,\n")
    sentence = "run `optdsl build adam.opt` again"
    with pytest.raises(ImportError, match=f"adam.opt was generated for version 2 .*: {sentence}$"):
        exec(compile(other, "adam.py", "exec"), {"__name__": "adam"})
