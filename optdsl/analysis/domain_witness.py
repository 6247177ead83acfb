"""Values at which an operation leaves its domain: found by trying the corners, or not found.

The first steps are run with intervals of one number each, so that what is claimed here is certain;
then every input is let go whose value turns out not to matter.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

from optdsl import defaults, ir
from optdsl import intervals as iv
from optdsl.analysis.ranges import Ranges
from optdsl.analysis.values import Duty, Program
from optdsl.intervals import Interval
from optdsl.ops import Fault
from optdsl.records import record

_MOST_WORK = 20_000  # values to compute before giving up
_MOST_FINDINGS = 20  # that are worth a search; a specification with more has other problems
_STEPS = 3  # steps to run from the initial state
_DIMENSIONS = ((1, 1, 1, 1), (2, 1, 1, 1), (0, 1, 1, 1), (2, 3, 2, 6))
_DIMENSION_NAMES = ("rank", "rows", "cols", "size")
_TENSORS = ((0, 1), (1, 1), (-1, 1), (0, 0), (1, -1))  # what `grad` and `param` are


@record
class Witness:
    """The argument is `value` `when`, in words; `needs` are the names whose values matter."""

    value: float
    when: str
    t: float
    needs: tuple[str, ...]


Finding = tuple[Duty, Fault]
Inputs = dict[str, Interval]


def witnesses(
    hypers: tuple[ir.Hyper, ...], ranges: Ranges, found: list[Finding]
) -> dict[int, Witness]:
    """Witnesses by index into `found`."""
    search = _Search(hypers, ranges, found[:_MOST_FINDINGS])
    names = {name for index in range(len(search.found)) for name in search.reach(index)[1]}
    for scenario in _scenarios(hypers, ranges.program, names):
        if len(search.witnesses) == len(search.found) or search.work < 0:
            break
        search.run(scenario)
    return search.witnesses


def _numbers(program: Program) -> list[float]:
    """The numbers worth trying: 0, 1, -1 and the smallest that the specification mentions."""
    literals = {float(n.data) for n in program.nodes if isinstance(n.data, (int, float))}
    return [0.0, 1.0, -1.0, *sorted(literals - {0.0, 1.0, -1.0}, key=abs)[:6]]


def _scenarios(
    hypers: tuple[ir.Hyper, ...], program: Program, names: set[str]
) -> Iterator[dict[str, float]]:
    """Values for everything but `t` and the slots, the plainest first; only `names` matter."""
    default = defaults.numbers(hypers)
    numbers = _numbers(program)
    corners = [default]
    for hyper in hypers:
        if hyper.name in names:
            ends = (hyper.interval.low, hyper.interval.high)
            tried = dict.fromkeys([*ends, *numbers, *(-number for number in numbers)])
            corners += [{**default, hyper.name: value} for value in tried if abs(value) < inf]
    corners += [
        {name: pick(corner[name] for corner in corners) for name in default} for pick in (min, max)
    ]
    sizes = [
        dict(zip(_DIMENSION_NAMES, map(float, it), strict=True))
        | dict.fromkeys(program.lengths, float(it[2]))
        for it in _DIMENSIONS
    ]
    tensors = _TENSORS if names & {"grad", "param"} else _TENSORS[:1]
    worlds = [
        *({**size, **default} for size in sizes),
        *({**sizes[0], **corner} for corner in corners),
    ]
    for world in worlds:
        for grad, param in tensors:
            yield {**world, "grad": grad, "param": param, "loss": 1.0}
    worlds[0] = {**worlds[0], "loss": 1.0}
    if "loss" in names:
        for number in numbers:
            yield {**worlds[0], "grad": 1.0, "param": 1.0, "loss": number}
    for number in numbers:
        yield {**worlds[0], "grad": number, "param": 1.0}
        yield {**worlds[0], "grad": 1.0, "param": number}


class _Search:
    """Runs scenarios and keeps the first witness of each finding."""

    def __init__(
        self,
        hypers: tuple[ir.Hyper, ...],
        ranges: Ranges,
        found: list[Finding],
    ) -> None:
        self.bools = {hyper.name for hyper in hypers if hyper.kind is ir.Kind.BOOL}
        dimensions = (*_DIMENSION_NAMES, *ranges.program.lengths)
        self.free = [*(hyper.name for hyper in hypers), *dimensions]
        self.program = ranges.program
        self.known = ranges.inputs
        self.found = found
        self.witnesses: dict[int, Witness] = {}
        self.late = [number for number in _numbers(ranges.program) if number > _STEPS]
        self.work = _MOST_WORK

    def run(self, scenario: dict[str, float]) -> None:
        """Try the first steps of one scenario, and some later ones with the slots left open."""
        if any(value not in self.known[name] for name, value in scenario.items()):
            return
        fixed = {name: iv.point(value) for name, value in scenario.items()}
        for t in [*range(1, _STEPS + 1), *self.late]:
            ranges = self.step(fixed, t)
            for index in range(len(self.found)):
                if self.work < 0:
                    return
                if index not in self.witnesses and self.value(index, ranges) is not None:
                    self.witnesses[index] = self.witness(index, fixed, t)

    def step(self, fixed: Inputs, t: float, as_t: Interval | None = None) -> Ranges:
        """Step `t` from the initial state; the slots are open where that is too many steps.

        `as_t` is what the step believes `t` to be, instead of `t`; then it may be the first, too.
        """
        carried = {each.name: self.known[each.name] for each in self.program.carried}
        fixed = {**fixed, **carried}
        first = iv.EITHER if as_t else iv.TRUE if t == 1 else iv.FALSE
        slots = {name: self.known[name] for name in self.program.initial}
        if t <= _STEPS:
            nothing = dict.fromkeys(slots, iv.EMPTY)
            ranges = self.ranges({**fixed, **nothing, "t": iv.EMPTY, "first": iv.EMPTY})
            slots = {name: ranges.at(node) for name, node in self.program.initial.items()}
            for before in range(1, int(t)):
                now = {"t": iv.point(before), "first": iv.TRUE if before == 1 else iv.FALSE}
                ranges = self.ranges({**fixed, **slots, **now})
                slots = {name: ranges.at(self.program.final[name]) for name in slots}
        return self.ranges({**fixed, **slots, "t": as_t or iv.point(t), "first": first})

    def ranges(self, inputs: Inputs) -> Ranges:
        self.work -= len(self.program.tape)
        return Ranges(self.program, inputs, strict=True)

    def value(self, index: int, ranges: Ranges) -> float | None:
        """What the argument at fault is, where the fault is certain; else None."""
        duty, fault = self.found[index]
        context = duty.context
        while context:
            own = self.program.contexts[context]
            if ranges.at(own.condition, own.parent).point != own.truth:
                return None
            context = own.parent
        before = [iv.ALL] * fault.argument  # what is divided does not matter
        args = [ranges.at(arg, duty.context) for arg in duty.args[fault.argument :]]
        if any(arg.empty or abs(arg.low) == inf or abs(arg.high) == inf for arg in args):
            return None
        ends = ([iv.point(arg.low) for arg in args], [iv.point(arg.high) for arg in args])
        certain = all(fault.possible(*before, *end) for end in ends) and args[-1].point is not None
        return args[0].low if certain else None

    # --- in words --------------------------------------------------------------------------------

    def witness(self, index: int, fixed: Inputs, t: float) -> Witness:
        """The witness with every input let go that does not matter."""
        duty, fault = self.found[index]
        near, far = self.reach(index)
        as_t = iv.point(t)
        needs = []
        for name in ("grad", "param", "loss", *self.free):
            if name not in far:
                continue
            trial = {**fixed, name: self.known[name]}
            if self.value(index, self.step(trial, t)) is None:
                needs.append(name)
            else:
                fixed = trial
        if "t" in near or "first" in near:
            if self.value(index, self.step(fixed, t, self.known["t"])) is None:
                needs.append("t")
            else:
                as_t = self.known["t"]
        ranges = self.step(fixed, t, as_t)
        value = self.value(index, ranges)
        assert value is not None, "letting go of an input keeps the fault"
        state = {
            name: ranges.at(self.program.inputs[name]).point
            for name in near
            if name in self.program.initial
        }
        argument = duty.call.args[fault.argument]
        while isinstance(argument, ir.Call) and argument.op == "real":
            argument = argument.args[0]
        own = argument.name if isinstance(argument, ir.Ref) else ""
        return Witness(value, self.words(own, needs, fixed, t, state), t, tuple(needs))

    def reach(self, index: int) -> tuple[list[str], set[str]]:
        """The inputs of the step that a finding depends on, and those of all steps before it."""
        duty, fault = self.found[index]
        near = [name for arg in duty.args[fault.argument :] for name in self.names(arg)]
        todo, context = list(near), duty.context
        while context:
            todo += self.names(self.program.contexts[context].condition)
            context = self.program.contexts[context].parent
        far = set(todo)
        while todo:
            name = todo.pop()
            if name in self.program.initial:
                nodes = (self.program.initial[name], self.program.final[name])
                fresh = {below for node in nodes for below in self.names(node)} - far
                far |= fresh
                todo.extend(fresh)
        return list(dict.fromkeys(near)), far

    def names(self, node: int) -> list[str]:
        """The names of the inputs that a value is computed from."""
        below = (self.program.nodes[number] for number in self.program.below(node))
        return sorted(str(known.data) for known in below if known.op == "input")

    def words(
        self, own: str, needs: list[str], fixed: Inputs, t: float, state: dict[str, float | None]
    ) -> str:
        """``at t = 1 with beta = 1 when `grad` has been 0 (v = 0)``; nothing about `own`."""
        parts = [f"at t = {t:g}"] if "t" in needs and own != "t" else []
        hypers = [name for name in needs if name not in ("t", "grad", "param", "loss", own)]
        if hypers:
            parts.append(
                "with " + ", ".join(f"{name} = {self.said(name, fixed)}" for name in hypers)
            )
        verb = "has been" if state else "is"
        given = ("grad", "param", "loss")
        tensors = [name for name in given if name in needs and name != own]
        if tensors:
            said = [f"`{name}` {verb} {fixed[name].low:g}" for name in tensors]
            parts.append("when " + " and ".join(said))
        held = [f"{name} = {it:g}" for name, it in state.items() if it is not None and name != own]
        if held:
            parts.append(f"({', '.join(held)})")
        return " ".join(parts)

    def said(self, name: str, fixed: Inputs) -> str:
        """The value of a hyperparameter as it is written."""
        value = fixed[name].low
        return ("true" if value else "false") if name in self.bools else f"{value:g}"
