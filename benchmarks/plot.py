"""The picture of how time grows with the size of the work."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from benchmarks.measured import WORK, Measured, median
from benchmarks.systems import SYSTEMS
from benchmarks.turns import Figures

PANELS: tuple[tuple[str, str, Callable[[Figures], list[float]]], ...] = (
    ("variables", "AMSGrad, first call", lambda each: each.first),
    ("variables", "AMSGrad, a step", lambda each: each.steps),
    ("rows", "lazy Adam, a step with 4,096 ids, rows of 16", lambda each: each.steps),
    ("ids", "lazy Adam, a step, 1,000,000 × 64", lambda each: each.steps),
)
"""Each with a group of work, a title, and the times that it shows."""
MARKS = "os^vDPX*"


def growth(measured: Measured, path: Path) -> None:
    """Draws a line for each system, on logarithmic axes."""
    figure = Figure(figsize=(11, 8), layout="constrained")
    panels: list[Any] = list(figure.subplots(2, 2).flat)
    for axes, (group, title, times) in zip(panels, PANELS, strict=True):
        _draw(axes, measured, group, times)
        axes.set(xscale="log", yscale="log", xlabel=f"number of {group}", ylabel="seconds")
        axes.set_title(title, fontsize="medium")
        axes.grid(alpha=0.3)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    figure.savefig(path, dpi=80, metadata={"Software": None})


def _draw(
    axes: Any, measured: Measured, group: str, times: Callable[[Figures], list[float]]
) -> None:
    """One panel; a system has the same mark and colour in all of them."""
    for index, system in enumerate(SYSTEMS):
        points = sorted(
            (WORK[each.work].x, median(times(each)))
            for each in measured.figures
            if each.system == system.name and WORK[each.work].group == group
        )
        if points:
            axes.plot(
                *zip(*points, strict=True),
                marker=MARKS[index],
                color=f"C{index}",
                linewidth=2.5 if index == 0 else 1.2,
                label=system.name,
            )
