"""Files of 0.1.0, whose state had no meaning and whose names were counted from the least."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from support.saving import kept, made, recompiled, step, variables
from support.specs import keras_class
from support.steps import CLASSES, assert_same

FILES = Path(__file__).parents[1] / "cases" / "saved_by_0_1_0"


@pytest.fixture(autouse=True)
def _adam(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name alone may be that of other rules that other tests loaded."""
    known = keras.saving.get_custom_objects()
    monkeypatch.setitem(known, "optdsl>Adam", keras_class("adam"))


def assert_slots(optimizer: Any, name: str) -> None:
    expected = json.loads((FILES / f"{name}.json").read_text(encoding="utf-8"))
    assert expected.keys() == optimizer.slots.keys()
    for slot, values in expected.items():
        for variable, value in zip(optimizer.slots[slot], values, strict=True):
            np.testing.assert_array_equal(variable.numpy(), np.array(value, np.float32))


def made_again(*names: str | None) -> keras.Model:
    layers = [keras.layers.Dense(size, name=name) for size, name in zip((3, 1), names, strict=True)]
    model = keras.Sequential([keras.Input((3,)), *layers])
    recompiled(model, keras_class("adam")(0.5, jit_compile=False))
    return model


def test_a_model() -> None:
    loaded = keras.models.load_model(FILES / "made_up.keras")
    assert type(loaded.optimizer) is keras_class("adam")
    assert float(loaded.optimizer.learning_rate) == 0.125
    assert int(loaded.optimizer.iterations.numpy()) == 4
    assert_slots(loaded.optimizer, "made_up")


@pytest.mark.parametrize("built", [False, True])
@pytest.mark.parametrize("form", ["weights", "checkpoint"])
def test_names_that_keras_made_up(form: str, built: bool) -> None:
    model = made_again(None, None)
    if built:
        model.optimizer.build(model.trainable_variables)
    if form == "weights":
        model.load_weights(FILES / "made_up.weights.h5")
    else:
        status = tf.train.Checkpoint(model=model).read(str(FILES / "made_up"))
    model.optimizer.build(model.trainable_variables)
    if form == "checkpoint":
        status.assert_consumed()
    assert float(model.optimizer.learning_rate) == 0.125
    assert_slots(model.optimizer, "made_up")


def test_names_of_somebodys_own_with_numbers_are_refused() -> None:
    """`block_2`, `block_3` are `block`, `block_1` there; it cannot be known what those were."""
    model = made_again("block_2", "block_3")
    model.optimizer.build(model.trainable_variables)
    before = kept(model.optimizer)
    with pytest.raises(ValueError, match=r"optdsl 0\.1\.0 saved it, with the numbers in names"):
        tf.train.Checkpoint(model=model).read(str(FILES / "blocks"))
    assert_same(kept(model.optimizer), before)


def test_the_same_with_the_names_that_are_in_the_file() -> None:
    """What the message says to do."""
    model = made_again("block", "block_1")
    tf.train.Checkpoint(model=model).read(str(FILES / "blocks"))
    model.optimizer.build(model.trainable_variables)
    assert_slots(model.optimizer, "blocks")


@pytest.mark.parametrize("kind", CLASSES)
def test_a_module(kind: str) -> None:
    """Of either class, as then."""
    optimizer = made(kind)
    optimizer.build(variables("table", "head", shape=(2, 2)))
    tf.train.Checkpoint(module=optimizer).read(str(FILES / "module")).assert_consumed()
    assert_slots(optimizer, "module")
    assert int(optimizer.iterations.numpy()) == 3


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize(
    ("names", "shape"),
    [(["table"], (2, 2)), (["table", "tail"], (2, 2)), (["table", "head"], (2,))],
)
def test_only_the_whole_set_counts(kind: str, names: list[str], shape: tuple[int, ...]) -> None:
    optimizer = made(kind)
    step(optimizer, variables(*names, shape=shape))
    before = kept(optimizer)
    with pytest.raises(ValueError, match="only saved"):
        tf.train.Checkpoint(module=optimizer).read(str(FILES / "module"))
    assert_same(kept(optimizer), before)


@pytest.mark.parametrize("kind", CLASSES)
def test_another_rule(kind: str) -> None:
    optimizer = made(kind, "amsgrad")
    with pytest.raises(ValueError, match=r"the saved state is that of .*'Adam'"):
        tf.train.Checkpoint(module=optimizer).read(str(FILES / "module"))
