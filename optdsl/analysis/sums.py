"""Sums of products of values, and how large they can be."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import reduce
from itertools import product
from math import inf, nextafter, prod

from optdsl import intervals as iv
from optdsl.intervals import Interval
from optdsl.records import record

Monomial = tuple[tuple[int, int], ...]
"""Values, by their numbers, and their powers, sorted. What is divided by has a negative power."""

ONE: Monomial = ()

_MOST_CORNERS = 4  # values that a coefficient depends on
_UNIT, _ONE = iv.of(0, 1), iv.point(1.0)


@record
class Term:
    """A coefficient, which is a polynomial of weights, times a monomial of other values."""

    coefficient: tuple[tuple[Monomial, Fraction], ...]
    monomial: Monomial


@record
class Sum:
    """A sum of terms, and perhaps of a coefficient times a value that lies in an interval.

    `is_mean`: the coefficients add up to 1. `plain`: so the rule computes it.
    """

    terms: tuple[Term, ...]
    given: Term | None = None
    interval: Interval = iv.ALL
    is_mean: bool = False
    plain: bool = False


Case = tuple[Sum, ...]
Relation = tuple[Case, ...]
"""In one of these cases, a value is equal to all sums of the case."""

At = Callable[[int], Interval]


def bounds(relation: Relation, at: At) -> Interval:
    """Where a value lies because of its relation; `at` says where others do."""
    found = iv.EMPTY
    for case in relation:
        inside = reduce(iv.intersection, (_sum(one, at) for one in case))
        found = iv.union(found, inside)
    return found


def mean(relation: Relation, at: At) -> Interval:
    """The hull of what a value is a weighted mean of, or ALL; with 0, where that may be lost.

    `v + w * (x - v)` may lose a small `x` in the difference.
    """
    found = iv.ALL
    for one in relation[0] if len(relation) == 1 else ():
        if _weighs(one, at):
            hull = _hull(one, at)
            found = iv.intersection(found, hull if one.plain else iv.union(hull, iv.point(0.0)))
    return found


def _sum(one: Sum, at: At) -> Interval:
    total = _total([(_coefficient(term, at), _monomial(term.monomial, at)) for term in one.terms])
    if one.given is not None:
        total = iv.add(total, iv.mul(_coefficient(one.given, at), one.interval))
    return iv.intersection(total, _hull(one, at)) if _weighs(one, at) else total


def _total(products: list[tuple[Interval, Interval]]) -> Interval:
    """The sum of some products."""
    parts = [y if x == _ONE else iv.mul(x, y) for x, y in products]
    return reduce(iv.add, parts) if parts else iv.point(0.0)


def _weighs(one: Sum, at: At) -> bool:
    """Whether a sum is a weighted mean, without negative weights."""
    return one.is_mean and all(_coefficient(term, at).within(_UNIT) for term in one.terms)


def _hull(one: Sum, at: At) -> Interval:
    return iv.mean(reduce(iv.union, (_monomial(term.monomial, at) for term in one.terms)))


def _monomial(monomial: Monomial, at: At) -> Interval:
    factors = [at(atom) if n == 1 else iv.power(at(atom), iv.point(n)) for atom, n in monomial]
    return reduce(iv.mul, factors) if factors else _ONE


def _coefficient(term: Term, at: At) -> Interval:
    """Where a coefficient lies: the sum of its parts, and between its values at the corners."""
    parts = [(_fraction(share), _monomial(monomial, at)) for monomial, share in term.coefficient]
    total = _total(parts)
    return total if len(parts) < 2 else iv.intersection(total, _between_corners(term, at))


def _fraction(value: Fraction) -> Interval:
    """A number as an interval: floating point may not have it."""
    try:
        near = float(value)
    except OverflowError:
        return iv.POSITIVE if value > 0 else iv.NEGATIVE
    if Fraction(near) == value:
        return iv.point(near)
    return iv.of(nextafter(near, -inf), nextafter(near, inf), True, True)


def _between_corners(term: Term, at: At) -> Interval:
    """The hull of the corners: exact for a polynomial without squares on bounded weights."""
    weights = sorted({atom for monomial, _ in term.coefficient for atom, _ in monomial})
    powers = {power for monomial, _ in term.coefficient for _, power in monomial}
    ranges = [at(weight) for weight in weights]
    ends = [(x.low, x.high) for x in ranges if not x.empty and abs(x.low) + abs(x.high) < inf]
    if not 1 < len(weights) <= _MOST_CORNERS or powers != {1} or len(ends) < len(ranges):
        return iv.ALL
    found = iv.EMPTY
    for corner in product(*ends):
        value = dict(zip(weights, map(Fraction, corner), strict=True))
        parts = (
            share * prod(value[weight] for weight, _ in monomial)
            for monomial, share in term.coefficient
        )
        found = iv.union(found, _fraction(sum(parts, Fraction(0))))
    return found
