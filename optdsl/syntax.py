"""The surface tree: a specification as it was written, before anything is known about it.

    spec        = Spec(name, doc, members), of an optimizer, a wrapper or a composition
    member      = HyperDecl | SlotDecl | DefDecl | SparseDecl | StepBlock | CaseBlock
                | EvalBlock | FixDecl
    statement   = Assign(name, value) | Update(name, value) | When(condition, body, otherwise)
                | Repeat(count, body) | Inner | Unsupported(what)
    expression  = Number | Boolean | Name | Unary | Binary | CallExpr

Spans do not take part in equality: two trees are equal when they say the same.
"""

from __future__ import annotations

from optdsl.records import Aside, record
from optdsl.source import Span


@record
class Ident:
    """A name where it is written."""

    text: str
    span: Aside[Span]


@record
class Docstring:
    """Text in quotes; `text` is the content, with common indentation removed."""

    text: str
    span: Aside[Span]


# --- expressions ---------------------------------------------------------------------------------


@record
class Number:
    """A literal; `text` as written, with a small `e` (`1e-3`). Whole iff no `.` or `e`."""

    text: str
    span: Aside[Span]


@record
class Boolean:
    """`true` or `false`."""

    value: bool
    span: Aside[Span]


@record
class Name:
    """A name that is read, the built-in constants `pi` and `inf` included."""

    text: str
    span: Aside[Span]


@record
class Unary:
    """`-x` or `not x`; `symbol` is `-` or `not`."""

    symbol: str
    operand: Expr
    span: Aside[Span]


@record
class Binary:
    """An infix operator: arithmetic, `@`, a comparison, `and`, `or`; `symbol` as written."""

    symbol: str
    left: Expr
    right: Expr
    span: Aside[Span]


@record
class Keyword:
    """`name=value` in a call; `axis=row` has the value Name("row")."""

    name: Ident
    value: Expr
    span: Aside[Span]


@record
class CallExpr:
    """`function(args, keyword=value)`: a function of the language, a macro, or `old(x)`."""

    function: Ident
    args: tuple[Expr, ...]
    keywords: tuple[Keyword, ...]
    span: Aside[Span]


Expr = Number | Boolean | Name | Unary | Binary | CallExpr


# --- statements ----------------------------------------------------------------------------------


@record
class Assign:
    """`name = value`: a local."""

    target: Ident
    value: Expr
    span: Aside[Span]


@record
class Update:
    """`name <- value`: a new value for a slot, for `param`, or inside a `repeat` for a local."""

    target: Ident
    value: Expr
    span: Aside[Span]


@record
class When:
    """`when condition:` with its branch, and the `otherwise:` branch (empty where there is none).

    `span` covers the first line, `otherwise_span` the word `otherwise`.
    """

    condition: Expr
    body: tuple[Stmt, ...]
    otherwise: tuple[Stmt, ...]
    span: Aside[Span]
    otherwise_span: Aside[Span | None] = None


@record
class Repeat:
    """`repeat count:` and its statements; `span` covers the first line."""

    count: Expr
    body: tuple[Stmt, ...]
    span: Aside[Span]


@record
class Unsupported:
    """A construct the grammar knows and the compiler does not build yet: `regrad`."""

    what: str
    span: Aside[Span]


@record
class Inner:
    """`inner`, in a wrapper: the step of the rule that is wrapped."""

    span: Aside[Span]


Stmt = Assign | Update | When | Repeat | Inner | Unsupported


# --- declarations --------------------------------------------------------------------------------


@record
class IntervalExpr:
    """`in [low, high)`: the ends are literals, perhaps negated, or `inf`."""

    low: Expr
    high: Expr
    low_open: bool
    high_open: bool
    span: Aside[Span]


@record
class HyperDecl:
    """`hyper name [: kind] = default [in interval] ["doc"]`."""

    name: Ident
    kind: Ident | None
    default: Expr
    interval: IntervalExpr | None
    doc: Docstring | None
    span: Aside[Span]


@record
class ShapeExpr:
    """A slot's shape: `param`, `scalar`, `row`, `global`, `reduced(k)` or `square(k)`."""

    name: Ident
    axis: Expr | None
    span: Aside[Span]


@record
class SlotDecl:
    """`slot name, name [: shape] [= initial] ["doc"]`."""

    names: tuple[Ident, ...]
    shape: ShapeExpr | None
    initial: Expr | None
    doc: Docstring | None
    span: Aside[Span]


@record
class DefDecl:
    """`def name(a, b) = value`: a macro."""

    name: Ident
    params: tuple[Ident, ...]
    value: Expr
    span: Aside[Span]


@record
class SparseDecl:
    """`sparse exact` or `sparse lazy`; `mode` as written."""

    mode: Ident
    span: Aside[Span]


@record
class StepBlock:
    """`step:` and its statements; `span` covers the word `step`."""

    body: tuple[Stmt, ...]
    span: Aside[Span]


@record
class EvalBlock:
    """`eval:` and its statements; `span` covers the word `eval`."""

    body: tuple[Stmt, ...]
    span: Aside[Span]


@record
class CaseBlock:
    """`case NAME [as matrix] [if condition]:` and its members; `span` covers the first line.

    `as_matrix` are the two words between the name and the condition, whatever they are.
    """

    name: Ident
    as_matrix: Ident | None
    condition: Expr | None
    members: tuple[Member, ...]
    span: Aside[Span]


@record
class FixDecl:
    """`fix name = value`, in a composition: no hyperparameter any more."""

    name: Ident
    value: Expr
    span: Aside[Span]


Member = HyperDecl | SlotDecl | DefDecl | SparseDecl | StepBlock | EvalBlock | CaseBlock | FixDecl


@record
class Composed:
    """`wrapper(inner)`, or the name of a rule, whose `inner` is None: stems of files."""

    name: Ident
    inner: Composed | None
    span: Aside[Span]


@record
class Comment:
    """A `#` comment; `own_line` when nothing but blanks stands before it on its line.

    The indentation of such a comment says how many blocks it is inside of: `depth`.
    """

    text: str
    own_line: bool
    span: Aside[Span]
    depth: int = 0


@record
class Spec:
    """A whole file, its members in the order they were written.

    `wrapper` says that it begins so; `composed` is what a composition consists of. `span` covers
    `optimizer NAME`; `blanks` are the offsets of empty lines.
    """

    name: Ident
    doc: Docstring | None
    members: tuple[Member, ...]
    span: Aside[Span]
    wrapper: bool = False
    composed: Composed | None = None
    comments: Aside[tuple[Comment, ...]] = ()
    blanks: Aside[tuple[int, ...]] = ()
