"""Keras's callbacks, each with `fit`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from support.specs import keras_class
from support.steps import Array, state_of

GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(32, 3)).astype(np.float32)
Y = X.sum(axis=1, keepdims=True)


def model(spec: str = "gradient_descent", rate: Any = 2.0**-4, **options: Any) -> keras.Model:
    """A small model, the same each time, compiled with an optimizer of ours."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(0)
    made = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2), keras.layers.Dense(1)])
    optimizer = keras_class(spec)(rate, jit_compile=False, **options)
    made.compile(optimizer, "mse", jit_compile=False)
    return made


def fit(made: keras.Model, epochs: int, *callbacks: Any, **options: Any) -> Any:
    options = {"batch_size": 8, "shuffle": False, "verbose": 0, **options}
    return made.fit(X, Y, epochs=epochs, callbacks=list(callbacks), **options)


def weights_of(made: keras.Model) -> list[Array]:
    weights: list[Array] = made.get_weights()
    return weights


def assert_equal(one: list[Array], other: list[Array]) -> None:
    for first, second in zip(one, other, strict=True):
        np.testing.assert_array_equal(first, second)


class Recorder(keras.callbacks.Callback):
    """The weights as they are while a batch is trained, and while the model is evaluated."""

    def __init__(self) -> None:
        super().__init__()
        self.trained: list[list[Array]] = []
        self.evaluated: list[list[Array]] = []

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
        self.trained.append(weights_of(self.model))

    def on_test_batch_begin(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
        self.evaluated.append(weights_of(self.model))


# --- averages ------------------------------------------------------------------------------------


def test_swapping_averages_for_evaluation() -> None:
    """0.1.0: "must be used when `use_ema=True` is set. Received: use_ema=True"."""
    made, recorder = model(use_ema=True, ema_momentum=0.5), Recorder()
    swap = keras.callbacks.SwapEMAWeights(swap_on_epoch=False)
    averages: list[list[Array]] = []
    note = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda *_, **__: averages.append(
            [state_of(made.optimizer, place)["moving average"] for place in range(4)]
        )
    )
    fit(made, 2, note, swap, recorder, validation_data=(X, Y), validation_batch_size=32)
    for epoch in range(2):
        for average, seen in zip(averages[4 * epoch + 3], recorder.evaluated[epoch], strict=True):
            np.testing.assert_allclose(seen, average, rtol=0, atol=1e-6)
    plain, alone = model(), Recorder()
    fit(plain, 2, alone)
    for one, other in zip(recorder.trained, alone.trained, strict=True):
        for first, second in zip(one, other, strict=True):  # swapped twice, up to rounding
            np.testing.assert_allclose(first, second, rtol=0, atol=1e-5)


def test_swapping_averages_at_each_epoch(tmp_path: Path) -> None:
    """What is saved at the end of an epoch are the averages; so is what `fit` leaves."""
    made = model(use_ema=True, ema_momentum=0.5)
    swap = keras.callbacks.SwapEMAWeights(swap_on_epoch=True)
    path = str(tmp_path / "{epoch}.weights.h5")
    fit(made, 2, swap, keras.callbacks.ModelCheckpoint(path, save_weights_only=True))
    plain = model(use_ema=True, ema_momentum=0.5)
    fit(plain, 2)  # Keras overwrites the variables with the averages when it is done
    for one, other in zip(weights_of(made), weights_of(plain), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-5)
    saved = model(use_ema=True)
    saved.load_weights(tmp_path / "2.weights.h5")
    for one, other in zip(weights_of(saved), weights_of(plain), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-5)


def test_averages_that_cannot_be_swapped() -> None:
    """Without `use_ema` in Keras's words; of 16-bit variables, whose averages have 32, in ours."""
    swap = keras.callbacks.SwapEMAWeights(swap_on_epoch=True)
    with pytest.raises(
        ValueError, match=r"`use_ema=True` is set on the optimizer. .*use_ema=False"
    ):
        fit(model(), 1, swap)
    optimizer = keras_class("adam")(use_ema=True)
    with pytest.raises(ValueError, match="when `build` has been called"):
        _ = optimizer._model_variables_moving_average
    optimizer.build([tf.Variable([1.0]), tf.Variable([1.0], dtype=tf.bfloat16, name="half")])
    match = "average of half:0 is kept in float32: it cannot be swapped with the bfloat16"
    with pytest.raises(ValueError, match=match):
        _ = optimizer._model_variables_moving_average


# --- learning rates ------------------------------------------------------------------------------


@pytest.mark.parametrize("given", ["number", "variable"])
def test_learning_rate_scheduler(given: str) -> None:
    """A rate of 0 in the second epoch: the weights stay."""
    made = model(rate=2.0**-4 if given == "number" else tf.Variable(2.0**-4))
    recorder = Recorder()
    scheduler = keras.callbacks.LearningRateScheduler([2.0**-5, 0.0, 2.0**-6].__getitem__)
    history = fit(made, 3, scheduler, recorder).history
    assert history["learning_rate"] == [2.0**-5, 0.0, 2.0**-6]
    assert_equal(recorder.trained[4], recorder.trained[8])
    assert any((a != b).any() for a, b in zip(*recorder.trained[3:5], strict=True))
    assert any((a != b).any() for a, b in zip(*recorder.trained[8:10], strict=True))


@pytest.mark.parametrize("given", ["number", "variable"])
def test_reduce_lr_on_plateau(given: str) -> None:
    """Nothing is an improvement of 1e6: the rate is halved after each epoch but the first."""
    made = model(rate=2.0**-4 if given == "number" else keras.Variable(2.0**-4))
    reduce = keras.callbacks.ReduceLROnPlateau(
        monitor="loss", factor=0.5, patience=1, min_delta=1e6
    )
    history = fit(made, 3, reduce).history
    assert history["learning_rate"] == [2.0**-4, 2.0**-4, 2.0**-5]
    assert float(made.optimizer.learning_rate) == 2.0**-6
    expected = model(rate=2.0**-4)
    fit(expected, 2)
    expected.optimizer.learning_rate = 2.0**-5
    fit(expected, 1)
    assert_equal(weights_of(made), weights_of(expected))


# --- files ---------------------------------------------------------------------------------------


def test_model_checkpoint(tmp_path: Path) -> None:
    """Training goes on from the file of the second epoch as it went on without it."""
    made = model("adam", clipnorm=1.0)
    path = str(tmp_path / "{epoch}.keras")
    fit(made, 3, keras.callbacks.ModelCheckpoint(path))
    loaded = keras.saving.load_model(tmp_path / "2.keras")
    assert loaded.optimizer.clipnorm == 1.0
    fit(loaded, 1)
    assert_equal(weights_of(loaded), weights_of(made))
    assert int(loaded.optimizer.iterations) == 12


def test_backup_and_restore(tmp_path: Path) -> None:
    """Stopped in its third epoch and started again, training ends where it would have."""

    class StoppedError(Exception):
        """As if the machine had gone."""

    def stop(epoch: int, _: Any) -> None:
        if epoch == 2:
            raise StoppedError

    options: dict[str, Any] = {"use_ema": True, "gradient_accumulation_steps": 2}
    stopper = keras.callbacks.LambdaCallback(on_epoch_begin=stop)
    with pytest.raises(StoppedError):
        fit(model("adam", **options), 4, keras.callbacks.BackupAndRestore(tmp_path), stopper)
    again = model("adam", **options)
    fit(again, 4, keras.callbacks.BackupAndRestore(tmp_path))
    whole = model("adam", **options)
    fit(whole, 4)
    assert_equal(weights_of(again), weights_of(whole))
    assert int(again.optimizer.iterations) == int(whole.optimizer.iterations) == 8


def test_tensorboard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rate of each epoch is among what is logged, a schedule's too.

    What TensorBoard then writes is its own affair: it need not be installed.
    """
    logged: list[tuple[str, float, int]] = []

    def scalar(name: str, data: Any, step: Any, **_: Any) -> None:
        logged.append((name, float(data), int(step)))

    board = keras.callbacks.TensorBoard(tmp_path, write_graph=False, update_freq=2)
    monkeypatch.setattr(board.summary, "scalar", scalar)
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([5], [2.0**-4, 2.0**-5])
    fit(model("adam", schedule), 2, board)
    rates = [each[1:] for each in logged if each[0] == "epoch_learning_rate"]
    assert rates == [(2.0**-4, 0), (2.0**-5, 1)]
