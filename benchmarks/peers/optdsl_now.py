"""The Keras classes that this checkout generates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import optdsl
from benchmarks.peers import on_tensorflow
from benchmarks.task import Task
from benchmarks.work import Work


def generated(rule: str) -> Callable[[], Any]:
    """The generated class of a rule: compiled here, as a user would have done before."""
    module = optdsl.load(rule)
    (name,) = [name for name in module.__all__ if not name.endswith("Module")]
    found: Callable[[], Any] = getattr(module, name)
    return found


def optimizer(rule: str) -> Any:
    """An optimizer of a rule."""
    return generated(rule)()


def dense(work: Work) -> Task:
    """Steps of the generated class."""
    return on_tensorflow.steps(work, optimizer(work.rule))


sparse = dense


def fit(work: Work) -> Task:
    """Training with the generated class."""
    return on_tensorflow.epochs(work, generated(work.rule))
