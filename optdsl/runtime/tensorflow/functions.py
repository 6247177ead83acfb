"""Functions of the language that TensorFlow lacks, or has with a gap."""

from __future__ import annotations

import tensorflow as tf


def cbrt(x: tf.Tensor) -> tf.Tensor:
    """The number whose third power is `x`."""
    return tf.sign(x) * tf.pow(tf.abs(x), tf.constant(1 / 3, x.dtype))


def erf(x: tf.Tensor) -> tf.Tensor:
    """The error function; TensorFlow's own is NaN at infinity in float64."""
    return tf.math.erf(tf.clip_by_value(x, -10.0, 10.0))
