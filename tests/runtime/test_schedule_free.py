"""`specs/schedule_free_adamw.opt` is what its authors published, in training and in evaluation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from optdsl.interpreter import Reference
from support.specs import optimizer
from support.steps import CLASSES, binary
from support.trials import PATHS

SHAPES = ((2, 2), (3,))

RUNS: dict[str, dict[str, Any]] = {
    "default": {},
    "other": {
        "learning_rate": 0.01,
        "beta_1": 0.8,
        "beta_2": 0.99,
        "epsilon": 1e-6,
        "weight_decay": 0.1,
        "warmup_steps": 4,
        "r": 0.5,
        "weight_lr_power": 1.5,
    },
}

# schedulefree 1.4.1, AdamWScheduleFreeReference, float64: all elements of the two variables after
# some steps, in training and in evaluation.
PUBLISHED: dict[str, dict[int, tuple[list[float], list[float]]]] = {
    "default": {
        1: (
            [
                -0.5962499999555556,
                0.044375000027118645,
                0.7056249999466667,
                0.20562499995789474,
                0.8149999999659574,
                0.23687499996666667,
                0.6381250000421053,
            ],
            [
                -0.5962499999555556,
                0.044375000027118645,
                0.7056249999466667,
                0.20562499995789474,
                0.8149999999659574,
                0.23687499996666667,
                0.6381250000421053,
            ],
        ),
        5: (
            [
                -0.5977281058765671,
                0.04536947011596236,
                0.7072506917023704,
                0.20434299055447275,
                0.8156546515948441,
                0.2311674424966377,
                0.6365281393256061,
            ],
            [
                -0.597568633802889,
                0.04556112423700734,
                0.7072233485966717,
                0.20475810750714096,
                0.8156362839876594,
                0.23172546264360064,
                0.6370217930088389,
            ],
        ),
        30: (
            [
                -0.6013341563444565,
                0.03532153673549426,
                0.7178418125136777,
                0.2045130726352149,
                0.818318176018944,
                0.22617647940517516,
                0.6323167447037226,
            ],
            [
                -0.6015933787949116,
                0.03646790366931347,
                0.7177414375103311,
                0.2047581205278985,
                0.8173289925380568,
                0.2263006294277427,
                0.6320130255740835,
            ],
        ),
    },
    "other": {
        1: (
            [
                -0.5961015580555634,
                0.04436328396186146,
                0.7054492134166781,
                0.20557421453948077,
                0.8147968715957493,
                0.2368164029166711,
                0.6379648479605192,
            ],
            [
                -0.5961015580555634,
                0.04436328396186146,
                0.7054492134166781,
                0.20557421453948077,
                0.8147968715957493,
                0.2368164029166711,
                0.6379648479605192,
            ],
        ),
        5: (
            [
                -0.5988466154557978,
                0.04222375482395206,
                0.7093911570633259,
                0.1929300127320891,
                0.8120841784915978,
                0.2096006873984187,
                0.620603621378348,
            ],
            [
                -0.5978586552131391,
                0.04372312672169587,
                0.7097004729798622,
                0.19542927152038309,
                0.8119835066923462,
                0.21193379407021481,
                0.6234798018021805,
            ],
        ),
        30: (
            [
                -0.6026324341387832,
                -0.009849423589566118,
                0.7442404820851511,
                0.19348319737068465,
                0.8159368463667837,
                0.19213833937263491,
                0.5991491072287759,
            ],
            [
                -0.6065575578537281,
                -0.002586752502472112,
                0.7466963187507433,
                0.1956968983736584,
                0.8105090047733772,
                0.19241728946756442,
                0.5975266212193066,
            ],
        ),
    },
}


def starts() -> list[tf.Variable]:
    return [
        tf.Variable(binary(shape, 1000 + index), dtype=tf.float64)
        for index, shape in enumerate(SHAPES)
    ]


def gradients(t: int) -> list[tf.Tensor]:
    return [
        tf.constant(binary(shape, 10 * t + index), tf.float64) for index, shape in enumerate(SHAPES)
    ]


def elements(variables: list[Any]) -> Any:
    return np.concatenate([np.ravel(np.asarray(each)) for each in variables])


def assert_published(found: Any, expected: list[float]) -> None:
    """To 1e-8 of the largest element."""
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-8 * max(map(abs, expected)))


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("path", ["eager", "XLA"])
@pytest.mark.parametrize("kind", CLASSES)
def test_it_is_what_was_published(kind: str, path: str, run: str) -> None:
    rule, variables = CLASSES[kind]("schedule_free_adamw")(**RUNS[run]), starts()
    rule.build(variables)
    step = PATHS[path](lambda grads: rule.apply(grads, variables))
    for t in range(1, 31):
        step(gradients(t))
        if t in PUBLISHED[run]:
            trained, evaluated = PUBLISHED[run][t]
            assert_published(elements(variables), trained)
            with rule.evaluating():
                assert_published(elements(variables), evaluated)
            assert_published(elements(variables), trained)


@pytest.mark.parametrize("run", RUNS)
def test_the_reference_is_what_was_published(run: str) -> None:
    reference = Reference(optimizer("schedule_free_adamw"), RUNS[run])
    states = [reference.init(each.numpy(), "float64") for each in starts()]
    for t in range(1, 31):
        pairs = zip(states, gradients(t), strict=True)
        states = [reference.step(state, grad.numpy()) for state, grad in pairs]
        if t in PUBLISHED[run]:
            trained, evaluated = PUBLISHED[run][t]
            assert_published(elements([state.param.value for state in states]), trained)
            values = [reference.evaluated(state).value for state in states]
            assert_published(elements(values), evaluated)
