"""Writes docs/benchmarks.md and its picture from what was measured."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from string import Template

from benchmarks import report
from benchmarks.compilations import STEPS
from benchmarks.measured import Measured
from benchmarks.systems import FUSION
from benchmarks.turns import MeasurementError

TEMPLATE = Path(__file__).with_name("page.md")


def write(steps: Measured, growth: Measured, docs: Path) -> None:
    """Writes the page and the picture.

    Args:
        steps: what `python -m benchmarks` measured.
        growth: what `python -m benchmarks growth` measured.
        docs: the folder of the documents.

    Raises:
        MeasurementError: Matplotlib is not installed.
    """
    if find_spec("matplotlib") is None:
        raise MeasurementError("the picture needs Matplotlib: `pip install -e '.[dev]'`")
    from benchmarks import plot

    text = Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        machine=steps.machine,
        growth_machine=growth.machine,
        held="\n".join(report.held(steps)),
        tables="\n".join(report.tables(steps.figures)).strip(),
        count=STEPS,
        fusion=FUSION,
        compilations="\n".join(report.compiled(steps)),
        notes="\n".join(report.notes(steps)),
        growth="\n".join(report.tables(growth.figures)).strip(),
    )
    (docs / "images").mkdir(parents=True, exist_ok=True)
    plot.growth(growth, docs / "images" / "growth.png")
    (docs / "benchmarks.md").write_text(text, encoding="utf-8")
