"""Names for values that have none: they say what the value is."""

from __future__ import annotations

import re
from typing import assert_never

from optdsl.ir import Call, Const, Expr, Old, Ref
from optdsl.ops import OPS

_LONGEST = 40


def describe(expr: Expr) -> str:
    """A name that says what a value is, as in `one_minus_beta_1`."""
    name = _described(expr)
    if len(name) > _LONGEST:
        return "scalar"
    return f"scalar_{name}" if name[0].isdigit() else name


def claimed(name: str, taken: set[str]) -> str:
    """The name, with a number where it is taken already; then it is."""
    candidate, number = name, 2
    while candidate in taken:
        candidate, number = f"{name}_{number}", number + 1
    taken.add(candidate)
    return candidate


def _described(expr: Expr) -> str:
    match expr:
        case Const(value):
            text = {"0": "zero", "1": "one", "2": "two"}.get(f"{value:g}", f"{value:g}")
            return "".join(c if c.isalnum() else "_" for c in text)
        case Ref(name) | Old(name):
            return re.sub(r"\W+", "_", name).strip("_")  # `length(-1)`
        case Call(op, args):
            parts = [_described(arg) for arg in args]
            word = OPS[op].word
            return word.format(*parts) if word else "_".join([op, *parts])
        case _:
            assert_never(expr)
