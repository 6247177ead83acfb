"""What an expression can see: names, where it stands, and how much has been built."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType

from optdsl import ir, syntax
from optdsl.check import habits
from optdsl.check.names import CONSTANTS, FUNCTIONS, GIVEN, closest
from optdsl.diagnostics import Diagnostic, Severity
from optdsl.format import format_expr
from optdsl.records import record
from optdsl.source import Span

MAX_NODES = 10_000
MAX_DEPTH = 128
MAX_SUGGESTIONS = 100
TOO_DEEP = f"the expression is nested more than {MAX_DEPTH} deep"


def shorten(text: str, length: int = 60) -> str:
    """`text`, cut to `length` characters where it is longer."""
    return text if len(text) <= length else text[: length - 1] + "…"


class LimitError(Exception):
    """An expression is too large or too deep to go on with; the message says which."""


@dataclass(slots=True)
class Reporter:
    """Collects errors; the same error at the same place counts once."""

    found: dict[tuple[str, Span, str], Diagnostic] = field(default_factory=dict)
    suggestions: int = 0

    def closest(self, name: str, candidates: Iterable[str]) -> str | None:
        """What somebody who wrote `name` probably meant; None where nothing is close.

        Only the first unknown names are compared: a file with more has another problem.
        """
        self.suggestions += 1
        return closest(name, candidates) if self.suggestions <= MAX_SUGGESTIONS else None

    def error(
        self,
        code: str,
        span: Span,
        message: str,
        help: str | None = None,  # noqa: A002  (the word a diagnostic uses)
        notes: tuple[str, ...] = (),
    ) -> None:
        """Adds one error."""
        self.add(Diagnostic(code, Severity.ERROR, message, span, notes, help))

    def add(self, error: Diagnostic) -> None:
        """Adds one error that is made already."""
        self.found.setdefault((error.code, error.span, error.message), error)

    def errors(self) -> tuple[Diagnostic, ...]:
        """All that was found, in the order of the text."""
        return tuple(
            sorted(self.found.values(), key=lambda error: (error.span.start, error.span.end))
        )


@dataclass(slots=True)
class Budget:
    """How many IR nodes are built so far, how deep the current one lies, and what is reported."""

    nodes: int = 0
    depth: int = 0
    is_reported: bool = False

    def spend(self, nodes: int) -> None:
        """Counts nodes.

        Raises:
            LimitError: there are more than `MAX_NODES`.
        """
        self.nodes += nodes
        if self.nodes > MAX_NODES:
            raise LimitError(
                f"the specification has more than {MAX_NODES:,} operations and values, "
                "with every `def` expanded"
            )


@record
class Names:
    """What the declarations of a specification define. A type None belongs to a faulty one."""

    hypers: dict[str, ir.Type | None]
    slots: dict[str, ir.Type | None]
    macros: dict[str, syntax.DefDecl]
    positive: set[str]  # the whole hyperparameters that are at least 1

    def kind_of(self, name: str) -> str | None:
        """What a declared name is, in words; None for one that is not declared."""
        if name in self.hypers:
            return "a hyperparameter"
        if name in self.slots:
            return "a slot"
        return "a `def`" if name in self.macros else None


class Place(Enum):
    """Where an expression stands, which decides what it may read; the value says it in words."""

    STEP = "in `step:`"
    EVAL = "in `eval:`"
    INITIAL = "in the initial value of a slot"
    DEFAULT = "in the default of a hyperparameter"
    MACRO = "in a `def`"
    CONDITION = "in the condition of a case"


READABLE: dict[Place, frozenset[str]] = {
    Place.STEP: frozenset(GIVEN),
    Place.EVAL: frozenset({"param", "t", "rank", "rows", "cols", "size"}),
    Place.INITIAL: frozenset({"param"}),
    Place.DEFAULT: frozenset(),
    Place.MACRO: frozenset({"t"}),
    Place.CONDITION: frozenset({"rank", "rows", "cols", "size"}),
}
"""The given names that can be read in each place."""

BLOCKS = frozenset({Place.STEP, Place.EVAL})
"""The places of statements, which see slots and locals."""

READABLE_HELP: dict[Place, str | None] = {
    Place.STEP: None,
    Place.EVAL: "`eval:` may use slots, `param`, hyperparameters, `t` and dimensions only",
    Place.INITIAL: "an initial value may use hyperparameters and `param` only",
    Place.DEFAULT: "a default may use hyperparameters that are declared above it only",
    Place.MACRO: "a `def` may use its arguments, hyperparameters and `t` only",
    Place.CONDITION: "it may use `rank`, `rows`, `cols`, `size`, `int` and `bool` hyperparameters",
}
"""What else to do, where a name that exists cannot be read."""


@record
class Argument:
    """What a macro's parameter stands for, and how many nodes that has."""

    value: ir.Expr | None
    nodes: int


@record
class Scope:
    """What an expression can see, and where its errors go.

    `reported` collects the unknown names of the current statement. `locals` are the visible ones,
    `later` all that the step assigns anywhere, `hidden` those assigned in one branch only of an
    earlier `when`, `inner` those assigned in an earlier `repeat`. `arguments` is set inside a
    macro, and `calls` are the macro calls being expanded, outermost first. `wraps` says whether it
    is the step of a wrapper. `differs` says that what is asked may not be so of all variables.
    """

    names: Names
    report: Reporter
    budget: Budget
    base: Place
    reported: set[str]
    locals: Mapping[str, ir.Type | None] = MappingProxyType({})
    later: frozenset[str] = frozenset()
    hidden: frozenset[str] = frozenset()
    inner: frozenset[str] = frozenset()
    arguments: Mapping[str, Argument] | None = None
    calls: tuple[syntax.CallExpr, ...] = ()
    wraps: bool = False
    differs: bool = False

    def error(self, code: str, span: Span, message: str, help: str | None = None) -> None:  # noqa: A002
        """Adds one error, with the macros that lead to it."""
        calls = self.calls if len(self.calls) < 3 else (self.calls[0], self.calls[-1])
        notes = tuple(f"found while expanding `{shorten(format_expr(call))}`" for call in calls)
        self.report.error(code, span, message, help, notes)

    @property
    def place(self) -> Place:
        """The place that decides which names can be read."""
        return self.base if self.arguments is None else Place.MACRO


def check_name(name: syntax.Name, scope: Scope) -> bool:
    """Whether a name (no argument of a macro, not `pi`) can be read here; if not, reports why."""
    text, place = name.text, scope.place
    given = READABLE[place] & READABLE[scope.base]  # a macro sees no more than where it stands
    readable = text in scope.names.hypers or text in given
    if place in BLOCKS:
        readable = readable or text in scope.locals or text in scope.names.slots
    if not readable and text not in scope.reported:
        scope.reported.add(text)
        code, message, help_ = _why_unreadable(text, scope)
        scope.error(code, name.span, message, help_)
    return readable


def _why_unreadable(text: str, scope: Scope) -> tuple[str, str, str | None]:
    """Code, message and help for a name that cannot be read."""
    place = scope.base if text in READABLE[scope.place] else scope.place
    if text == "inf":
        help_ = "it can only be the end of an interval, as in `in [0, inf)`"
        return "type-mismatch", "`inf` is not a value", help_
    if text in GIVEN or (
        place not in BLOCKS and (text in scope.names.slots or text in scope.later)
    ):
        return "undefined-name", f"`{text}` cannot be used {place.value}", READABLE_HELP[place]
    if text in scope.hidden:
        return (
            "undefined-name",
            f"`{text}` is assigned in only one branch of a `when`, so it has no value here",
            f"assign `{text}` in both branches, or before the `when`",
        )
    if text in scope.inner:
        return (
            "undefined-name",
            f"`{text}` is assigned inside a `repeat`, so it has no value here",
            f"assign it before the `repeat`, and update it there with `{text} <- …`",
        )
    if text in scope.later:
        return (
            "undefined-name",
            f"`{text}` is read before it is assigned",
            f"move `{text} = …` above this line; what lasts between steps is a `slot`",
        )
    if text in FUNCTIONS or text in scope.names.macros:
        what = "a `def`" if text in scope.names.macros else "a function"
        return "type-mismatch", f"`{text}` is {what}, not a value", f"call it: `{text}(…)`"
    visible = {*scope.names.hypers, *READABLE[place], *(scope.arguments or ()), *CONSTANTS}
    if place in BLOCKS:
        visible |= {*scope.names.slots, *scope.locals}
    declare = f"declare it with `hyper {text} = …` or `slot {text}`, or assign it above with `=`"
    help_ = meant_by(text, visible - {"inf"}, scope) or READABLE_HELP[place] or declare
    return "undefined-name", f"`{text}` is not defined", help_


def meant_by(text: str, visible: Iterable[str], scope: Scope) -> str | None:
    """What somebody probably meant who wrote a name that is not defined; None if that is open."""
    known = set(visible)
    habit = habits.NAMES.get(text, "")
    if habit in known:
        return f"did you mean `{habit}`?"
    if habit == "learning_rate":
        return "call it `learning_rate`, and declare it: `hyper learning_rate = 1e-3`"
    if text in habits.OTHERS:
        return habits.OTHERS[text]
    meant = scope.report.closest(text, known)
    return f"did you mean `{meant}`?" if meant else None


_ALL_FUNCTIONS = f"the functions are {', '.join(sorted(FUNCTIONS))}"


def report_no_function(call: syntax.CallExpr, scope: Scope) -> None:
    """Reports a call of something that is neither a function nor a macro."""
    name, span = call.function.text, call.function.span
    what = scope.names.kind_of(name)
    if scope.arguments is not None and name in scope.arguments:
        what = "an argument"
    elif name in scope.locals:
        what = "a local"
    elif name in GIVEN or name in CONSTANTS:
        what = "a value"
    if what is not None:
        help_ = f"read it as `{name}`, without parentheses"
        if len(call.args) == 1:
            help_ = f"a product needs `*`: `{name} * (…)`"
        scope.error("type-mismatch", span, f"`{name}` is {what}, not a function", help_)
        return
    known = habits.FUNCTIONS.get(name)
    if known is None:
        meant = scope.report.closest(name, FUNCTIONS | set(scope.names.macros))
        known = f"did you mean `{meant}`?" if meant else _ALL_FUNCTIONS
    scope.error("undefined-name", span, f"there is no function `{name}`", known)
