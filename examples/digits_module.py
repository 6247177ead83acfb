"""Handwritten digits in a training loop of one's own, by a generated `tf.Module`.

    python examples/digits_module.py

The data set ships with scikit-learn: 1,797 images of 8 × 8 pixels. Nothing of Keras is used.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow as tf
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import optdsl

SPECS = Path(__file__).parent.parent / "specs"


class Network(tf.Module):
    """Two layers: 64 pixels, 64 hidden units, a score for each of 10 digits."""

    def __init__(self) -> None:
        super().__init__()
        self.w1 = tf.Variable(tf.random.stateless_normal([64, 64], [1, 0], stddev=64**-0.5))
        self.b1 = tf.Variable(tf.zeros([64]))
        self.w2 = tf.Variable(tf.random.stateless_normal([64, 10], [2, 0], stddev=64**-0.5))
        self.b2 = tf.Variable(tf.zeros([10]))

    def __call__(self, images: tf.Tensor) -> tf.Tensor:
        """The scores of a batch of images."""
        return tf.nn.relu(images @ self.w1 + self.b1) @ self.w2 + self.b2


def main(optimizer: Any = None, *, has_evaluation_weights: bool = False) -> float:
    """Trains and returns the accuracy on images that were not trained on.

    Args:
        optimizer: what trains; by default AMSGrad, as it stands in `specs/amsgrad.opt`.
        has_evaluation_weights: whether its rule says what weights are while they are evaluated.
    """
    if optimizer is None:
        # With a generated file: `from generated.amsgrad import AMSGradModule`.
        optimizer = optdsl.load(SPECS / "amsgrad.opt").AMSGradModule(learning_rate=3e-3)

    images, digits = load_digits(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(
        images.astype("float32") / 16, digits, test_size=0.25, stratify=digits, random_state=0
    )
    batches = tf.data.Dataset.from_tensor_slices((x_train, y_train))
    batches = batches.shuffle(len(x_train), seed=0).batch(32, drop_remainder=True)

    network = Network()
    optimizer.build(network.trainable_variables)

    @tf.function
    def train_step(x: tf.Tensor, y: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(y, network(x))
            loss = tf.reduce_mean(losses)
        variables = network.trainable_variables
        optimizer.apply(tape.gradient(loss, variables), variables)

    for _ in range(15):
        for x, y in batches:
            train_step(x, y)

    if has_evaluation_weights:
        optimizer.swap_to_eval()
    predicted = tf.argmax(network(x_test), axis=1)
    return float(tf.reduce_mean(tf.cast(predicted == y_test, tf.float32)))


if __name__ == "__main__":
    print(f"accuracy on the test set: {main():.1%}")
