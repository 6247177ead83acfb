"""Gradients of some rows of a variable."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf


class Rows(NamedTuple):
    """Rows of a gradient, each id once; the id -1 is padding, with values 0."""

    ids: tf.Tensor
    values: tf.Tensor


def as_gradient(grad: Any) -> Any:
    """A gradient as a tensor, or as `IndexedSlices` of tensors."""
    if isinstance(grad, tf.IndexedSlices):
        values = tf.convert_to_tensor(grad.values)
        return tf.IndexedSlices(values, tf.convert_to_tensor(grad.indices))
    return tf.convert_to_tensor(grad)


def numbers(grad: Any) -> tf.Tensor:
    """The numbers in a gradient, dense or not."""
    return grad if isinstance(grad, tf.Tensor) else grad.values


def as_column(mask: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
    """A mask of rows in a shape that broadcasts against `like`."""
    return tf.reshape(mask, [-1] + [1] * (like.shape.rank - 1))


def check_gradient(grad: Any, param: tf.Variable) -> list[tf.Operation]:
    """Compares shapes now, and asserts when the step runs that ids are in range.

    Inside XLA nothing can be asserted; ids out of range then touch no row.

    Raises:
        ValueError: the gradient is complex, or its shape is not the variable's.
    """
    what, shape = f"the gradient of {param.name}", param.shape
    if isinstance(grad, tf.IndexedSlices):
        shape = tf.TensorShape([None, *param.shape[1:]])
    values = numbers(grad)
    if not values.shape.is_compatible_with(shape):
        raise ValueError(f"{what} has shape {values.shape}, not {shape}")
    if values.dtype.is_complex:
        raise ValueError(f"{what} is complex")
    if not isinstance(grad, tf.IndexedSlices):
        return []
    ids, rows = grad.indices, param.shape[0]
    in_range = tf.reduce_all((ids >= 0) & (ids < rows))
    fits = in_range & (tf.size(ids) == tf.shape(values)[0])
    message = f"{what} must have a row for each id, and ids in [0, {rows}):"
    return [tf.debugging.Assert(fits, [message, ids])]


def distinct_rows(values: tf.Tensor, ids: tf.Tensor) -> Rows:
    """Rows with the same id as one, their sum; in the order of their first places."""
    distinct, places = tf.unique(tf.cast(ids, tf.int64))
    count = tf.size(distinct)
    return Rows(distinct, tf.math.unsorted_segment_sum(values, places, count))


def padded(grad: Rows) -> Rows:
    """The same rows and padding, up to a power of two: few sizes get compiled."""
    # Hides the number of ids from the compiler, which sees the padded number alone.
    ids = tf.raw_ops.PlaceholderWithDefault(input=grad.ids, shape=[None])
    sizes = tf.constant([2**k for k in range(4, 31)])
    count = tf.size(ids)
    padding = [0, tf.reduce_min(tf.where(sizes >= count, sizes, sizes[-1])) - count]
    ids = tf.pad(ids, [padding], constant_values=-1)
    none = [[0, 0]] * (grad.values.shape.rank - 1)
    return Rows(ids, tf.pad(grad.values, [padding, *none]))


def distinct_rows_of_fixed_size(values: tf.Tensor, ids: tf.Tensor, rows: int) -> Rows:
    """The same where sizes must be known, in somebody's XLA function: rows are padding.

    Ids out of range become padding too.
    """
    ids = tf.cast(ids, tf.int64)
    ids = tf.where((ids >= 0) & (ids < rows), ids, -1)
    order = tf.argsort(ids, stable=True)
    ids = tf.gather(ids, order)
    values = tf.gather(values, order)
    values = tf.where(as_column(ids >= 0, values), values, 0)
    starts = tf.concat([[0], tf.cast(ids[1:] != ids[:-1], tf.int32)], axis=0)
    segments, size = tf.cumsum(starts), tf.size(ids)
    return Rows(
        ids=tf.maximum(tf.math.unsorted_segment_max(ids, segments, size), -1),
        values=tf.math.unsorted_segment_sum(values, segments, size),
    )


def inside_xla() -> bool:
    """Whether a function that somebody compiles with XLA is being traced."""
    graph = tf.compat.v1.get_default_graph()
    while graph is not None:
        context = graph._get_control_flow_context()
        while context is not None:
            if context.IsXLAContext():
                return True
            context = context.outer_context
        graph = getattr(graph, "outer_graph", None)
    return False


def read(variable: tf.Variable, at: tf.Tensor | None = None) -> tf.Tensor:
    """The value of a whole variable, or of its rows `at`."""
    return variable.value() if at is None else tf.gather(variable, at)


def write_rows(variable: tf.Variable, ids: tf.Tensor, values: tf.Tensor) -> None:
    """Writes rows in place, rounded to the variable's dtype; the id -1 goes nowhere."""
    tf.raw_ops.ResourceScatterNdUpdate(
        ref=variable.handle,
        indices=ids[:, tf.newaxis],
        updates=tf.cast(values, variable.dtype),
        bad_indices_policy="IGNORE",
    )
