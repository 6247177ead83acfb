"""Word embeddings, trained with sparse gradients, equal those trained with one-hot vectors.

    python examples/embedding_sparse.py

Short texts are told apart by the mean of their words' vectors. The texts are from the descriptions
of six data sets that ship with scikit-learn. `tf.gather` gives the table of vectors a sparse
gradient, in which a word that occurs thirty times in a batch has thirty rows; a product with
one-hot vectors gives it a dense one.

After 50 steps the weights are the same, to the bit. That is no luck: words are looked up in
float16, as under mixed precision, so that what is added up in the gradient are multiples of 2^-24.
Their sums are exact in float32 as long as they stay below 1, and do not depend on the order. In
float32 throughout, the two ways round the same sums in different orders, and end 4e-7 apart.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from sklearn import datasets

import optdsl

SPECS = Path(__file__).parent.parent / "specs"
LENGTH = 12  # words in a text
STEPS = 50


class Texts(NamedTuple):
    """Texts as ids of words, with the number of the data set that each describes."""

    ids: np.ndarray
    labels: np.ndarray
    words: int


class Trained(NamedTuple):
    """The trained weights, and the accuracy on texts that were not trained on."""

    weights: list[np.ndarray]
    accuracy: float


class Result(NamedTuple):
    """The same training with sparse and with dense gradients."""

    sparse: Trained
    dense: Trained


def load_texts() -> Texts:
    """Cuts the descriptions into texts of equal length."""
    loaders = ("breast_cancer", "diabetes", "digits", "iris", "linnerud", "wine")
    descriptions = [getattr(datasets, f"load_{name}")().DESCR for name in loaders]
    words = [re.findall("[a-z]+", description.lower()) for description in descriptions]
    number = {word: index for index, word in enumerate(sorted(set().union(*words)))}
    texts = [
        ([number[word] for word in each[start : start + LENGTH]], label)
        for label, each in enumerate(words)
        for start in range(0, len(each) - LENGTH, LENGTH)
    ]
    ids, labels = zip(*texts, strict=True)
    return Texts(np.array(ids), np.array(labels), len(number))


def train(texts: Texts, optimizer: Any, *, sparse: bool) -> Trained:
    """Trains with one of the two ways to look words up."""
    table = tf.Variable(tf.random.stateless_normal([texts.words, 16], [1, 0], stddev=0.1))
    w = tf.Variable(tf.random.stateless_normal([16, 6], [2, 0], stddev=0.25))
    b = tf.Variable(tf.zeros([6]))
    weights = [table, w, b]
    optimizer.build(weights)

    def scores(ids: tf.Tensor) -> tf.Tensor:
        vectors = tf.gather(table, ids) if sparse else tf.one_hot(ids, texts.words) @ table
        vectors = tf.cast(tf.cast(vectors, tf.float16), tf.float32)
        return tf.reduce_mean(vectors, axis=1) @ w + b

    @tf.function
    def train_step(ids: tf.Tensor, labels: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, scores(ids))
            loss = tf.reduce_mean(losses)
        optimizer.apply(tape.gradient(loss, weights), weights)

    order = np.random.default_rng(0).permutation(len(texts.ids))
    test, training = order[: len(order) // 4], order[len(order) // 4 :]
    for step in range(STEPS):
        batch = np.take(training, range(32 * step, 32 * step + 32), mode="wrap")
        train_step(texts.ids[batch], texts.labels[batch])
    right = np.argmax(scores(texts.ids[test]), axis=1) == texts.labels[test]
    return Trained([each.numpy() for each in weights], float(np.mean(right)))


def main(make_optimizer: Any = None) -> Result:
    """Trains with sparse and with dense gradients, from the same start.

    Args:
        make_optimizer: makes what trains, without arguments; by default Adam, as it stands in
            `specs/adam.opt`.
    """
    if make_optimizer is None:
        # With a generated file: `from generated.adam import AdamModule`.
        adam = optdsl.load(SPECS / "adam.opt").AdamModule
        make_optimizer = partial(adam, learning_rate=0.03)
    texts = load_texts()
    return Result(
        sparse=train(texts, make_optimizer(), sparse=True),
        dense=train(texts, make_optimizer(), sparse=False),
    )


if __name__ == "__main__":
    sparse, dense = main()
    pairs = zip(sparse.weights, dense.weights, strict=True)
    largest = max(np.max(np.abs(one - other)) for one, other in pairs)
    print(f"accuracy on the test set: {sparse.accuracy:.1%}")
    print(f"largest difference of weights, sparse and dense, after {STEPS} steps: {largest}")
