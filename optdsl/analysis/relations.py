"""What is known of a value because of how its parts hang together.

`x * y * x` is not negative if `y` is not; `b * v + (1 - b) * w` lies between `v` and `w`; where
`v > w`, `v - c * w` is `(v - w) + (1 - c) * w`. All that is found in normal forms, once for a
program; how large the parts are is put in by `sums`.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import compress
from math import inf

from optdsl import intervals as iv
from optdsl.analysis.forms import Forms, Polynomial, plus, times
from optdsl.analysis.sums import ONE, Case, Monomial, Relation, Sum, Term
from optdsl.analysis.values import Compute, Program
from optdsl.intervals import Interval
from optdsl.records import replace

_MOST_SUMS = 500  # in all relations of a program
_MOST_FACTS = 3  # that are looked at in one context
_MOST_WEIGHTS = 3  # that are tried for one sum
_NEGATIVE_OR_ZERO = iv.of(-inf, 0)


Fact = tuple[Polynomial, Interval]
"""A polynomial and where its value lies."""


def related(program: Program) -> Program:
    """A program with the relations of its values."""
    forms = Forms(program.nodes)
    finder = _Finder(forms)
    facts: list[tuple[Fact, ...]] = []
    for context in program.contexts:
        before = facts[context.parent] if facts else ()
        new = _facts(forms, context.condition, context.truth) if facts else ()
        useful = (fact for fact in new if len(fact[0].keys() - {ONE}) > 1)
        facts.append((*useful, *before)[:_MOST_FACTS])
    found: dict[tuple[int, int], Relation] = {}
    left = _MOST_SUMS
    for entry in program.tape:
        if isinstance(entry, Compute) and left > 0:
            relation = finder.relation(entry.node, facts[entry.context])
            if relation:
                found[entry.context, entry.node] = relation
                left -= sum(map(len, relation))
    return replace(program, relations=found)


def _facts(forms: Forms, node: int, truth: bool) -> Iterator[Fact]:
    """What a condition says of a difference, if it is true, or false."""
    known = forms.nodes[node]
    match known.op, truth:
        case "not", _:
            yield from _facts(forms, known.args[0], not truth)
        case ("and", True) | ("or", False):
            for arg in known.args:
                yield from _facts(forms, arg, truth)
        case (("lt" | "le" | "gt" | "ge") as op, _):
            left, right = (forms.polynomials[arg] for arg in known.args)
            if (op in ("lt", "le")) == truth:
                left, right = right, left
            difference = plus(left, right, Fraction(-1))
            yield difference, iv.POSITIVE if (op in ("lt", "gt")) == truth else iv.NOT_NEGATIVE
        case ("eq", True) | ("ne", False):
            left, right = (forms.polynomials[arg] for arg in known.args)
            yield plus(left, right, Fraction(-1)), iv.point(0.0)
        case _:
            pass


# --- what is worth knowing -----------------------------------------------------------------------


class _Finder:
    """Finds the relations of single values."""

    def __init__(self, forms: Forms) -> None:
        self.forms = forms

    def relation(self, node: int, facts: tuple[Fact, ...]) -> Relation:
        """What is known of a value where the facts hold; nothing for most values."""
        known = self.forms.nodes[node]
        if known.op in ("mul", "div"):
            it = self.forms.products[node]
            again = any(abs(power) > 1 for _, power in it.factors)
            if not again or known.args[0] == known.args[-1]:
                return ()
            return ((Sum((Term(((ONE, it.coefficient),), it.factors),)),),)
        form = self.forms.polynomials[node]
        if known.op not in ("add", "sub") or ((node, 1),) in form:
            return ()
        whole = tuple(self.whole(node, form))
        cases = tuple(self.case(part, (*new, *facts)) for part, new in self.pieces(form))
        if any(len(case) > 1 for case in cases):
            return tuple((*whole, *case) for case in cases)
        return (whole,) if whole else ()

    def whole(self, node: int, form: Polynomial) -> Iterator[Sum]:
        """The sum with equal monomials together, if that says more than the rule itself."""
        one = self.sum(form)
        terms = len(form) if self.forms.is_per_step(node) else len(one.terms)
        if one.is_mean or terms < self.forms.leaves[node]:
            yield replace(one, plain=terms == self.forms.leaves[node])
        for weight in self.weights(form):
            other = self.sum(form, weight)
            if len(other.terms) < len(one.terms):
                yield other

    def weights(self, form: Polynomial) -> list[tuple[int, int]]:
        """Factors of several monomials, which may be weights as hyperparameters are."""
        factors = [factor for monomial in form for factor in monomial]
        often = [factor for factor in dict.fromkeys(factors) if factors.count(factor) > 1]
        return [it for it in often if not self.forms.is_per_step(it[0])][:_MOST_WEIGHTS]

    def case(self, form: Polynomial, facts: tuple[Fact, ...]) -> Case:
        """A sum, and what becomes of it if the facts are used: one of their monomials goes."""
        found = [self.sum(form)]
        for fact, interval in facts:
            for gone, share in fact.items():
                for often in self.shares(form, gone):
                    factor = plus({}, often, 1 / share)
                    rest = plus(form, times(factor, fact), Fraction(-1))
                    found.append(self.sum(rest, given=(factor, interval)))
        return tuple(found)

    def shares(self, form: Polynomial, monomial: Monomial) -> Iterator[Polynomial]:
        """How often a sum holds a monomial: as a number, and with all weights it has there."""
        if monomial in form:
            yield {ONE: form[monomial]}
        parts = [(*self.split(each), coefficient) for each, coefficient in form.items()]
        whole = {weights: it for weights, others, it in parts if others == monomial}
        if whole.keys() - {ONE}:
            yield whole

    def pieces(self, form: Polynomial) -> Iterator[tuple[Polynomial, tuple[Fact, ...]]]:
        """The sum where its first `sign`, `abs`, `max` or `min` is one piece or another."""
        atoms = [atom for monomial in form for atom, power in monomial if power == 1]
        for atom in atoms:
            args = [self.forms.polynomials[arg] for arg in self.forms.nodes[atom].args]
            pieces = _pieces(self.forms.nodes[atom].op, *args)
            if pieces:
                for becomes, fact in pieces:
                    yield _substituted(form, atom, becomes), (fact,)
                return
        yield form, ()

    def sum(
        self, form: Polynomial, weight: tuple[int, int] | None = None, given: Fact | None = None
    ) -> Sum:
        """The terms of a polynomial, those of one monomial together."""
        groups: dict[Monomial, Polynomial] = {}
        for monomial, coefficient in form.items():
            weights, others = self.split(monomial, weight)
            groups.setdefault(others, {})[weights] = coefficient
        total: Polynomial = {}
        for group in groups.values():
            total = plus(total, group, Fraction(1))
        is_mean = len(groups) > 1 and total == {ONE: 1} and given is None
        terms = tuple(Term(tuple(group.items()), others) for others, group in groups.items())
        if given is None:
            return Sum(terms, is_mean=is_mean)
        return Sum(terms, Term(tuple(given[0].items()), ONE), given[1])

    def split(
        self, monomial: Monomial, weight: tuple[int, int] | None = None
    ) -> tuple[Monomial, Monomial]:
        """The weights of a monomial, which are known once per step, and the rest."""
        yes = [factor == weight or self.forms.is_per_step(factor[0]) for factor in monomial]
        no = [not one for one in yes]
        return tuple(compress(monomial, yes)), tuple(compress(monomial, no))


def _pieces(op: str, *args: Polynomial) -> tuple[tuple[Polynomial, Fact], ...]:
    """What an operation gives, piece by piece, each with what holds there."""
    one = {ONE: Fraction(1)}
    match op, args:
        case "sign", (x,):
            return (
                (one, (x, iv.POSITIVE)),
                ({}, (x, iv.point(0.0))),
                (plus({}, one, Fraction(-1)), (x, iv.NEGATIVE)),
            )
        case "abs", (x,):
            less = plus({}, x, Fraction(-1))
            return (x, (x, iv.NOT_NEGATIVE)), (less, (less, iv.NOT_NEGATIVE))
        case (("max" | "min"), (x, y)):
            left, right = (x, y) if op == "max" else (y, x)
            difference = plus(x, y, Fraction(-1))
            not_positive = iv.of(-inf, 0)
            return (left, (difference, iv.NOT_NEGATIVE)), (right, (difference, not_positive))
        case _:
            return ()


def _substituted(form: Polynomial, atom: int, becomes: Polynomial) -> Polynomial:
    """A polynomial with another one in the place of an atom."""
    total: Polynomial = {}
    for monomial, coefficient in form.items():
        rest = tuple(it for it in monomial if it != (atom, 1))
        factor = becomes if rest != monomial else {ONE: Fraction(1)}
        total = plus(total, times({rest: coefficient}, factor), Fraction(1))
    return total
