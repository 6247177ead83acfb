"""`first` is true on the first step that a variable takes, whatever step of the optimizer it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import optdsl
from support.trials import PATHS, agree, trial

COUNTED = """\
optimizer Counted:
    hyper learning_rate = 1.0 in [0, inf)
    slot steps: scalar
    slot mean_grad
    sparse {mode}
    step:
        steps <- where(first, 100, steps + 1)
        when first:
            mean_grad <- grad
        otherwise:
            mean_grad <- (mean_grad + grad) / 2
        param <- param - learning_rate * mean_grad * min(steps, 1)
"""
"""A rule that counts the steps of a variable, from 100."""


def made(kind: str, mode: str = "exact", **options: Any) -> Any:
    loaded = optdsl.load(COUNTED.format(mode=mode))
    return (loaded.Counted if kind == "keras" else loaded.CountedModule)(**options)


def variables(count: int) -> list[tf.Variable]:
    return [tf.Variable([1.0, 2.0], name=f"v{index}") for index in range(count)]


def counts(optimizer: Any) -> list[float]:
    return [float(each.numpy()) for each in optimizer.slots["steps"]]


ONE = tf.constant([1.0, 1.0])
both = pytest.mark.parametrize("kind", ["keras", "module"])


@pytest.mark.parametrize("mode", ["exact", "lazy"])
@pytest.mark.parametrize("path", PATHS)
def test_on_every_path(path: str, mode: str) -> None:
    kinds = ("dense", "rows", "rows, then none")
    agree(COUNTED.format(mode=mode), [trial((4, 3), kind=kind) for kind in kinds], path)


MISSING = "ignore:Gradients do not exist"


@both
@pytest.mark.filterwarnings(MISSING)
def test_a_variable_without_a_gradient_takes_no_step(kind: str) -> None:
    optimizer, given = made(kind), variables(2)
    optimizer.build(given)
    for grads in ([ONE, None], [ONE, None], [ONE, ONE], [None, ONE]):
        optimizer.apply(grads, given)
    assert counts(optimizer) == [102, 101]


@both
def test_a_variable_that_is_unfrozen_later(kind: str) -> None:
    optimizer, given = made(kind), variables(2)
    optimizer.apply([ONE], given[:1])
    optimizer.apply([ONE, ONE], given)
    assert counts(optimizer) == [101, 100]


@both
@pytest.mark.parametrize("mode", ["exact", "lazy"])
def test_micro_batches_do_not_count(kind: str, mode: str) -> None:
    options = {"gradient_accumulation_steps": 2, "sparse_mode": mode}
    optimizer, given = made(kind, **options), variables(1)
    seen = []
    for _ in range(4):
        optimizer.apply([ONE], given)
        seen += counts(optimizer)
    assert seen == [0, 100, 100, 101]


@both
def test_a_step_that_is_skipped_does_not_count(kind: str) -> None:
    optimizer, given = made(kind, skip_nonfinite=True), variables(1)
    for grad in (ONE * np.nan, ONE, ONE):
        optimizer.apply([grad], given)
    assert counts(optimizer) == [101]


@both
def test_a_lazy_step_without_rows_is_none(kind: str) -> None:
    optimizer, given = made(kind, "lazy"), variables(1)

    def rows(ids: Sequence[int]) -> tf.IndexedSlices:
        return tf.IndexedSlices(tf.ones([len(ids)]), tf.constant(ids, tf.int64))

    seen = []
    for ids in ([], [0], [], [1, 0]):
        optimizer.apply([rows(ids)], given)
        seen += counts(optimizer)
    assert seen == [0, 100, 100, 101]


@both
@pytest.mark.filterwarnings(MISSING)
def test_a_checkpoint_knows_who_has_taken_a_step(kind: str, tmp_path: Path) -> None:
    optimizer, given = made(kind), variables(2)
    optimizer.build(given)
    optimizer.apply([ONE, None], given)
    path = tf.train.Checkpoint(optimizer=optimizer).write(tmp_path / "saved")

    other, given = made(kind), variables(2)
    other.build(given)
    tf.train.Checkpoint(optimizer=other).read(path).assert_consumed()
    other.apply([ONE, ONE], given)
    assert counts(other) == [101, 100]


def test_a_keras_file_knows_it(tmp_path: Path) -> None:
    model = keras.Sequential([keras.layers.Input([1]), keras.layers.Dense(1)])
    model.compile(made("keras"), "mse")
    x = np.ones([4, 1])
    model.fit(x, x, epochs=2, batch_size=4, verbose=0)
    assert counts(model.optimizer) == [101, 101]
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    loaded.fit(x, x, batch_size=4, verbose=0)
    assert counts(loaded.optimizer) == [102, 102]


def test_a_rule_that_does_not_ask_keeps_no_flag() -> None:
    variable = tf.Variable([1.0])
    optimizer = optdsl.load("adam").AdamModule()
    optimizer.build([variable])
    assert not any("first" in name for name in optimizer._core.saved.by_name)
