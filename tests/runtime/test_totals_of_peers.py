"""Rules with sums over all variables, beside implementations that others wrote.

The numbers come from the packages named with them, in float64: variables that descend into a bowl,
and one that never has a gradient.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from support.specs import OF_PEERS
from support.steps import CLASSES
from support.trials import PATHS

# Keras says so of every variable without a gradient.
pytestmark = pytest.mark.filterwarnings("ignore:Gradients do not exist")

STARTS = ([[0.3, -1.2, 0.7], [2.1, 0.05, -0.4]], [1.5, -0.6], [0.25, 0.75])
TARGETS = ([[1.0, 0.5, -0.5], [2.0, -1.0, 0.25]], [-1.0, 0.125])
STEPS = 30


class Peer(NamedTuple):
    """What a package gives with these hyperparameters: both variables after some steps."""

    spec: str
    package: str
    hypers: dict[str, Any]
    expected: dict[int, tuple[tuple[float, ...], tuple[float, ...]]]


PEERS = (
    Peer(
        "prodigy",
        "prodigyopt 1.1.2",
        {},
        {
            1: (
                (
                    0.3000031622764,
                    -1.199996837723,
                    0.6999968377231,
                    2.099996837731,
                    0.04999683772321,
                    -0.3999968377237,
                ),
                (1.499996837723, -0.5999968377236),
            ),
            5: (
                (
                    0.3000981994941,
                    -1.199901800799,
                    0.6999018007134,
                    2.099901797516,
                    0.04990180067194,
                    -0.3999018004676,
                ),
                (1.499901800865, -0.5999018005231),
            ),
            30: (
                (
                    1.302593521378,
                    -0.2289312529301,
                    -0.7582870171929,
                    2.484949108571,
                    -0.5671604307298,
                    0.465013374979,
                ),
                (-0.7355228670105, 0.4097905411033),
            ),
        },
    ),
    Peer(
        "prodigy",
        "prodigyopt 1.1.2",
        {
            "learning_rate": 0.5,
            "beta_1": 0.8,
            "beta_2": 0.99,
            "beta_3": 0.95,
            "d0": 0.001,
            "d_coef": 2.0,
            "growth_rate": 1.5,
            "epsilon": 1e-06,
            "weight_decay": 0.05,
            "use_bias_correction": True,
            "safeguard_warmup": True,
        },
        {
            1: (
                (
                    0.3004962435066,
                    -1.199485002674,
                    0.6994912537879,
                    2.09947379545,
                    0.04949937932897,
                    -0.3994950069929,
                ),
                (1.499481251818, -0.5994925062695),
            ),
            5: (
                (
                    0.3024802460447,
                    -1.197447917352,
                    0.6974718556903,
                    2.097407290913,
                    0.04750292664161,
                    -0.3974863514598,
                ),
                (1.497433543835, -0.5974767623053),
            ),
            30: (
                (
                    0.4139176737236,
                    -1.083359370203,
                    0.5842612270096,
                    1.989041331795,
                    -0.06458405424134,
                    -0.2848653837089,
                ),
                (1.382815722266, -0.4844947509553),
            ),
        },
    ),
    Peer(
        "dadapt_adam",
        "dadaptation 3.2",
        {},
        {
            1: (
                (
                    0.3000031622764,
                    -1.199996837723,
                    0.6999968377231,
                    2.099996837731,
                    0.04999683772321,
                    -0.3999968377237,
                ),
                (1.499996837723, -0.5999968377236),
            ),
            5: (
                (
                    0.3005487420723,
                    -1.199451230765,
                    0.6994512386873,
                    2.099451535091,
                    0.04945124253528,
                    -0.3994512614799,
                ),
                (1.499451224681, -0.5994512563353),
            ),
            30: (
                (
                    0.238270158508,
                    0.8136015748407,
                    -0.266411015478,
                    -1.206378511432,
                    -0.9780085877777,
                    1.516601439881,
                ),
                (-1.5294408163, -0.699863776178),
            ),
        },
    ),
    Peer(
        "dadapt_adam",
        "dadaptation 3.2",
        {
            "learning_rate": 0.5,
            "beta_1": 0.8,
            "beta_2": 0.99,
            "d0": 0.001,
            "growth_rate": 1.5,
            "epsilon": 1e-06,
            "weight_decay": 0.05,
            "decouple": True,
            "use_bias_correction": True,
        },
        {
            1: (
                (
                    0.3004962435066,
                    -1.199485002674,
                    0.6994912537879,
                    2.09947379545,
                    0.04949937932897,
                    -0.3994950069929,
                ),
                (1.499481251818, -0.5994925062695),
            ),
            5: (
                (
                    0.3032150832485,
                    -1.196684990979,
                    0.6967182819039,
                    2.096631055975,
                    0.04676144121678,
                    -0.3967385798188,
                ),
                (1.496664990909, -0.596725229698),
            ),
            30: (
                (
                    0.7191257200066,
                    -0.6970531748633,
                    0.2234415085229,
                    1.999178567272,
                    -0.406519066449,
                    0.02363531240391,
                ),
                (0.9780477910579, -0.1623329089749),
            ),
        },
    ),
    Peer(
        "dadapt_adam",
        "dadaptation 3.2",
        {"d0": 0.01, "weight_decay": 0.05},
        {
            1: (
                (
                    0.3316227633567,
                    -1.16837722858,
                    0.6683772307784,
                    2.06837726991,
                    0.01837723203762,
                    -0.3683772370038,
                ),
                (1.468377226938, -0.5683772354829),
            ),
            5: (
                (
                    0.04691160754803,
                    1.790397348173,
                    -1.315594184651,
                    -1.684234760447,
                    -1.425262641908,
                    -0.7860040626926,
                ),
                (-2.194211802493, -0.4938921114245),
            ),
            30: (
                (
                    0.4346115821147,
                    0.2798791436677,
                    0.01698702825206,
                    3.285186081931,
                    -1.631699461125,
                    -0.9238850421376,
                ),
                (-1.185407003236, -1.944056408779),
            ),
        },
    ),
    Peer(
        "avagrad",
        "pytorch-optimizer 4.1.0",
        {"learning_rate": 0.125},
        {
            1: ((0.3, -1.2, 0.7, 2.1, 0.05, -0.4), (1.5, -0.6)),
            5: (
                (
                    0.4622761168297,
                    -1.023758675584,
                    0.5280525130744,
                    2.012092318592,
                    -0.1199300328288,
                    -0.239400921154,
                ),
                (1.320326802514, -0.4369616147572),
            ),
            30: (
                (
                    1.10213628675,
                    0.002615186709012,
                    -0.3842240986877,
                    2.017503820661,
                    -0.9756110688933,
                    0.35570139195,
                ),
                (0.2117888702466, 0.2237177969211),
            ),
        },
    ),
    Peer(
        "avagrad",
        "pytorch-optimizer 4.1.0",
        {"learning_rate": 0.5, "beta_1": 0.8, "beta_2": 0.99, "epsilon": 0.001},
        {
            1: ((0.3, -1.2, 0.7, 2.1, 0.05, -0.4), (1.5, -0.6)),
            5: (
                (
                    0.6436551571511,
                    -0.8440418780146,
                    0.3476072315731,
                    1.888014122587,
                    -0.3006541116574,
                    -0.05796986854872,
                ),
                (1.141316837686, -0.2556175710789),
            ),
            30: (
                (
                    0.9706466264865,
                    0.5122077268629,
                    -0.5483955046049,
                    2.001691696814,
                    -1.023720362252,
                    0.2228275924321,
                ),
                (-0.6173010286496, 0.09597613528801),
            ),
        },
    ),
)


# With the defaults, both classes on both paths; with other options, one each.
WAYS = [(kind, path) for kind in CLASSES for path in ("eager", "XLA")]
RUNS = [(peer, *way) for peer in PEERS for way in (WAYS[::3] if len(peer.hypers) > 1 else WAYS)]
IDS = [f"{peer.spec}-{len(peer.hypers)}-{kind}-{path}" for peer, kind, path in RUNS]


@pytest.mark.parametrize(("peer", "kind", "path"), RUNS, ids=IDS)
def test_a_rule_is_what_its_authors_wrote(peer: Peer, kind: str, path: str) -> None:
    optimizer = CLASSES[kind](peer.spec)(**peer.hypers, jit_compile=False)
    variables = [tf.Variable(start, dtype=tf.float64) for start in STARTS]
    optimizer.build(variables)

    def step(scale: tf.Tensor) -> None:
        pairs = zip(variables, TARGETS, strict=False)
        grads = [(variable - tf.constant(to, tf.float64)) * scale for variable, to in pairs]
        optimizer.apply([*grads, None], variables)

    take = PATHS[path](step)
    for t in range(1, STEPS + 1):
        take(tf.constant(1 + 0.1 * (t % 3), tf.float64))
        for variable, expected in zip(variables, peer.expected.get(t, ()), strict=False):
            actual = variable.numpy().ravel()
            error = np.max(np.abs(actual - expected)) / np.max(np.abs(expected))
            assert error < 1e-8, f"{peer.package}, step {t}: {actual}, not {expected}"
    np.testing.assert_array_equal(variables[2].numpy(), STARTS[2])


def test_all_of_them_are_here() -> None:
    assert {peer.spec for peer in PEERS} == {"avagrad", "dadapt_adam", "prodigy"} < OF_PEERS
