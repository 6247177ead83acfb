"""IR -> IR: the phases of a step, parted by sums over all variables, as few as there can be.

A phase computes, for one variable, what is summed next, from `grad`, `param` and the slots as they
were when the step began. What two phases need is computed in both. Only the last one updates.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

from optdsl import ir
from optdsl.ir import Case, Expr, Hyper, If, Kind, Let, PerStep, Ref, Repeat, Role, Set, Stmt, Type
from optdsl.passes.barriers import Barred, barred
from optdsl.passes.lowering import Lowered, lower, lowered_cases
from optdsl.records import record, replace

_SAME = Type(Kind.REAL, PerStep())


@record
class Measure:
    """A phase before a barrier: its body binds `totals`, each the sum over one variable.

    `calls` are the totals as they were written. `globals` updates those global slots that the phase
    reads anew; None where there are none.
    """

    totals: tuple[str, ...]
    calls: tuple[Expr, ...]
    step: Lowered
    globals: Lowered | None


@record
class Phases:
    """A step in phases.

    In the scalars of the last one, and in `globals`, the totals of earlier ones are known; the new
    values of global slots are SHARED under the names that `new` gives them.
    """

    measures: tuple[Measure, ...]
    globals: Lowered | None
    last: Lowered
    new: dict[str, str]


def phased_cases(optimizer: ir.Optimizer) -> tuple[Phases, ...]:
    """The steps of an optimizer's cases, in phases and split; of several, each has one phase."""
    if len(optimizer.cases) == 1:
        return (phases(optimizer.cases[0], optimizer.hypers),)
    return tuple(Phases((), None, one, {}) for one in lowered_cases(optimizer))


def phases(case: Case, hypers: tuple[Hyper, ...]) -> Phases:
    """The phases of one case of a checked optimizer."""
    taken = {*(slot.name for slot in case.slots), *(hyper.name for hyper in hypers)}
    known = barred(case, frozenset(taken))
    if not known.totals and not case.global_slots:
        return Phases((), None, lower(case, hypers), {})

    def part(body: Iterable[Stmt], keep: Iterable[str] = ()) -> Lowered:
        return lower(replace(case, step=tuple(body)), hypers, frozenset(keep))

    measures = []
    for level in range(1, max(known.totals.values(), default=0) + 1):
        totals = tuple(name for name, own in known.totals.items() if own == level)
        step = part(_needed(known.body, set(totals)), totals)
        reads = {name for scalar in step.scalars for name in ir.names(scalar.value)}
        early = reads & set(known.new.values())
        globals_ = part(_globals(case, known, level - 1)) if early else None
        calls = tuple(known.calls[name] for name in totals)
        measures.append(Measure(totals, calls, step, globals_))
    updated = {"param", *(slot.name for slot in case.own_slots)}
    return Phases(
        tuple(measures),
        part(_globals(case, known, len(measures))) if case.global_slots else None,
        part(_needed(known.body, updated)),
        known.new,
    )


def _globals(case: Case, known: Barred, level: int) -> tuple[Stmt, ...]:
    """What gives the global slots the values that are known after so many barriers."""
    new = {slot: name for slot, name in known.new.items() if known.levels[slot] <= level}
    names = frozenset(new.values())

    def local(part: Expr) -> Expr | None:
        match part:
            case Ref(name, Role.SHARED) if name in names:
                return replace(part, role=Role.LOCAL)
            case _:
                return None

    body = ir.rewritten(known.body, lambda expr: ir.rewrite(expr, local))
    ends = []
    for slot in case.global_slots:
        own = slot.name in new
        name, role = (new[slot.name], Role.LOCAL) if own else (slot.name, Role.SLOT)
        ends.append(Set(slot.name, Ref(name, role, _SAME, slot.span), "", slot.span))
    return (*_needed(body, set(names)), *ends)


def _needed(body: tuple[Stmt, ...], names: set[str]) -> tuple[Stmt, ...]:
    """The statements that decide what `names` are in the end; `names` becomes what these read."""
    kept: list[Stmt] = []
    for statement in reversed(body):
        match statement:
            case Let(name, value) | Set(name, value):
                if name in names:
                    names.discard(name)
                    names.update(_read(value))
                    kept.append(statement)
            case If(condition):
                before, other = set(names), set(names)
                then, orelse = _needed(statement.then, before), _needed(statement.orelse, other)
                if then or orelse:
                    joins = tuple(join for join in statement.joins if join[0] in names)
                    names.clear()
                    names.update(before, other, _read(condition))
                    kept.append(replace(statement, then=then, orelse=orelse, joins=joins))
            case Repeat(count, inner):
                if names.intersection(ir.updated(inner)):
                    for expr in (count, *ir.expressions(inner)):
                        names.update(_read(expr))
                    kept.append(statement)
            case _:
                assert_never(statement)
    return tuple(reversed(kept))


def _read(expr: Expr) -> set[str]:
    """The names whose value at this point of the step an expression reads."""
    roles = (Role.LOCAL, Role.SLOT, Role.PARAM, Role.GRAD)
    refs = (part for part in ir.parts(expr) if isinstance(part, Ref))
    return {ref.name for ref in refs if ref.role in roles}
