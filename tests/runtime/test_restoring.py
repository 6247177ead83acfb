"""Loading is all or nothing; what waits for `build` is not lost; what is damaged is named."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tensorflow as tf

from support.saving import (
    assert_kept,
    fit,
    kept,
    made,
    network,
    read,
    slots_of,
    step,
    variables,
    write,
)
from support.specs import keras_class
from support.steps import CLASSES, assert_same

Store = dict[str, Any]


def stored(optimizer: Any) -> Store:
    store: Store = {}
    optimizer.save_own_variables(store)
    return store


def trained() -> tuple[Any, list[tf.Variable]]:
    optimizer, ours = made("keras"), variables("a", "b")
    step(optimizer, ours)
    return optimizer, ours


# --- before `build` ------------------------------------------------------------------------------


def test_loaded_and_saved_again_before_build(tmp_path: Path) -> None:
    """0.1.0: saved without the state that had been loaded, in silence."""
    model, between, last = (network("one", "two") for _ in range(3))
    fit(model)
    model.save_weights(tmp_path / "first.weights.h5")
    between.load_weights(tmp_path / "first.weights.h5")
    between.save_weights(tmp_path / "second.weights.h5")
    last.load_weights(tmp_path / "second.weights.h5")
    last.optimizer.build(last.trainable_variables)
    for one, other in zip(model.trainable_variables, last.trainable_variables, strict=True):
        assert_kept(last.optimizer, other, slots_of(model.optimizer, one))


def test_restored_and_saved_to_a_keras_file_before_build(tmp_path: Path) -> None:
    """0.1.0: saved without the state; and it is not lost with the files of the checkpoint."""
    first, ours = trained()
    read(between := made("keras"), write(first, tmp_path))
    shutil.rmtree(tmp_path)
    last, theirs = made("keras"), variables("a", "b")
    last.load_own_variables(stored(between))
    last.build(theirs)
    for one, other in zip(ours, theirs, strict=True):
        assert_kept(last, other, slots_of(first, one))


@pytest.mark.parametrize("kind", CLASSES)
def test_restored_and_saved_to_a_checkpoint_before_build(tmp_path: Path, kind: str) -> None:
    """0.1.0: the checkpoint held no state, and later `build` found none. Refused."""
    first, ours = made(kind), variables("a", "b")
    step(first, ours)
    second, theirs = made(kind), variables("a", "b")
    read(second, write(first, tmp_path))
    with pytest.raises(ValueError, match="still waits for its variables: call `build`"):
        write(second, tmp_path)
    second.build(theirs)
    third = made(kind)
    third.build(theirs)
    read(third, write(second, tmp_path)).assert_consumed()
    assert_same(kept(third), kept(first))


@pytest.mark.parametrize("kind", CLASSES)
def test_the_last_restored_state_counts(tmp_path: Path, kind: str) -> None:
    first, ours = made(kind), variables("a", "b")
    step(first, ours)
    one = write(first, tmp_path / "one")
    step(first, ours, 5)
    two = write(first, tmp_path / "two")
    second = made(kind)
    for path in (one, two):
        read(second, path)
    second.build(variables("a", "b"))
    assert_same(kept(second), kept(first))


# --- options -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("built", [False, True])
def test_another_number_of_accumulated_gradients(tmp_path: Path, kind: str, built: bool) -> None:
    """0.1.0: restored in silence; two of three gradients then made an update of two."""
    first, ours = made(kind, gradient_accumulation_steps=3), variables("a")
    step(first, ours)
    path = write(first, tmp_path)
    second, theirs = made(kind, gradient_accumulation_steps=2), variables("a")
    message = r"saved with gradient_accumulation_steps=3, and here it is 2"
    if built:
        second.build(theirs)
        before = kept(second)
        with pytest.raises(ValueError, match=message):
            read(second, path)
        assert_same(kept(second), before)
    else:
        read(second, path)
        for _ in range(2):
            with pytest.raises(ValueError, match=message):
                second.build(theirs)
        assert not second.slots["m"]


@pytest.mark.parametrize("kind", CLASSES)
def test_another_value_of_a_fixed_hyperparameter_is_said(tmp_path: Path, kind: str) -> None:
    first, ours = made(kind, "rmsprop", centered=True), variables("a")
    step(first, ours)
    path = write(first, tmp_path)
    second = made(kind, "rmsprop", centered=False)
    second.build(variables("a"))
    with pytest.warns(UserWarning, match="saved with centered=True, and here it is False"):
        read(second, path)


# --- all or nothing ------------------------------------------------------------------------------


def without(number: int) -> Callable[[Store], None]:
    def damage(store: Store) -> None:
        del store[str(number)]

    return damage


def cut(number: int) -> Callable[[Store], None]:
    def damage(store: Store) -> None:
        store[str(number)] = store[str(number)].reshape(-1)[:1]

    return damage


def other_layout(store: Store) -> None:
    store["layout"] = store["layout"][:-7]


def no_names(store: Store) -> None:
    store["layout"] = np.frombuffer(json.dumps(["{}", []]).encode(), np.uint8)


@pytest.mark.parametrize("built", [False, True])
@pytest.mark.parametrize(
    ("damage", "match"),
    [
        (without(8), "lacks `b/v`"),
        (without(2), "lacks `beta_1`"),
        (cut(5), r"the saved a/m has the shape \(1,\), and should have \(2, 3\)"),
        (cut(0), r"the saved iterations has the shape \(1,\), and should have \(\)"),
        (other_layout, "does not say what the saved state consists of"),
        (no_names, "does not say what the saved state consists of"),
    ],
)
def test_damaged_stores(damage: Callable[[Store], None], match: str, built: bool) -> None:
    """0.1.0: KeyError, or half of the state was written, iterations last."""
    first, _ = trained()
    store = stored(first)
    damage(store)
    second = made("keras", beta_1=0.5)
    if built:
        step(second, variables("a", "b"), 3)
    before = kept(second)
    with pytest.raises(ValueError, match=match):
        second.load_own_variables(store)
    assert_same(kept(second), before)
    assert second._saved.pending is None


def test_a_file_of_other_variables_writes_no_hyperparameter() -> None:
    """0.1.0: likewise; kept so."""
    first, _ = trained()
    second = made("keras", beta_1=0.5)
    step(second, variables("x", "y"), 3)
    before = kept(second)
    with pytest.raises(ValueError, match="only saved"):
        second.load_own_variables(stored(first))
    assert_same(kept(second), before)


@pytest.mark.parametrize("kind", CLASSES)
def test_a_checkpoint_that_was_cut_off(tmp_path: Path, kind: str) -> None:
    """0.1.0: what came before the damage was written."""
    first, ours = made(kind), [tf.Variable(tf.ones([64, 64]), name=name) for name in "ab"]
    step(first, ours)
    path = write(first, tmp_path)
    data = Path(f"{path}.data-00000-of-00001")
    data.write_bytes(data.read_bytes()[: data.stat().st_size // 2])
    second = made(kind, beta_1=0.5)
    second.build([tf.Variable(tf.ones([64, 64]), name=name) for name in "ab"])
    before = kept(second)
    with pytest.raises((tf.errors.OpError, IndexError, ValueError)):
        read(second, path)
    assert_same(kept(second), before)


def test_a_weights_file_that_lacks_a_slot(tmp_path: Path) -> None:
    """0.1.0: a KeyError of h5py."""
    file = tmp_path / "model.weights.h5"
    model, other = network("one"), network("one")
    fit(model)
    model.save_weights(file)
    with h5py.File(file, "a") as opened:
        del opened["optimizer/vars/6"]
    fit(other)
    before = kept(other.optimizer)
    with pytest.raises(ValueError, match=r"the file is damaged: it lacks `.*/one/kernel/v`"):
        other.load_weights(file)
    assert_same(kept(other.optimizer), before)


@pytest.mark.parametrize("kind", CLASSES)
def test_more_than_one_optimizer_in_a_checkpoint(tmp_path: Path, kind: str) -> None:
    """Each finds its own state, whatever the order."""
    pairs = [(made(kind), variables(name)) for name in ("a", "b")]
    for seed, (optimizer, ours) in enumerate(pairs):
        step(optimizer, ours, seed)
    path = tf.train.Checkpoint(a=pairs[0][0], b=pairs[1][0]).save(str(tmp_path / "state"))
    again = [made(kind), made(kind)]
    status = tf.train.Checkpoint(b=again[1], a=again[0]).restore(path)
    for optimizer, name in zip(again, ("a", "b"), strict=True):
        optimizer.build(variables(name))
    status.assert_consumed()
    for one, other in zip(again, pairs, strict=True):
        assert_same(kept(one), kept(other[0]))


def test_slots_tracked_by_the_user_as_well(tmp_path: Path) -> None:
    """TensorFlow restores them where it finds them first."""
    first, _ = trained()
    tracked = tf.train.Checkpoint(optimizer=first, m=first.slots["m"][0])
    path = tracked.save(str(tmp_path / "state"))
    second = keras_class("adam")(0.5, jit_compile=False)
    second.build(variables("a", "b"))
    status = tf.train.Checkpoint(optimizer=second, m=second.slots["m"][0]).restore(path)
    status.assert_consumed()
    assert_same(kept(second), kept(first))
