"""The work that is timed: many small variables, one large one, and rows of an embedding table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from benchmarks import optimizers
from benchmarks.measure import Timing, compare


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large the work is; the defaults are those of the published figures.

    Attributes:
        pairs: number of small matrices, and of vectors.
        side: rows and columns of a small matrix, elements of a vector.
        large: rows and columns of the large matrix.
        rows: rows of the embedding table.
        width: columns of the embedding table.
        ids: number of ids in a sparse step, some of them equal.
        rounds: timed calls of each candidate.
    """

    pairs: int = 80
    side: int = 128
    large: int = 4096
    rows: int = 1_000_000
    width: int = 64
    ids: int = 4096
    rounds: int = 15


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: a kind of work, a rule, and the time of each candidate."""

    work: str
    rule: str
    times: dict[str, Timing]

    def ratio(self, candidate: str = "Keras") -> float:
        """How many times longer than the generated class a candidate takes."""
        return self.times[candidate].median / self.times["optdsl"].median


def _tensor(shape: tuple[int, ...], seed: int) -> tf.Tensor:
    return tf.random.stateless_normal(shape, [seed, 0])


def _small(sizes: Sizes) -> tuple[list[keras.Variable], list[tf.Tensor]]:
    """Many small variables, and gradients for them."""
    shapes = [(sizes.side, sizes.side)] * sizes.pairs + [(sizes.side,)] * sizes.pairs
    variables = [keras.Variable(_tensor(shape, 0)) for shape in shapes]
    return variables, [_tensor(shape, seed) for seed, shape in enumerate(shapes)]


def _row(work: str, spec: str, grads: list[Any], variables: list[Any], rounds: int) -> Row:
    candidates = {
        "optdsl": optimizers.step(optimizers.generated(spec)(), grads, variables),
        "Keras": optimizers.step(optimizers.KERAS[spec](), grads, variables),
    }
    if (kernel := optimizers.kernel(spec, grads, variables)) is not None:
        candidates["kernel"] = kernel
    return Row(work, spec, compare(candidates, rounds))


def many_small(spec: str, sizes: Sizes) -> Row:
    """An eager step with many small variables, where calling costs more than computing."""
    variables, grads = _small(sizes)
    return _row(f"eager, {len(grads)} small variables", spec, grads, variables, sizes.rounds)


def in_a_function(spec: str, sizes: Sizes, *, jit_compile: bool) -> Row:
    """The same variables, with the step inside a function of the user's."""
    variables, grads = _small(sizes)
    kind = "with XLA" if jit_compile else "without XLA"
    both = {"optdsl": optimizers.generated(spec)(), "Keras": optimizers.KERAS[spec]()}
    candidates = {
        name: optimizers.traced(optimizers.step(each, grads, variables), jit_compile=jit_compile)
        for name, each in both.items()
    }
    times = compare(candidates, sizes.rounds)
    return Row(f"in a tf.function {kind}, {len(grads)} small variables", spec, times)


def one_large(spec: str, sizes: Sizes) -> Row:
    """An eager step with one large variable, where memory is the limit."""
    shape = (sizes.large, sizes.large)
    variables, grads = [keras.Variable(_tensor(shape, 0))], [_tensor(shape, 1)]
    work = f"eager, one variable of {sizes.large} × {sizes.large}"
    return _row(work, spec, grads, variables, sizes.rounds)


def table_rows(spec: str, sizes: Sizes) -> Row:
    """A sparse step on an embedding table."""
    shape = (sizes.rows, sizes.width)
    variables = [keras.Variable(_tensor(shape, 0))]
    ids = tf.random.stateless_uniform([sizes.ids], [1, 0], maxval=sizes.rows, dtype=tf.int32)
    grads = [tf.IndexedSlices(_tensor((sizes.ids, sizes.width), 2), ids, tf.constant(shape))]
    work = f"sparse, {sizes.ids:,} of {sizes.rows:,} × {sizes.width}"
    return _row(work, spec, grads, variables, sizes.rounds)


def whole_table(spec: str, sizes: Sizes) -> Row:
    """A dense step on the same table."""
    shape = (sizes.rows, sizes.width)
    variables, grads = [keras.Variable(_tensor(shape, 0))], [_tensor(shape, 1)]
    work = f"dense, {sizes.rows:,} × {sizes.width}"
    return _row(work, spec, grads, variables, sizes.rounds)
