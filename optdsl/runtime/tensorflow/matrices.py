"""Matrices that a rule asks for: identities, factors, and functions of symmetric ones.

Decompositions are computed in float64, whatever the dtype. A matrix with a number that
is not finite gives NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from optdsl.runtime.tensorflow.rows import inside_xla

_SWEEPS = 8
"""The most sweeps that make XLA's eigenvectors precise; they take one to three."""


def identity_matrix(x: tf.Tensor, axis: int) -> tf.Tensor:
    """The identity of the size of an axis of a matrix."""
    return tf.eye(x.shape[axis], dtype=x.dtype)


def blank_matrix(x: tf.Tensor, first: int | None, second: int | None) -> tf.Tensor:
    """Zeros with the sizes of two axes of a matrix, for their shape; None is for 1."""
    sizes = [1 if axis is None else x.shape[axis] for axis in (first, second)]
    return tf.zeros(sizes, x.dtype)


def diagonal_column(x: tf.Tensor) -> tf.Tensor:
    """The diagonal of a square matrix, as a column."""
    return tf.linalg.diag_part(x)[:, tf.newaxis]


def sorting(x: tf.Tensor) -> tf.Tensor:
    """The permutation that puts a column in falling order."""
    order = tf.argsort(x[:, 0], direction="DESCENDING", stable=True)
    return tf.one_hot(order, x.shape[0], dtype=x.dtype)


def orthogonal_factor(x: tf.Tensor) -> tf.Tensor:
    """The orthogonal factor; the triangular one has no negative diagonal."""

    def factor(x: tf.Tensor) -> tf.Tensor:
        q, r = tf.linalg.qr(x)
        return tf.where(tf.linalg.diag_part(r) < 0, -q, q)

    return _in_double(factor, x)


def eigenvalues(x: tf.Tensor) -> tf.Tensor:
    """The eigenvalues of a symmetric matrix as a row, falling."""
    return _in_double(lambda x: _decomposed(x)[0][tf.newaxis, :], x)


def eigenvectors(x: tf.Tensor) -> tf.Tensor:
    """The eigenvectors of a symmetric matrix as columns, by falling eigenvalues."""
    return _in_double(lambda x: _decomposed(x)[1], x)


def inverse_root(x: tf.Tensor, p: Any) -> tf.Tensor:
    """`x^(-1/p)` of a symmetric matrix."""

    def root(x: tf.Tensor) -> tf.Tensor:
        values, vectors = _decomposed(x)
        powers = tf.pow(values, -1 / tf.cast(p, x.dtype))
        return tf.matmul(vectors * powers, vectors, transpose_b=True)

    return _in_double(root, x)


def _in_double(function: Callable[[tf.Tensor], tf.Tensor], x: tf.Tensor) -> tf.Tensor:
    """A function of a finite matrix, computed in float64."""
    wide = tf.cast(x, tf.float64)
    finite = tf.reduce_all(tf.math.is_finite(wide))
    safe = tf.where(finite, wide, tf.eye(x.shape[0], dtype=tf.float64))
    return tf.cast(
        tf.where(finite, function(safe), tf.constant(float("nan"), tf.float64)), x.dtype
    )


def _decomposed(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Eigenvalues, falling, and eigenvectors of the symmetric part of a matrix."""
    x = (x + tf.transpose(x)) / 2
    values, vectors = tf.linalg.eigh(x)
    if inside_xla() and x.shape[0] > 1:
        values, vectors = _polished(x, vectors)
    order = tf.argsort(values, direction="DESCENDING", stable=True)
    return tf.gather(values, order), tf.gather(vectors, order, axis=1)


# --- XLA ------------------------------------------------------------------------------


def _polished(x: tf.Tensor, vectors: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Eigenvalues and eigenvectors from near ones, by Jacobi's rotations.

    On a CPU, XLA stops at some 1e-8 of the largest eigenvalue, whatever the dtype.
    """
    size = int(x.shape[0])
    pad = [[0, size % 2]] * 2
    near = tf.matmul(vectors, tf.matmul(x, vectors), transpose_a=True)
    near = tf.pad((near + tf.transpose(near)) / 2, pad)
    small = tf.norm(near) * size * 2.0**-52

    def unfinished(sweep: tf.Tensor, a: tf.Tensor, _: tf.Tensor) -> tf.Tensor:
        rest = tf.norm(a - tf.linalg.diag(tf.linalg.diag_part(a)))
        return (sweep < _SWEEPS) & (rest > small)

    def one(sweep: tf.Tensor, a: tf.Tensor, v: tf.Tensor) -> Any:
        return (sweep + 1, *_sweep(a, v))

    start = (tf.constant(0), near, tf.pad(vectors, pad))
    _, a, v = tf.while_loop(unfinished, one, start)
    return tf.linalg.diag_part(a)[:size], v[:size, :size]


def _sweep(a: tf.Tensor, v: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """One rotation in the plane of each two axes, of an even number of axes.

    Each round rotates the first half against the second; then all but the first axis
    move on by one place, as in a tournament, until all are where they were.
    """
    size = int(a.shape[0])
    half = size // 2
    top, bottom = list(range(half)), list(range(half, size))
    places = [top[0], bottom[0], *top[1:-1], *bottom[1:], top[-1]]
    if half == 1:
        places = [0, 1]

    def rotate(turn: tf.Tensor, a: tf.Tensor, v: tf.Tensor) -> Any:
        diagonal, mixed = tf.linalg.diag_part(a), tf.linalg.diag_part(a[:half, half:])
        apart = diagonal[half:] - diagonal[:half]
        angle = tf.atan2(2 * mixed, tf.abs(apart)) / 2
        angle = tf.where(apart < 0, -angle, angle)
        c, s = tf.cos(angle), tf.sin(angle)
        for rows in (True, False):
            a = _turned(a if rows else tf.transpose(a), c, s)
            a = tf.gather(a if rows else tf.transpose(a), places, axis=int(not rows))
        v = tf.gather(tf.transpose(_turned(tf.transpose(v), c, s)), places, axis=1)
        return turn + 1, a, v

    start = (tf.constant(1), a, v)
    _, a, v = tf.while_loop(lambda turn, *_: turn < size, rotate, start)
    return a, v


def _turned(x: tf.Tensor, c: tf.Tensor, s: tf.Tensor) -> tf.Tensor:
    """Each row of the first half, and its partner in the second, rotated."""
    first, second = tf.split(x, 2)
    c, s = c[:, tf.newaxis], s[:, tf.newaxis]
    return tf.concat([c * first - s * second, s * first + c * second], axis=0)
