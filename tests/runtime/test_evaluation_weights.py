"""The callback `EvaluationWeights` with `fit`, and with the callbacks that people put beside it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import test_callbacks
from test_callbacks import Recorder, X, Y, assert_equal, fit, weights_of

from optdsl.runtime.tensorflow import EvaluationWeights
from support.steps import Array

NO_STATE = "the file holds no state for schedulefreeadamw"


def model(**options: Any) -> keras.Model:
    """A small model, the same each time."""
    return test_callbacks.model("schedule_free_adamw", 2.0**-4, **options)


@cache
def epochs() -> list[tuple[list[Array], list[Array]]]:
    """The weights of training and of evaluation after each epoch, without the callback."""
    made, found = model(), []

    def note(*_: Any) -> None:
        trained = weights_of(made)
        with made.optimizer.evaluating():
            found.append((trained, weights_of(made)))

    fit(made, 2, keras.callbacks.LambdaCallback(on_epoch_end=note))
    return found


def weights_after(epoch: int) -> tuple[list[Array], list[Array]]:
    """Those of training and of evaluation."""
    return epochs()[epoch - 1]


def test_fit_validates_saves_and_ends_with_them(tmp_path: Path) -> None:
    """Training is what it is without the callback, to the bit, and goes on where it was."""
    made, recorder = model(), Recorder()
    save = keras.callbacks.ModelCheckpoint(str(tmp_path / "{epoch}.keras"))
    options = {"validation_data": (X, Y), "validation_batch_size": 32}
    fit(made, 1, EvaluationWeights(), save, recorder, **options)
    fit(made, 2, EvaluationWeights(), save, recorder, initial_epoch=1, **options)
    for epoch in (1, 2):
        trained, evaluated = weights_after(epoch)
        assert_equal(recorder.evaluated[epoch - 1], evaluated)
        with pytest.warns(UserWarning, match=NO_STATE):
            saved = keras.saving.load_model(tmp_path / f"{epoch}.keras")
        assert_equal(weights_of(saved), evaluated)
    assert_equal(recorder.trained[4], weights_after(1)[0])
    assert_equal(weights_of(made), evaluated)
    assert any((one != other).any() for one, other in zip(trained, evaluated, strict=True))
    made.optimizer.swap_to_train()
    assert_equal(weights_of(made), trained)
    made.save(tmp_path / "training.keras")
    again = keras.saving.load_model(tmp_path / "training.keras")
    assert_equal(weights_of(again), trained)
    assert int(again.optimizer.iterations) == 8


def test_backups_stand_before_it(tmp_path: Path) -> None:
    """They hold training: stopped in its second epoch, it ends where it would have."""

    class StoppedError(Exception):
        """As if the machine had gone."""

    def stop(epoch: int, _: Any) -> None:
        if epoch == 1:
            raise StoppedError

    stopper = keras.callbacks.LambdaCallback(on_epoch_begin=stop)
    backup = keras.callbacks.BackupAndRestore
    with pytest.raises(StoppedError):
        fit(model(), 2, backup(tmp_path), EvaluationWeights(), stopper)
    again = model()
    fit(again, 2, backup(tmp_path), EvaluationWeights())
    assert_equal(weights_of(again), weights_after(2)[1])


def test_early_stopping_brings_back_the_best_of_them() -> None:
    """Nothing is better than the first epoch, if better means more loss by 1e6."""
    made = model()
    stopping = keras.callbacks.EarlyStopping(
        monitor="loss", min_delta=1e6, patience=1, restore_best_weights=True
    )
    history = fit(made, 5, EvaluationWeights(), stopping).history
    assert len(history["loss"]) == 2
    assert_equal(weights_of(made), weights_after(1)[1])


def test_evaluate_and_predict_use_them() -> None:
    made, callback, recorder = model(), EvaluationWeights(), Recorder()
    fresh = weights_of(made)
    made.evaluate(X, Y, verbose=0, callbacks=[callback, recorder])  # nothing is built yet
    assert_equal(recorder.evaluated.pop(), fresh)
    fit(made, 1)
    trained, evaluated = weights_after(1)
    made.evaluate(X, Y, batch_size=32, verbose=0, callbacks=[callback, recorder])
    assert_equal(recorder.evaluated.pop(), evaluated)
    assert_equal(weights_of(made), trained)
    predicted = made.predict(X, verbose=0, callbacks=[callback])
    with made.optimizer.evaluating():
        np.testing.assert_array_equal(predicted, made.predict(X, verbose=0))
        made.evaluate(X, Y, verbose=0, callbacks=[callback])
        assert_equal(weights_of(made), evaluated)
    assert_equal(weights_of(made), trained)


def test_another_fit_without_it_is_refused() -> None:
    """In its own words where the step can raise, and at the end where it is compiled by XLA."""
    made = model()
    fit(made, 1, EvaluationWeights())
    with pytest.raises(Exception, match=r"call `swap_to_train\(\)` before a step"):
        fit(made, 1)
    made.compile(made.optimizer, "mse", jit_compile=True)
    with pytest.raises(RuntimeError, match=r"call `swap_to_train\(\)` before"):
        fit(made, 1)
    made.optimizer.swap_to_train()
    fit(made, 1)
    assert int(made.optimizer.iterations) == 8


def test_it_finds_the_optimizer_whose_loss_is_scaled() -> None:
    made = model()
    made.compile(keras.optimizers.LossScaleOptimizer(made.optimizer), "mse", jit_compile=False)
    recorder = Recorder()
    fit(made, 1, EvaluationWeights(), recorder, validation_data=(X, Y))
    assert_equal(recorder.evaluated[0], weights_of(made))
    with made.optimizer.inner_optimizer.evaluating():
        assert_equal(recorder.evaluated[0], weights_of(made))


def test_it_refuses_other_optimizers() -> None:
    match = "EvaluationWeights is for .* whose specification has `eval:`, and {} has none"
    made = test_callbacks.model("adam")
    with pytest.raises(ValueError, match=match.format("Adam")):
        fit(made, 1, EvaluationWeights())
    made.compile("sgd", "mse")
    with pytest.raises(ValueError, match=match.format("SGD")):
        made.evaluate(X, Y, verbose=0, callbacks=[EvaluationWeights()])
