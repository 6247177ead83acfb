"""What is said of one operation."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any

from optdsl.intervals import Interval
from optdsl.records import record


class Form(Enum):
    """How an operation is written in a specification."""

    INFIX = "infix"
    PREFIX = "prefix"
    FUNCTION = "function"
    IMPLICIT = "implicit"  # inserted by the compiler, never written


class Typing(Enum):
    """Which types an operation takes and which it gives. Shapes broadcast except in reductions."""

    ARITHMETIC = "numbers -> int if all are int, else real"
    REAL = "numbers -> real"
    SAME_KIND = "number -> number of the same kind"
    COMPARISON = "numbers -> bool"
    EQUALITY = "two numbers or two bools -> bool"
    LOGIC = "bools -> bool"
    PREDICATE = "number -> bool"
    SELECT = "bool, two numbers or two bools -> their kind"
    REDUCE_REAL = "real tensor -> real, over all axes or one"
    REDUCE_BOOL = "bool tensor -> bool, over all axes or one"
    TOTAL = "numbers -> real, one for all variables"
    CONVERT = "int -> real"
    MATRIX = "real matrices -> real matrix, of a shape that follows from theirs"


@record
class Fault:
    """A way in which an operation can be undefined.

    `code` is the diagnostic; `argument` the index of the argument at fault; "`subject` can be
    `words`" says what is wrong and `remedy` what to do. `possible` tells from the intervals of all
    arguments whether it can happen.
    """

    code: str
    argument: int
    subject: str
    words: str
    remedy: str
    possible: Callable[..., bool]


@record
class Op:
    """One operation: a row. Truth values count as 0 and 1 wherever a row speaks of numbers.

    Everything is said of the operation on real numbers, unless it says otherwise. What is left out
    is not so, or not known; a function of one number that has no `slope` is monotone between its
    `turns`, or its `poles`.
    """

    name: str
    form: Form
    params: tuple[str, ...]  # what messages call the arguments
    typing: Typing
    numpy: str | Callable[..., Any]  # what the reference calls; see below
    interval: Callable[..., Interval]  # of the result, from those of the arguments

    # How it is written.
    symbol: str = ""  # of an infix or prefix operation
    also: tuple[str, ...] = ()  # what it is called elsewhere
    word: str = ""  # a name for its result, in which `{0}` and `{1}` are names of the arguments

    # Where it is computed. `numpy` is the attribute of `numpy` that the reference calls, or a
    # function of `numpy` and the arguments; targets know a function by the same name, unless they
    # say otherwise. A `plain` operation is one that Python computes on numbers as IEEE arithmetic
    # does, never refusing any; what is not is left to the target.
    plain: bool = False

    # Where it is not defined; and, from the intervals of the result and of the arguments, those of
    # the first arguments, as many as can be told.
    domain: tuple[Fault, ...] = ()
    inverse: Callable[..., tuple[Interval, ...]] | None = None

    # Algebra.
    commutative: bool = False
    neutral: float | None = None  # as the right argument, changes nothing; of `commutative`, any
    idempotent: bool = False  # of a number and itself, that number
    of_same: Callable[[Interval], Interval] | None = None  # both arguments are one and the same
    equals: Callable[..., int | None] | None = None  # intervals -> the argument that it returns
    negation: str = ""  # of a comparison: the one that holds where this one fails

    # Floating point: by how many units of roundoff the result may be off, on any path (none: it
    # moves no bits), and in float64 where that is worse. `turns` are the points between which a
    # function of one number is monotone, each with the value there; `slope` is a bound on the
    # derivative of one that has too many. Of NaN and a number, what `picks` may give the number.
    roundings: float = 0
    double_roundings: float | None = None
    turns: tuple[tuple[float, float], ...] = ()
    slope: float | None = None
    poles: float | None = None  # at odd multiples of it, and monotone between them
    picks: bool = False

    # Reductions: what can stand in for an element that is left out.
    left_out: float | bool | None = None

    @property
    def reduces(self) -> bool:
        """Whether the result depends on all elements along an axis."""
        return self.typing in (Typing.REDUCE_REAL, Typing.REDUCE_BOOL)

    @property
    def totals(self) -> bool:
        """Whether the result depends on all variables of a step."""
        return self.typing is Typing.TOTAL

    @property
    def mixes(self) -> bool:
        """Whether an element of the result may depend on others than that of the arguments."""
        return self.reduces or self.totals or self.typing is Typing.MATRIX
