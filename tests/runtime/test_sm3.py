"""SM3 beside `optax.sm3` of Optax 0.2.8, in float64: after steps 1, 5 and 30."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from support.specs import keras_class, module_class

SHAPES = ((4,), (3, 2), (2, 1, 3), (2, 2, 1, 2))
STEPS = (1, 5, 30)
RUNS: dict[str, dict[str, float]] = {
    "default": {},
    "other": {"learning_rate": 0.03, "momentum": 0.5, "epsilon": 1e-3},
}


PUBLISHED: dict[str, dict[int, list[list[float]]]] = {
    "default": {
        1: [
            [0.990000001304, 0.530302306056, -0.406146836551, -0.9899924966],
            [
                0.990000001304,
                0.530302306056,
                -0.406146836551,
                -0.9899924966,
                -0.663643620812,
                0.273662190554,
            ],
            [
                0.990000001304,
                0.530302306056,
                -0.406146836551,
                -0.9899924966,
                -0.663643620812,
                0.273662190554,
            ],
            [
                0.990000001304,
                0.530302306056,
                -0.406146836551,
                -0.9899924966,
                -0.663643620812,
                0.273662190554,
                0.970170285842,
                0.753902254343,
            ],
        ],
        5: [
            [0.935263427789, 0.553172112172, -0.361819953103, -0.9899924966],
            [
                0.943332850843,
                0.553172112172,
                -0.361819953103,
                -0.9899924966,
                -0.709586847793,
                0.301253194931,
            ],
            [
                0.935263427789,
                0.536859882516,
                -0.361819953103,
                -0.9899924966,
                -0.699777561286,
                0.299734205842,
            ],
            [
                0.950771872707,
                0.529892624713,
                -0.361819953103,
                -0.9899924966,
                -0.709586847793,
                0.301253194931,
                1.00374276279,
                0.753902254343,
            ],
        ],
        30: [
            [0.87397353909, 0.57129803813, -0.312879013854, -0.9899924966],
            [
                0.87155667042,
                0.572245314754,
                -0.312879013854,
                -0.9899924966,
                -0.782285454373,
                0.311800460235,
            ],
            [
                0.87397353909,
                0.530637212887,
                -0.312879013854,
                -0.9899924966,
                -0.743040086835,
                0.307821421694,
            ],
            [
                0.884332266509,
                0.524031622956,
                -0.312879013854,
                -0.9899924966,
                -0.782301895044,
                0.311761171735,
                1.06164023931,
                0.753902254343,
            ],
        ],
    },
    "other": {
        1: [
            [0.985191823428, 0.525330449362, -0.401147394977, -0.9899924966],
            [
                0.985191823428,
                0.525330449362,
                -0.401147394977,
                -0.9899924966,
                -0.668635946081,
                0.269372070686,
            ],
            [
                0.985191823428,
                0.525330449362,
                -0.401147394977,
                -0.9899924966,
                -0.668635946081,
                0.269372070686,
            ],
            [
                0.985191823428,
                0.525330449362,
                -0.401147394977,
                -0.9899924966,
                -0.668635946081,
                0.269372070686,
                0.975050420757,
                0.753902254343,
            ],
        ],
        5: [
            [0.956761379886, 0.563207979636, -0.382616373609, -0.9899924966],
            [
                0.959627385846,
                0.563207979636,
                -0.382616373609,
                -0.9899924966,
                -0.692507224107,
                0.307348244342,
            ],
            [
                0.956761379886,
                0.548063728667,
                -0.382616373609,
                -0.9899924966,
                -0.680164795729,
                0.306055722806,
            ],
            [
                0.964870114971,
                0.538694343186,
                -0.382616373609,
                -0.9899924966,
                -0.692507224107,
                0.307348244342,
                0.990436275078,
                0.753902254343,
            ],
        ],
        30: [
            [0.959652576437, 0.546011462808, -0.381432585713, -0.9899924966],
            [
                0.959807043159,
                0.546370731676,
                -0.381432585713,
                -0.9899924966,
                -0.694790173971,
                0.291332684351,
            ],
            [
                0.959652576437,
                0.534079970275,
                -0.381432585713,
                -0.9899924966,
                -0.684223067078,
                0.290085057895,
            ],
            [
                0.964043948162,
                0.53429418569,
                -0.381432585713,
                -0.9899924966,
                -0.694796676543,
                0.291319559543,
                0.991976051412,
                0.753902254343,
            ],
        ],
    },
}


def start(shape: tuple[int, ...]) -> NDArray[np.float64]:
    return np.cos(np.arange(np.prod(shape), dtype=np.float64)).reshape(shape)


def gradient(shape: tuple[int, ...], step: int) -> NDArray[np.float64]:
    """Of several magnitudes; one element in four has none."""
    place = np.arange(np.prod(shape), dtype=np.float64)
    values = np.sin(1.7 * place + 0.9 * step) * 4.0 ** (place % 3 - 1)
    return np.where(place % 4 == 3, 0.0, values).reshape(shape)


def trained(make: Any, jit_compile: bool, run: str) -> dict[int, list[NDArray[np.float64]]]:
    variables = [tf.Variable(start(shape)) for shape in SHAPES]
    optimizer = make(**RUNS[run], jit_compile=jit_compile)
    found = {}
    for step in range(1, max(STEPS) + 1):
        optimizer.apply([tf.constant(gradient(shape, step)) for shape in SHAPES], variables)
        if step in STEPS:
            found[step] = [variable.numpy() for variable in variables]
    return found


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("jit_compile", [True, False], ids=["XLA", "eager"])
@pytest.mark.parametrize("kind", ["keras", "module"])
def test_it_is_the_published_rule(kind: str, jit_compile: bool, run: str) -> None:
    make = keras_class("sm3") if kind == "keras" else module_class("sm3")
    found = trained(make, jit_compile, run)
    for step, values in PUBLISHED[run].items():
        for actual, expected in zip(found[step], values, strict=True):
            flat = np.ravel(actual)
            assert np.max(np.abs(flat - expected)) <= 1e-8 * np.max(np.abs(expected)), (step, flat)
