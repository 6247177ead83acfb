"""What is known of a checked specification: each analysis runs when it is first asked for, once."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from optdsl import ir
from optdsl.allowances import Allowance, silence
from optdsl.diagnostics import Diagnostic
from optdsl.records import replace
from optdsl.source import SourceFile

if TYPE_CHECKING:
    from optdsl.analysis.cost import Cost
    from optdsl.analysis.domain import DomainReport
    from optdsl.analysis.ranges import Ranges
    from optdsl.analysis.sparsity import Sparsity
    from optdsl.analysis.values import Program
    from optdsl.intervals import Interval


class Facts:
    """What is known of an optimizer; `source` is where it was written, `allowed` what it allows."""

    def __init__(
        self, optimizer: ir.Optimizer, source: SourceFile, allowed: tuple[Allowance, ...] = ()
    ) -> None:
        self.optimizer = optimizer
        self.source = source
        self.allowed = allowed
        self.cases = tuple(CaseFacts(case, optimizer.hypers, source) for case in optimizer.cases)

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        """What the analyses warn of, without what is allowed."""
        domains = (finding for case in self.cases for finding in case.domain.diagnostics)
        found = (*self.other_rate, *self.unused, *domains)
        return silence(self.source, self.allowed, found)

    def summary(self) -> dict[str, object]:
        """What there is to say of each case: how values are bounded, sparsity and cost."""
        return {
            f"case {case.case.name}".strip(): {
                "invariants": case.invariants,
                "proofs": case.domain.proofs,
                "sparsity": case.sparsity,
                "cost": case.cost,
            }
            for case in self.cases
        }

    @cached_property
    def unused(self) -> tuple[Diagnostic, ...]:
        """Warnings about hyperparameters, slots and locals without a use."""
        from optdsl.analysis.unused import unused

        return unused(self.optimizer)

    @cached_property
    def other_rate(self) -> tuple[Diagnostic, ...]:
        """A warning about a learning rate under another name."""
        from optdsl.analysis.rate import other_rate

        return other_rate(self.optimizer)


class CaseFacts:
    """What is known of one case of an optimizer."""

    def __init__(self, case: ir.Case, hypers: tuple[ir.Hyper, ...], source: SourceFile) -> None:
        self.case = case
        self.hypers = hypers
        self.source = source

    @cached_property
    def program(self) -> Program:
        """The step as a list of values."""
        from optdsl.analysis.relations import related
        from optdsl.analysis.values import flatten

        return related(flatten(self.case, self.hypers))

    @cached_property
    def invariants(self) -> dict[str, Interval]:
        """For each slot, an interval that it never leaves."""
        from optdsl.analysis.domain import invariants

        return invariants(self.hypers, self.program)

    @cached_property
    def ranges(self) -> Ranges:
        """The interval of every value of any step."""
        from optdsl.analysis.domain import inputs
        from optdsl.analysis.ranges import Ranges

        return Ranges(self.program, {**inputs(self.hypers, self.program), **self.invariants})

    @cached_property
    def domain(self) -> DomainReport:
        """Which operations stay in their domain, and which may not."""
        from optdsl.analysis.domain import domain

        step = domain(self.hypers, self.ranges, self.source)
        if not self.case.evaluation:
            return step
        return step.and_of(domain(self.hypers, self.evaluation, self.source))

    @cached_property
    def evaluation(self) -> Ranges:
        """The interval of every value of `eval`: the slots may be as they were at any time.

        That a slot stays where it is holds for the rows, and variables, that had no gradient yet.
        """
        from optdsl.analysis.domain import inputs
        from optdsl.analysis.ranges import Ranges
        from optdsl.analysis.values import flatten

        program = flatten(replace(self.case, step=self.case.evaluation))
        return Ranges(program, {**inputs(self.hypers, program), **self.invariants})

    @cached_property
    def sparsity(self) -> Sparsity:
        """Which rows a sparse step has to touch."""
        from optdsl.analysis.sparsity import sparsity

        return sparsity(self.case, self.ranges)

    @cached_property
    def cost(self) -> Cost:
        """Memory and traffic."""
        from optdsl.analysis.cost import cost

        return cost(self.case, self.program)
