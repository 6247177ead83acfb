"""IR -> IR: a rule in a wrapper is a rule, and nothing after this knows that it was composed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from optdsl import ir
from optdsl.check.across import faults
from optdsl.check.matrices import uses_matrices
from optdsl.check.wrapper import RATE
from optdsl.records import replace


class CompositionError(Exception):
    """Why two specifications, or a change, do not go together: a sentence, and what to do."""

    def __init__(self, message: str, help_: str) -> None:
        super().__init__(message)
        self.help = help_


def wrapped(wrapper: ir.Wrapper, stem: str, rule: ir.Optimizer) -> ir.Optimizer:
    """The rule with the wrapper's statements around its step.

    The rule keeps its names. A name of the wrapper that meets one of them becomes STEM_NAME.

    Args:
        wrapper: what surrounds.
        stem: what the wrapper's file is called.
        rule: what is surrounded.

    Raises:
        CompositionError: the wrapper reads a learning rate that the rule does not have, or a name
            is taken under its other form as well.
    """
    own = {hyper.name for hyper in rule.hypers}
    if wrapper.reads_rate and RATE not in own:
        raise CompositionError(
            f"`{wrapper.name}` reads `{RATE}`, which `{rule.name}` does not have",
            f"wrap a rule that declares `{RATE}`",
        )
    if any(case.as_matrix for case in rule.cases) and _looks_at_axes(wrapper):
        raise CompositionError(
            f"`{wrapper.name}` looks at axes, which `{rule.name}` folds in a case `as matrix`",
            "wrap a rule without such a case",
        )
    wrapper = _renamed(wrapper, _renaming(wrapper, stem, _names(rule)))
    cases = tuple(_around(wrapper, stem, case) for case in rule.cases)
    for fault in (fault for case in cases for fault in faults(case)):
        raise CompositionError(f"`{wrapper.name}` of `{rule.name}`: {fault.message}", fault.help)
    doc = f"{rule.name} in {wrapper.name}.\n\n{_first_line(wrapper.doc)}\n{rule.doc}".strip()
    return ir.Optimizer(f"{wrapper.name}{rule.name}", doc, (*rule.hypers, *wrapper.hypers), cases)


def _looks_at_axes(wrapper: ir.Wrapper) -> bool:
    """Whether it matters to a wrapper which axes a variable has."""
    body = (*wrapper.before, *wrapper.after)
    dims = any(isinstance(p, ir.Ref) and p.role is ir.Role.DIM for p in ir.all_parts(body))
    along = any(isinstance(p, ir.Call) and p.axis is not None for p in ir.all_parts(body))
    shaped = any(s.shape not in (ir.SlotShape.PARAM, ir.SlotShape.SCALAR) for s in wrapper.slots)
    return dims or along or shaped


def _first_line(doc: str) -> str:
    line = doc.strip().split("\n")[0]
    return f"{line}\n" if line else ""


# --- names ---------------------------------------------------------------------------------------


def _names(rule: ir.Optimizer) -> set[str]:
    """All names that the declarations and statements of a rule give."""
    names = {hyper.name for hyper in rule.hypers}
    for case in rule.cases:
        names |= {slot.name for slot in case.slots}
        names |= set(ir.bound((*case.step, *case.evaluation)))
    return names


def _renaming(wrapper: ir.Wrapper, stem: str, taken: set[str]) -> dict[str, str]:
    """The wrapper's names that meet those of the rule, with what they become."""
    declared = [hyper.name for hyper in wrapper.hypers] + [slot.name for slot in wrapper.slots]
    own = (*wrapper.before, *wrapper.after, *wrapper.evaluation)
    given = [*declared, *ir.bound(own)]
    renaming: dict[str, str] = {}
    for name in dict.fromkeys(given):
        if name in taken:
            renaming[name] = new = f"{stem}_{name}"
            if new in taken or new in given:
                raise CompositionError(
                    f"`{name}` of `{wrapper.name}` and of the rule meet, and `{new}` is taken too",
                    "rename one of them in its file",
                )
    return renaming


def _renamed(wrapper: ir.Wrapper, renaming: Mapping[str, str]) -> ir.Wrapper:
    """The wrapper under other names."""
    if not renaming:
        return wrapper

    def name(old: str) -> str:
        return renaming.get(old, old)

    def part(one: ir.Expr) -> ir.Expr | None:
        match one:
            case ir.Ref() | ir.Old():
                return replace(one, name=name(one.name))
            case _:
                return None

    def value(expr: ir.Expr) -> ir.Expr:
        return ir.rewrite(expr, part)

    def equation(text: str) -> str:
        return re.sub(r"[A-Za-z]\w*", lambda word: name(word[0]), text)

    slots = (replace(s, name=name(s.name), initial=value(s.initial)) for s in wrapper.slots)
    return replace(
        wrapper,
        hypers=tuple(replace(hyper, name=name(hyper.name)) for hyper in wrapper.hypers),
        slots=tuple(slots),
        before=ir.rewritten(wrapper.before, value, name, equation),
        after=ir.rewritten(wrapper.after, value, name, equation),
        evaluation=ir.rewritten(wrapper.evaluation, value, name, equation),
    )


# --- statements ----------------------------------------------------------------------------------


def _around(wrapper: ir.Wrapper, stem: str, case: ir.Case) -> ir.Case:
    """A case with the wrapper's slots and statements."""
    inside = (*case.step, *wrapper.after)
    moved = set(ir.updated(wrapper.before))
    read = [part for part in ir.all_parts(inside) if isinstance(part, ir.Old)]
    kept = {part.name: part for part in read if part.name in moved}
    taken = {*_names(ir.Optimizer("", "", (), (case,))), *ir.bound(wrapper.after)}
    names = {name: _free(f"{name}_before_{stem}", taken) for name in kept}

    def at_start(expr: ir.Expr) -> ir.Expr:
        """`old(…)` in the rule is what it was when the rule's own statements began."""

        def part(one: ir.Expr) -> ir.Expr | None:
            match one:
                case ir.Old(name, type_, span) if name in names:
                    return ir.Ref(names[name], ir.Role.LOCAL, type_, span)
                case _:
                    return None

        return ir.rewrite(expr, part)

    starts = [
        ir.Let(names[name], ir.Ref(name, _role(name), old.type, old.span), "", old.span)
        for name, old in kept.items()
    ]
    step = (*wrapper.before, *starts, *ir.rewritten(inside, at_start))
    slots = (*case.slots, *wrapper.slots)
    return replace(
        case,
        slots=slots,
        step=step,
        evaluation=wrapper.evaluation or case.evaluation,
        uses_matrices=uses_matrices(slots, step),
    )


def _role(name: str) -> ir.Role:
    return ir.Role.PARAM if name == "param" else ir.Role.SLOT


def _free(name: str, taken: Iterable[str]) -> str:
    while name in taken:
        name += "_"
    return name


# --- changes -------------------------------------------------------------------------------------


def with_default(rule: ir.Optimizer, name: str, default: float | int | bool) -> ir.Optimizer:
    """The rule with another default.

    Raises:
        CompositionError: there is no such hyperparameter, or it does not take that.
    """
    hyper = _hyper(rule, name, default)
    new = replace(hyper, default=_as_kind(hyper, default))
    return replace(rule, hypers=tuple(new if each is hyper else each for each in rule.hypers))


def fixed(rule: ir.Optimizer, name: str, value: float | int | bool) -> ir.Optimizer:
    """The rule with a number in place of a hyperparameter.

    Raises:
        CompositionError: there is no such hyperparameter, or it does not take that.
    """
    hyper = _hyper(rule, name, value)
    number = _as_kind(hyper, value)

    def part(one: ir.Expr) -> ir.Expr | None:
        match one:
            case ir.Ref(read, ir.Role.HYPER, type_, span) if read == name:
                return ir.Const(number, type_, span)
            case _:
                return None

    def known(expr: ir.Expr) -> ir.Expr:
        return _real_literals(ir.rewrite(expr, part))

    cases = (
        replace(
            case,
            slots=tuple(replace(slot, initial=known(slot.initial)) for slot in case.slots),
            step=_taken(ir.rewritten(case.step, known)),
            evaluation=_taken(ir.rewritten(case.evaluation, known)),
            condition=None if case.condition is None else known(case.condition),
        )
        for case in rule.cases
    )
    hypers = tuple(each for each in rule.hypers if each is not hyper)
    return replace(rule, hypers=hypers, cases=tuple(cases))


def _taken(body: tuple[ir.Stmt, ...]) -> tuple[ir.Stmt, ...]:
    """Statements without the branches that are never taken, now that their conditions are known."""
    kept: list[ir.Stmt] = []
    for statement in body:
        match statement:
            case ir.If(condition, then, orelse):
                truth = _truth(condition)
                if truth is None:
                    inside = {"then": _taken(then), "orelse": _taken(orelse)}
                    kept.append(replace(statement, **inside))
                else:
                    kept += _taken(then if truth else orelse)
            case ir.Repeat(_, rounds):
                kept.append(replace(statement, body=_taken(rounds)))
            case _:
                kept.append(statement)
    return tuple(kept)


def _truth(condition: ir.Expr) -> bool | None:
    """What literals decide of a condition."""
    match condition:
        case ir.Const(value):
            return bool(value)
        case ir.Call("not", (inner,)):
            truth = _truth(inner)
            return None if truth is None else not truth
        case ir.Call("and" | "or" as op, args):
            truths = {_truth(arg) for arg in args}
            decides = op == "or"
            return decides if decides in truths else None if None in truths else not decides
        case _:
            return None


def _real_literals(expr: ir.Expr) -> ir.Expr:
    """A whole literal that is converted to a real one is written as that."""

    def part(one: ir.Expr) -> ir.Expr | None:
        match one:
            case ir.Call("real", (ir.Const(number),), _, type_, span):
                return ir.Const(float(number), type_, span)
            case _:
                return None

    return ir.rewrite(expr, part)


def _hyper(rule: ir.Optimizer, name: str, value: float | int | bool) -> ir.Hyper:
    """A hyperparameter that takes a value."""
    found = next((hyper for hyper in rule.hypers if hyper.name == name), None)
    if found is None:
        names = ", ".join(f"`{hyper.name}`" for hyper in rule.hypers) or "none"
        message = f"`{rule.name}` has no hyperparameter `{name}`"
        raise CompositionError(message, f"its hyperparameters are {names}")
    wanted = {ir.Kind.BOOL: "`true` or `false`", ir.Kind.INT: "a whole number"}
    is_bool = isinstance(value, bool)
    if is_bool != (found.kind is ir.Kind.BOOL) or (
        found.kind is ir.Kind.INT and not isinstance(value, int)
    ):
        must = wanted.get(found.kind, "a number")
        raise CompositionError(f"`{name}` takes {must}", f"write {must}")
    if not is_bool and value not in found.interval:
        message = f"`{name}` must be in {found.interval}, and this is not"
        raise CompositionError(message, "choose a value in the interval")
    return found


def _as_kind(hyper: ir.Hyper, value: float | int | bool) -> float | int | bool:
    return float(value) if hyper.kind is ir.Kind.REAL else value
