"""What the generated classes are held to: ratios of medians of one run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, assert_never

from benchmarks.measured import Measured, median, whole_first
from benchmarks.turns import Figures

What = Literal["first call", "step", "first epoch"]

OURS, BEFORE, HAND, KERNELS, KERAS = (
    "optdsl",
    "optdsl 0.1.0",
    "by hand",
    "raw kernels",
    "Keras",
)
COMPILATIONS = 12
"""At most so many in `compilations.STEPS` steps with as many numbers of ids, called from Python."""


@dataclass(frozen=True, slots=True)
class Promise:
    """The share of another system's time that ours takes at most."""

    work: str
    what: What
    other: str
    at_most: float

    def ratio(self, measured: Measured) -> float | None:
        """The share in a run; None if one of the two was not measured."""
        figures = measured.of(self.work)
        if OURS not in figures or self.other not in figures:
            return None
        return _time(figures[OURS], self.what) / _time(figures[self.other], self.what)


def _time(figures: Figures, what: What) -> float:
    match what:
        case "first call":
            return median(figures.first)
        case "step":
            return median(figures.steps)
        case "first epoch":
            return median(whole_first(figures))
        case _:
            assert_never(what)


def _promises() -> Iterator[Promise]:
    small = "small-amsgrad"
    for mode in ("eager", "function"):
        yield Promise(f"{small}-{mode}", "first call", BEFORE, 0.3)
    yield Promise(f"{small}-function", "first call", KERNELS, 1.7)
    yield Promise(f"{small}-function", "step", BEFORE, 0.9)
    yield Promise(f"{small}-eager", "step", BEFORE, 0.85)
    for rule in ("amsgrad", "adam"):
        yield Promise(f"large-{rule}-eager", "step", BEFORE, 1.0)
    for rule in ("lazy_adam", "adagrad"):
        for count, share in ((65_536, 0.65), (4_096, 0.85)):
            for mode in ("eager", "function"):
                yield Promise(f"sparse-{rule}-{count}-{mode}", "step", BEFORE, share)
                yield Promise(f"sparse-{rule}-{count}-{mode}", "step", HAND, 1.0)
    for mode in ("True", "False", "auto"):
        yield Promise(f"fit-adam-{mode}", "first epoch", KERAS, 1.0)


PROMISES = tuple(_promises())
