"""Optax: the step as one function compiled by JAX, which writes where it has read."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import optax

from benchmarks import work as numbers
from benchmarks.task import Task
from benchmarks.work import Work

RULES: dict[str, Any] = {
    "adagrad": lambda: optax.adagrad(1e-3, initial_accumulator_value=0.1, eps=1e-7),
    "adam": lambda: optax.adam(1e-3, eps=1e-7),
    "amsgrad": lambda: optax.amsgrad(1e-3, eps=1e-7),
}


def dense(work: Work) -> Task:
    """Steps of all variables in one compiled call."""
    rule = RULES[work.rule]()
    grads = [list(map(jax.numpy.array, given)) for given in numbers.gradients(work)]
    now: dict[str, Any] = {"params": list(map(jax.numpy.array, numbers.params(work)))}

    def update(params: Any, state: Any, grad: Any) -> Any:
        changes, state = rule.update(grad, state, params)
        return optax.apply_updates(params, changes), state

    compiled = jax.jit(update, donate_argnums=(0, 1))

    def build() -> None:
        now["state"] = jax.block_until_ready(rule.init(now["params"]))

    def step(index: int) -> None:
        new = compiled(now["params"], now["state"], grads[index % len(grads)])
        now["params"], now["state"] = jax.block_until_ready(new)

    return Task(build, step, lambda: [np.asarray(each) for each in now["params"]])
