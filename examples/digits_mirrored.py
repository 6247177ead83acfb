"""Handwritten digits in Keras, on two devices of one machine, equal those on one device.

    python examples/digits_mirrored.py

`tf.distribute.MirroredStrategy` keeps every variable once for each device, halves the batches, adds
up the gradients and takes the same step everywhere. Here the CPU is split into two devices; with
GPUs, drop `split_cpu`, and `MirroredStrategy()` finds them. Model and optimizer are made in its
scope: an optimizer that was made outside is refused.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import optdsl

SPECS = Path(__file__).parent.parent / "specs"
BATCH = 64


class Trained(NamedTuple):
    """The trained weights, and the accuracy on images that were not trained on."""

    weights: list[np.ndarray]
    accuracy: float


def split_cpu() -> None:
    """Makes two devices of the CPU, before anything else uses it."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    halves = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(cpu, halves)


def train(scope: contextlib.AbstractContextManager) -> Trained:
    """Trains under a strategy's scope, or under none."""
    images, digits = load_digits(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(
        images.astype("float32") / 16, digits, test_size=0.25, stratify=digits, random_state=0
    )
    # A last batch of three could not be halved: its images would count differently.
    whole = len(x_train) // BATCH * BATCH
    keras.utils.set_random_seed(0)
    # With a generated file: `from generated.amsgrad import AMSGrad`.
    amsgrad = optdsl.load(SPECS / "amsgrad.opt").AMSGrad
    with scope:
        layers = [keras.layers.Dense(64, activation="tanh"), keras.layers.Dense(10)]
        model = keras.Sequential([keras.Input((64,)), *layers])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(amsgrad(3e-3, epsilon=1e-3), loss, metrics=["accuracy"], jit_compile=False)
    model.fit(x_train[:whole], y_train[:whole], BATCH, epochs=15, shuffle=False, verbose=0)
    _, accuracy = model.evaluate(x_test, y_test, verbose=0)
    return Trained(model.get_weights(), accuracy)


def main() -> None:
    """Trains on two devices and on one, from the same start."""
    split_cpu()
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    two = train(strategy.scope())
    one = train(contextlib.nullcontext())
    pairs = zip(two.weights, one.weights, strict=True)
    largest = max(np.max(np.abs(a - b)) for a, b in pairs)
    print(f"accuracy on the test set: {two.accuracy:.1%}")
    print(f"largest difference of weights, two devices and one: {largest:.1e}")


if __name__ == "__main__":
    main()
