"""What hyperparameters are by default, those that are computed from others included."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from optdsl import intervals as iv
from optdsl.intervals import Interval
from optdsl.ir import Call, Const, Expr, Hyper, Kind, Old, Ref
from optdsl.ops import OPS


def interval_of(default: Expr, known: Mapping[str, Interval]) -> Interval:
    """The values of a default, given those of the hyperparameters that it reads."""
    match default:
        case Const(value):
            return iv.point(float(value))
        case Ref(name):
            return known[name]
        case Call(op, args):
            return OPS[op].interval(*(interval_of(arg, known) for arg in args))
        case Old():
            raise AssertionError("a default reads no state")
        case _:
            assert_never(default)


def values_of(hyper: Hyper) -> Interval:
    """The values that a hyperparameter may have by its own interval."""
    if hyper.kind is Kind.BOOL:
        return iv.EITHER
    known = iv.normal(hyper.interval)
    return iv.intersection(known, iv.INTEGERS) if hyper.kind is Kind.INT else known


def numbers(hypers: tuple[Hyper, ...]) -> dict[str, float]:
    """The defaults as numbers, up to rounding; a default that is not defined is NaN."""
    known: dict[str, Interval] = {}
    for hyper in hypers:
        computed = hyper.computed
        found = interval_of(computed, known) if computed else iv.point(float(_literal(hyper)))
        known[hyper.name] = found
    return {name: (found.low + found.high) / 2 for name, found in known.items()}


def _literal(hyper: Hyper) -> float | int | bool:
    assert isinstance(hyper.default, (float, int))
    return hyper.default
