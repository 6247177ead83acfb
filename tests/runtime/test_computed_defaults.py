"""Hyperparameters whose default is computed from others: in each step, until a number is there."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from optdsl.interpreter import Reference
from support.trials import agree, loaded, trial

TEXT = """optimizer Thirds:
    hyper learning_rate = 0.125           in [0, inf)
    hyper k: int        = 3               in [1, inf)
    hyper beta_2        = 0.25            in [0, 1)
    hyper beta_3        = sqrt(beta_2)    in [0, 1)
    hyper beta_4        = beta_3^k + 1/ k in [0, 2)

    slot m = beta_3

    step:
        m     <- beta_3 * m + beta_4 * grad
        param <- param - learning_rate * m
"""

CLASSES = ("Thirds", "ThirdsModule")


def made(name: str, **options: Any) -> Any:
    return getattr(loaded(TEXT)[1], name)(**options)


def stepped(optimizer: Any, variable: tf.Variable) -> float:
    """What one more step with the gradient 1 makes of a slot."""
    optimizer.apply([tf.ones([])], [variable])
    return float(optimizer.slots["m"][0].numpy())


@pytest.mark.parametrize("path", ["eager", "XLA"])
@pytest.mark.parametrize("options", [{}, {"beta_3": 0.75}, {"k": 2, "beta_2": 0.0}])
def test_both_classes_agree_with_the_reference(path: str, options: dict[str, Any]) -> None:
    agree(TEXT, [trial((3, 2)), trial((2,), "float64")], path, **options)


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("compiled", [False, True])
def test_it_follows_until_a_number_is_assigned(name: str, compiled: bool) -> None:
    """In a function that is compiled already, too."""
    optimizer, variable = made(name), tf.Variable(0.0)
    optimizer.build([variable])
    step = lambda: optimizer.apply([tf.ones([])], [variable])  # noqa: E731
    step = tf.function(step, jit_compile=True) if compiled else step
    reference, expected = {}, 0.5
    for change in ({}, {"beta_2": 0.0625}, {"beta_3": 0.75}, {"beta_2": 0.5}, {"beta_3": None}):
        for hyper, value in change.items():
            setattr(optimizer, hyper, value)
            reference[hyper] = value
        step()
        second = reference.get("beta_2", 0.25)
        third = reference.get("beta_3") or second**0.5
        expected = third * expected + third**3 + 1 / 3
        np.testing.assert_allclose(optimizer.slots["m"][0].numpy(), expected, rtol=1e-6)


@pytest.mark.parametrize("name", CLASSES)
def test_none_is_what_it_is_until_then(name: str) -> None:
    optimizer = made(name)
    parameters = inspect.signature(type(optimizer)).parameters
    assert parameters["beta_3"].default is None
    assert parameters["beta_2"].default == 0.25
    assert optimizer.beta_3 is None
    optimizer.beta_3 = 0.5
    assert optimizer.beta_3 == 0.5
    optimizer.beta_3 = lambda: 0.25
    assert stepped(optimizer, tf.Variable(0.0)) == pytest.approx(
        0.25 * 0.25 + 0.25**3 + 1 / 3, rel=1e-6
    )
    optimizer.beta_3 = None
    assert optimizer.beta_3 is None
    variable = tf.Variable(0.75)
    optimizer.beta_3 = variable
    optimizer.beta_3 = None
    assert (variable.numpy(), optimizer.beta_3) == (0.75, None)


@pytest.mark.parametrize("name", CLASSES)
def test_what_is_refused(name: str) -> None:
    match = r"beta_3 must be in \[0, 1\), got 1.0"
    with pytest.raises(ValueError, match=match):
        made(name, beta_3=1.0)
    match = r"beta_3 must be a number in \[0, 1\), or a variable, .*, or None, got 'x'"
    with pytest.raises(ValueError, match=match):
        made(name, beta_3="x")
    with pytest.raises(ValueError, match=r"beta_2 must be a number in .*, got None"):
        made(name, beta_2=None)
    with pytest.raises(ValueError, match=r"beta_3 must be in .* got nan"):
        made(name, beta_3=float("nan"))


def test_the_configuration_keeps_none() -> None:
    config = made("Thirds").get_config()
    assert config["beta_3"] is None
    assert config["beta_2"] == 0.25
    again = loaded(TEXT)[1].Thirds.from_config({**config, "beta_4": 0.5})
    assert (again.beta_3, again.beta_4) == (None, 0.5)


@pytest.mark.parametrize("name", CLASSES)
def test_saved_state_knows_whether_there_is_a_number(name: str, tmp_path: Path) -> None:
    optimizer = made(name, beta_3=0.75)
    optimizer.build([tf.Variable(0.0)])
    path = tf.train.Checkpoint(optimizer=optimizer).save(str(tmp_path / "saved"))
    other = made(name, beta_4=0.5)
    other.build([tf.Variable(0.0)])
    tf.train.Checkpoint(optimizer=other).restore(path).assert_consumed()
    assert (other.beta_3, other.beta_4) == (0.75, None)


def test_a_model_with_it_is_loaded(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(made("Thirds", beta_4=0.5), "mse", jit_compile=False)
    model.optimizer.apply([tf.ones((2, 1)), tf.ones((1,))], model.trainable_variables)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras").optimizer
    assert (again.beta_3, again.beta_4, int(again.iterations)) == (None, 0.5, 1)


def test_the_reference_takes_none() -> None:
    optimizer = loaded(TEXT)[0]
    start = Reference(optimizer).init(1.0)
    for given in (None, 0.5):
        state = Reference(optimizer, {"beta_3": given}).step(start, 1.0)
        assert state.slots["m"].value == pytest.approx(0.25 + 0.125 + 1 / 3)
