"""IR -> frozen view: what a rule computes across variables, phase by phase."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from optdsl import ir
from optdsl.ir import Case, Hyper, Role
from optdsl.passes.lowering import Lowered
from optdsl.passes.phases import Measure, Phases
from optdsl.targets import Target
from optdsl.targets.document import Document, bracketed, layout, lines
from optdsl.targets.expressions import call
from optdsl.targets.fields import Field, field, scalar_fields
from optdsl.targets.functions import Source, measure
from optdsl.targets.once import initial_globals, new_globals, scalars
from optdsl.targets.text import WIDTH


class MeasureView(NamedTuple):
    """A phase before a barrier: its functions are called by `number`, "" where it is the only one.

    `globals` is the body of what updates global slots before it, or empty.
    """

    number: str
    head: str
    scalar_fields: tuple[Field, ...]
    scalars: str
    measure: str
    sees_whole: bool
    globals_head: str
    globals: str


class Across(NamedTuple):
    """What a rule computes across variables: its phases, and global slots if there are any."""

    measures: tuple[MeasureView, ...]
    sum_fields: tuple[Field, ...]
    global_fields: tuple[Field, ...]
    initial: str
    globals_head: str
    globals: str
    scalars_head: str


class Printed(NamedTuple):
    """The view, the fields of the rule's record, and the documents that call the runtime."""

    view: Across
    record: tuple[Document, ...]
    bodies: tuple[Document, ...]


def known(phases: Phases, case: Case) -> dict[str, str]:
    """How totals and global slots are spelled in a function that is called once per step."""
    totals = (name for each in phases.measures for name in each.totals)
    return {
        **{slot.name: f"known.old.{slot.name}" for slot in case.global_slots},
        **{name: f"known.new.{slot}" for slot, name in phases.new.items()},
        **{name: f"known.sums.{name}" for name in totals},
    }


def across(
    phases: Phases, case: Case, hypers: tuple[Hyper, ...], target: Target, rt: str
) -> Printed | None:
    """What a rule has beyond one variable; None for a rule that sees one at a time."""
    if not phases.measures and not case.global_slots:
        return None
    spelled = known(phases, case)
    before = {name: text for name, text in spelled.items() if name not in phases.new.values()}
    bodies: list[Document] = []

    def head(name: str, result: str) -> str:
        given = ["t: tf.Tensor", "hyper: _Hypers", f"known: {rt}Known"]
        if ir.reads(case.step, Role.LOSS):
            given.insert(2, "loss: tf.Tensor")
        return layout(bracketed(f"def {name}(", given, f") -> {result}:"), WIDTH)

    def body(of: Callable[[Source], list[Document]], part: Lowered) -> str:
        given = before if of is new_globals else spelled
        document = lines(of(Source(case, hypers, part, target, rt, given)))
        bodies.append(document)
        return layout(document, WIDTH, 4)

    def measured(index: int, one: Measure) -> MeasureView:
        source = Source(case, hypers, one.step, target, rt, spelled)
        number = str(index) if len(phases.measures) > 1 else ""
        suffix = f"_{number}" if number else ""
        return MeasureView(
            number,
            head(f"_measure_scalars{suffix}", f"_MeasureScalars{number}"),
            scalar_fields(one.step, target),
            body(lambda source: scalars(source, f"_MeasureScalars{number}"), one.step),
            body(lambda source: measure(source, one.totals), one.step),
            source.sees_whole,
            head(f"_globals{suffix}", "_Globals"),
            body(new_globals, one.globals) if one.globals else "",
        )

    sum_ = "Any" if len(phases.measures) == 1 else "Any = None"
    measures = tuple(measured(*each) for each in enumerate(phases.measures, start=1))
    view = Across(
        measures,
        tuple(field(name, sum_, "") for each in phases.measures for name in each.totals),
        tuple(field(slot.name, "Any", slot.doc) for slot in case.global_slots),
        body(initial_globals, phases.last) if phases.globals else "",
        head("_globals", "_Globals"),
        body(new_globals, phases.globals) if phases.globals else "",
        head("_scalars", "_Scalars"),
    )
    return Printed(view, tuple(_record(view, rt)), tuple(bodies))


def _record(view: Across, rt: str) -> list[Document]:
    """The fields of the rule's record."""
    fields: list[Document] = []
    if view.measures:
        made = [_measure(one, rt) for one in view.measures]
        fields += ["sums=_Sums", ("measures=", bracketed("[", made, "]"))]
    if view.global_fields:
        fields += ["global_slots=_Globals", "initial_globals=_initial_globals"]
        fields.append("new_globals=_globals")
    return fields


def _measure(one: MeasureView, rt: str) -> Document:
    number = f"_{one.number}" if one.number else ""
    given: list[Document] = [f"scalars=_measure_scalars{number}", f"measure=_measure{number}"]
    if one.sees_whole:
        given.append("sees_whole=True")
    if one.globals:
        given.append(f"new_globals=_globals{number}")
    return call(f"{rt}Measure", *given)
