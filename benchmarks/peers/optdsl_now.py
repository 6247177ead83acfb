"""The Keras classes that this checkout generates."""

from __future__ import annotations

from typing import Any

import optdsl
from benchmarks.peers import on_tensorflow
from benchmarks.task import Task
from benchmarks.work import Work


def optimizer(rule: str) -> Any:
    """The generated class of a rule."""
    module = optdsl.load(rule)
    (name,) = [name for name in module.__all__ if not name.endswith("Module")]
    return getattr(module, name)()


def dense(work: Work) -> Task:
    """Steps of the generated class."""
    return on_tensorflow.steps(work, optimizer(work.rule))


sparse = dense


def fit(work: Work) -> Task:
    """Training with the generated class."""
    return on_tensorflow.epochs(work, lambda: optimizer(work.rule))
