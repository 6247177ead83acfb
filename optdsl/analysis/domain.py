"""Whether `/`, `%`, `sqrt`, `log`, `tan` and `^` stay in their domain, by interval arithmetic.

Hyperparameters range over their intervals, `t` over the whole numbers from 1, gradients and
variables over all finite reals, slots over invariants that are found by a fixpoint from their
initial values. The analysis is sound over the reals: a fault that can happen is always reported.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from optdsl import intervals as iv
from optdsl import ir
from optdsl.analysis.ranges import Ranges
from optdsl.analysis.values import Duty, Program
from optdsl.defaults import values_of
from optdsl.diagnostics import Diagnostic, Severity
from optdsl.intervals import Interval
from optdsl.ops import OPS, Fault
from optdsl.records import record
from optdsl.source import SourceFile, Span

if TYPE_CHECKING:
    from optdsl.analysis.domain_witness import Witness

_PLAIN_ROUNDS = 2  # joins before widening begins
_MOST_ROUNDS = 12  # then nothing is assumed about any slot
_ROUNDS_WITHOUT_STOPS = 3  # the last of them, in which widening does not stop at the thresholds
_MOST_WORK = 40_000  # values to compute: a large specification gets fewer rounds
_MOST_STOPS = 40


@record
class Proof:
    """Why one operation stays in its domain: `text`, its argument, lies in `interval`."""

    operation: str
    text: str
    interval: Interval
    never: str


@record
class DomainReport:
    """What the analysis found: warnings, what it proved, and the invariants of the slots."""

    diagnostics: tuple[Diagnostic, ...]
    proofs: tuple[Proof, ...]
    slots: tuple[tuple[str, Interval], ...]

    def and_of(self, other: DomainReport) -> DomainReport:
        """This and what was found elsewhere, each finding once."""
        found = {(one.span, one.code) for one in self.diagnostics}
        more = (one for one in other.diagnostics if (one.span, one.code) not in found)
        proofs = dict.fromkeys((*self.proofs, *other.proofs))
        return DomainReport((*self.diagnostics, *more), tuple(proofs), self.slots)


def domain(hypers: tuple[ir.Hyper, ...], ranges: Ranges, source: SourceFile) -> DomainReport:
    """Prove that every operation stays in its domain, or say what could not be proved."""
    open_: list[tuple[Duty, Fault]] = []
    proofs: dict[tuple[int, int, str], Proof] = {}
    for duty in ranges.program.duties:
        args = [ranges.at(arg, duty.context) for arg in duty.args]
        if args[0].empty:
            continue
        for fault in OPS[duty.call.op].domain:
            if fault.possible(*args):
                open_.append((duty, fault))
            elif _worth_saying(duty, fault, args):
                span = duty.call.args[fault.argument].span
                text = _text(source, span)
                proof = Proof(duty.call.op, text, args[fault.argument], fault.words)
                proofs.setdefault((span.start, span.end, duty.call.op), proof)
    seen: dict[int, Witness] = {}
    if open_:
        from optdsl.analysis.domain_witness import witnesses  # hardly ever needed

        seen = witnesses(hypers, ranges, open_)
    diagnostics = _diagnostics(source, ranges, open_, seen)
    slots = tuple((name, ranges.inputs[name]) for name in ranges.program.initial)
    return DomainReport(diagnostics, tuple(proofs.values()), slots)


def _worth_saying(duty: Duty, fault: Fault, args: list[Interval]) -> bool:
    """Whether a proof says something about a value that could have been at fault."""
    anything = [iv.ALL if i == fault.argument else arg for i, arg in enumerate(args)]
    if not fault.possible(*anything):
        return False
    literal = duty.call.args[fault.argument]
    while isinstance(literal, ir.Call) and literal.op in ("real", "neg"):
        literal = literal.args[0]
    return not isinstance(literal, ir.Const)


def inputs(hypers: tuple[ir.Hyper, ...], program: Program) -> dict[str, Interval]:
    """What is known of everything a step starts from, the slots apart."""
    known = {hyper.name: hyper_interval(hyper) for hyper in hypers}
    known |= dict.fromkeys(("grad", "param", "loss"), iv.ALL)
    counts = ("t", "rows", "cols", "size", *program.lengths)
    known |= dict.fromkeys(counts, iv.of(1, inf, whole=True))
    return known | {"rank": iv.of(0, inf, whole=True), "first": iv.EITHER}


def hyper_interval(hyper: ir.Hyper) -> Interval:
    """The values that a hyperparameter may have."""
    known = values_of(hyper)
    if hyper.name == "weight_decay":  # `exclude_from_weight_decay` makes it 0 for some variables
        known = iv.union(known, iv.point(0.0))
    return known


# --- invariants ----------------------------------------------------------------------------------


def invariants(hypers: tuple[ir.Hyper, ...], program: Program) -> dict[str, Interval]:
    """For each slot an interval that its initial value is in and that no step leaves.

    The same for what a `repeat` carries from round to round, by the name of that input.
    """
    known = inputs(hypers, program)
    names = (*program.initial, *(each.name for each in program.carried))
    nothing = dict.fromkeys(names, iv.EMPTY)
    first = {**nothing, **_slots(Ranges(program, {**known, **nothing}), program.initial)}

    def after(slots: dict[str, Interval]) -> dict[str, Interval]:
        ranges = Ranges(program, {**known, **slots})
        stepped = _slots(ranges, program.final) | _rounds(ranges)
        return {name: iv.union(first[name], stepped[name]) for name in names}

    stops = _stops(hypers, program)
    slots = first
    rounds = min(_MOST_ROUNDS, max(4, _MOST_WORK // (len(program.tape) + 1)))
    for round_ in range(rounds):
        new = after(slots)
        if _inside(new, slots):
            return _narrowed(slots, new, after(new))
        if round_ < _PLAIN_ROUNDS:
            slots = {name: iv.union(slots[name], new[name]) for name in names}
        else:
            at = stops if round_ < rounds - _ROUNDS_WITHOUT_STOPS else ()
            slots = {name: iv.widen(slots[name], new[name], at) for name in names}
    return dict.fromkeys(names, iv.ALL)


def _narrowed(
    slots: dict[str, Interval], new: dict[str, Interval], newer: dict[str, Interval]
) -> dict[str, Interval]:
    """The smaller of the invariants `slots` and `new`, where `new` is one too."""
    return new if _inside(newer, new) else slots


def _slots(ranges: Ranges, nodes: dict[str, int]) -> dict[str, Interval]:
    return {name: ranges.at(node) for name, node in nodes.items() if name != "param"}


def _rounds(ranges: Ranges) -> dict[str, Interval]:
    """What is carried into the rounds of a `repeat`: from before it, and from another round."""
    return {
        each.name: iv.union(
            ranges.at(each.before, each.outside), ranges.at(each.after, each.inside)
        )
        for each in ranges.program.carried
    }


def _inside(small: dict[str, Interval], large: dict[str, Interval]) -> bool:
    return all(small[name].within(large[name]) for name in small)


def _stops(hypers: tuple[ir.Hyper, ...], program: Program) -> tuple[float, ...]:
    """Where widening may stop: the numbers that a specification mentions."""
    ends = [end for hyper in hypers for end in (hyper.interval.low, hyper.interval.high)]
    literals = [
        float(node.data)
        for node in program.nodes
        if node.op == "const" and isinstance(node.data, (int, float))
    ]
    both = dict.fromkeys(sign * stop for stop in [*ends, *literals] for sign in (1, -1))
    finite = [stop for stop in both if abs(stop) < inf][:_MOST_STOPS]
    return tuple(sorted({-1.0, 0.0, 1.0, *finite}))


# --- findings ------------------------------------------------------------------------------------


def _diagnostics(
    source: SourceFile, ranges: Ranges, found: list[tuple[Duty, Fault]], seen: dict[int, Witness]
) -> tuple[Diagnostic, ...]:
    """One diagnostic for each place and code, with a witness rather than without."""
    result: dict[tuple[int, int, str], Diagnostic] = {}
    for index in sorted(range(len(found)), key=lambda index: index not in seen):
        duty, fault = found[index]
        span = duty.call.args[fault.argument].span
        interval = ranges.at(duty.args[fault.argument], duty.context)
        finding = _diagnostic(duty, fault, interval, seen.get(index), source)
        result.setdefault((span.start, span.end, fault.code), finding)
    return tuple(sorted(result.values(), key=lambda finding: finding.span.start))


def _diagnostic(
    duty: Duty, fault: Fault, interval: Interval, witness: Witness | None, source: SourceFile
) -> Diagnostic:
    argument = duty.call.args[fault.argument]
    text = _text(source, argument.span)
    noun = fault.subject.format(f"`{text}`")
    if witness:
        message = f"{noun} can be {fault.words}"
        verb = "is" if witness.when else "can be"
        note = f"`{text}` {verb} {witness.value:g} {witness.when}".rstrip()
    else:
        message = f"{noun} may be {fault.words}: the opposite could not be proved"
        note = f"as far as the analysis can tell, `{text}` lies in {interval}"
    help_ = _interval_without_zero(fault, argument) or _help(fault, witness)
    return Diagnostic(fault.code, Severity.WARNING, message, argument.span, (note,), help_)


def _interval_without_zero(fault: Fault, argument: ir.Expr) -> str | None:
    """What to do about a divisor that is a hyperparameter."""
    while isinstance(argument, ir.Call) and argument.op == "real":
        argument = argument.args[0]
    if fault.code != "division-by-zero" or not isinstance(argument, ir.Ref):
        return None
    if argument.role is not ir.Role.HYPER:
        return None
    ends = "[1, inf)" if argument.type.kind is ir.Kind.INT else "(0, inf)"
    return f"give `{argument.name}` an interval without 0, as in `in {ends}`"


_NOT_HYPERS = ("t", "grad", "param", "loss", "rank", "rows", "cols", "size")


def _text(source: SourceFile, span: Span) -> str:
    """The text of an expression on one line, without parentheses around all of it."""
    text = " ".join(source.slice(span).split())
    while text.startswith("(") and text.endswith(")"):
        depth, inside = 0, text[:-1]
        for character in inside:
            depth += (character == "(") - (character == ")")
            if depth == 0:
                return text
        text = inside[1:].strip()
    return text


def _help(fault: Fault, witness: Witness | None) -> str:
    if witness and witness.needs == ("t",) and witness.t == 1:
        return "`t` is 1 on the first step: use `t`, or guard the expression with `where`"
    hypers = [name for name in witness.needs if name not in _NOT_HYPERS] if witness else []
    narrow = f", narrow the interval of `{hypers[0]}`" if hypers else ""
    return f"{fault.remedy}{narrow}, or guard the expression with `where`"
