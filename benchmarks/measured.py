"""What a run has measured, and the file that it is kept in."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.systems import SYSTEMS
from benchmarks.turns import Figures, MeasurementError
from benchmarks.work import Work, growth, steps

WORK: Mapping[str, Work] = {work.name: work for work in (*steps(), *growth())}
"""The work by name, at its full size."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A run.

    Attributes:
        machine: what the figures were measured on.
        figures: of each system at each kind of work.
        compilations: numbers of them in as many sparse steps as `compilations.STEPS` says.
        missing: systems that were not installed.
    """

    machine: str = ""
    figures: list[Figures] = field(default_factory=list)
    compilations: dict[str, int] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)

    def of(self, work: str) -> dict[str, Figures]:
        """The figures of each system at one kind of work."""
        return {each.system: each for each in self.figures if each.work == work}


def machine() -> str:
    """This machine, and what runs on it."""
    packages = sorted(
        {"tensorflow", "keras", *(each.needs for each in SYSTEMS if each.installed())}
    )
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    processor = f"{_processor()}, {os.cpu_count()} cores, no GPU used"
    return f"{processor}; Python {platform.python_version()}, {versions}"


def _processor() -> str:
    """The processor's name where Linux tells it."""
    told = Path("/proc/cpuinfo")
    lines = told.read_text(encoding="utf-8").splitlines() if told.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def save(measured: Measured, path: Path) -> None:
    """Writes a run; times to four digits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(_rounded(asdict(measured)), indent=1) + "\n", encoding="utf-8")


def _rounded(value: Any) -> Any:
    match value:
        case float():
            return float(f"{value:.4g}")
        case list():
            return [_rounded(each) for each in value]
        case dict():
            return {key: _rounded(each) for key, each in value.items()}
        case _:
            return value


def load(path: Path) -> Measured:
    """Reads a run.

    Raises:
        MeasurementError: there is no such file, or it is none of today's.
    """
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        figures = [Figures(**each) for each in fields.pop("figures")]
        found = Measured(figures=figures, **fields)
    except FileNotFoundError:
        raise MeasurementError(f"{path} is not there: measure first, with --json {path}") from None
    except (ValueError, TypeError, KeyError, AttributeError):
        raise MeasurementError(f"{path} is no file of this benchmark") from None
    if unknown := sorted({each.work for each in found.figures} - WORK.keys()):
        raise MeasurementError(f"{path} has work that is no longer measured: {', '.join(unknown)}")
    return found


def whole_first(figures: Figures) -> list[float]:
    """Seconds to the end of the first step, or epoch, with what had to be made for it."""
    return [build + first for build, first in zip(figures.build, figures.first, strict=True)]


def median(values: list[float]) -> float:
    """The median."""
    return statistics.median(values)


def middle(values: list[float]) -> tuple[float, float]:
    """The ends of the middle half."""
    if len(values) < 2:
        return values[0], values[0]
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, high
