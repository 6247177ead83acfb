"""Training runs for tests: fixed gradients of one variable, and everything that comes of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from optdsl.interpreter import SparseGrad
from support.specs import keras_class, module_class

CLASSES = {"keras": keras_class, "module": module_class}

Array = NDArray[Any]

SHAPE = (6, 4)
IDS = [1, 1, 1, 3, 2, 1]
TOUCHED = [1, 2, 3]
UNTOUCHED = [0, 4, 5]


def start(shape: Sequence[int] = SHAPE, dtype: str = "float32") -> tf.Variable:
    """A variable whose elements all differ, and fit into 8 bits of precision."""
    values = np.arange(np.prod(shape), dtype=np.float64).reshape(shape) / 8 - 1
    return tf.Variable(tf.cast(values, dtype))


def binary(shape: Sequence[int], seed: int) -> Array:
    """Multiples of 1/64: sums of them and of their squares are exact in any order."""
    return (np.random.default_rng(seed).integers(-64, 65, size=shape) / 64).astype(np.float32)


def normal(shape: Sequence[int], seed: int) -> Array:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def rows(values: Array, ids: Sequence[int] = IDS) -> tf.IndexedSlices:
    """The sparse gradient with these rows."""
    return tf.IndexedSlices(tf.constant(values), tf.constant(ids, tf.int64))


def dense(values: Array, ids: Sequence[int] = IDS) -> tf.Tensor:
    """The same gradient written out with zeros; duplicates are summed from left to right."""
    summed = np.zeros((SHAPE[0], *values.shape[1:]), values.dtype)
    for index, row in zip(ids, values, strict=True):
        summed[index] += row
    return tf.constant(summed)


def tensors(grad: Any, dtype: tf.DType | str) -> Any:
    """A gradient as TensorFlow has it, each number rounded to the variable's dtype."""
    if isinstance(grad, SparseGrad):
        ids = tf.constant(np.asarray(grad.ids), tf.int64)
        return tf.IndexedSlices(tensors(grad.values, dtype), ids)
    return tf.cast(tf.constant(grad, tf.float64), dtype)


def fill_slots(optimizer: Any) -> None:
    """Slots as after some steps: positive, and different in each element."""
    for state in optimizer._core.states:
        for slot in state.slots:
            values = 1 + np.arange(np.prod(slot.shape), dtype=np.float64).reshape(slot.shape) / 16
            slot.assign(tf.cast(values, slot.dtype))


def state_of(optimizer: Any, index: int = 0) -> dict[str, Array]:
    """A variable under "param", its slots, the global ones, and its moving average if there is."""
    core = optimizer._core
    state = core.states[index]
    kept = {"param": state.param, **state.slots._asdict(), "moving average": state.average}
    kept |= dict(zip(core.rule.global_names, core.globals, strict=True))
    return {name: variable.numpy() for name, variable in kept.items() if variable is not None}


def train(
    kind: str, spec: str, gradients: Iterable[Any], filled: bool = False, **options: Any
) -> dict[str, Array]:
    """What a variable and its state are after steps with these gradients."""
    optimizer = CLASSES[kind](spec)(**options)
    variable = start()
    optimizer.build([variable])
    if filled:
        fill_slots(optimizer)
    for gradient in gradients:
        optimizer.apply([gradient], [variable])
    return state_of(optimizer)


def assert_same(one: dict[str, Array], other: dict[str, Array]) -> None:
    """Equal to the bit."""
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert value.dtype == other[name].dtype, name
        np.testing.assert_array_equal(value, other[name], err_msg=name)
