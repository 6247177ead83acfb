"""Measures, and prints tables in Markdown; or writes the page from what was measured."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path

from benchmarks import compilations, page, report, work
from benchmarks.measured import Measured, load, machine, save
from benchmarks.systems import SYSTEMS
from benchmarks.turns import PLANS, QUICK, ROOT, Figures, MeasurementError, measure, processes
from benchmarks.work import Work

KEPT = ROOT / "benchmarks" / "measured"
QUICK_COMPILATIONS = 3


def figures(works: Sequence[Work], *, quick: bool) -> Iterator[Figures]:
    """What is measured, as it comes; if it is to be quick, one process a system does all."""
    able = [system for system in SYSTEMS if any(system.can(each) for each in works)]
    present = [system for system in able if system.installed()]
    with processes(present) if quick else nullcontext() as running:
        for each in works:
            yield from measure(each, present, QUICK if quick else PLANS[each.group], running)


def chosen(works: Sequence[Work], only: str) -> list[Work]:
    """The work whose name contains a text."""
    return [each for each in works if only in each.name]


def run(options: argparse.Namespace) -> Measured:
    """Measures what was asked for, and prints it as it comes.

    Raises:
        MeasurementError: nothing has the name that was asked for, or results do not agree.
    """
    growing = options.what == "growth"
    works = chosen((work.growth if growing else work.steps)(quick=options.quick), options.only)
    counting = not growing and options.only in "compilations"
    if not works and not counting:
        raise MeasurementError(f"no work has `{options.only}` in its name")
    missing = [system.name for system in SYSTEMS if not system.installed()]
    measured = Measured(machine=machine(), missing=missing)
    print(measured.machine, flush=True)

    def kept() -> Iterator[Figures]:
        for each in figures(works, quick=options.quick):
            measured.figures.append(each)
            yield each

    for line in report.tables(kept()) if works else ():
        print(line, flush=True)
    if counting:
        steps = QUICK_COMPILATIONS if options.quick else compilations.STEPS
        measured.compilations.update(compilations.count(steps))
        print(f"\n### Compilations by XLA in {steps} sparse steps\n")
        print("\n".join(report.compiled(measured)))
    if not growing and not options.quick:
        print("\n### What is held to\n")
        print("\n".join(report.held(measured)))
    print("", *report.notes(measured), sep="\n")
    return measured


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "what",
        nargs="?",
        choices=("steps", "growth", "page"),
        default="steps",
        help="steps: each kind of work at one size; growth: at several; "
        f"page: write docs/benchmarks.md from {KEPT.relative_to(ROOT)}/{{steps,growth}}.json",
    )
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that all works")
    parser.add_argument("--only", default="", metavar="NAME", help="work with NAME in its name")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep what was measured")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Does what the command line says; 1 if something is wrong."""
    options = parsed(arguments)
    try:
        if options.what == "page":
            page.write(load(KEPT / "steps.json"), load(KEPT / "growth.json"), ROOT / "docs")
            return 0
        measured = run(options)
    except MeasurementError as wrong:
        print(wrong, file=sys.stderr)
        return 1
    if options.json is not None:
        save(measured, options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
