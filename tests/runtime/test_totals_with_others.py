"""Sums over all variables beside the rest of the language: groups, loss, rounds, wrappers …"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import optdsl
from support.steps import normal, state_of

RULE = """\
optimizer Drawn:
    hyper learning_rate = 0.25        in [0, inf)
    hyper scale         = learning_rate / 2 in [0, inf)

    slot d: global
    slot own: scalar

    step:
        STATEMENTS
        param <- param - learning_rate * grad
"""
PARTS = {
    "first": [
        "x = where(first, 1, param) * grad",
        "d <- d + total(x)",
        "own <- where(first, d, own + 1)",
    ],
    "rounds": [
        "x = grad",
        "about = 1 / (1 + global_norm(grad))",
        "repeat 3:",
        "    x <- 0.5 * x + about * param",
        "d <- d + total(x * param)",
        "own <- norm(x) + d",
    ],
    "matrices": [
        "x = transpose(grad) @ grad",
        "d <- tanh(d + total(x) / (1 + total(abs(x))))",
        "own <- trace(x) + d",
    ],
    "a computed default": ["d <- d + scale * total(abs(grad)) + total(scale)", "own <- d"],
}
LOSS = [
    "when loss > 0.5:",
    "    d <- d + loss * total(grad)",
    "own <- d + loss",
]


def rule(statements: list[str]) -> str:
    return RULE.replace("STATEMENTS", "\n        ".join(statements))


def follow(source: str, kind: str, steps: int = 3, **options: Any) -> None:
    """Trains beside the reference, in float64; a gradient is missing in the second step."""
    compiled, shapes = optdsl.compile(source), ((4, 3), (2, 3), (3, 3))
    reference, reads_loss = compiled.reference(), "loss" in source
    name = compiled.source("module").split("class ")[-1].split("Module")[0]
    optimizer = getattr(optdsl.load(source), name + kind)(jit_compile=False, **options)
    starts = [normal(shape, seed).astype(np.float64) for seed, shape in enumerate(shapes)]
    states = [reference.init(start, "float64") for start in starts]
    variables = [tf.Variable(start) for start in starts]
    optimizer.build(variables)
    for step in range(steps):
        grads: list[Any] = [normal(s, 10 * step + i).astype("d") for i, s in enumerate(shapes)]
        grads[0] = None if step == 1 else grads[0]
        more = {"loss": 0.4 + 0.2 * step} if reads_loss else {}
        given = [None if grad is None else tf.constant(grad) for grad in grads]
        optimizer.apply(given, variables, **more)
        states = reference.steps(states, grads, **more)
        for index, state in enumerate(states):
            found = state_of(optimizer, index)
            for each, bound in {"param": state.param, **state.slots}.items():
                assert bound.contains(found[each]).all(), (each, step, found[each], bound)


@pytest.mark.filterwarnings("ignore:Gradients do not exist")
@pytest.mark.parametrize("part", PARTS)
def test_a_rule_with_a_total(part: str) -> None:
    follow(rule(PARTS[part]), "Module")


@pytest.mark.filterwarnings("ignore:Gradients do not exist")
@pytest.mark.parametrize("kind", ["", "Module"])
def test_a_rule_with_a_total_reads_the_loss(kind: str) -> None:
    follow(rule(LOSS), kind)


@pytest.mark.filterwarnings("ignore:Gradients do not exist")
@pytest.mark.parametrize("wrapper", ["grokfast", "lookahead", "weight_decay"])
def test_a_wrapped_rule_with_totals(wrapper: str) -> None:
    follow(f"{wrapper}(prodigy)", "Module")


@pytest.mark.parametrize("kind", ["Drawn", "DrawnModule"])
def test_each_group_adds_its_own(kind: str) -> None:
    """In a sum a hyperparameter is the variable's; what is there once has the optimizer's."""
    module = optdsl.load(rule(["d <- d + 16 * learning_rate + total(learning_rate)", "own <- d"]))
    optimizer = getattr(module, kind)(
        overrides={"two": {"learning_rate": 0.5}},
        multipliers={"three": {"learning_rate": 4}},
        jit_compile=False,
    )
    variables = [tf.Variable([1.0], name=name) for name in ("one", "two", "three")]
    optimizer.build(variables)
    optimizer.apply([tf.ones([1])] * 3, variables)
    (d,) = optimizer.slots["d"]
    assert float(d.numpy()) == 16 * 0.25 + 0.25 + 0.5 + 1
    assert [float(each.numpy()[0]) for each in variables] == [0.75, 0.5, 0.0]
    optimizer.overrides["two"]["learning_rate"] = 2.0
    optimizer.apply([tf.ones([1])] * 3, variables)
    assert float(d.numpy()) == 5.75 + 16 * 0.25 + 0.25 + 2 + 1
