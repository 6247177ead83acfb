"""Saved state comes back to the variables that it is of, or not at all."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from optdsl.runtime.tensorflow.naming import matched
from support.saving import (
    FEATURES,
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
from support.steps import CLASSES, assert_same
from support.strategies import some

# --- the rule ------------------------------------------------------------------------------------


def known(*names: str, sizes: Sequence[int] = ()) -> dict[str, Any]:
    """Variables, of one shape where no sizes are given."""
    return dict(zip(names, sizes or [1] * len(names), strict=True))


def same(saved: dict[str, Any], own: dict[str, Any]) -> dict[str, str]:
    found = matched(saved, own)
    assert not found.dropped
    assert not found.fresh
    return {ours: theirs for ours, theirs in found.saved.items() if ours != theirs}


def test_a_name_is_itself_in_any_order() -> None:
    assert same(known("a/w", "b/w"), known("b/w", "a/w")) == {}


@pytest.mark.parametrize(
    ("saved", "own"),
    [
        (["dense_7/w", "dense_8/w"], ["dense/w", "dense_1/w"]),
        (["dense_8/w", "dense_7/w"], ["dense/w", "dense_1/w"]),
        (["net/a/w", "net/b/w"], ["a/w", "b/w"]),
        (["a/w", "b/w"], ["net/a/w", "net/b/w"]),
        (["one/in/w", "two/in/w", "top/w"], ["in/w", "in/w#2", "top/w"]),
        (["sequential_1/dense_2/w", "table/w"], ["sequential/dense_5/w", "table/w"]),
        (["dense_1/w", "lstm/lstm_cell/w"], ["dense_3/w", "lstm_4/lstm_cell/w"]),
        (["table/w", "dense/w"], ["table/w", "dense_1/w"]),
    ],
)
def test_renamings_that_count(saved: list[str], own: list[str]) -> None:
    """Numbers that Keras gave, all of a kind shifted alike, and scopes that it dropped."""
    pairs = same(known(*saved), known(*own))
    ordered = sorted(saved) if "dense_8/w" in saved else saved
    expected = dict(zip(own, ordered, strict=True))
    assert pairs == {ours: theirs for ours, theirs in expected.items() if ours != theirs}


@pytest.mark.parametrize(
    ("saved", "own"),
    [
        (["block_2/w", "block_3/w"], ["block/w", "block_1/w"]),
        (["block_2/w"], ["block_1/w"]),
        (["dense_2/w", "dense_4/w"], ["dense/w", "dense_1/w"]),
        (["dense/w", "dense_1/w"], ["dense_4/w", "conv_1/w"]),
        (["dense/kernel", "dense/bias"], ["dense_1/bias", "dense_1/kernel_1"]),
        (["dense_1/w", "dense_2/w", "a/w"], ["dense/w", "dense_1/w", "b/w"]),
        (["mine_1/a/w", "mine_1/b/w"], ["mine_2/a/w", "mine_2/b/w"]),
        (["a/in/w", "b/in/w"], ["in/w"]),
        (["in/w", "in/w#2"], ["in/w"]),
        (["block/w"], ["w"]),
        (["sequential_1/dense_2/w"], ["dense_5/w"]),
        (["sequential_1/dense_2/w"], ["sequential_1/dense_3/w"]),
        (["a/x/w", "y/w"], ["x/w", "b/y/w"]),
    ],
)
def test_renamings_that_do_not_count(saved: list[str], own: list[str]) -> None:
    """0.1.0: `block_2` was taken for `block_1`, and so on."""
    try:
        found = matched(known(*saved), known(*own))
    except ValueError:
        return
    assert all(ours == theirs for ours, theirs in found.saved.items())
    assert found.dropped or found.fresh


def test_what_two_readings_explain_is_refused() -> None:
    """`dense` frozen and `dense_3` unfrozen, or the same model once more: all are alike."""
    saved, own = ([f"dense_{i}/w" for i in range(n, n + 3)] for n in (1, 2))
    with pytest.raises(ValueError, match="it cannot be known which of `dense_1/w`"):
        matched(known(*saved), known(*own))
    found = same(known(*saved, sizes=[4, 5, 5]), known(*own, sizes=[4, 5, 5]))
    assert found == dict(zip(own, saved, strict=True))
    assert matched(known(*saved, sizes=[4, 5, 6]), known(*own, sizes=[5, 6, 7])).dropped


def test_equal_names_of_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="other variables"):
        matched(known("a/w", "b/w", sizes=[4, 5]), known("a/w", "b/w", sizes=[5, 4]))


def test_what_is_not_here_is_dropped_and_what_is_new_is_fresh() -> None:
    found = matched(known("n/a/w", "n/b/w"), known("b/w", "c/w"))
    assert found == ({"b/w": "n/b/w"}, ("n/a/w",), ("c/w",))


NUMBERS = ("", "_1", "_2", "_3")
NAMES = [f"{kind}{number}/w" for kind in ("dense", "block") for number in NUMBERS]
PATHS = st.lists(st.sampled_from(NAMES), min_size=1, unique=True)


@some(200)
@given(PATHS, PATHS)
def test_blocks_are_never_taken_for_each_other(saved: list[str], own: list[str]) -> None:
    """And layers that Keras named only in one step: all by the same shift."""
    try:
        found = matched(known(*saved), known(*own))
    except ValueError:
        return
    shifts = set()
    for pair in found.saved.items():
        parts = [name.removesuffix("/w").partition("_") for name in pair]
        assert parts[0][0] == parts[1][0]
        number, saved_number = (int(number or 0) for _, _, number in parts)
        shifts.add((parts[0][0], number - saved_number))
    assert all(kind == "dense" or shift == 0 for kind, shift in shifts)
    assert len({kind for kind, _ in shifts}) == len(shifts)
    assert len(set(found.saved.values())) == len(found.saved)
    assert {*found.saved, *found.fresh} == set(own)


# --- both classes, every kind of file ------------------------------------------------------------


@pytest.mark.parametrize("kind", CLASSES)
def test_moments_of_block_2_are_not_those_of_block_1(tmp_path: Path, kind: str) -> None:
    """0.1.0: restored, `assert_consumed` content."""
    first, ours = made(kind), variables("block_2/w", "block_3/w")
    step(first, ours)
    path = write(first, tmp_path)
    second, theirs = made(kind), variables("block/w", "block_1/w")
    second.build(theirs)
    before = kept(second)
    with pytest.raises(ValueError, match=r"only saved: .*block_2/w/m.*only here: .*block/w/m"):
        read(second, path)
    assert_same(kept(second), before)


def test_weights_of_block_2_are_not_those_of_block_1(tmp_path: Path) -> None:
    """0.1.0: loaded in silence."""
    first, second = network("block_2", "block_3"), network("block_1", "block_2")
    fit(first)
    first.save_weights(tmp_path / "model.weights.h5")
    second.optimizer.build(second.trainable_variables)
    with pytest.warns(UserWarning, match="starts fresh|is dropped") as caught:
        second.load_weights(tmp_path / "model.weights.h5")
    fresh, dropped = sorted((str(each.message) for each in caught), reverse=True)
    assert re.match(r"there is no saved state of `\w+/block_1/kernel`, .* fresh", fresh)
    assert re.match(r"the saved state of `\w+/block_3/kernel`, .* is dropped", dropped)
    was = slots_of(first.optimizer, first.layers[0].kernel)
    assert_kept(second.optimizer, second.layers[1].kernel, was)
    assert_fresh(second.optimizer, second.layers[0].kernel)


@pytest.mark.parametrize("form", ["weights", "checkpoint"])
def test_a_model_that_is_made_again_in_the_process(tmp_path: Path, form: str) -> None:
    """Keras numbers the layers on; their state is found all the same."""
    first, second = network(None, None, "head"), network(None, None, "head")
    fit(first)
    if form == "weights":
        first.save_weights(tmp_path / "model.weights.h5")
        second.load_weights(tmp_path / "model.weights.h5")
        second.optimizer.build(second.trainable_variables)
    else:
        path = tf.train.Checkpoint(model=first).save(str(tmp_path / "state"))
        status = tf.train.Checkpoint(model=second).restore(path)
        second.optimizer.build(second.trainable_variables)
        status.assert_consumed()
    pairs = zip(first.trainable_variables, second.trainable_variables, strict=True)
    for one, other in pairs:
        assert_kept(second.optimizer, other, slots_of(first.optimizer, one))


class Net(keras.Model):
    """A model of somebody's own: its name is a part of the paths of its variables."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = keras.Sequential([keras.layers.Dense(4), keras.layers.Dense(4)])
        self.outer = keras.layers.Dense(4)

    def call(self, inputs: Any) -> Any:
        return self.outer(self.inner(inputs))


def test_a_model_of_ones_own_made_again(tmp_path: Path) -> None:
    models = []
    for _ in range(2):
        model = Net()
        model(FEATURES)
        recompiled(model, keras_class("adam")(0.125, jit_compile=False))
        models.append(model)
    first, second = models
    fit(first)
    path = tf.train.Checkpoint(model=first).save(str(tmp_path / "state"))
    status = tf.train.Checkpoint(model=second).restore(path)
    fit(second)
    status.assert_consumed()
    fit(first)
    for one, other in zip(first.trainable_variables, second.trainable_variables, strict=True):
        assert_kept(second.optimizer, other, slots_of(first.optimizer, one))


@pytest.mark.parametrize("back", [False, True])
def test_a_checkpoint_of_a_model_and_the_model_from_load_model(tmp_path: Path, back: bool) -> None:
    """0.1.0: refused, as `load_model` drops the model's name from paths."""
    model = network("one", "two")
    fit(model)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.trainable_variables[0].path != model.trainable_variables[0].path
    source, target = (loaded, model) if back else (model, loaded)
    fit(source)
    path = tf.train.Checkpoint(model=source).save(str(tmp_path / "state"))
    tf.train.Checkpoint(model=target).restore(path).assert_consumed()
    for one, other in zip(source.trainable_variables, target.trainable_variables, strict=True):
        assert_kept(target.optimizer, other, slots_of(source.optimizer, one))


class Trainer(tf.Module):
    """A module with an optimizer in it, as it is put into a SavedModel."""

    def __init__(self, *names: str) -> None:
        super().__init__()
        self.trained = variables(*names)
        self.optimizer = made("module")
        self.optimizer.build(self.trained)

    @tf.function(input_signature=[])
    def value(self) -> tf.Tensor:
        return self.trained[0].value()


def test_the_variables_of_a_saved_model(tmp_path: Path) -> None:
    """0.1.0: `block_2` was restored into `block_1` here, too."""
    first = Trainer("dense_3/w", "block_2/w")
    step(first.optimizer, first.trained)
    tf.saved_model.save(first, str(tmp_path))
    file = str(tmp_path / "variables" / "variables")
    second = Trainer("dense/w", "block_2/w")
    tf.train.Checkpoint(second).restore(file)
    for one, other in zip(first.trained, second.trained, strict=True):
        assert_kept(second.optimizer, other, slots_of(first.optimizer, one))
    third = Trainer("dense/w", "block_1/w")
    with pytest.raises(ValueError, match="only saved"):
        tf.train.Checkpoint(third).restore(file)


@pytest.mark.parametrize("kind", CLASSES)
def test_names_under_which_state_is_saved(kind: str) -> None:
    """0.1.0: `dense` and `block`, whatever the numbers were."""
    optimizer = made(kind)
    optimizer.build(variables("dense_7/w", "block_2/w", "block_2/w"))
    names = [name.rpartition("/")[0] for name in optimizer._saved.by_name if name.endswith("/m")]
    assert names == ["dense_7/w", "block_2/w", "block_2/w#2"]
