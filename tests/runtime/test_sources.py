"""Real hyperparameters that are variables, schedules and callables; both classes alike."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from support.specs import keras_class
from support.steps import CLASSES, start


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("make", [tf.Variable, keras.Variable])
@pytest.mark.parametrize("wrap", [lambda step: step, tf.function], ids=["eager", "function"])
def test_a_variable_is_followed(kind: str, make: Any, wrap: Callable[[Any], Any]) -> None:
    """0.1.0: its value at construction was kept for ever."""
    rate, momentum, variable = make(1.0), make(0.0), tf.Variable(0.0)
    optimizer = CLASSES[kind]("momentum")(rate, momentum=momentum, jit_compile=False)
    optimizer.build([variable])
    step = wrap(lambda: optimizer.apply([tf.constant(1.0)], [variable]))
    for new_rate, new_momentum, expected in (1.0, 0.0, -1.0), (0.5, 0.0, -1.5), (0.5, 0.5, -2.25):
        rate.assign(new_rate)
        momentum.assign(new_momentum)
        step()
        assert float(variable.numpy()) == expected
    assert optimizer.momentum is momentum
    assert float(optimizer.learning_rate) == 0.5


@pytest.mark.parametrize("kind", CLASSES)
def test_assigning_where_a_variable_is_followed(kind: str) -> None:
    """The number goes into the variable, compiled functions included."""
    rate, variable = tf.Variable(1.0), tf.Variable(0.0)
    optimizer = CLASSES[kind]("gradient_descent")(rate, jit_compile=False)
    optimizer.build([variable])
    step = tf.function(lambda: optimizer.apply([tf.constant(1.0)], [variable]))
    step()
    optimizer.learning_rate = 0.25
    step()
    assert (float(rate.numpy()), float(variable.numpy())) == (0.25, -1.25)


@pytest.mark.parametrize("kind", CLASSES)
def test_a_variable_that_is_followed_is_not_saved(kind: str, tmp_path: Path) -> None:
    """It belongs to whoever made it: a checkpoint has the same with a number in its place."""
    saving = CLASSES[kind]("momentum")(momentum=tf.Variable(0.5), jit_compile=False)
    saving.apply([tf.ones([6, 4])], [start()])
    path = tf.train.Checkpoint(optimizer=saving).save(str(tmp_path / "state"))
    assert not [name for name, _ in tf.train.list_variables(path) if "momentum" in name]


def test_a_followed_variable_in_a_config_is_its_value() -> None:
    config = keras_class("adam")(tf.Variable(0.5), beta_1=keras.Variable(0.25)).get_config()
    assert (config["learning_rate"], config["beta_1"]) == (0.5, 0.25)
    assert keras_class("adam").from_config(config).beta_1 == 0.25


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize(
    "variable",
    [
        tf.Variable([0.5]),
        tf.Variable(1),
        keras.Variable(-1.0),
        tf.Variable("a"),
        tf.Variable(1e39, dtype="float64"),
    ],
    ids=["vector", "integer", "outside", "text", "too large"],
)
def test_variables_that_cannot_be_followed(kind: str, variable: Any) -> None:
    with pytest.raises(ValueError, match=r"^beta_1 must be "):
        CLASSES[kind]("adam")(beta_1=variable)


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("name", ["learning_rate", "beta_1"])
def test_a_callable_that_wants_an_argument(kind: str, name: str) -> None:
    """0.1.0: `<lambda>() missing 1 required positional argument` in the first step."""
    decay = keras.optimizers.schedules.ExponentialDecay
    for function in (lambda step: 0.5 * step, tf.function(lambda step: 0.5 * step), decay):
        with pytest.raises(
            ValueError, match=f"^{name} must be a callable without arguments, or a "
        ):
            CLASSES[kind]("adam")(**{name: function})
    for function in (lambda step=1: 0.5 * step, tf.function(lambda: 0.5), decay(0.5, 1, 0.5)):
        optimizer, variable = CLASSES[kind]("adam")(**{name: function}, jit_compile=False), start()
        optimizer.apply([tf.ones([6, 4])], [variable])
        assert (variable.numpy() < start().numpy()).all()


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize(
    "wrong", [-0.5, np.nan, None, "0.5", [0.5], tf.constant([0.5, 0.5]), tf.constant(-0.5), True]
)
def test_what_a_callable_gives_is_held_to_the_interval(kind: str, wrong: Any) -> None:
    """0.1.0: a rate of -0.5 went uphill."""
    given = [0.5]
    for name in ("learning_rate", "momentum"):
        optimizer = CLASSES[kind]("momentum")(**{name: lambda: given[0]}, jit_compile=False)
        given[0], variable = 0.5, tf.Variable(0.0)
        optimizer.apply([tf.constant(1.0)], [variable])
        before, given[0] = variable.numpy(), wrong
        match = rf"^{name} must be in \[0, .*, but its callable gave "
        with pytest.raises(ValueError, match=match):
            optimizer.apply([tf.constant(1.0)], [variable])
        assert variable.numpy() == before


@pytest.mark.parametrize("kind", CLASSES)
def test_what_schedules_and_variables_give_is_held_to_the_interval(kind: str) -> None:
    """0.1.0: no value of a schedule was looked at."""
    falling = keras.optimizers.schedules.PiecewiseConstantDecay([0], [1.0, -1.0])
    rate = tf.Variable(1.0)
    optimizers = {
        what: CLASSES[kind]("gradient_descent")(given, jit_compile=False)
        for what, given in (("schedule", falling), ("variable", rate))
    }
    variables = {what: start() for what in optimizers}
    for what, optimizer in optimizers.items():
        optimizer.apply([tf.ones([6, 4])], [variables[what]])
    rate.assign(-1.0)
    for what, optimizer in optimizers.items():
        match = rf"^learning_rate must be in \[0, inf\), but its {what} gave -1.0"
        with pytest.raises(ValueError, match=match):
            optimizer.apply([tf.ones([6, 4])], [variables[what]])


@pytest.mark.parametrize("kind", CLASSES)
def test_schedules_follow_the_gradients_that_come(kind: str) -> None:
    """Under accumulation too, as in Keras: `iterations` counts updates, a schedule calls."""
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([1, 3], [1.0, 0.5, 0.25])
    moved = {}
    for name in ("ours", "Keras"):
        make = CLASSES[kind]("gradient_descent") if name == "ours" else keras.optimizers.SGD
        optimizer, variable = make(schedule, gradient_accumulation_steps=2), tf.Variable(0.0)
        moved[name] = []
        for _ in range(6):
            optimizer.apply([tf.constant(1.0)], [variable])
            moved[name].append(float(variable.numpy()))
    assert moved["ours"] == moved["Keras"] == [0.0, -1.0, -1.0, -1.5, -1.5, -1.75]


@pytest.mark.parametrize("kind", CLASSES)
def test_a_schedule_that_follows_the_updates(kind: str) -> None:
    """As the documentation says: a callable that asks the optimizer."""
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([0, 1], [1.0, 0.5, 0.25])
    optimizer = CLASSES[kind]("gradient_descent")(
        lambda: schedule(optimizer.iterations), gradient_accumulation_steps=2, jit_compile=False
    )
    variable = tf.Variable(0.0)
    for _ in range(6):
        optimizer.apply([tf.constant(1.0)], [variable])
    assert float(variable.numpy()) == -1.75
