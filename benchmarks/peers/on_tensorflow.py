"""What the systems on TensorFlow share: variables, gradients, and how a step is called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import keras
import tensorflow as tf

from benchmarks import work as numbers
from benchmarks.task import Task
from benchmarks.work import Work


class Stepper(Protocol):
    """An optimizer of Keras, or what is called like one."""

    def build(self, variables: list[Any]) -> object:
        """Makes the state of variables."""

    def apply(self, grads: list[Any], variables: list[Any]) -> object:
        """Takes a step."""


def steps(work: Work, optimizer: Stepper) -> Task:
    """Steps of given gradients."""
    variables = [keras.Variable(each) for each in numbers.params(work)]
    grads = _gradients(work)
    step = _called(work.mode, lambda given: optimizer.apply(given, variables))
    return Task(
        build=lambda: optimizer.build(variables),
        step=lambda index: step(grads[index % len(grads)]),
        values=lambda: [each.numpy() for each in variables],
    )


def _gradients(work: Work) -> list[list[Any]]:
    if work.kind == "dense":
        return [[tf.constant(each) for each in grads] for grads in numbers.gradients(work)]
    shape = tf.constant(work.shapes[0], tf.int64)
    tensors: dict[int, tf.Tensor] = {}  # the same array is the same tensor
    return [
        [tf.IndexedSlices(tensors.setdefault(id(values), tf.constant(values)), ids, shape)]
        for ids, values in ((tf.constant(ids), values) for ids, values in numbers.slices(work))
    ]


def _called(mode: str, step: Callable[[list[Any]], object]) -> Callable[[list[Any]], object]:
    """A step from Python, or in a function of the user's."""
    if mode == "eager":
        return step
    function: Callable[[list[Any]], object] = tf.function(
        step, autograph=False, jit_compile=mode == "xla"
    )
    return function


def epochs(work: Work, optimizer: Callable[[], Any]) -> Task:
    """Epochs of a small classifier; the first one traces and compiles."""
    keras.utils.set_random_seed(0)
    hidden = [keras.layers.Dense(width, activation="tanh") for _, width in work.shapes[:-1]]
    layers = [keras.Input(work.shapes[0][:1]), *hidden, keras.layers.Dense(work.shapes[-1][1])]
    model, (inputs, classes) = keras.Sequential(layers), numbers.examples(work)
    jit_compile = {"True": True, "False": False, "auto": "auto"}[work.mode]

    def compiled() -> None:
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(optimizer(), loss, jit_compile=jit_compile)

    def epoch(_: int) -> None:
        model.fit(inputs, classes, batch_size=32, epochs=1, shuffle=False, verbose=0)

    return Task(compiled, epoch, lambda: [each.numpy() for each in model.trainable_variables])
