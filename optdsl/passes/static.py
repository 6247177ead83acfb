"""What is known when a step is traced, so that plain Python computes it."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import assert_never

from optdsl.ir import Call, Const, Expr, Old, Ref, Role
from optdsl.ops import OPS


def is_static(expr: Expr, fixed: AbstractSet[str]) -> bool:
    """Whether a value is known when a step is traced, if those of the names in `fixed` are.

    What Python may refuse to compute, such as a quotient by 0, is left to the framework, which
    gives what IEEE arithmetic gives.
    """
    match expr:
        case Const():
            return True
        case Ref(name, role):
            return role is Role.DIM or name in fixed
        case Old():
            return False
        case Call(op, args):
            computed = OPS[op].plain or _divides_by_a_number(expr)
            return computed and all(is_static(arg, fixed) for arg in args)
        case _:
            assert_never(expr)


def _divides_by_a_number(call: Call) -> bool:
    match call:
        case Call("div" | "mod", (_, Const(divisor))):
            return divisor != 0
        case _:
            return False
