"""Warnings about what a specification declares or computes and does not use."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import assert_never

from optdsl import ir, syntax
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


def unused(optimizer: ir.Optimizer, spec: syntax.Spec) -> tuple[Diagnostic, ...]:
    """Warnings for hyperparameters, slots and locals that have no use.

    Args:
        optimizer: The checked specification.
        spec: The surface tree it comes from, for the places of names.

    Returns:
        `unused-hyper`, `unused-slot` and `unused-local`, in the order of the source.
    """
    reads = _Reads()
    _collect(optimizer.step, frozenset(), reads)
    places = _places(spec)
    read = reads.all()
    initial = {name for slot in optimizer.slots for name in _names(slot.initial)}
    found: list[Diagnostic] = []
    for hyper in optimizer.hypers:
        if hyper.name not in read and hyper.name not in initial:
            message = f"the hyperparameter `{hyper.name}` is never used"
            help_ = "remove it, or use it in `step:`"
            found.append(_warning("unused-hyper", message, places[hyper.name], help_))
    useful = reads.behind("param")
    for slot in optimizer.slots:
        why = _why_useless(slot, reads, useful)
        if why is not None:
            found.append(_warning("unused-slot", why[0], places[slot.name], why[1]))
    for name in dict.fromkeys(_locals(optimizer.step)):
        if name not in read:
            message = f"the local `{name}` is never read"
            found.append(_warning("unused-local", message, places[name], "remove the line"))
    return tuple(sorted(found, key=lambda warning: warning.span.start))


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
    if not is_updated and "param" not in _names(slot.initial):
        return (
            f"the slot `{name}` is read, but never updated: it keeps its initial value",
            f"update it with `{name} <- …`, or use its initial value in its place",
        )
    return None


def _warning(code: str, message: str, span: Span, help_: str) -> Diagnostic:
    return Diagnostic(code, Severity.WARNING, message, span, (), help_)


def _collect(body: tuple[ir.Stmt, ...], conditions: frozenset[str], reads: _Reads) -> None:
    """Adds what each statement reads; a statement in a branch depends on the conditions too."""
    for statement in body:
        match statement:
            case ir.Let(name, value) | ir.Set(name, value):
                reads.add(name, set(_names(value)) | conditions)
            case ir.If(condition, then, orelse):
                inner = conditions | set(_names(condition))
                # A condition is read even where its branches assign nothing.
                reads.add("", set(_names(condition)))
                _collect(then, inner, reads)
                _collect(orelse, inner, reads)
            case _:
                assert_never(statement)


def _names(expr: ir.Expr) -> Iterator[str]:
    """The names that an expression reads."""
    stack = [expr]
    while stack:
        node = stack.pop()
        match node:
            case ir.Ref(name) | ir.Old(name):
                yield name
            case ir.Call(_, args):
                stack += args
            case ir.Const():
                pass
            case _:
                assert_never(node)


def _locals(body: tuple[ir.Stmt, ...]) -> Iterator[str]:
    for statement in body:
        match statement:
            case ir.Let(name):
                yield name
            case ir.If(_, then, orelse):
                yield from _locals(then)
                yield from _locals(orelse)
            case ir.Set():
                pass
            case _:
                assert_never(statement)


def _places(spec: syntax.Spec) -> dict[str, Span]:
    """Where each hyperparameter, slot and local is first written."""
    places: dict[str, Span] = {}
    for member in spec.members:
        match member:
            case syntax.HyperDecl(name):
                places.setdefault(name.text, name.span)
            case syntax.SlotDecl(names):
                for name in names:
                    places.setdefault(name.text, name.span)
            case syntax.StepBlock(body):
                _add_locals(body, places)
            case _:
                pass
    return places


def _add_locals(body: tuple[syntax.Stmt, ...], places: dict[str, Span]) -> None:
    for statement in body:
        match statement:
            case syntax.Assign(target):
                places.setdefault(target.text, target.span)
            case syntax.When(_, then, otherwise):
                _add_locals(then, places)
                _add_locals(otherwise, places)
            case _:
                pass
