"""Counts XLA's compilations in each of several phases. test_compiles.py runs this file.

XLA reads its flags when it starts, so this takes a process of its own: XLA_FLAGS names a folder,
the argument, into which it writes the text of each program before compiling that.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from support.specs import keras_class, module_class

FOLDER = Path(sys.argv[1])
COUNTS: dict[str, int] = {}


@contextmanager
def counting(phase: str) -> Iterator[None]:
    def compiled() -> int:
        return len(list(FOLDER.glob("*.before_optimizations.txt")))

    before = compiled()
    yield
    COUNTS[phase] = compiled() - before


def gradient(count: int) -> tf.IndexedSlices:
    ids = tf.range(count, dtype=tf.int64) * 7 % 5000
    return tf.IndexedSlices(tf.ones([count, 4]), ids)


def sparse_steps(name: str, optimizer: Any, tables: int, steps: int = 100) -> None:
    """One step to warm up; then steps with as many different numbers of ids, up to 4,001."""
    variables = [tf.Variable(tf.zeros([5000, 4])) for _ in range(tables)]
    bias = tf.Variable(tf.zeros([8]))

    def step(*counts: int) -> None:
        optimizer.apply([*map(gradient, counts), tf.ones([8])], [*variables, bias])

    step(*[3] * tables)
    with counting(name):
        for number in range(1, steps + 1):
            # The second table's number goes down while the first one's goes up.
            step(*(40 * number + 1, 40 * (steps - number) + 2)[:tables])


def dense_steps() -> None:
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)
    optimizer = keras_class("adam")(schedule, beta_1=0.8, global_clipnorm=1.0, use_ema=True)
    variables = [tf.Variable(tf.zeros([3, 4])), tf.Variable(tf.zeros([5]))]
    gradients = [tf.ones([3, 4]), tf.ones([5])]
    with counting("dense, first call"):
        optimizer.apply(gradients, variables)
    with counting("dense, second call"):
        optimizer.apply(gradients, variables)
    with counting("dense, other hyperparameters"):
        optimizer.beta_1 = 0.5
        optimizer.epsilon = keras.optimizers.schedules.PiecewiseConstantDecay([3], [1e-3, 1e-4])
        for _ in range(5):
            optimizer.apply(gradients, variables)


def fitted() -> None:
    """Batches of one size, with other ids each; then further epochs at another step size."""
    optimizer = keras_class("lazy_adam")()
    layers = [keras.layers.Embedding(1000, 4), keras.layers.Flatten(), keras.layers.Dense(1)]
    model = keras.Sequential(layers)
    model.compile(optimizer, loss="mse", jit_compile=False)
    x, y = tf.random.uniform([64, 3], 0, 1000, tf.int32, seed=1), tf.zeros([64, 1])
    model.fit(x, y, batch_size=16, verbose=0)
    with counting("fit, further epochs"):
        optimizer.learning_rate = 0.5
        model.fit(x, y, batch_size=16, epochs=3, verbose=0)


dense_steps()
sparse_steps("rows", keras_class("adagrad")(), 1)
sparse_steps("lazy", module_class("lazy_adam")(use_ema=True, clipnorm=1.0), 1)
sparse_steps("written out", keras_class("adam")(), 1)
sparse_steps("two tables", keras_class("adagrad")(global_clipnorm=1.0), 2)
options = {"gradient_accumulation_steps": 2, "skip_nonfinite": True}
accumulating = keras_class("lazy_adam")(**options)
sparse_steps("accumulated", accumulating, 1)
fitted()
print(json.dumps(COUNTS))
