"""Which values are as large as their types say, for variables of every rank.

A type names axes as they were written. That of `min(sum(x, axis=1), sum(x, axis=-1))` has both
axes, since each operand has one of them; but those of a matrix are the same axis, so that there the
value has size 1 along it.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from optdsl import ir
from optdsl.ir import Call, Expr, Let, Ref, Role, Stmt, Tensor
from optdsl.ops import OPS, Typing


def is_sized(expr: Expr, sized: AbstractSet[str]) -> bool:
    """Whether a value is as large as its type says, if the locals in `sized` are."""
    match expr:
        case Ref(name, Role.LOCAL) if isinstance(expr.type.shape, Tensor):
            return name in sized
        case Call(op) if OPS[op].typing is Typing.MATRIX:
            return True
        case Call(op, (arg,)) if OPS[op].reduces:
            return is_sized(arg, sized)
        case Call(_, args) if isinstance(expr.type.shape, Tensor):
            alike = (arg for arg in args if arg.type.shape == expr.type.shape)
            return any(is_sized(arg, sized) for arg in alike)
        case _:
            return True


def sized_locals(body: tuple[Stmt, ...]) -> frozenset[str]:
    """The locals that are as large as their types say wherever they are bound.

    Those that a `repeat` changes are made as large where they begin.
    """
    changing = ir.changing(body)
    sized = set(changing)
    smaller: set[str] = set()  # in one branch at least
    for statement in ir.statements(body):
        if isinstance(statement, Let) and statement.name not in changing:
            fits = statement.name not in smaller and is_sized(statement.value, sized)
            (sized if fits else smaller).add(statement.name)
        sized -= smaller
    return frozenset(sized)
