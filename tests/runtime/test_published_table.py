"""A published table: 2x^4 + 3x^3 + 2 minimised from x = 2, with three rules and three step sizes.

A run ends when x repeats exactly, in float32, when the gradient is NaN, or after 2,000 iterations.
"""

from __future__ import annotations

from typing import Any

import pytest
import tensorflow as tf

from support.specs import keras_class, module_class

LIMIT = 2_000

TABLE = {
    ("gradient_descent", 0.001): "not converged",
    ("gradient_descent", 0.01): "not converged",
    ("gradient_descent", 0.1): "NaN at 6",
    ("momentum", 0.001): "not converged",
    ("momentum", 0.01): "converged at 80",
    ("momentum", 0.1): "NaN at 6",
    ("adam", 0.001): "not converged",
    ("adam", 0.01): "not converged",
    ("adam", 0.1): "converged at 1156",
}

FURTHER: dict[str, dict[str, float]] = {
    "gradient_descent": {},
    "momentum": {"momentum": 0.7},
    "adam": {"epsilon": 1e-7},
}


def minimise(optimizer: Any) -> str:
    """Runs to the end and says how it ended, and at which iteration."""
    x = tf.Variable(2.0)
    optimizer.build([x])

    def iterate(iteration: tf.Tensor, *_: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        before = tf.identity(x)
        with tf.GradientTape() as tape:
            loss = 2 * x**4 + 3 * x**3 + 2
        gradient = tape.gradient(loss, x)
        optimizer.apply([gradient], [x])
        return iteration + 1, tf.math.is_nan(gradient), x == before

    @tf.function(autograph=False)
    def run() -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        def goes_on(iteration: tf.Tensor, is_nan: tf.Tensor, repeats: tf.Tensor) -> tf.Tensor:
            return ~(is_nan | repeats) & (iteration < LIMIT)

        return tf.while_loop(goes_on, iterate, (0, False, False))

    iterations, is_nan, repeats = run()
    if is_nan:
        return f"NaN at {iterations}"
    return f"converged at {iterations}" if repeats else "not converged"


@pytest.mark.parametrize("jit_compile", [True, False], ids=["xla", "graph"])
@pytest.mark.parametrize("kind", ["keras", "module"])
@pytest.mark.parametrize(("spec", "learning_rate"), TABLE)
def test_a_cell(spec: str, learning_rate: float, kind: str, jit_compile: bool) -> None:
    make = keras_class(spec) if kind == "keras" else module_class(spec)
    optimizer = make(learning_rate, **FURTHER[spec], jit_compile=jit_compile)
    assert minimise(optimizer) == TABLE[spec, learning_rate]
