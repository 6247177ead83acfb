"""Normal forms: a value as a polynomial of others, the same for all ways to write a rule.

`v + (1 - b) * (grad^2 - v)` and `b * v + (1 - b) * grad * grad` are both `b v + (1 - b) grad^2`. A
monomial is a product of *atoms*, values that are no sums and no products, each with a power; what
is divided by has a negative one, and nothing cancels.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import inf

from optdsl import ir
from optdsl.analysis.sums import ONE, Monomial
from optdsl.analysis.values import Node
from optdsl.records import record

Polynomial = dict[Monomial, Fraction]

MOST_TERMS = 8  # a larger polynomial is an atom
_MOST_FACTORS = 8
_LARGEST_POWER = 6
_MOST_BITS = 4_000  # of a coefficient


@record
class Product:
    """`coefficient` times the factors, which are atoms and sums, to their powers."""

    coefficient: Fraction
    factors: Monomial


class Forms:
    """The normal form of every value of a program, by its number.

    `leaves` counts the terms of a sum as it is written, what is known once per step as one.
    """

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.nodes = nodes
        self.products: list[Product] = []
        self.polynomials: list[Polynomial] = []
        self.leaves: list[int] = []
        for number, node in enumerate(nodes):
            self.products.append(self._product(number, node))
            self.polynomials.append(self._polynomial(number, node))
            self.leaves.append(self._leaves(node))

    def is_per_step(self, node: int) -> bool:
        """Whether a value depends on hyperparameters and `t` only."""
        return isinstance(self.nodes[node].type.shape, ir.PerStep)

    # --- products --------------------------------------------------------------------------------

    def _product(self, number: int, node: Node) -> Product:
        itself = Product(Fraction(1), ((number, 1),))
        match node.op:
            case "const" if node.data not in (inf, -inf) and isinstance(node.data, (int, float)):
                return Product(Fraction(node.data), ONE)
            case "real":
                return self.products[node.args[0]]
            case "neg":
                known = self.products[node.args[0]]
                return Product(-known.coefficient, known.factors)
            case "mul" | "div":
                left, right = (self.products[arg] for arg in node.args)
                if node.op == "div":
                    if right.coefficient == 0:
                        return itself
                    right = _raised(right, -1)
                factors = multiplied(left.factors, right.factors)
                coefficient = left.coefficient * right.coefficient
                size = coefficient.numerator.bit_length() + coefficient.denominator.bit_length()
                if len(factors) > _MOST_FACTORS or size > _MOST_BITS:
                    return itself
                return Product(coefficient, factors)
            case "pow":
                power = self._whole_power(node.args[1])
                return _raised(self.products[node.args[0]], power) if power else itself
            case _:
                return itself

    def _whole_power(self, exponent: int) -> int:
        """A small exponent above 1 that is a whole number; else 0."""
        known = self.products[exponent]
        value = known.coefficient
        small = 1 < value <= _LARGEST_POWER and value.denominator == 1
        return int(value) if known.factors == ONE and small else 0

    # --- sums ------------------------------------------------------------------------------------

    def _polynomial(self, number: int, node: Node) -> Polynomial:
        match node.op:
            case "add" | "sub":
                left, right = (self.polynomials[arg] for arg in node.args)
                total = plus(left, right, Fraction(1 if node.op == "add" else -1))
            case "neg" | "real":
                sign = Fraction(-1 if node.op == "neg" else 1)
                return plus({}, self.polynomials[node.args[0]], sign)
            case _:
                total = self._multiplied_out(self.products[number])
        return total if len(total) <= MOST_TERMS else {((number, 1),): Fraction(1)}

    def _multiplied_out(self, product: Product) -> Polynomial:
        """A product as a sum: what is per step is multiplied out, and one sum of others."""
        total: Polynomial = {ONE: product.coefficient} if product.coefficient else {}
        sums: list[tuple[int, int]] = []
        for factor, power in product.factors:
            itself: Polynomial = {((factor, 1),): Fraction(1)}
            known = self.polynomials[factor] if factor < len(self.polynomials) else itself
            if power > 0 and known != itself and (len(known) < 2 or self.is_per_step(factor)):
                for _ in range(power):
                    total = times(total, known)
                    if len(total) > MOST_TERMS:
                        return total
            elif power > 0 and len(known) > 1:
                sums.append((factor, power))
            else:
                total = times(total, {((factor, power),): Fraction(1)})
        if len(sums) == 1 and sums[0][1] == 1:
            return times(total, self.polynomials[sums[0][0]])
        for one in sums:
            total = times(total, {(one,): Fraction(1)})
        return total

    def _leaves(self, node: Node) -> int:
        if node.op not in ("add", "sub", "mul", "neg", "real"):
            return 1
        once = isinstance(node.type.shape, ir.PerStep)
        inside = [
            1 if self.is_per_step(arg) and not once else self.leaves[arg] for arg in node.args
        ]
        if node.op in ("add", "sub"):
            return min(sum(inside), 99)
        return min(inside[0] * inside[-1] if node.op == "mul" else inside[0], 99)


# --- arithmetic ----------------------------------------------------------------------------------


def multiplied(x: Monomial, y: Monomial) -> Monomial:
    """The product of two monomials: what is divided by stays apart from what is multiplied."""
    powers: dict[tuple[int, bool], int] = {}
    for atom, power in (*x, *y):
        key = (atom, power > 0)
        powers[key] = powers.get(key, 0) + power
    return tuple(sorted((atom, power) for (atom, _), power in powers.items()))


def _raised(x: Product, power: int) -> Product:
    factors = tuple(sorted((atom, own * power) for atom, own in x.factors))
    return Product(x.coefficient**power, factors)


def plus(x: Polynomial, y: Polynomial, times_: Fraction) -> Polynomial:
    """`x + times_ * y`."""
    total = dict(x)
    for monomial, coefficient in y.items():
        both = total.get(monomial, 0) + times_ * coefficient
        if both:
            total[monomial] = both
        else:
            total.pop(monomial, None)
    return total


def times(x: Polynomial, y: Polynomial) -> Polynomial:
    """`x * y`."""
    total: Polynomial = {}
    for left, a in x.items():
        for right, b in y.items():
            total = plus(total, {multiplied(left, right): a * b}, Fraction(1))
    return total
