"""State: saved under names, restored as if nothing had happened, refused where it does not fit."""

from __future__ import annotations

import copy
import importlib
import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import optdsl
from optdsl import ir
from support.specs import FOLDER, SPECS, keras_class, module_class, optimizer
from support.steps import CLASSES, Array, assert_same, binary, rows, start, state_of

OPTIONS: dict[str, Any] = {
    "use_ema": True,
    "ema_overwrite_frequency": 3,
    "gradient_accumulation_steps": 2,
    "weight_decay": 0.01,
    "global_clipnorm": 1.0,
}
FEATURES = np.random.default_rng(0).normal(size=(24, 3)).astype(np.float32)
IDS = np.random.default_rng(1).integers(0, 6, size=(24, 2))
TARGETS = FEATURES[:, :1] ** 2


def network(*, embedding: bool = False) -> keras.Model:
    """The same small model with the same weights and the same paths each time."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(0)
    first = [keras.layers.Dense(4, activation="tanh", name="hidden")]
    if embedding:
        first = [keras.layers.Embedding(6, 4, name="table"), keras.layers.Flatten()]
    source = keras.Input((2,), dtype="int32") if embedding else keras.Input((3,))
    return keras.Sequential([source, *first, keras.layers.Dense(1, name="out")], name="network")


def compiled(optimizer: Any, *, embedding: bool = False) -> keras.Model:
    model = network(embedding=embedding)
    model.compile(optimizer, "mse", jit_compile=False)
    return model


def fit(model: keras.Model, epochs: int = 1) -> None:
    """Three batches an epoch: an epoch ends in the middle of an accumulation of two."""
    inputs = IDS if model.input_shape == (None, 2) else FEATURES
    model.fit(inputs, TARGETS, batch_size=8, epochs=epochs, shuffle=False, verbose=0)


def saved_state(optimizer: Any) -> dict[str, Array]:
    return {name: variable.numpy() for name, variable in optimizer._saved.by_name.items()}


def assert_same_models(one: keras.Model, other: keras.Model) -> None:
    for first, second in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)


# --- configurations ------------------------------------------------------------------------------


@pytest.mark.parametrize("spec", SPECS)
def test_config_round_trip(spec: str) -> None:
    """Every hyperparameter, half of its default, and every option."""
    chosen: dict[str, Any] = {"name": "mine", "slot_dtype": "bfloat16", "jit_compile": False}
    chosen |= {"sparse_mode": "lazy", "skip_nonfinite": True} | OPTIONS
    for hyper in optimizer(spec).hypers:
        default = hyper.default
        chosen[hyper.name] = default / 2 if hyper.kind is ir.Kind.REAL else not default
    chosen["learning_rate"] = float(np.float32(chosen["learning_rate"]))  # as Keras stores it
    first = keras_class(spec)(**chosen)
    config = first.get_config()
    second = keras_class(spec).from_config(config)
    assert second.get_config() == config
    for name, value in chosen.items():
        assert config[name] == value, name
    # The registry is global: another test may have loaded a class of the same name.
    own = {keras.saving.get_registered_name(keras_class(spec)): keras_class(spec)}
    saved = keras.saving.serialize_keras_object(first)
    with keras.saving.custom_object_scope(own):
        again = keras.saving.deserialize_keras_object(saved)
    assert type(again) is keras_class(spec)
    assert again.get_config() == config


def test_config_holds_schedules() -> None:
    decay = keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)
    first = keras_class("adam")(decay, beta_1=decay)
    second = keras_class("adam").from_config(first.get_config())
    assert second.beta_1.get_config() == decay.get_config()
    assert float(second.learning_rate) == pytest.approx(0.1)
    assert second.get_config() == first.get_config()


# --- Keras files ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "embedding"),
    [("amsgrad", False), ("novograd", False), ("lazy_adam", True), ("rowwise_adagrad", True)],
)
def test_fit_goes_on_after_loading(tmp_path: Path, spec: str, embedding: bool) -> None:
    """Saved in the middle of an accumulation, with hyperparameters that were assigned."""
    model = compiled(keras_class(spec)(learning_rate=0.05, **OPTIONS), embedding=embedding)
    fit(model)
    model.optimizer.learning_rate = 0.025
    model.optimizer.epsilon = 1e-5
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.optimizer.epsilon == 1e-5
    fit(model, 2)
    fit(loaded, 2)
    assert_same_models(model, loaded)
    one, other = saved_state(model.optimizer), saved_state(loaded.optimizer)
    for first, second in zip(one.values(), other.values(), strict=True):
        np.testing.assert_array_equal(first, second)


def assert_goes_on_after_loading(model: keras.Model, file: Path) -> None:
    """A model that was saved and loaded trains on as the original does."""
    model.save(file)
    loaded = keras.models.load_model(file)
    fit(model)
    fit(loaded)
    assert_same_models(model, loaded)


@pytest.mark.parametrize("slot_dtype", ["float16", "bfloat16"])
def test_16_bit_slots_are_saved(tmp_path: Path, slot_dtype: str) -> None:
    """NumPy itself has no bfloat16."""
    model = compiled(keras_class("adam")(0.05, slot_dtype=slot_dtype))
    fit(model)
    assert_goes_on_after_loading(model, tmp_path / "model.keras")


def test_a_model_that_was_never_trained(tmp_path: Path) -> None:
    model = compiled(keras_class("adam")(0.05))
    assert_goes_on_after_loading(model, tmp_path / "model.keras")


def test_layers_of_the_same_name_in_nested_models(tmp_path: Path) -> None:
    """Keras loads these under paths without the names that tell them apart."""

    def block(name: str) -> keras.Model:
        layers = [keras.layers.Dense(3, name="inner"), keras.layers.Dense(3, name="outer")]
        return keras.Sequential([keras.Input((3,)), *layers], name=name)

    keras.utils.clear_session()
    model = keras.Sequential([keras.Input((3,)), block("one"), block("two"), block("three")])
    model.compile(keras_class("adam")(0.05), "mse", jit_compile=False)
    fit(model)
    assert_goes_on_after_loading(model, tmp_path / "model.keras")


def test_weights_that_are_loaded_before_build(tmp_path: Path) -> None:
    """They wait for the variables; the hyperparameters do not, and can be changed meanwhile."""
    file = tmp_path / "model.weights.h5"
    model = compiled(keras_class("adam")(0.05, **OPTIONS))
    fit(model)
    model.optimizer.beta_1 = 0.5
    model.save_weights(file)
    other = compiled(keras_class("adam")(0.05, **OPTIONS))
    other.load_weights(file)
    assert not other.optimizer.built
    assert other.optimizer.beta_1 == 0.5
    for each in (model, other):
        each.optimizer.beta_2 = 0.9
        fit(each)
    assert_same_models(model, other)
    assert_same(saved_state(model.optimizer), saved_state(other.optimizer))


def test_weights_of_other_variables_are_refused_whenever_that_shows(tmp_path: Path) -> None:
    """At once where the optimizer is built; otherwise each time it is to be built."""
    file = tmp_path / "model.weights.h5"
    model = compiled(keras_class("adam")(0.05))
    fit(model)
    model.save_weights(file)
    early, late = compiled(keras_class("adam")(use_ema=True)), compiled(keras_class("adam")())
    early.optimizer.build(early.trainable_variables)
    before = saved_state(early.optimizer)
    with pytest.raises(ValueError, match=r"only here: .*'network/hidden/bias/moving-average'"):
        early.load_weights(file)
    assert_same(saved_state(early.optimizer), before)
    late.load_weights(file)
    for _ in range(2):
        with pytest.raises(ValueError, match=r"only saved: .*'network/hidden/kernel/m'"):
            late.optimizer.build([tf.Variable(1.0, name="other")])


def test_state_of_another_rule_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "model.weights.h5"
    for saved in (keras_class("adam")(), keras.optimizers.Adam()):
        model = compiled(saved)
        fit(model)
        model.save_weights(file)
        other = compiled(keras_class("amsgrad")())
        with pytest.raises(ValueError, match=r"state .* (that of .*'Adam'|not saved by AMSGrad)"):
            other.load_weights(file)


# --- copies --------------------------------------------------------------------------------------


@pytest.fixture
def imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A generated file that is imported as users import it: a pickle names the module."""
    source = optdsl.compile(FOLDER / "amsgrad.opt").source("all")
    (tmp_path / "generated_amsgrad.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    return importlib.import_module("generated_amsgrad")


@pytest.mark.parametrize("built", [False, True])
@pytest.mark.parametrize(
    "duplicate", [lambda x: pickle.loads(pickle.dumps(x)), copy.deepcopy], ids=["pickle", "copy"]
)
def test_copies_go_on_alike(imported: Any, built: bool, duplicate: Callable[[Any], Any]) -> None:
    first, variable = imported.AMSGrad(0.125, beta_1=0.5, **OPTIONS), start()
    if built:
        for seed in range(3):
            first.apply([tf.constant(binary((6, 4), seed))], [variable])
        first.beta_2 = 0.75
    second, other = duplicate(first), tf.Variable(variable, name=variable.name.split(":")[0])
    assert second.get_config() == first.get_config()
    for seed in range(3):
        first.apply([tf.constant(binary((6, 4), seed))], [variable])
        second.apply([tf.constant(binary((6, 4), seed))], [other])
    assert_same(state_of(first), state_of(second))


def test_a_module_is_copied_before_it_has_state(imported: Any) -> None:
    module = imported.AMSGradModule(0.125, beta_1=0.5)
    assert pickle.loads(pickle.dumps(module)).beta_1 == 0.5
    module.build([start()])
    with pytest.raises(TypeError, match=r"save it in a tf\.train\.Checkpoint"):
        copy.deepcopy(module)


# --- checkpoints ---------------------------------------------------------------------------------


def variables(*names: str) -> list[tf.Variable]:
    return [tf.Variable(start().numpy() + index, name=name) for index, name in enumerate(names)]


def train(optimizer: Any, variables: Sequence[tf.Variable], seed: int) -> None:
    """A gradient that depends on a variable's name, whatever the order; one is sparse."""
    gradients: list[Any] = []
    for each in variables:
        gradient = binary((6, 4), seed + len(each.name))
        gradients.append(rows(gradient) if "table" in each.name else tf.constant(gradient))
    optimizer.apply(gradients, variables)


def checkpoint(optimizer: Any, variables: Sequence[tf.Variable]) -> tf.train.Checkpoint:
    named = {each.name.split(":")[0]: each for each in variables}
    return tf.train.Checkpoint(optimizer=optimizer, **named)


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("built", [False, True])
def test_checkpoint(tmp_path: Path, kind: str, built: bool) -> None:
    """Restored before or after `build`; the variables come in another order."""
    options = OPTIONS | {"jit_compile": False}
    first, ours = CLASSES[kind]("lazy_adam")(0.125, **options), variables("a", "table", "ccc")
    for seed in range(3):
        train(first, ours, seed)
    first.beta_1 = 0.5
    path = checkpoint(first, ours).save(str(tmp_path / "state"))

    second, theirs = CLASSES[kind]("lazy_adam")(0.5, **options), variables("ccc", "table", "a")
    if built:
        second.build(theirs)
    status = checkpoint(second, theirs).restore(path)
    for seed in range(3):
        train(first, ours, seed)
        train(second, theirs, seed)
    status.assert_consumed()
    assert_same(saved_state(first), saved_state(second))
    for one, other in zip(ours, reversed(theirs), strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize(
    ("spec", "options", "names", "match"),
    [
        ("adam", {}, "xy", r"only saved: \[\('a/m', .*only here: \[\('x/m', 'float32 \(6, 4\)'"),
        ("adam", {"use_ema": True}, "ab", r"only saved: \[\]; only here: .*a/moving-average"),
        ("adam", {"slot_dtype": "float16"}, "ab", r"'float32 \(6, 4\)'.*'float16 \(6, 4\)'"),
        ("momentum", {}, "ab", r"state is that of .*'Adam'.*, not .*'Momentum'"),
    ],
    ids=["variables", "options", "dtype", "rule"],
)
def test_checkpoint_that_does_not_fit(
    tmp_path: Path, kind: str, spec: str, options: dict[str, Any], names: str, match: str
) -> None:
    """Raises at `restore`, and changes nothing; before `build`, `build` raises, again and again."""
    first, ours = CLASSES[kind]("adam")(0.125, jit_compile=False), variables("a", "b")
    train(first, ours, 0)
    path = tf.train.Checkpoint(optimizer=first).save(str(tmp_path / "state"))

    built, theirs = CLASSES[kind](spec)(0.5, **options), variables(*names)
    built.build(theirs)
    before = saved_state(built)
    with pytest.raises(ValueError, match=match):
        tf.train.Checkpoint(optimizer=built).restore(path)
    assert_same(saved_state(built), before)

    late = CLASSES[kind](spec)(0.5, **options)
    if spec != "adam":  # another rule shows at once
        with pytest.raises(ValueError, match=match):
            tf.train.Checkpoint(optimizer=late).restore(path)
        return
    tf.train.Checkpoint(optimizer=late).restore(path)
    for _ in range(2):
        with pytest.raises(ValueError, match=match):
            train(late, theirs, 0)


@pytest.mark.parametrize("kind", CLASSES)
def test_checkpoint_from_before_build(tmp_path: Path, kind: str) -> None:
    """It holds hyperparameters, which any optimizer takes that has not made a step."""
    path = tf.train.Checkpoint(o=CLASSES[kind]("adam")(0.5)).save(str(tmp_path / "state"))
    second, theirs = CLASSES[kind]("adam")(0.25), variables("a")
    second.build(theirs)
    tf.train.Checkpoint(o=second).restore(path)
    assert float(second.learning_rate) == 0.5
    train(second, theirs, 0)
    with pytest.raises(ValueError, match="only here"):
        tf.train.Checkpoint(o=second).restore(path)


def test_checkpoint_of_a_model(tmp_path: Path) -> None:
    model = compiled(keras_class("amsgrad")(0.05, **OPTIONS))
    fit(model)
    path = tf.train.Checkpoint(model=model).save(str(tmp_path / "state"))
    other = compiled(keras_class("amsgrad")(0.5, **OPTIONS))
    status = tf.train.Checkpoint(model=other).restore(path)
    fit(model)
    fit(other)
    status.assert_consumed()
    assert_same_models(model, other)


def test_names_of_the_state() -> None:
    optimizer = module_class("amsgrad")(use_ema=True)
    optimizer.build(variables("a", "a"))
    assert list(optimizer._saved.by_name) == [
        "iterations",
        *("learning_rate", "beta_1", "beta_2", "epsilon"),
        *("a/m", "a/v", "a/v_max", "a/moving-average"),
        *("a#2/m", "a#2/v", "a#2/v_max", "a#2/moving-average"),
    ]
    assert [each.name for each in optimizer.slots["v_max"]] == ["a/v_max:0", "a#2/v_max:0"]


def test_models_that_are_made_twice_in_one_process(tmp_path: Path) -> None:
    """The second one's layers have other numbers in their names."""

    def made() -> keras.Model:
        layers = [keras.layers.Dense(3), keras.layers.Dense(3), keras.layers.Dense(1)]
        model = keras.Sequential([keras.Input((3,)), *layers])
        model.compile(keras_class("adam")(0.05), "mse", jit_compile=False)
        return model

    first = made()
    fit(first)
    first.save_weights(tmp_path / "model.weights.h5")
    path = tf.train.Checkpoint(model=first).save(str(tmp_path / "state"))
    second, third = made(), made()
    second.load_weights(tmp_path / "model.weights.h5")
    status = tf.train.Checkpoint(model=third).restore(path)
    for each in (first, second, third):
        fit(each)
    status.assert_consumed()
    assert_same_models(first, second)
    assert_same_models(first, third)


# --- SavedModel ----------------------------------------------------------------------------------


@pytest.mark.parametrize("spec", ["amsgrad", "lazy_adam", "rmsprop"])
def test_saved_model_of_a_module_that_trains(tmp_path: Path, spec: str) -> None:
    class Trainer(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = start()
            self.optimizer = module_class(spec)(0.125, use_ema=True, weight_decay=0.01)
            self.optimizer.exclude_from_weight_decay(var_names=["bias"])
            self.optimizer.build([self.table])

        @tf.function(input_signature=[tf.TensorSpec([None, 4]), tf.TensorSpec([None], tf.int64)])
        def step(self, values: Any, ids: Any) -> tf.Tensor:
            self.optimizer.apply([tf.IndexedSlices(values, ids)])
            return self.table.value()

    def take(trainer: Any, seed: int) -> Array:
        ids = tf.constant([1, 1, 1, 3, 2, 1], tf.int64)
        stepped: tf.Tensor = trainer.step(tf.constant(binary((6, 4), seed)), ids)
        return stepped.numpy()

    trainer = Trainer()
    take(trainer, 0)
    tf.saved_model.save(trainer, str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path))
    for seed in range(3):
        np.testing.assert_array_equal(take(trainer, seed), take(loaded, seed))
