"""Interval arithmetic holds every value of the exact operation, and keeps the ends that it can."""

from __future__ import annotations

import decimal
import math
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from math import inf

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from optdsl import intervals as iv
from optdsl.intervals import Interval
from optdsl.ops import OPS
from support.intervals import EXTREME, around

_DIGITS = decimal.Context(prec=200, Emax=decimal.MAX_EMAX, Emin=decimal.MIN_EMIN)


def _holds(interval: Interval, value: Fraction | Decimal) -> bool:
    above = value > interval.low or (value == interval.low and not interval.low_open)
    below = value < interval.high or (value == interval.high and not interval.high_open)
    kept = not (interval.nonzero and value == 0)
    whole = not interval.whole or value == int(value)
    return above and below and kept and whole


_RATIONAL = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y,
    "mod": lambda x, y: x - y * math.floor(x / y),
    "min": min,
    "max": max,
    "lt": lambda x, y: Fraction(x < y),
    "le": lambda x, y: Fraction(x <= y),
    "gt": lambda x, y: Fraction(x > y),
    "ge": lambda x, y: Fraction(x >= y),
    "eq": lambda x, y: Fraction(x == y),
    "ne": lambda x, y: Fraction(x != y),
}


@pytest.mark.parametrize("name", _RATIONAL)
@given(left=around(EXTREME), right=around(EXTREME))
def test_rational_operation_of_two_numbers(
    name: str, left: tuple[Interval, float], right: tuple[Interval, float]
) -> None:
    (x, a), (y, b) = left, right
    assume(b != 0 or name not in ("div", "mod"))
    assert _holds(OPS[name].interval(x, y), _RATIONAL[name](Fraction(a), Fraction(b)))


_RATIONAL_OF_ONE = {
    "neg": lambda x: -x,
    "abs": abs,
    "sign": lambda x: Fraction((x > 0) - (x < 0)),
    "floor": lambda x: Fraction(math.floor(x)),
    "ceil": lambda x: Fraction(math.ceil(x)),
    "round": lambda x: Fraction(round(x)),
    "real": lambda x: x,
}


@pytest.mark.parametrize("name", _RATIONAL_OF_ONE)
@given(argument=around(EXTREME))
def test_rational_operation_of_one_number(name: str, argument: tuple[Interval, float]) -> None:
    x, a = argument
    assert _holds(OPS[name].interval(x), _RATIONAL_OF_ONE[name](Fraction(a)))


@given(argument=around(EXTREME), low=around(EXTREME), high=around(EXTREME))
def test_clip(
    argument: tuple[Interval, float], low: tuple[Interval, float], high: tuple[Interval, float]
) -> None:
    (x, a), (y, b), (z, c) = argument, low, high
    result = iv.clip(x, y, z)
    assert _holds(result, Fraction(max(min(a, c), b)))


_PI = Decimal("3.14159265358979323846264338327950288419716939937510582097494459")


def _series(x: Decimal, first: Decimal, ratio: Callable[[int], Decimal]) -> Decimal:
    """`first`, and terms that are each `ratio` times x^2 times the one before."""
    term, total = first, first
    for n in range(1, 200):
        term = _DIGITS.multiply(_DIGITS.multiply(term, _DIGITS.multiply(x, x)), ratio(n))
        total = _DIGITS.add(total, term)
    return total


def _quotient(top: int, bottom: int) -> Decimal:
    return _DIGITS.divide(Decimal(top), Decimal(bottom))


def _erf(x: Decimal) -> Decimal:
    start = _DIGITS.divide(2 * x, _PI.sqrt(_DIGITS))
    return _series(x, start, lambda n: _quotient(1 - 2 * n, n * (2 * n + 1)))


def _tan(x: Decimal) -> Decimal:
    sine = _series(x, x, lambda n: _quotient(-1, 2 * n * (2 * n + 1)))
    cosine = _series(x, Decimal(1), lambda n: _quotient(-1, 2 * n * (2 * n - 1)))
    return _DIGITS.divide(sine, cosine)


_DECIMAL = {
    "sqrt": (lambda x: x.sqrt(_DIGITS), lambda a: a >= 0),
    "exp": (lambda x: x.exp(_DIGITS), math.isfinite),
    "log": (lambda x: x.ln(_DIGITS), lambda a: a > 0),
    "log1p": (lambda x: _DIGITS.add(1, x).ln(_DIGITS), lambda a: a > -1),
    "expm1": (lambda x: _DIGITS.subtract(x.exp(_DIGITS), 1), math.isfinite),
    "tanh": (
        lambda x: _DIGITS.divide(
            _DIGITS.subtract((2 * x).exp(_DIGITS), 1), _DIGITS.add((2 * x).exp(_DIGITS), 1)
        ),
        math.isfinite,
    ),
    "sigmoid": (lambda x: _DIGITS.divide(1, _DIGITS.add(1, (-x).exp(_DIGITS))), math.isfinite),
    "softplus": (lambda x: _DIGITS.add(1, x.exp(_DIGITS)).ln(_DIGITS), math.isfinite),
    "cbrt": (
        lambda x: _DIGITS.power(abs(x), _quotient(1, 3)).copy_sign(x),
        math.isfinite,
    ),
    "erf": (_erf, lambda a: abs(a) < 4),
    "tan": (_tan, lambda a: abs(a) < math.pi / 2),
}


@pytest.mark.parametrize("name", _DECIMAL)
@given(argument=around())
def test_function_of_one_number(name: str, argument: tuple[Interval, float]) -> None:
    x, a = argument
    exact, defined = _DECIMAL[name]
    assume(defined(a) and abs(a) <= 100)
    assert _holds(OPS[name].interval(x), exact(Decimal(a)))


@given(base=around(), exponent=around())
def test_power(base: tuple[Interval, float], exponent: tuple[Interval, float]) -> None:
    (x, a), (y, b) = base, exponent
    assume(abs(b) <= 100 and (a > 0 or b == math.floor(b)) and not (a == 0 and b < 0))
    if b == math.floor(b):
        exact: Fraction | Decimal = Fraction(a) ** int(b)
    else:
        exact = _DIGITS.power(Decimal(a), Decimal(b))
    assert _holds(iv.power(x, y), exact)


@given(argument=around(), other=st.lists(st.floats(0, 1), min_size=0, max_size=3))
def test_reductions(argument: tuple[Interval, float], other: list[float]) -> None:
    x, a = argument
    elements = [Fraction(a)] + [Fraction(b) for b in other if b in x]
    assert _holds(iv.total(x), sum(elements, Fraction(0)))
    assert _holds(iv.mean(x), sum(elements, Fraction(0)) / len(elements))
    squares = sum((element**2 for element in elements), Fraction(0))
    root = _DIGITS.divide(Decimal(squares.numerator), Decimal(squares.denominator))
    assert _holds(iv.norm(x), root.sqrt(_DIGITS))


@example(left=(Interval(-0.5, 0.5), 0.0), right=(iv.of(-1, 1, whole=True, nonzero=True), 1.0))
@given(left=around(EXTREME), right=around(EXTREME))
def test_sets(left: tuple[Interval, float], right: tuple[Interval, float]) -> None:
    (x, a), (y, b) = left, right
    assert a in iv.union(x, y)
    assert b in iv.union(x, y)
    assert (a in iv.intersection(x, y)) == (a in y)
    assert x.within(iv.union(x, y))
    assert a in iv.without(x, b) or a == b
    widened = iv.widen(x, y, (-1.0, 0.0, 1.0))
    assert iv.union(x, y).within(widened)


@given(start=around(), others=st.lists(around(), max_size=30))
def test_widening_comes_to_rest(
    start: tuple[Interval, float], others: list[tuple[Interval, float]]
) -> None:
    current, changes = start[0], 0
    for other, _ in others * 2:
        wider = iv.widen(current, other, (0.0, 1.0))
        changes += wider != current
        current = wider
    assert changes <= 2 * (3 + 1) + 2  # stops on either side, openness of each, and the two flags


def _of(text: str) -> Interval:
    low, high = text[1:-1].split(",")
    return iv.of(float(low), float(high), text[0] == "(", text[-1] == ")")


@pytest.mark.parametrize(
    ("operation", "args", "expected"),
    [
        ("add", ["[0, inf)", "(0, inf)"], "(0, inf)"),
        ("sub", ["[1, 1]", "[0, 1)"], "(0, 1]"),
        ("mul", ["[0, 1)", "[0, inf)"], "[0, inf)"),
        ("mul", ["(0, 1)", "(0, 2]"], "(0, 2)"),
        ("mul", ["(0, 1)", "[0, 2]"], "[0, 2)"),
        ("mul", ["[0, 0]", "(-inf, inf)"], "[0, 0]"),
        ("mul", ["(1e-300, 1)", "(1e-300, 1)"], "(0, 1)"),
        ("div", ["[1, 2]", "(0, inf)"], "(0, inf)"),
        ("div", ["[0, 0]", "(0, inf)"], "[0, 0]"),
        ("div", ["[1, 1]", "[-1, 1]"], "(-inf, inf) without 0"),
        ("pow", ["[0, 1)", "[1, inf)"], "[0, 1)"),
        ("pow", ["[0, 1)", "[0, inf)"], "[0, 1]"),
        ("pow", ["[1, inf)", "[-1, 0)"], "(0, 1]"),
        ("pow", ["(0, 1]", "(-inf, inf)"], "(0, inf)"),
        ("pow", ["(-inf, inf)", "[2, 2]"], "[0, inf)"),
        ("pow", ["[-2, 1]", "[3, 3]"], "[-8, 1]"),
        ("sqrt", ["(0, 4]"], "(0, 2]"),
        ("sqrt", ["[-4, 0]"], "[0, 0]"),
        ("exp", ["(-inf, 0]"], "(0, 1]"),
        ("log", ["(0, 1]"], "(-inf, 0]"),
        ("log1p", ["[0, inf)"], "[0, inf)"),
        ("expm1", ["(-inf, 0)"], "(-1, 0)"),
        ("tanh", ["[0, inf)"], "[0, 1)"),
        ("sigmoid", ["(-inf, inf)"], "(0, 1)"),
        ("sigmoid", ["[0, inf)"], "[0.5, 1)"),
        ("softplus", ["(-inf, inf)"], "(0, inf)"),
        ("erf", ["[0, inf)"], "[0, 1)"),
        ("cbrt", ["(-8, 27]"], "(-2, 3]"),
        ("tan", ["[0, 2]"], "(-inf, inf)"),
        ("tan", ["(0, 0.5]"], f"(0, {math.tan(0.5):g})"),
        ("sin", ["(-inf, inf)"], "[-1, 1]"),
        ("atan2", ["(0, 1]", "(-inf, inf)"], f"(0, {math.pi:g}]"),
        ("atan2", ["[0, 1]", "(0, 1]"], f"[0, {math.pi / 2:g}]"),
        ("ceil", ["(0.5, 2]"], "[1, 2]"),
        ("round", ["(0.5, 2.5]"], "[0, 2]"),
        ("max", ["(0, 1)", "[1, 2)"], "[1, 2)"),
        ("min", ["(0, 1)", "[0, 2)"], "[0, 1)"),
        ("abs", ["(-3, 2]"], "[0, 3)"),
        ("sign", ["(0, 2]"], "[1, 1]"),
        ("floor", ["[0.5, 2)"], "[0, 1]"),
        ("mod", ["(-inf, inf)", "[1, 3]"], "[0, 3)"),
        ("mod", ["[0, 1)", "[1, 3]"], "[0, 1)"),
        ("sum", ["(0, 1]"], "(0, inf)"),
        ("norm", ["(-inf, inf)"], "[0, inf)"),
        ("lt", ["[0, 1)", "[1, 2]"], "[1, 1]"),
        ("ge", ["[0, 1)", "[1, 2]"], "[0, 0]"),
        ("le", ["[0, 1]", "[1, 2]"], "[1, 1]"),
        ("ne", ["(0, 1]", "[0, 0]"], "[1, 1]"),
    ],
)
def test_ends_stay_exact(operation: str, args: list[str], expected: str) -> None:
    result = OPS[operation].interval(*map(_of, args))
    ends = (result.low_open, result.high_open, result.nonzero)
    assert str(result) == expected, ends


def test_a_whole_number_above_an_open_end_is_the_next_one() -> None:
    t = iv.of(1, inf, whole=True)
    assert iv.intersection(t, iv.of(1, inf, low_open=True)) == iv.of(2, inf, whole=True)
    assert 1.5 not in t
    assert iv.of(0.5, 0.75, whole=True).empty


def test_rounding_goes_outwards_and_keeps_the_sign() -> None:
    tenth = iv.mul(iv.point(0.1), iv.point(0.1))
    assert tenth.low < tenth.high
    assert 0 not in iv.mul(iv.point(5e-324), iv.point(0.5))
    assert 1 not in iv.power(iv.point(math.nextafter(1, 0)), iv.point(1e-9))
    assert str(iv.add(iv.point(1e308), iv.point(1e308))).endswith("inf)")


def test_nothing_comes_of_nothing() -> None:
    for operation in OPS.values():
        args = [iv.EMPTY] * len(operation.params)
        assert operation.interval(*args).empty, operation.name
        assert not any(fault.possible(*args) for fault in operation.domain), operation.name
