"""Sums over all variables and slots of which there is one: where they can stand."""

from __future__ import annotations

from collections.abc import Iterator

from optdsl import ir, syntax
from optdsl.check.scope import READABLE_HELP, Place, Reporter, Scope
from optdsl.ops import OPS
from optdsl.records import record
from optdsl.source import Span


@record
class Fault:
    """What is not built yet, where it stands, and what to do."""

    span: Span
    message: str
    help: str


def can_total(call: syntax.CallExpr, scope: Scope) -> bool:
    """Whether a sum over all variables can stand here; reports where not."""
    name = call.function
    if scope.base not in (Place.STEP, Place.EVAL):
        message = f"`{name.text}` cannot be used {scope.base.value}"
        scope.error("undefined-name", name.span, message, READABLE_HELP[scope.base])
    elif scope.differs:
        scope.error(
            "misplaced-barrier",
            call.span,
            f"`{name.text}` is over all variables, but the condition of this `when` is not the "
            "same for all of them",
            "assign it to a local above the `when`",
        )
    else:
        return True
    return False


def can_give(target: syntax.Ident, differs: bool, given: set[str], scope: Scope) -> bool:
    """Whether a global slot can be given a value here; reports where not.

    `differs` says that some variables may not get here; `given` have their new values.
    """
    name = target.text
    if differs:
        scope.error(
            "misplaced-global",
            target.span,
            f"`{name}` is one for all variables, but the condition of this `when` is not the same "
            "for all of them",
            "update it outside, with a value that `total(…)` gives",
        )
        return False
    if name in given:
        scope.error(
            "misplaced-global",
            target.span,
            f"`{name}` already has its new value, and a global slot gets one in a step",
            "give the earlier value the name of a local, with `=`",
        )
        return False
    given.add(name)
    return True


def report_faults(case: ir.Case, report: Reporter) -> None:
    """Reports sums over all variables and global slots that no step is built with."""
    for fault in faults(case):
        report.error("unsupported", fault.span, fault.message, fault.help)


def faults(case: ir.Case) -> Iterator[Fault]:
    """Sums over all variables and global slots where they are not built yet."""
    what = [(slot.span, f"the slot `{slot.name}` of shape `global`") for slot in case.global_slots]
    what += [(total.span, "a sum over all variables") for total in _totals(case.step)]
    of_eval = [(total.span, "a sum over all variables") for total in _totals(case.evaluation)]
    if case.name:
        help_ = "write a rule without `case`; a `when` can ask for `rank`"
        for span, each in (*what, *of_eval):
            yield Fault(span, f"{each} in a rule with cases is not supported yet", help_)
    elif case.evaluation:
        help_ = "leave `eval:` out, or keep the rule to one variable at a time"
        for span, each in (*what, *of_eval):
            yield Fault(span, f"{each} in a rule with `eval:` is not supported yet", help_)
    else:
        yield from _inside_of_repeats(case)


def _inside_of_repeats(case: ir.Case) -> Iterator[Fault]:
    help_ = "write it before or after the `repeat`"
    globals_ = {slot.name for slot in case.global_slots}
    repeats = (each for each in ir.statements(case.step) if isinstance(each, ir.Repeat))
    found: dict[Span, Fault] = {}  # of those in a `repeat` in another one, once
    for repeat in repeats:
        for total in _totals(repeat.body):
            message = "a sum over all variables inside of a `repeat` is not supported yet"
            found[total.span] = Fault(total.span, message, help_)
        for statement in ir.statements(repeat.body):
            if isinstance(statement, ir.Set) and statement.target in globals_:
                message = (
                    f"`{statement.target}` is one for all variables, and to update it inside of a "
                    "`repeat` is not supported yet"
                )
                found[statement.span] = Fault(statement.span, message, help_)
    yield from found.values()


def _totals(body: tuple[ir.Stmt, ...]) -> Iterator[ir.Call]:
    """The outermost sums over all variables, once for each place."""
    seen: set[Span] = set()
    for part in ir.all_parts(body):
        if isinstance(part, ir.Call) and OPS[part.op].totals and part.span not in seen:
            seen.add(part.span)
            yield part
