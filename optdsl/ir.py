"""The typed IR: what a checked specification means.

    optimizer  = Optimizer(name, doc, hypers, slots, step, sparse)
    statement  = Let(name, value) | Set(target, value) | If(condition, then, orelse)
    expression = Const | Ref | Old | Call

Every node has a type; nothing is optional, nothing is left to infer. `check.py` builds it, and
everything after it may assume that it is valid. Macros are already inlined. Conversions between
kinds are written out as `Call("real", …)`.
"""

from __future__ import annotations

from dataclasses import field
from enum import Enum

from optdsl.intervals import Interval
from optdsl.records import record
from optdsl.source import Span


class Kind(Enum):
    """What a value counts in."""

    REAL = "real"
    INT = "int"
    BOOL = "bool"


@record
class PerStep:
    """One value per step: depends on nothing but hyperparameters and `t`."""


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


@record
class Const:
    """A literal or `pi`: an `int` of kind INT, a `float` of kind REAL, a `bool` of kind BOOL."""

    value: float | int | bool
    type: Type
    span: Span = field(compare=False)


@record
class Ref:
    """The current value of a name."""

    name: str
    role: Role
    type: Type
    span: Span = field(compare=False)


@record
class Old:
    """`old(name)`: a slot or `param` as it was when the step began."""

    name: str
    type: Type
    span: Span = field(compare=False)


@record
class Call:
    """An operator or function of `ops.OPS` by name; `axis` only on reductions (None: all axes)."""

    op: str
    args: tuple[Expr, ...]
    axis: int | str | None
    type: Type
    span: Span = field(compare=False)


Expr = Const | Ref | Old | Call


# --- statements ----------------------------------------------------------------------------------


@record
class Let:
    """`name = value`. A local may be bound once in each branch of an `If`, and read after it."""

    name: str
    value: Expr
    equation: str = field(compare=False)  # the statement in the one layout, for comments
    span: Span = field(compare=False)


@record
class Set:
    """`target <- value`: a slot, or `param`."""

    target: str
    value: Expr
    equation: str = field(compare=False)
    span: Span = field(compare=False)


@record
class If:
    """`when`: the condition is a BOOL of shape PerStep or PerVariable.

    `joins` are the locals bound in both branches, with their types after the `If`.
    """

    condition: Expr
    then: tuple[Stmt, ...]
    orelse: tuple[Stmt, ...]
    joins: tuple[tuple[str, Type], ...]
    equation: str = field(compare=False)  # `when condition:`
    span: Span = field(compare=False)


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
    span: Span = field(compare=False)


class SlotShape(Enum):
    """How a slot's size follows from its variable."""

    PARAM = "param"
    SCALAR = "scalar"
    ROW = "row"
    REDUCED = "reduced"


@record
class Slot:
    """State of one variable; `axis` is set for REDUCED only."""

    name: str
    shape: SlotShape
    axis: int | None
    initial: Expr
    doc: str
    span: Span = field(compare=False)

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


@record
class Optimizer:
    """A checked specification. `sparse` is the declared mode, "exact" or "lazy"."""

    name: str
    doc: str
    hypers: tuple[Hyper, ...]
    slots: tuple[Slot, ...]
    step: tuple[Stmt, ...]
    sparse: str
