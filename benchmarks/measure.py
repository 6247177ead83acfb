"""Timing of things that are to be compared: in one process, in turns, medians."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Call = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds: the first call, which may trace and compile, and the later ones."""

    first: float
    median: float
    best: float


def seconds(call: Call) -> float:
    """How long one call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def compare(candidates: Mapping[str, Call], rounds: int) -> dict[str, Timing]:
    """Times calls in turns, so that a busy moment of the machine hits all of them.

    Args:
        candidates: what to call, by name; each call must do the same work.
        rounds: how often each is called after its first two calls.
    """
    first = {name: seconds(call) for name, call in candidates.items()}
    for call in candidates.values():  # the second call may still allocate
        call()
    taken: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, call in candidates.items():
            taken[name].append(seconds(call))
    return {
        name: Timing(first[name], statistics.median(times), min(times))
        for name, times in taken.items()
    }
