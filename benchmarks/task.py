"""What a system makes of a kind of work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.work import Array


@dataclass(frozen=True, slots=True)
class Task:
    """Work that is ready to be done; a call returns when what it does is done.

    Attributes:
        build: makes the state, of `fit` the model's training function.
        step: takes a step, given its number from 0.
        values: the variables now.
    """

    build: Callable[[], object]
    step: Callable[[int], object]
    values: Callable[[], list[Array]]
