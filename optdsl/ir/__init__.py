"""The typed IR: what a checked specification means.

    optimizer  = Optimizer(name, doc, hypers, cases)
    case       = Case(name, slots, step, sparse, condition, as_matrix)
    statement  = Let(name, value) | Set(target, value) | If(condition, then, orelse)
               | Repeat(count, body)
    expression = Const | Ref | Old | Call

Every node has a type; nothing is optional, nothing is left to infer. `check.py` builds it, and
everything after it may assume that it is valid. Macros are already inlined. Conversions between
kinds are written out as `Call("real", …)`. Every walk over it is in `walks`.
"""

from __future__ import annotations

from optdsl.ir.nodes import (
    Axis,
    But,
    Call,
    Case,
    Const,
    Expr,
    Hyper,
    If,
    Kind,
    Let,
    Matrix,
    Old,
    Optimizer,
    PerStep,
    PerVariable,
    Ref,
    Repeat,
    Role,
    Set,
    Shape,
    Slot,
    SlotShape,
    Stmt,
    Tensor,
    Type,
    Wrapper,
    is_tensor,
)
from optdsl.ir.walks import (
    all_parts,
    bound,
    changing,
    depth,
    expression,
    expressions,
    guarded,
    kept,
    names,
    parts,
    reads,
    rewrite,
    rewritten,
    statements,
    updated,
)

__all__ = [
    "Axis",
    "But",
    "Call",
    "Case",
    "Const",
    "Expr",
    "Hyper",
    "If",
    "Kind",
    "Let",
    "Matrix",
    "Old",
    "Optimizer",
    "PerStep",
    "PerVariable",
    "Ref",
    "Repeat",
    "Role",
    "Set",
    "Shape",
    "Slot",
    "SlotShape",
    "Stmt",
    "Tensor",
    "Type",
    "Wrapper",
    "all_parts",
    "bound",
    "changing",
    "depth",
    "expression",
    "expressions",
    "guarded",
    "is_tensor",
    "kept",
    "names",
    "parts",
    "reads",
    "rewrite",
    "rewritten",
    "statements",
    "updated",
]
