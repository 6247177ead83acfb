"""Functions of the language that TensorFlow lacks."""

from __future__ import annotations

import tensorflow as tf


def cbrt(x: tf.Tensor) -> tf.Tensor:
    """The number whose third power is `x`."""
    return tf.sign(x) * tf.pow(tf.abs(x), tf.constant(1 / 3, x.dtype))
