"""Functions of the language in rules, on every path, beside the reference."""

from __future__ import annotations

import pytest
import tensorflow as tf

import optdsl
from support.trials import PATHS, agree, trial

ANNEALED = """\
optimizer Annealed:
    hyper learning_rate = 0.5 in [0, 1]
    hyper period: int   = 4 in [1, inf)
    slot m
    step:
        m <- cos(m + grad) / 2
        param <- param - learning_rate * (1 + cos(pi * t / period)) * m * cos(2)
"""


@pytest.mark.parametrize("path", PATHS)
def test_cos(path: str) -> None:
    """Of a tensor, of what is known once a step, and of a literal."""
    agree(ANNEALED, [trial((4, 3)), trial((5,), "float64")], path)


SMOOTH = """\
optimizer Smooth:
    hyper learning_rate = 0.5 in [0, 1]
    hyper period: int   = 4 in [1, inf)
    slot m
    step:
        angle = atan2(grad, param) + tan(clip(grad, -1.5, 1.5)) / 8
        soft  = sigmoid(3 * grad) + softplus(grad) + erf(grad) - 1
        steps = ceil(3 * grad) + round(5 * grad) / 2 + cbrt(grad)
        m     <- m / 2 + sin(angle + soft + steps)
        rate  = learning_rate * sin(pi * t / period)^2 * sigmoid(t) * cbrt(t) / softplus(t)
        shift = tan(1 / (t + 1)) + atan2(t, period) + erf(t / 2) + ceil(t / 2) + round(t / 2)
        param <- param - rate * m * (erf(1) + cbrt(-27) + round(2.5)) - 0.01 * shift
"""


@pytest.mark.parametrize("path", PATHS)
def test_the_others(path: str) -> None:
    """Of tensors, of what is known once a step, and of literals."""
    agree(SMOOTH, [trial((4, 3)), trial((5,), "float64"), trial((3,), "bfloat16")], path)


def test_a_half_goes_to_the_even_neighbour() -> None:
    text = "optimizer Even:\n    step:\n        param <- round(grad)\n"
    optimizer = optdsl.load(text).EvenModule()
    variable = tf.Variable(tf.zeros([6]))
    optimizer.apply([tf.constant([0.5, 1.5, 2.5, -0.5, -1.5, 2.4])], [variable])
    assert variable.numpy().tolist() == [0, 2, 2, 0, -2, 2]
