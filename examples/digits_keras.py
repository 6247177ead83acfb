"""Handwritten digits with `fit`, trained by a generated Keras optimizer.

    python examples/digits_keras.py

The data set ships with scikit-learn: 1,797 images of 8 × 8 pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import keras
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import optdsl

SPECS = Path(__file__).parent.parent / "specs"


def main(
    optimizer: keras.optimizers.Optimizer | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> float:
    """Trains and returns the accuracy on images that were not trained on.

    Args:
        optimizer: what trains; by default AMSGrad, as it stands in `specs/amsgrad.opt`.
        callbacks: `EvaluationWeights`, for a rule that has such, and what else `fit` takes.
    """
    if optimizer is None:
        # With a generated file: `from generated.amsgrad import AMSGrad`.
        optimizer = optdsl.load(SPECS / "amsgrad.opt").AMSGrad(learning_rate=3e-3)

    images, digits = load_digits(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(
        images.astype("float32") / 16, digits, test_size=0.25, stratify=digits, random_state=0
    )

    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input([64]),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(10),
        ]
    )
    model.compile(
        optimizer=optimizer,
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(x_train, y_train, batch_size=32, epochs=15, verbose=0, callbacks=list(callbacks))
    return float(model.evaluate(x_test, y_test, verbose=0, return_dict=True)["accuracy"])


if __name__ == "__main__":
    print(f"accuracy on the test set: {main():.1%}")
