"""Keras's own optimizers."""

from __future__ import annotations

from collections.abc import Callable

import keras

from benchmarks.peers import on_tensorflow
from benchmarks.task import Task
from benchmarks.work import Work

OPTIMIZERS: dict[str, Callable[[], keras.optimizers.Optimizer]] = {
    "adagrad": keras.optimizers.Adagrad,
    "adam": keras.optimizers.Adam,
    "amsgrad": lambda: keras.optimizers.Adam(amsgrad=True),
    "lazy_adam": keras.optimizers.Adam,
}


def optimizer(rule: str) -> keras.optimizers.Optimizer:
    """The optimizer that comes nearest to a rule."""
    return OPTIMIZERS[rule]()


def dense(work: Work) -> Task:
    """Steps of Keras's class."""
    return on_tensorflow.steps(work, optimizer(work.rule))


sparse = dense


def fit(work: Work) -> Task:
    """Training with Keras's class."""
    return on_tensorflow.epochs(work, OPTIMIZERS[work.rule])
