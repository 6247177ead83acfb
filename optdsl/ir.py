"""The typed IR: what a checked specification means.

    optimizer  = Optimizer(name, doc, hypers, cases)
    case       = Case(name, slots, step, sparse)
    statement  = Let(name, value) | Set(target, value) | If(condition, then, orelse)
    expression = Const | Ref | Old | Call

Every node has a type; nothing is optional, nothing is left to infer. `check.py` builds it, and
everything after it may assume that it is valid. Macros are already inlined. Conversions between
kinds are written out as `Call("real", …)`. Every walk over statements and expressions is at the end
of this file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum
from typing import assert_never

from optdsl.intervals import Interval
from optdsl.records import Aside, record, replace
from optdsl.source import Span


class Kind(Enum):
    """What a value counts in."""

    REAL = "real"
    INT = "int"
    BOOL = "bool"


@record
class PerStep:
    """One value per step: depends on hyperparameters, `t`, totals and global slots alone."""


@record
class PerVariable:
    """One value per variable: a full reduction, a `scalar` slot, `rank`, `rows`, …"""


@record
class Tensor:
    """A tensor of the variable's rank in which the axes `reduced` have size 1.

    `reduced` holds axes as they were written, and `"row"` for all axes but the first. An axis that
    a variable does not have counts as one of size 1.
    """

    reduced: frozenset[int | str] = frozenset()


Shape = PerStep | PerVariable | Tensor


@record
class Type:
    """Kind × shape class."""

    kind: Kind
    shape: Shape


# --- expressions ---------------------------------------------------------------------------------


class Role(Enum):
    """What a name stands for."""

    HYPER = "hyper"  # per step; int and bool hyperparameters are fixed at construction
    COUNTER = "counter"  # `t`: int, per step
    DIM = "dim"  # `rank`, `rows`, `cols`, `size`: int, per variable, fixed
    GRAD = "grad"
    PARAM = "param"
    SLOT = "slot"
    LOCAL = "local"
    SHARED = "shared"  # per step, and known after a sum over all variables; only in `passes`


@record
class Const:
    """A literal or `pi`: an `int` of kind INT, a `float` of kind REAL, a `bool` of kind BOOL."""

    value: float | int | bool
    type: Type
    span: Aside[Span]


@record
class Ref:
    """The current value of a name."""

    name: str
    role: Role
    type: Type
    span: Aside[Span]


@record
class Old:
    """`old(name)`: a slot or `param` as it was when the step began."""

    name: str
    type: Type
    span: Aside[Span]


@record
class Call:
    """An operator or function of `ops.OPS` by name; `axis` only on reductions (None: all axes)."""

    op: str
    args: tuple[Expr, ...]
    axis: int | str | None
    type: Type
    span: Aside[Span]


Expr = Const | Ref | Old | Call


# --- statements ----------------------------------------------------------------------------------


@record
class Let:
    """`name = value`. A local may be bound once in each branch of an `If`, and read after it."""

    name: str
    value: Expr
    equation: Aside[str]  # the statement in the one layout, for comments
    span: Aside[Span]


@record
class Set:
    """`target <- value`: a slot, or `param`."""

    target: str
    value: Expr
    equation: Aside[str]
    span: Aside[Span]


@record
class If:
    """`when`: the condition is a BOOL of shape PerStep or PerVariable.

    `joins` are the locals bound in both branches, with their types after the `If`.
    """

    condition: Expr
    then: tuple[Stmt, ...]
    orelse: tuple[Stmt, ...]
    joins: tuple[tuple[str, Type], ...]
    equation: Aside[str]  # `when condition:`
    span: Aside[Span]


Stmt = Let | Set | If


# --- declarations --------------------------------------------------------------------------------


@record
class Hyper:
    """A hyperparameter. `interval` is all numbers of its kind where none was written."""

    name: str
    kind: Kind
    default: float | int | bool
    interval: Interval
    doc: str
    span: Aside[Span]


class SlotShape(Enum):
    """How a slot's size follows from its variable."""

    PARAM = "param"
    SCALAR = "scalar"
    ROW = "row"
    REDUCED = "reduced"
    GLOBAL = "global"


@record
class Slot:
    """State of one variable, or GLOBAL, of all; `axis` is set for REDUCED only."""

    name: str
    shape: SlotShape
    axis: int | None
    initial: Expr
    doc: str
    span: Aside[Span]

    @property
    def type(self) -> Type:
        """The type of the slot's value: always REAL."""
        match self.shape:
            case SlotShape.PARAM:
                return Type(Kind.REAL, Tensor())
            case SlotShape.SCALAR:
                return Type(Kind.REAL, PerVariable())
            case SlotShape.ROW:
                return Type(Kind.REAL, Tensor(frozenset({"row"})))
            case SlotShape.REDUCED:
                assert self.axis is not None
                return Type(Kind.REAL, Tensor(frozenset({self.axis})))
            case SlotShape.GLOBAL:
                return Type(Kind.REAL, PerStep())


@record
class Case:
    """Slots and a step for some variables; `sparse` is the declared mode, "exact" or "lazy"."""

    name: str
    slots: tuple[Slot, ...]
    step: tuple[Stmt, ...]
    sparse: str

    @property
    def own_slots(self) -> tuple[Slot, ...]:
        """The slots of which each variable has one."""
        return tuple(slot for slot in self.slots if slot.shape is not SlotShape.GLOBAL)

    @property
    def global_slots(self) -> tuple[Slot, ...]:
        """The slots of which there is one for all variables."""
        return tuple(slot for slot in self.slots if slot.shape is SlotShape.GLOBAL)


@record
class Optimizer:
    """A checked specification. Without `case` blocks it has one case, whose name is empty."""

    name: str
    doc: str
    hypers: tuple[Hyper, ...]
    cases: tuple[Case, ...]


# --- walks ---------------------------------------------------------------------------------------


def parts(expr: Expr) -> Iterator[Expr]:
    """An expression and all its parts, outermost first, from left to right."""
    stack = [expr]
    while stack:
        part = stack.pop()
        yield part
        if isinstance(part, Call):
            stack += reversed(part.args)


def depth(expr: Expr) -> int:
    """How deep an expression is nested: 1 for a name or a literal."""
    deepest, layer = 0, [expr]
    while layer:
        deepest += 1
        layer = [arg for part in layer if isinstance(part, Call) for arg in part.args]
    return deepest


def names(expr: Expr) -> Iterator[str]:
    """The names that an expression reads, under `old` too, once for each time."""
    return (part.name for part in parts(expr) if isinstance(part, (Ref, Old)))


def rewrite(expr: Expr, change: Callable[[Expr], Expr | None]) -> Expr:
    """An expression with other parts: each that `change` gives something for becomes that.

    It is asked from the outside in, and not about the parts of what it gave.
    """
    changed = change(expr)
    if changed is not None:
        return changed
    if not isinstance(expr, Call):
        return expr
    return replace(expr, args=tuple(rewrite(arg, change) for arg in expr.args))


def mapped(statement: Stmt, change: Callable[[Expr], Expr]) -> Stmt:
    """A statement with other expressions, those of nested ones too."""
    match statement:
        case Let(_, value) | Set(_, value):
            return replace(statement, value=change(value))
        case If(condition, then, orelse):
            return replace(
                statement,
                condition=change(condition),
                then=tuple(mapped(each, change) for each in then),
                orelse=tuple(mapped(each, change) for each in orelse),
            )
        case _:
            assert_never(statement)


def guarded(
    body: tuple[Stmt, ...], conditions: tuple[Expr, ...] = ()
) -> Iterator[tuple[Stmt, tuple[Expr, ...]]]:
    """All statements, nested ones too, in order, each with the conditions that it stands under."""
    for statement in body:
        yield statement, conditions
        match statement:
            case If(condition, then, orelse):
                yield from guarded(then, (*conditions, condition))
                yield from guarded(orelse, (*conditions, condition))
            case Let() | Set():
                pass
            case _:
                assert_never(statement)


def statements(body: tuple[Stmt, ...]) -> Iterator[Stmt]:
    """All statements, nested ones too, in order."""
    return (statement for statement, _ in guarded(body))


def expression(statement: Stmt) -> Expr:
    """The expression of a statement itself: its value or its condition."""
    match statement:
        case Let(_, value) | Set(_, value):
            return value
        case If(condition):
            return condition
        case _:
            assert_never(statement)


def expressions(body: tuple[Stmt, ...]) -> Iterator[Expr]:
    """The expressions that statements hold, those of nested ones too, in order."""
    return (expression(statement) for statement in statements(body))


def all_parts(body: tuple[Stmt, ...]) -> Iterator[Expr]:
    """All parts of all expressions that statements hold."""
    return (part for expr in expressions(body) for part in parts(expr))


def bound(body: tuple[Stmt, ...]) -> Iterator[str]:
    """The locals that statements bind, once for each time."""
    return (each.name for each in statements(body) if isinstance(each, Let))


def updated(body: tuple[Stmt, ...]) -> Iterator[str]:
    """The slots, and `param`, that statements update, once for each time."""
    return (each.target for each in statements(body) if isinstance(each, Set))
