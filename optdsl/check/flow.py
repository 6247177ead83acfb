"""What is known at one point of a step, and one attempt at checking it."""

from __future__ import annotations

from dataclasses import dataclass, field

from optdsl import ir, syntax
from optdsl.check.scope import Scope
from optdsl.ir import PerStep, Type


@dataclass(slots=True)
class Flow:
    """What is known at one point of the step; a branch works on a copy.

    `hidden` are the locals that an earlier `when` assigns in one branch only; `elsewhere` those of
    the other branch, which can be assigned in this one, too; `inner` those of an earlier `repeat`.
    `repeated` says whether this is inside of one. `given` are the global slots that have their new
    values; `differs` says that some variables may not get here.
    """

    locals: dict[str, Type | None] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    elsewhere: frozenset[str] = frozenset()
    inner: set[str] = field(default_factory=set)
    repeated: bool = False
    given: set[str] = field(default_factory=set)
    differs: bool = False

    def branch(self, condition: ir.Expr | None = None, other: Flow | None = None) -> Flow:
        """The same knowledge for a branch, given the branch before it."""
        new = frozenset(other.locals) - frozenset(self.locals) if other else frozenset()
        differs = condition is not None and not isinstance(condition.type.shape, PerStep)
        return Flow(
            dict(self.locals),
            set(self.hidden),
            self.elsewhere | new,
            set(self.inner),
            self.repeated,
            set(self.given),
            self.differs or differs,
        )


@dataclass(slots=True)
class Attempt:
    """One attempt at checking the step.

    `as_real` are the locals that are whole in one branch and real in the other: they become real in
    both. They are found by checking; where `wider` is not empty at the end, the step is checked
    again with them. `changing` are the names that a `repeat` updates.
    """

    scope: Scope
    as_real: frozenset[str]
    changing: frozenset[str]
    wider: dict[str, syntax.When] = field(default_factory=dict)
