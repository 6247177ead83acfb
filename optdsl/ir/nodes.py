"""The records of the IR: types, expressions, statements, declarations."""

from __future__ import annotations

from enum import Enum

from optdsl.intervals import Interval
from optdsl.records import Aside, record
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
class But:
    """All axes but one; all, if the variable does not have that one."""

    axis: int

    def __str__(self) -> str:
        """As it is written."""
        return f"but({self.axis})"


Axis = int | str | But
"""An axis by number, "row" (all but the first), "column" (all but the last), or all but any one."""


@record
class Tensor:
    """A tensor of the variable's rank in which the axes `reduced` have size 1.

    `reduced` holds axes as they were written. An axis that a variable does not have counts as one
    of size 1.
    """

    reduced: frozenset[Axis] = frozenset()


@record
class Matrix:
    """A matrix that is not a `Tensor`: its two sizes are each "rows", "cols" or "1".

    A variable is rows × cols, a vector 1 × cols. What is a tensor too, such as the column means of
    a variable, is one in every type.
    """

    first: str
    second: str


Shape = PerStep | PerVariable | Tensor | Matrix


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
    LOSS = "loss"  # `loss`: real, per step
    DIM = "dim"  # `rank`, `rows`, `cols`, `size`, `length(k)`: int, per variable, fixed
    FIRST = "first"  # bool, per variable
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
    """An operator or function of `ops.OPS` by name.

    `axis` only on reductions (None: all axes), and on `eye`, which has no `args`.
    """

    op: str
    args: tuple[Expr, ...]
    axis: Axis | None
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
    """`target <- value`: a slot, `param`, or inside a `Repeat` a local that is bound before.

    Around another rule's step it may be `grad`, too.
    """

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


@record
class Repeat:
    """`repeat`: the count is an INT literal or hyperparameter; locals of `body` end with a round.

    What is updated in it depends on the round, locals too: those are REAL and at least PerVariable.
    """

    count: Expr
    body: tuple[Stmt, ...]
    equation: Aside[str]  # `repeat count:`
    span: Aside[Span]


Stmt = Let | Set | If | Repeat


# --- declarations --------------------------------------------------------------------------------


@record
class Hyper:
    """A hyperparameter. `interval` is all numbers of its kind where none was written.

    A default that is an expression reads hyperparameters above; `written` is its text.
    """

    name: str
    kind: Kind
    default: float | int | bool | Expr
    interval: Interval
    doc: str
    span: Aside[Span]
    written: Aside[str] = ""

    @property
    def computed(self) -> Expr | None:
        """The default where it is an expression."""
        return None if isinstance(self.default, (float, int)) else self.default


class SlotShape(Enum):
    """How a slot's size follows from its variable."""

    PARAM = "param"
    SCALAR = "scalar"
    ROW = "row"
    REDUCED = "reduced"
    KEEP = "keep"
    SQUARE = "square"
    GLOBAL = "global"


@record
class Slot:
    """State of one variable, or GLOBAL, of all.

    `axis` is set for REDUCED, KEEP and SQUARE, -1 or -2 for SQUARE.
    """

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
            case SlotShape.KEEP:
                assert self.axis is not None
                return Type(Kind.REAL, Tensor(frozenset({But(self.axis)})))
            case SlotShape.SQUARE:
                side = "rows" if self.axis == -2 else "cols"
                return Type(Kind.REAL, Matrix(side, side))
            case SlotShape.GLOBAL:
                return Type(Kind.REAL, PerStep())


@record
class Case:
    """Slots and a step for some variables; `sparse` is the declared mode, "exact" or "lazy".

    `condition` says for which: a BOOL that follows from dimensions and from hyperparameters that
    are fixed at construction; None where all are that no case before it takes. `as_matrix` says
    whether the step sees a variable with all axes but the last folded into one; a step that
    `uses_matrices` sees a vector as 1 × n, and is for no more than two axes. `evaluation` are
    statements that update `param` alone: what it is while a model is evaluated.
    """

    name: str
    slots: tuple[Slot, ...]
    step: tuple[Stmt, ...]
    sparse: str
    condition: Expr | None = None
    as_matrix: bool = False
    evaluation: tuple[Stmt, ...] = ()
    uses_matrices: bool = False

    @property
    def needs_all_rows(self) -> bool:
        """Whether a sparse gradient has to be written out: the step is about a matrix."""
        return self.as_matrix or self.uses_matrices

    @property
    def own_slots(self) -> tuple[Slot, ...]:
        """The slots of which each variable has one."""
        return tuple(slot for slot in self.slots if slot.shape is not SlotShape.GLOBAL)

    @property
    def global_slots(self) -> tuple[Slot, ...]:
        """The slots of which there is one for all variables."""
        return tuple(slot for slot in self.slots if slot.shape is SlotShape.GLOBAL)


@record
class Wrapper:
    """A checked wrapper: what it does before and after the step of a rule.

    `reads_rate` says whether it reads the learning rate of the rule.
    """

    name: str
    doc: str
    hypers: tuple[Hyper, ...]
    slots: tuple[Slot, ...]
    before: tuple[Stmt, ...]
    after: tuple[Stmt, ...]
    reads_rate: bool
    evaluation: tuple[Stmt, ...] = ()


@record
class Optimizer:
    """A checked specification. Without `case` blocks it has one case, whose name is empty."""

    name: str
    doc: str
    hypers: tuple[Hyper, ...]
    cases: tuple[Case, ...]


def is_tensor(shape: Shape) -> bool:
    """Whether a value may have more than one element."""
    return isinstance(shape, Tensor | Matrix)
