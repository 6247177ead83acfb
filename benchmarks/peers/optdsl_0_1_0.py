"""The Keras classes that optdsl 0.1.0 generated; its files stand alone."""

from __future__ import annotations

from typing import Any

from benchmarks.peers import on_tensorflow
from benchmarks.peers.generated_by_0_1_0 import adagrad, adam, amsgrad, lazy_adam
from benchmarks.task import Task
from benchmarks.work import Work

CLASSES: dict[str, Any] = {
    "adagrad": adagrad.Adagrad,
    "adam": adam.Adam,
    "amsgrad": amsgrad.AMSGrad,
    "lazy_adam": lazy_adam.LazyAdam,
}


def optimizer(rule: str) -> Any:
    """An optimizer of a rule."""
    return CLASSES[rule]()


def dense(work: Work) -> Task:
    """Steps of the generated class."""
    return on_tensorflow.steps(work, optimizer(work.rule))


sparse = dense


def fit(work: Work) -> Task:
    """Training with the generated class."""
    return on_tensorflow.epochs(work, CLASSES[work.rule])
