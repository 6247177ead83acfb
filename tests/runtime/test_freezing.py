"""Layers are frozen and unfrozen, models compiled again: what was learned of the others stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import optdsl
from support.saving import (
    assert_fresh,
    assert_kept,
    fit,
    kept,
    made,
    network,
    read,
    recompiled,
    slots_of,
    step,
    variables,
    write,
)
from support.specs import keras_class
from support.steps import CLASSES, Array

AVERAGED = """
optimizer Averaged:
    hyper learning_rate = 0.5 in [0, inf)
    slot past = param
    step:
        past  <- 0.5 * past + 0.5 * param
        param <- param - learning_rate * grad
"""


def freeze(model: keras.Model, *names: str) -> None:
    """Freezes these layers, and no others; compiles again with the same optimizer."""
    for layer in model.layers:
        layer.trainable = layer.name not in names
    recompiled(model, model.optimizer)


def kernels(model: keras.Model) -> dict[str, Array]:
    """The slots of each layer's kernel that there are any of."""
    core = model.optimizer._core
    there = [layer for layer in model.layers if layer.kernel.value.ref() in core.places]
    return {layer.name: slots_of(model.optimizer, layer.kernel) for layer in there}


def test_unfrozen_layers_start_fresh_with_the_same_optimizer() -> None:
    """0.1.0: `Unknown variable`."""
    model = network("one", "two")
    freeze(model, "one")
    fit(model)
    before = kernels(model)
    assert before.keys() == {"two"}
    freeze(model)
    model.optimizer.build(model.trainable_variables)
    assert_kept(model.optimizer, model.get_layer("two").kernel, before["two"])
    assert_fresh(model.optimizer, model.get_layer("one").kernel)
    fit(model)
    assert np.any(kernels(model)["one"][0])
    assert int(model.optimizer.iterations.numpy()) == 4


def test_frozen_layers_keep_their_state() -> None:
    model = network("one", "two")
    fit(model)
    before = kernels(model)["one"]
    freeze(model, "one")
    fit(model)
    assert_kept(model.optimizer, model.get_layer("one").kernel, before)
    freeze(model)
    fit(model)
    assert len(kernels(model)) == 2


@pytest.mark.parametrize("kind", CLASSES)
def test_new_variables_beside_old_ones(kind: str) -> None:
    """0.1.0: the module said that `build` was called for other variables."""
    optimizer, (one, two) = made(kind), variables("one", "two")
    step(optimizer, [one])
    step(optimizer, [one, two])
    assert np.any(slots_of(optimizer, two)[0])
    assert len(optimizer.slots["m"]) == 2
    before = slots_of(optimizer, one)
    step(optimizer, [two])
    assert_kept(optimizer, one, before)


@pytest.mark.parametrize("kind", CLASSES)
def test_variables_of_which_none_was_there_are_refused_but_by_build(kind: str) -> None:
    """A step of a wholly other model would be a mistake; `build` says that it is meant."""
    optimizer, (one, two) = made(kind), variables("one", "two")
    step(optimizer, [one])
    before = slots_of(optimizer, one)
    with pytest.raises(ValueError, match=r"Unknown variable|other variables"):
        step(optimizer, [two])
    optimizer.build([two])
    optimizer.apply([tf.ones([2, 3])])  # those of the last `build`
    assert_kept(optimizer, one, before)
    assert np.any(slots_of(optimizer, two)[0])


@pytest.mark.parametrize("kind", CLASSES)
def test_the_average_of_a_new_variable_starts_from_it(kind: str) -> None:
    optimizer, (one, two) = made(kind, use_ema=True), variables("one", "two")
    for seed in range(3):
        step(optimizer, [one], seed)
    two.assign(tf.fill([2, 3], 5.0))
    optimizer.apply([tf.zeros([2, 3])] * 2, [one, two])
    average = optimizer._core.states[1].average
    np.testing.assert_allclose(average.numpy(), 5.0, atol=1e-6)


def restored(optimizer: Any, trained: list[tf.Variable], path: str) -> None:
    """Restores, and builds where that is still to be done."""
    read(optimizer, path)
    optimizer.build(trained)


@pytest.mark.parametrize("kind", CLASSES)
def test_averages_before_the_first_step(kind: str) -> None:
    """0.1.0: the variables became zero."""
    optimizer, (one,) = made(kind, use_ema=True), variables("one")
    optimizer.build([one])
    optimizer.finalize_variable_values([one])
    np.testing.assert_array_equal(one.numpy(), np.ones((2, 3)))


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("built", [False, True])
def test_a_checkpoint_with_more_variables(tmp_path: Path, kind: str, built: bool) -> None:
    """0.1.0: refused."""
    first, ours = made(kind), variables("one", "two")
    step(first, ours)
    path = write(first, tmp_path)
    second, (two,) = made(kind), variables("two")
    if built:
        second.build([two])
    with pytest.warns(UserWarning, match="the saved state of `one` is dropped"):
        restored(second, [two], path)
    assert_kept(second, two, slots_of(first, ours[1]))
    assert int(second.iterations.numpy()) == 1


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("built", [False, True])
def test_a_checkpoint_with_fewer_variables(tmp_path: Path, kind: str, built: bool) -> None:
    """0.1.0: refused. What is not in the checkpoint starts fresh, even if it was trained."""
    first, (one,) = made(kind), variables("one")
    step(first, [one])
    path = write(first, tmp_path)
    second, theirs = made(kind), variables("one", "two")
    if built:
        step(second, theirs)
    with pytest.warns(UserWarning, match="no saved state of `two`: it starts fresh"):
        restored(second, theirs, path)
    assert_kept(second, theirs[0], slots_of(first, one))
    assert_fresh(second, theirs[1])


@pytest.mark.parametrize("kind", CLASSES)
def test_slots_that_start_from_a_variable(tmp_path: Path, kind: str) -> None:
    """They start from the value that the checkpoint has, which is restored after them."""
    loaded = optdsl.load(AVERAGED)
    cls = {"keras": loaded.Averaged, "module": loaded.AveragedModule}[kind]
    first, (one, two) = cls(jit_compile=False), variables("one", "two")
    two.assign(tf.fill([2, 3], 7.0))
    step(first, [one])
    path = tf.train.Checkpoint(optimizer=first, one=one, two=two).save(str(tmp_path / "state"))
    second, (one, two) = cls(jit_compile=False), variables("one", "two")
    second.build([one, two])
    with pytest.warns(UserWarning, match="`two`: it starts fresh"):
        tf.train.Checkpoint(optimizer=second, one=one, two=two).restore(path)
    second.apply([tf.zeros([2, 3])], [two])
    np.testing.assert_array_equal(slots_of(second, two)[0], np.full((2, 3), 7.0))


def test_frozen_without_compiling_again(tmp_path: Path) -> None:
    """0.1.0: the file could not be loaded."""
    model = network("one", "two")
    fit(model)
    model.layers[0].trainable = False
    model.save(tmp_path / "model.keras")
    with pytest.warns(UserWarning, match=r"state of `.*one/kernel`, `.*one/bias` is dropped"):
        loaded = keras.models.load_model(tmp_path / "model.keras")
    assert kernels(loaded).keys() == {"two"}
    np.testing.assert_array_equal(kernels(loaded)["two"], kernels(model)["two"])


@pytest.mark.parametrize("same", [True, False])
def test_train_freeze_train_save_load_unfreeze(tmp_path: Path, same: bool) -> None:
    """0.1.0: refused at more than one of these."""
    model = network("one", "two")
    fit(model)
    model.get_layer("one").trainable = False
    optimizer = model.optimizer if same else keras_class("adam")(0.125, jit_compile=False)
    recompiled(model, optimizer)
    fit(model)
    model.save_weights(tmp_path / "model.weights.h5")
    other = network("one", "two")
    other.get_layer("one").trainable = False
    recompiled(other, other.optimizer)
    other.load_weights(tmp_path / "model.weights.h5")
    if same:
        with pytest.warns(UserWarning, match=r"one/kernel`, `.*one/bias` is dropped"):
            other.optimizer.build(other.trainable_variables)
    else:
        other.optimizer.build(other.trainable_variables)
    np.testing.assert_array_equal(kernels(other)["two"], kernels(model)["two"])
    freeze(other)
    fit(other)
    assert kernels(other).keys() == {"one", "two"}


def test_state_is_saved_in_the_order_of_the_model() -> None:
    """By which layers of one path are told apart when Keras has dropped their scopes."""
    model = network("one", "two")
    freeze(model, "one")
    fit(model)
    freeze(model)
    fit(model)
    saved = list(model.optimizer._saved.describe()["variables"])
    assert saved == [each.path for each in model.trainable_variables]


@pytest.mark.parametrize("kind", CLASSES)
def test_nothing_is_made_for_variables_that_are_refused(kind: str) -> None:
    """0.1.0: variables of an earlier attempt stayed in the optimizer."""
    optimizer: Any = made(kind)
    one, whole = tf.Variable(tf.ones([2])), tf.Variable([1, 2])
    before = kept(optimizer).keys()
    for given, match in (([one, whole], "int32"), ([one, one], "given twice")):
        with pytest.raises(ValueError, match=match):
            optimizer.build(given)
        assert kept(optimizer).keys() == before
    optimizer.build([one])
    assert len(optimizer.slots["m"]) == 1
