"""Tables of a run, in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from benchmarks import compilations
from benchmarks.measured import WORK, Measured, median, middle, whole_first
from benchmarks.promises import COMPILATIONS, OURS, PROMISES
from benchmarks.turns import Figures
from benchmarks.work import Work

TITLES = {
    "small": "160 small variables: 80 of 128 × 128, 80 of 128",
    "large": "One variable of 5,000 × 5,000",
    "sparse": "Some rows of 1,000,000 × 64",
    "fit": "`fit` of a small model with Adam, from a cold start",
    "variables": "From 10 to 1,000 variables, half of them 128 × 128, half 128",
    "rows": "From 10⁴ to 10⁷ rows of 16, 4,096 ids",
    "ids": "From 100 to 1,000,000 ids, 1,000,000 × 64",
}
UNITS = {"variables": "variables", "rows": "rows", "ids": "ids", "sparse": "ids"}

STEPS = (
    "| rule, called | system | state | first call | step | middle half | ÷ optdsl |",
    "|---|---|--:|--:|--:|--:|--:|",
)
EPOCHS = (
    "| `jit_compile` | system | end of the first epoch | middle half | ÷ optdsl | a later epoch |",
    "|---|---|--:|--:|--:|--:|",
)


def tables(figures: Iterable[Figures]) -> Iterator[str]:
    """A table for each group, line by line as the figures come."""
    group = ""
    ours: dict[str, Figures] = {}
    for each in figures:
        work = WORK[each.work]
        if work.group != group:
            yield from ["", f"### {TITLES[work.group]}", ""]
            yield from EPOCHS if work.kind == "fit" else STEPS
            group = work.group
        if each.system == OURS:
            ours[each.work] = each
        yield (_epochs if work.kind == "fit" else _steps)(work, each, ours.get(each.work))


def label(work: Work) -> str:
    """What tells work from others of its table."""
    size = [f"{work.x:,} {UNITS[work.group]}"] if work.x else []
    return ", ".join([f"`{work.rule}`", *size, work.mode])


def time(seconds: float) -> str:
    """Seconds, or milliseconds, to three digits or so."""
    match seconds:
        case _ if seconds >= 0.9995:
            return f"{seconds:.1f} s"
        case _ if seconds >= 0.0995:
            return f"{seconds * 1e3:.0f} ms"
        case _ if seconds >= 0.001:
            return f"{seconds * 1e3:.1f} ms"
        case _:
            return f"{seconds * 1e3:.2g} ms"


def _spread(values: list[float]) -> str:
    return " – ".join(map(time, middle(values)))


def _ratio(values: list[float], ours: list[float] | None) -> str:
    return "" if ours is None else f"{median(values) / median(ours):.2f}"


def _steps(work: Work, each: Figures, ours: Figures | None) -> str:
    cells = [
        label(work),
        each.system,
        time(median(each.build)),
        time(median(each.first)),
        time(median(each.steps)),
        _spread(each.steps),
        _ratio(each.steps, None if ours is None else ours.steps),
    ]
    return f"| {' | '.join(cells)} |"


def _epochs(work: Work, each: Figures, ours: Figures | None) -> str:
    first = whole_first(each)
    cells = [
        work.mode,
        each.system,
        time(median(first)),
        _spread(first),
        _ratio(first, None if ours is None else whole_first(ours)),
        time(median(each.steps)),
    ]
    return f"| {' | '.join(cells)} |"


def notes(measured: Measured) -> Iterator[str]:
    """What must be said beside the tables."""
    reasons = {(each.system, each.differs) for each in measured.figures if each.differs}
    for name, why in sorted(reasons):
        yield f"- {name} does not take the same step: {why}."
    for name in measured.missing:
        yield f"- {name}: not installed."


def held(measured: Measured) -> Iterator[str]:
    """What the generated classes are held to, and what was measured."""
    yield "| work | what | ours ÷ that of | at most | measured |"
    yield "|---|---|---|--:|--:|"
    for promise in PROMISES:
        if (ratio := promise.ratio(measured)) is not None:
            work = WORK[promise.work]
            cells = [f"{work.group}, {label(work)}", promise.what, promise.other]
            yield f"| {' | '.join(cells)} | {promise.at_most:.2f} | {ratio:.2f} |"
    if measured.compilations:
        mine = measured.compilations[f"{OURS}, eager"]
        cells = [f"{compilations.STEPS} numbers of ids", "compilations", "(a number)"]
        yield f"| {' | '.join(cells)} | {COMPILATIONS} | {mine} |"


def compiled(measured: Measured) -> Iterator[str]:
    """How often XLA compiled."""
    yield "| system, called | compilations |"
    yield "|---|--:|"
    for name, number in measured.compilations.items():
        yield f"| {name} | {number} |"
