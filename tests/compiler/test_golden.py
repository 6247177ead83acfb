"""Generated text, pinned: the file of every rule of the library.

The goldens are for reading a change of the generator. That the text is right is tested elsewhere,
and here for a specification that uses the whole language.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import optdsl
from optdsl.interpreter import Reference, SparseGrad
from support.specs import FOLDER

GOLDEN = Path(__file__).parents[1] / "cases" / "golden"
EVERYTHING = GOLDEN / "everything.opt"
STEPS = 11  # past `t % 10 == 0`


def _compare(name: str, text: str, *, update: bool) -> None:
    golden = GOLDEN / name
    if update:
        golden.write_text(text, "utf-8")
    assert text == golden.read_text("utf-8")


LIBRARY = sorted(path.stem for path in FOLDER.glob("*.opt"))


@pytest.mark.parametrize("spec", [*LIBRARY, "everything"])
def test_generated_files(spec: str, update_golden: bool) -> None:
    path = EVERYTHING if spec == "everything" else FOLDER / f"{spec}.opt"
    text = optdsl.compile(path).source("all")
    longer = any(part in text for part in ("rt.Known", "Case(", "_evaluate"))
    assert len(text.splitlines()) <= (400 if longer else 300)
    _compare(f"{spec}.py.txt", text, update=update_golden)


@pytest.mark.parametrize("mode", ["exact", "lazy"])
@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("shape", [(), (5,), (6, 4), (2, 3, 4)])
def test_everything_is_what_the_reference_says(shape: tuple[int, ...], k: int, mode: str) -> None:
    module = optdsl.load(EVERYTHING)
    reference = Reference(optdsl.compile(EVERYTHING).optimizer, {"k": k})
    optimizer = module.EverythingModule(k=k, jit_compile=False, sparse_mode=mode)
    random = np.random.default_rng(0)
    start = random.normal(size=shape)
    variable, state = tf.Variable(start), reference.init(start, "float64")
    for _ in range(STEPS):
        grad = random.normal(size=shape)
        if shape and mode == "lazy":
            ids = np.array([1, 0, 1])
            rows = random.normal(size=(3, *shape[1:]))
            optimizer.apply([tf.IndexedSlices(rows, ids)], [variable])
            state = reference.step(state, SparseGrad(ids, rows), mode="lazy")
        else:
            optimizer.apply([tf.constant(grad)], [variable])
            state = reference.step(state, grad)
    assert np.all(state.param.contains(variable.numpy()))
    assert np.all(state.param.high - state.param.low < 1e-6 * (1 + np.abs(state.param.value)))
