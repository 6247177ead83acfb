"""Shapes and reductions that a rule asks for, where the variable may lack an axis.

Reductions of an update that sees some rows only leave out those that are padding.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from optdsl.runtime.tensorflow.rule import Whole


def filled(like: tf.Tensor, value: Any) -> tf.Tensor:
    """A value, or a Python number, in the shape and dtype of `like`."""
    return tf.broadcast_to(tf.convert_to_tensor(value, like.dtype), tf.shape(like))


def expanded(x: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
    """A tensor in the shape of `like`."""
    return tf.broadcast_to(x, tf.shape(like))


def axes(x: tf.Tensor, axis: int | str) -> list[int]:
    """The axes of `x` that `axis` means, none where `x` lacks it.

    They are one, or all but one: all in "row" but the first, all in "column" but the
    last, all in "but(k)" but k.
    """
    rank = x.shape.rank
    if isinstance(axis, int):
        return [axis] if -rank <= axis < rank else []
    named = {"row": 0, "column": -1}
    kept = named[axis] if axis in named else int(axis[4:-1])
    return [each for each in range(rank) if each not in (kept, kept + rank)]


def reduced(x: tf.Tensor, axis: int | str) -> tf.Tensor:
    """`x` with size 1 along `axis`, for its shape."""
    return tf.reduce_max(x, axis=axes(x, axis), keepdims=True)


def reduce_sum(x: tf.Tensor, whole: Whole, axis: int | str | None = None) -> tf.Tensor:
    """The sum over all axes, or over some, which stay with size 1."""
    along, keep = _along(x, axis)
    return tf.reduce_sum(_counted(x, whole, 0), axis=along, keepdims=keep)


def reduce_mean(x: tf.Tensor, whole: Whole, axis: int | str | None = None) -> tf.Tensor:
    """The mean over all axes, or over some, which stay with size 1; 0 of no rows."""
    along, keep = _along(x, axis)
    if _all_count(x, whole):
        return tf.reduce_mean(x, axis=along, keepdims=keep)
    ones = tf.cast(tf.broadcast_to(whole.mask, tf.shape(x)), x.dtype)
    count = tf.reduce_sum(ones, axis=along, keepdims=keep)
    total = tf.reduce_sum(_counted(x, whole, 0), axis=along, keepdims=keep)
    return total / tf.maximum(count, 1)


def reduce_norm(x: tf.Tensor, whole: Whole, axis: int | str | None = None) -> tf.Tensor:
    """The L2 norm over all axes, or over some, which stay with size 1."""
    along, keep = _along(x, axis)
    squares = tf.square(_counted(x, whole, 0))
    return tf.sqrt(tf.reduce_sum(squares, axis=along, keepdims=keep))


def reduce_max(x: tf.Tensor, whole: Whole, axis: int | str | None = None) -> tf.Tensor:
    """The largest along all axes, or along some, which stay with size 1."""
    along, keep = _along(x, axis)
    largest = tf.reduce_max(_counted(x, whole, x.dtype.min), axis=along, keepdims=keep)
    return _or_zero(largest, x, whole)


def reduce_min(x: tf.Tensor, whole: Whole, axis: int | str | None = None) -> tf.Tensor:
    """The smallest along all axes, or along some, which stay with size 1."""
    along, keep = _along(x, axis)
    smallest = tf.reduce_min(_counted(x, whole, x.dtype.max), axis=along, keepdims=keep)
    return _or_zero(smallest, x, whole)


def reduce_any(x: tf.Tensor, whole: Whole, axis: int | str | None = None) -> tf.Tensor:
    """Whether one holds, along all axes, or along some, which stay with size 1."""
    along, keep = _along(x, axis)
    return tf.reduce_any(_counted(x, whole, False), axis=along, keepdims=keep)


def reduce_all(x: tf.Tensor, whole: Whole, axis: int | str | None = None) -> tf.Tensor:
    """Whether all hold, along all axes, or along some, which stay with size 1."""
    along, keep = _along(x, axis)
    return tf.reduce_all(_counted(x, whole, True), axis=along, keepdims=keep)


def _along(x: tf.Tensor, axis: int | str | None) -> tuple[list[int] | None, bool]:
    """The axes to reduce, and whether they stay with size 1."""
    return (None, False) if axis is None else (axes(x, axis), True)


def _all_count(x: tf.Tensor, whole: Whole) -> bool:
    """Whether no element of `x` is padding: there is none, or `x` has no rows."""
    return whole.mask is None or x.shape[0] == 1


def _counted(x: tf.Tensor, whole: Whole, neutral: Any) -> tf.Tensor:
    """`x` with `neutral` in the rows that do not count."""
    return x if _all_count(x, whole) else tf.where(whole.mask, x, neutral)


def _or_zero(extreme: tf.Tensor, x: tf.Tensor, whole: Whole) -> tf.Tensor:
    """An extreme over rows, or 0 where none counts."""
    if _all_count(x, whole):
        return extreme
    return tf.where(tf.reduce_any(whole.mask), extreme, 0)
