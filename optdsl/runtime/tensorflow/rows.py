"""Gradients of some rows of a variable."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf


class Rows(NamedTuple):
    """Rows of a gradient, each id once.

    Attributes:
        ids: the id -1 is padding.
        values: the rows; those that are padding are 0.
        named: the number of rows that are none, if these come first; None in somebody's
            XLA function, where nothing can depend on it.
    """

    ids: tf.Tensor
    values: tf.Tensor
    named: tf.Tensor | None


def as_gradient(grad: Any, param: tf.Variable) -> Any:
    """The gradient of `param` as a tensor, or as `IndexedSlices` of tensors.

    Raises:
        ValueError: it is none of these.
    """
    what = f"the gradient of {param.name}"
    parts: tuple[Any, ...] = (grad,)
    if isinstance(grad, tf.IndexedSlices):
        parts = (grad.values, grad.indices)
    try:
        values, *ids = map(tf.convert_to_tensor, parts)
    except (TypeError, ValueError):
        kind = type(grad).__name__
        raise ValueError(
            f"{what} must be a tensor or an IndexedSlices, got {kind}"
        ) from None
    if values.dtype.is_integer:
        values = tf.cast(values, tf.float64)
    if not ids:
        return values
    if not values.shape[:1].is_compatible_with(ids[0].shape):
        rows = f"rows of shape {values.shape} for ids of shape {ids[0].shape}"
        raise ValueError(f"{what} has {rows}")
    if ids[0].dtype.is_integer and ids[0].dtype not in (tf.int32, tf.int64):
        ids[0] = tf.cast(ids[0], tf.int64)
    return tf.IndexedSlices(values, ids[0])


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
        ValueError: the gradient is not real, or its shape is not the variable's, or it
            has ids and the variable no rows.
    """
    what, shape, values = f"the gradient of {param.name}", param.shape, numbers(grad)
    if not values.dtype.is_floating:
        raise ValueError(f"{what} is {values.dtype.name}, not real")
    if isinstance(grad, tf.Tensor):
        if not values.shape.is_compatible_with(shape):
            raise ValueError(f"{what} has shape {values.shape}, not {shape}")
        return []
    if not shape.rank or shape[0] is None:
        raise ValueError(
            f"{what} is an IndexedSlices, for a variable of shape {shape}: there must "
            "be a known number of rows"
        )
    ids, rows = grad.indices, shape[0]
    if not ids.dtype.is_integer or ids.shape.rank not in (1, None):
        kind = f"{ids.dtype.name} of shape {ids.shape}"
        raise ValueError(f"{what} must have one integer id for each row, got {kind}")
    shape = tf.TensorShape([None, *shape[1:]])
    if not values.shape.is_compatible_with(shape):
        raise ValueError(f"{what} has shape {values.shape}, not {shape}")
    in_range = tf.reduce_all((ids >= 0) & (ids < rows))
    fits = in_range & (tf.size(ids) == tf.shape(values)[0])
    message = f"{what} must have a row for each id, and ids in [0, {rows}):"
    return [tf.debugging.Assert(fits, [message, ids])]


def distinct_rows(values: tf.Tensor, ids: tf.Tensor) -> Rows:
    """Sums rows with the same id; pads to a power of two: few sizes get compiled."""
    # Hides the number of ids from the compiler, which sees the padded number alone.
    ids = tf.raw_ops.PlaceholderWithDefault(input=ids, shape=[None])
    distinct, places = tf.unique(tf.cast(ids, tf.int64))
    count = tf.size(distinct)
    size = _padded_size(count)
    return Rows(
        ids=tf.pad(distinct, [[0, size - count]], constant_values=-1),
        values=tf.math.unsorted_segment_sum(values, places, size),
        named=count,
    )


def _padded_size(count: tf.Tensor) -> tf.Tensor:
    """The next power of two, from 16."""
    sizes = tf.constant([2**k for k in range(4, 31)])
    return tf.reduce_min(tf.where(sizes >= count, sizes, sizes[-1]))


def distinct_rows_of_fixed_size(values: tf.Tensor, ids: tf.Tensor, rows: int) -> Rows:
    """The same where sizes must be known, in somebody's XLA function: rows are padding.

    Ids out of range become padding too.
    """
    ids = tf.cast(ids, tf.int64)
    ids = tf.where((ids >= 0) & (ids < rows), ids, -1)
    padding = [0, _padded_size(tf.size(ids)) - tf.size(ids)]
    ids = tf.pad(ids, [padding], constant_values=-1)
    values = tf.pad(values, [padding] + [[0, 0]] * (values.shape.rank - 1))
    order = tf.argsort(ids, stable=True)
    ids = tf.gather(ids, order)
    values = tf.gather(values, order)
    values = tf.where(as_column(ids >= 0, values), values, 0)
    starts = tf.concat([[0], tf.cast(ids[1:] != ids[:-1], tf.int32)], axis=0)
    segments, size = tf.cumsum(starts), tf.size(ids)
    return Rows(
        ids=tf.maximum(tf.math.unsorted_segment_max(ids, segments, size), -1),
        values=tf.math.unsorted_segment_sum(values, segments, size),
        named=None,
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


def write_rows(variable: tf.Variable, grad: Rows, new: tf.Tensor) -> None:
    """Writes the rows of a gradient in place; padding goes nowhere."""
    if grad.named is not None:
        ids, new = grad.ids[: grad.named], new[: grad.named]
        variable.scatter_update(tf.IndexedSlices(new, ids))
        return
    tf.raw_ops.ResourceScatterNdUpdate(
        ref=variable.handle,
        indices=grad.ids[:, tf.newaxis],
        updates=new,
        bad_indices_policy="IGNORE",
    )
