"""What tests of saved state share: trained optimizers, what they keep, models, checkpoints."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from optdsl.runtime.tensorflow.replicas import tf_variable
from support.specs import keras_class
from support.steps import CLASSES, Array, binary

FEATURES = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)


def made(kind: str, spec: str = "adam", **options: Any) -> Any:
    """An optimizer of either class, whose steps compile nothing."""
    return CLASSES[kind](spec)(0.125, jit_compile=False, **options)


def variables(*names: str, shape: Sequence[int] = (2, 3)) -> list[tf.Variable]:
    return [tf.Variable(tf.ones(shape), name=name) for name in names]


def step(optimizer: Any, trained: Sequence[Any], seed: int = 0) -> None:
    """A gradient for each variable, and each another one."""
    grads = [tf.constant(binary(each.shape, seed + 9 * i)) for i, each in enumerate(trained)]
    optimizer.apply(grads, trained)


def kept(optimizer: Any) -> dict[str, Array]:
    """All that is saved, by name."""
    return {name: each.numpy() for name, each in optimizer._saved.by_name.items()}


def slots_of(optimizer: Any, variable: Any) -> list[Array]:
    """What is kept for one variable, whatever it is called."""
    core = optimizer._core
    place = core.places[tf_variable(variable).ref()]
    return [each.numpy() for each in core.states[place].slots]


def assert_kept(optimizer: Any, variable: Any, slots: Iterable[Array]) -> None:
    for one, other in zip(slots_of(optimizer, variable), slots, strict=True):
        np.testing.assert_array_equal(one, other)


def assert_fresh(optimizer: Any, variable: Any) -> None:
    for slot in slots_of(optimizer, variable):
        np.testing.assert_array_equal(slot, np.zeros_like(slot))


def write(optimizer: Any, folder: Path) -> str:
    """A checkpoint of an optimizer alone."""
    path: str = tf.train.Checkpoint(optimizer=optimizer).save(str(folder / "state"))
    return path


def read(optimizer: Any, path: str) -> Any:
    return tf.train.Checkpoint(optimizer=optimizer).restore(path)


def network(*names: str | None, size: int = 4, **options: Any) -> keras.Model:
    """Layers of the same size and these names, where None lets Keras make one up."""
    layers = [keras.layers.Dense(size, name=name) for name in names]
    model = keras.Sequential([keras.Input((4,)), *layers])
    recompiled(model, keras_class("adam")(0.125, jit_compile=False, **options))
    return model


def recompiled(model: keras.Model, optimizer: Any) -> None:
    model.compile(optimizer, "mse", jit_compile=False, run_eagerly=True)


def fit(model: keras.Model) -> None:
    model.fit(FEATURES, FEATURES, batch_size=4, shuffle=False, verbose=0)
