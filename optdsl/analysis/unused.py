"""Warnings about what a specification declares or computes and does not use."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import assert_never

from optdsl import ir
from optdsl.diagnostics import Diagnostic, Severity
from optdsl.source import Span


@dataclass(slots=True)
class _Reads:
    """For each name that a step assigns, the names its value depends on, conditions included."""

    of: dict[str, set[str]] = field(default_factory=dict)

    def add(self, target: str, names: set[str]) -> None:
        """Adds what one assignment of `target` reads."""
        self.of.setdefault(target, set()).update(names)

    def all(self) -> set[str]:
        """Every name that is read."""
        return set().union(*self.of.values())

    def behind(self, target: str) -> set[str]:
        """Every name that has an influence on `target`, in this step or an earlier one."""
        found, queue = {target}, [target]
        while queue:
            new = self.of.get(queue.pop(), set()) - found
            found |= new
            queue += new
        return found


def unused(optimizer: ir.Optimizer) -> tuple[Diagnostic, ...]:
    """Warnings for hyperparameters, slots and locals that have no use, in the order of the text."""
    read: set[str] = set()
    found: list[Diagnostic] = []
    slots: dict[Span, list[Diagnostic | None]] = {}  # by declaration: one may be for several cases
    for case in optimizer.cases:
        reads = _reads((*case.step, *case.evaluation))
        read |= reads.all() | {name for slot in case.slots for name in ir.names(slot.initial)}
        read |= set() if case.condition is None else set(ir.names(case.condition))
        found += _unused_locals(case, reads)
        useful = reads.behind("param")
        for slot in case.slots:
            slots.setdefault(slot.span, []).append(_unused_slot(slot, reads, useful))
    for useless in slots.values():
        if all(useless) and useless[0] is not None:
            found.append(useless[0])
    for hyper in reversed(optimizer.hypers):
        if hyper.computed and hyper.name in read:
            read.update(ir.names(hyper.computed))
    for hyper in optimizer.hypers:
        if hyper.name not in read:
            message = f"the hyperparameter `{hyper.name}` is never used"
            help_ = "remove it, or use it in `step:`"
            found.append(_warning("unused-hyper", message, hyper.span, help_))
    return tuple(sorted(found, key=lambda warning: warning.span.start))


def _reads(body: tuple[ir.Stmt, ...]) -> _Reads:
    """What each name depends on; a statement in a branch depends on the conditions too."""
    reads = _Reads()
    for statement, conditions in ir.guarded(body):
        names = {name for expr in conditions for name in ir.names(expr)}
        names.update(ir.names(ir.expression(statement)))
        match statement:
            case ir.Let(name) | ir.Set(name):
                reads.add(name, names)
            case ir.If() | ir.Repeat():
                reads.add("", names)  # a condition is read even where its branches assign nothing
            case _:
                assert_never(statement)
    return reads


def _unused_slot(slot: ir.Slot, reads: _Reads, useful: set[str]) -> Diagnostic | None:
    """A warning for a slot without use in one case."""
    why = _why_useless(slot, reads, useful)
    return None if why is None else _warning("unused-slot", why[0], slot.span, why[1])


def _unused_locals(case: ir.Case, reads: _Reads) -> list[Diagnostic]:
    """Warnings for the locals of one case."""
    found, read = [], reads.all()
    both = ir.statements((*case.step, *case.evaluation))
    lets = [each for each in both if isinstance(each, ir.Let)]
    first = {let.name: let for let in reversed(lets)}
    for let in first.values():
        if let.name not in read:
            message = f"the local `{let.name}` is never read"
            found.append(_warning("unused-local", message, let.span, "remove the line"))
    return found


def _why_useless(slot: ir.Slot, reads: _Reads, useful: set[str]) -> tuple[str, str] | None:
    """Message and help for a slot without use; None for a good one."""
    name = slot.name
    others = [target for target, names in reads.of.items() if name in names and target != name]
    is_updated = name in reads.of
    if not others and not is_updated:
        return f"the slot `{name}` is never used", "remove it"
    if not others:
        return (
            f"the slot `{name}` is updated, but nothing else reads it",
            "remove it, or use it in the update of `param`",
        )
    if name not in useful:
        return (
            f"the slot `{name}` has no influence on `param`",
            "remove it, or use it in the update of `param`",
        )
    if not is_updated and "param" not in ir.names(slot.initial):
        return (
            f"the slot `{name}` is read, but never updated: it keeps its initial value",
            f"update it with `{name} <- …`, or use its initial value in its place",
        )
    return None


def _warning(code: str, message: str, span: Span, help_: str) -> Diagnostic:
    return Diagnostic(code, Severity.WARNING, message, span, (), help_)
