"""Other hyperparameters for some variables: `overrides` and `multipliers`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from support.saving import fit, network, recompiled
from support.steps import CLASSES, binary, rows, start

RATE = 2.0**-7
BOTH = pytest.mark.parametrize("kind", CLASSES)


def named(*names: str) -> list[tf.Variable]:
    return [tf.Variable(start(), name=name) for name in names]


def gradients(seed: int, *, sparse: bool = False) -> list[Any]:
    values = [binary((6, 4), seed), binary((6, 4), seed + 1)]
    return [rows(each) if sparse else tf.constant(each) for each in values]


def trained(optimizer: Any, variables: list[tf.Variable], *, sparse: bool) -> list[Any]:
    optimizer.build(variables)
    for seed in (1, 5, 9):
        optimizer.apply(gradients(seed, sparse=sparse)[: len(variables)], variables)
    return [each.numpy() for each in variables]


@BOTH
@pytest.mark.parametrize("xla", [False, True])
@pytest.mark.parametrize(("spec", "sparse"), [("adamw", False), ("lazy_adam", True)])
@pytest.mark.parametrize("option", ["multipliers", "overrides"])
def test_two_groups_are_two_optimizers(
    kind: str, xla: bool, spec: str, sparse: bool, option: str
) -> None:
    """To the bit; the rate of the second is a hundredth."""
    cls = CLASSES[kind](spec)
    second = RATE * 0.01 if option == "multipliers" else 0.25
    chosen = {option: {"head": {"learning_rate": second / RATE if second < RATE else second}}}
    both = trained(cls(RATE, jit_compile=xla, **chosen), named("body", "head"), sparse=sparse)
    one = cls(RATE, jit_compile=xla)
    np.testing.assert_array_equal(both[0], trained(one, named("body"), sparse=sparse)[0])
    other = cls(jit_compile=xla, overrides={"": {"learning_rate": second}})
    two = named("head")
    other.build(two)
    for seed in (1, 5, 9):
        other.apply(gradients(seed, sparse=sparse)[1:], two)
    np.testing.assert_array_equal(both[1], two[0].numpy())


@BOTH
def test_what_a_variable_has(kind: str) -> None:
    """The last override, then the last multiplier; the optimizer's own where none matches."""
    optimizer = CLASSES[kind]("adam")(
        RATE,
        overrides={
            "body": {"learning_rate": 0.5, "beta_1": 0.75},
            "body/b.*": {"learning_rate": 0.25},
        },
        multipliers={"b$": {"learning_rate": 0.5}, "bias": {"learning_rate": 4}},
    )
    variables = named("body/kernel", "body/bias", "head/b", "head/kernel")
    optimizer.build(variables)
    found = [optimizer.hyperparameters_of(each) for each in variables]
    assert [each["learning_rate"] for each in found] == [0.5, 1.0, RATE / 2, RATE]
    assert [each["beta_1"] for each in found] == [0.75, 0.75, 0.9, 0.9]
    optimizer.learning_rate = 0.125
    optimizer.multipliers["b$"]["learning_rate"] = 0.25
    found = [optimizer.hyperparameters_of(each) for each in variables]
    assert [each["learning_rate"] for each in found] == [0.5, 1.0, 0.125 / 4, 0.125]


@BOTH
def test_values_change_in_compiled_functions(kind: str) -> None:
    """As those of hyperparameters do; a schedule counts the steps."""
    halving = keras.optimizers.schedules.ExponentialDecay(1.0, 1, 0.5)
    optimizer = CLASSES[kind]("gradient_descent")(
        RATE,
        overrides={"a": {"learning_rate": 1.0}, "b": {"learning_rate": halving}},
    )
    variables = [tf.Variable(0.0, name=name) for name in ("a", "b", "c")]
    optimizer.build(variables)

    @tf.function
    def step() -> None:
        optimizer.apply([tf.constant(-1.0)] * 3, variables)

    step()
    optimizer.overrides["a"]["learning_rate"] = 3.0
    step()
    assert [float(each) for each in variables] == [4.0, 1.5, 2 * RATE]


@BOTH
@pytest.mark.parametrize("spec", ["adamw", "adam"])
def test_weight_decay_of_some(kind: str, spec: str) -> None:
    """A rule's own, and the option."""
    given = {"": {"weight_decay": 0.5}, "bias": {"weight_decay": 0}}
    optimizer = CLASSES[kind](spec)(RATE, jit_compile=False, overrides=given)
    decayed, kept = variables = named("kernel", "bias")
    optimizer.build(variables)
    optimizer.apply([tf.zeros([6, 4])] * 2, variables)
    np.testing.assert_array_equal(kept, start())
    np.testing.assert_allclose(decayed, start() * (1 - 0.5 * RATE), rtol=1e-6)
    assert optimizer.hyperparameters_of(kept)["weight_decay"] == 0


@BOTH
def test_sparse_rows_decay_where_any_variable_does(kind: str) -> None:
    """An override of the option alone makes the exact step touch all rows."""
    given = {"a": {"weight_decay": 0.5}}
    optimizer = CLASSES[kind]("adagrad")(RATE, jit_compile=False, overrides=given)
    one, other = variables = named("a", "b")
    optimizer.build(variables)
    optimizer.apply(gradients(1, sparse=True), variables)
    assert not np.array_equal(one[0], start()[0])
    np.testing.assert_array_equal(other[0], start()[0])


@BOTH
def test_slots_start_from_a_variables_own_values(kind: str) -> None:
    given = {"a": {"initial": 2.0}}
    optimizer = CLASSES[kind]("adagrad")(overrides=given)
    optimizer.build(named("a", "b"))
    (slot,) = optimizer.slots.values()
    assert [float(each[0, 0]) for each in slot] == [2.0, np.float32(0.1)]


@BOTH
def test_layers_that_are_unfrozen_later_have_their_own(kind: str) -> None:
    optimizer = CLASSES[kind]("adam")(overrides={"late": {"learning_rate": 0.5}})
    early, late = named("early", "late")
    with pytest.raises(ValueError, match="'late', which matches none of the variables: `early`"):
        optimizer.build([early])
    optimizer.build([early, late])
    optimizer.build([early])
    optimizer.build([early, late])
    assert optimizer.hyperparameters_of(late)["learning_rate"] == 0.5


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"overrides": {"x": {"lr": 1}}}, r"overrides\['x'\] names 'lr'.* it has `learning_rate`"),
    ({"overrides": {"x": {"sync": 1}}}, "no real hyperparameter of Adam"),
    ({"overrides": {"x": {"learning_rate": -1}}}, r"\['learning_rate'\] must be in \[0, inf\)"),
    ({"overrides": {"x": {"learning_rate": "1"}}}, r"overrides\['x'\]\['learning_rate'\] must be"),
    ({"multipliers": {"x": {"beta_1": -1}}}, r"multipliers\['x'\]\['beta_1'\] must be in"),
    ({"overrides": {"(": {}}}, r"regular expressions, and '\(' is none"),
    ({"overrides": {3: {}}}, "overrides must be a dict such as"),
    ({"overrides": {"x": 1}}, "overrides must be a dict such as"),
    ({"multipliers": [1]}, "multipliers must be a dict such as"),
]


@BOTH
@pytest.mark.parametrize(("given", "message"), WRONG)
def test_what_cannot_be_given(kind: str, given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CLASSES[kind]("adam")(**given)


@BOTH
def test_a_product_stays_in_the_interval(kind: str) -> None:
    optimizer = CLASSES[kind]("adam")(multipliers={"a": {"beta_1": 2}})
    with pytest.raises(ValueError, match=r"makes beta_1 1.8, and it must be in \[0, 1\)"):
        optimizer.build(named("a"))


@BOTH
def test_patterns_are_fixed_by_build(kind: str) -> None:
    optimizer = CLASSES[kind]("adam")(overrides={"a": {"learning_rate": 1}})
    optimizer.overrides = {"b": {"learning_rate": 2}}
    optimizer.build(named("b"))
    assert dict(optimizer.overrides["b"]) == {"learning_rate": 2.0}
    with pytest.raises(RuntimeError, match="overrides decides what state there is"):
        optimizer.overrides = None
    with pytest.raises(KeyError, match="give it at construction"):
        optimizer.overrides["b"]["beta_1"] = 0.5


def test_config_has_the_values_now() -> None:
    halving = keras.optimizers.schedules.ExponentialDecay(1.0, 1, 0.5)
    cls = CLASSES["keras"]("adam")
    first = cls(
        overrides={"a": {"learning_rate": halving}},
        multipliers={"a|b": {"beta_1": 0.5}},
    )
    first.multipliers["a|b"]["beta_1"] = 0.25
    config = first.get_config()
    assert config["multipliers"] == {"a|b": {"beta_1": 0.25}}
    again = cls.from_config(config)
    assert again.get_config() == config
    again.build(named("a"))
    assert again.hyperparameters_of(again._core.states[0].param)["learning_rate"] == 1.0


def test_fit_and_a_file(tmp_path: Path) -> None:
    """The kernel of one layer stays as it is, in the loaded model too."""
    model = network("one")
    optimizer = CLASSES["keras"]("adam")(overrides={"one/kernel$": {"learning_rate": 0}})
    recompiled(model, optimizer)
    x, y = np.ones((4, 4), np.float32), np.zeros((4, 4), np.float32)

    def moved(model: keras.Model) -> list[bool]:
        before = [each.numpy() for each in model.trainable_variables]
        model.fit(x, y, verbose=0)
        after = [each.numpy() for each in model.trainable_variables]
        return [not np.array_equal(*each) for each in zip(before, after, strict=True)]

    expected = [False] + [True] * (len(model.trainable_variables) - 1)
    assert moved(model) == expected
    model.save(tmp_path / "model.keras")
    assert moved(keras.models.load_model(tmp_path / "model.keras")) == expected


def test_a_keras_optimizer_of_several() -> None:
    """Another rule for some layers, with an interface of Keras."""
    model = network("one", "two")
    parts = {"one/.*": CLASSES["keras"]("momentum")(0.0, jit_compile=False)}
    rest = CLASSES["keras"]("adam")(RATE, jit_compile=False)
    both = keras.optimizers.OptimizerMap(default_optimizer=rest, optimizer_map=parts)
    recompiled(model, keras.optimizers.MultiOptimizer(both))
    before = [each.numpy() for each in model.trainable_variables]
    fit(model)
    for old, new in zip(before, model.trainable_variables, strict=True):
        assert np.array_equal(old, new) == new.path.startswith("one/")


def test_a_saved_model_that_trains(tmp_path: Path) -> None:
    trainer = tf.Module()
    trainer.variable = tf.Variable(0.0, name="a")
    trainer.optimizer = CLASSES["module"]("gradient_descent")(
        overrides={"a": {"learning_rate": 0.5}}
    )
    trainer.optimizer.build([trainer.variable])
    trainer.step = tf.function(
        lambda grad: trainer.optimizer.apply([grad], [trainer.variable]),
        input_signature=[tf.TensorSpec([], tf.float32)],
    )
    tf.saved_model.save(trainer, str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path))
    loaded.step(tf.constant(-1.0))
    assert float(loaded.variable) == 0.5


@BOTH
def test_groups_share_programs(kind: str) -> None:
    """Two groups of alike variables compile once."""
    optimizer = CLASSES[kind]("adam")(multipliers={"b": {"learning_rate": 0.5}})
    variables = named(*(f"{letter}{i}" for letter in "ab" for i in range(8)))
    optimizer.build(variables)
    optimizer.apply([tf.ones([6, 4])] * 16, variables)
    (update,) = optimizer._core.updates.values()
    assert update.whole.experimental_get_tracing_count() == 1
