"""Statements of a step -> documents: the body of the generated update function."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from typing import assert_never

from optdsl import ir
from optdsl.analysis.sizes import is_sized
from optdsl.ir import (
    Call,
    Expr,
    If,
    Let,
    Matrix,
    PerStep,
    PerVariable,
    Ref,
    Repeat,
    Role,
    Set,
    Shape,
    Stmt,
    Tensor,
    Type,
    is_tensor,
)
from optdsl.records import record, replace
from optdsl.targets.document import (
    INDENT,
    NEWLINE,
    SOFT,
    Document,
    Filled,
    Group,
    IfBroken,
    Line,
    Nest,
    bracketed,
    flat,
    joined,
    lines,
)
from optdsl.targets.expressions import (
    Surroundings,
    call,
    constant,
    expression,
    literal,
    statement_value,
)
from optdsl.targets.text import WIDTH, comment_text

_CONDITION = 60  # characters for a condition, wherever it stands
_LONGEST_PART = len("part_99 = ")

Form = Callable[[Document], Document]


@record
class Writer:
    """Writes statements in a function.

    `parts` are names for parts of long expressions; `targets` the types of what a step updates,
    locals that a `repeat` changes among them;
    `branches` are numbers for the functions of branches.
    """

    here: Surroundings
    parts: Iterator[str]
    targets: Mapping[str, Type]
    branches: Iterator[int]

    def named(self, name: str) -> str:
        """How a name is spelled here."""
        return self.here.names.get(name, name)


def writer(here: Surroundings, targets: Mapping[str, Type] | None = None) -> Writer:
    """What writes statements among the names of `here`."""
    taken = {*here.names, *here.names.values(), *here.fixed}
    candidates = (f"part_{number}" if number > 1 else "part" for number in count(1))
    parts = (name for name in candidates if name not in taken)
    return Writer(here, parts, targets or {}, count(1))


def comment(equation: str) -> list[Document]:
    """The comment above a statement: its equation, in lines that stay short."""
    return [Filled(comment_text(equation), "# ", "#     ")] if equation else []


# --- one assignment ------------------------------------------------------------------------------


def assignment(
    lead: str, expr: Expr, writer: Writer, depth: int, form: Form | None = None
) -> list[Document]:
    """`lead`, then the value of `form`, with lines before it for parts that are too long.

    `lead` is `name = ` or `return `; `depth` says how far the lines will be indented.
    """
    frame = max(len(lead) + (len(flat(form(""))) if form else 0), _LONGEST_PART)
    before, short = _shortened(expr, WIDTH - INDENT * depth - frame, writer)
    here = writer.here
    value = form(expression(short, here)) if form else statement_value(short, here)
    return [*before, (lead, value)]


def value(expr: Expr, room: int, writer: Writer) -> tuple[list[Document], Document]:
    """Lines to go before an expression, and its text in at most `room` characters."""
    before, short = _shortened(expr, room, writer)
    if isinstance(short, Call) and _width(short, writer) > room:
        short = _part(short, before, writer)
    return before, expression(short, writer.here)


def _width(expr: Expr, writer: Writer) -> int:
    return len(flat(expression(expr, writer.here)))


def _shortened(expr: Expr, room: int, writer: Writer) -> tuple[list[Document], Expr]:
    """The expression with parts replaced by names until it fits, and the lines that name them."""
    if not isinstance(expr, Call) or not expr.args:
        return [], expr
    before: list[Document] = []
    args: list[Expr] = []
    for arg in expr.args:
        lines_, short = _shortened(arg, room, writer)
        before += lines_
        args.append(short)
    short = replace(expr, args=tuple(args))
    while _width(short, writer) > room:
        widths = [_width(arg, writer) if isinstance(arg, Call) else 0 for arg in short.args]
        longest = max(range(len(widths)), key=widths.__getitem__)
        if not widths[longest]:
            break
        part = _part(short.args[longest], before, writer)
        short = replace(short, args=(*short.args[:longest], part, *short.args[longest + 1 :]))
    return before, short


def _part(expr: Expr, before: list[Document], writer: Writer) -> Ref:
    """A name for a part, which is assigned in a line that is added to `before`."""
    name = next(writer.parts)
    before.append((f"{name} = ", statement_value(expr, writer.here)))
    # Whatever Python computes is as well known under a name as a dimension is.
    role = Role.DIM if writer.here.is_static(expr) else Role.LOCAL
    return Ref(name, role, expr.type, expr.span)


# --- blocks --------------------------------------------------------------------------------------


def block(
    body: Sequence[Stmt], writer: Writer, depth: int, result: str | None = None
) -> list[Document]:
    """Documents for statements, each under its equation; `depth` is how deep they will stand.

    The last assignment to `result` is a `return` instead, if it is the last statement.
    """
    documents: list[Document] = []
    for index, statement in enumerate(body):
        last = result if index == len(body) - 1 else None
        match statement:
            case Let(name, expr, equation):
                lead = _lead(writer.named(name), last)
                documents += comment(equation)
                documents += assignment(lead, expr, writer, depth, _begun(name, expr, writer))
            case Set(target, expr, equation):
                lead = _lead(writer.named(target), last)
                documents += comment(equation)
                documents += assignment(lead, expr, writer, depth, _fitting(target, expr, writer))
            case If(condition):
                branch = _python_if if writer.here.is_static(condition) else _tensor_if
                documents += branch(statement, writer, depth)
            case Repeat(count, inner, equation):
                before, rounds = value(count, _CONDITION, writer)
                inside = _nested(block(inner, writer, depth + 1))
                documents += [*before, *comment(equation)]
                documents.append(("for _ in range(", rounds, "):", inside))
            case _:
                assert_never(statement)
    return documents


def _lead(name: str, result: str | None) -> str:
    return "return " if name == result else f"{name} = "


def _begun(name: str, expr: Expr, writer: Writer) -> Form | None:
    """A local as a tensor: a number stands for one in another branch, or in another round.

    One that a `repeat` changes is as large as its type says from the beginning.
    """
    here, shape = writer.here, expr.type.shape
    if here.is_static(expr) and not is_tensor(shape):
        return lambda text: constant(text, expr.type.kind, here)
    if name not in writer.targets or not is_tensor(shape) or is_sized(expr, here.sized):
        return None
    return lambda text: _expanded(text, shape, writer)


def _fitting(target: str, expr: Expr, writer: Writer) -> Form | None:
    """What brings an update's value to the shape of the slot (or `param`) that it is for."""
    name, shape, here = writer.named(target), writer.targets[target].shape, writer.here
    alike = expr.type.shape == shape and is_sized(expr, here.sized)
    if (alike or not is_tensor(shape)) and not here.is_static(expr):
        return None
    return lambda text: call(here.helper("filled"), name, text)


def _python_if(statement: If, writer: Writer, depth: int) -> list[Document]:
    """A branch that is chosen when the step is traced."""
    then = _chosen(statement, statement.then, writer, depth)
    orelse = _chosen(statement, statement.orelse, writer, depth)
    condition = statement.condition
    if not then and not orelse:
        return []
    if not then:
        condition = Call("not", (condition,), None, condition.type, condition.span)
        then, orelse = orelse, []
    before, text = value(condition, _CONDITION, writer)
    documents: list[Document] = [*before, *comment(statement.equation)]
    documents.append(("if ", text, ":", _nested(then)))
    if orelse:
        documents.append(("else:", _nested(orelse)))
    return documents


def _nested(documents: list[Document]) -> Document:
    return Nest((NEWLINE, lines(opened(documents))))


def opened(documents: list[Document]) -> list[Document]:
    """The documents of a whole block: the empty line before a function is not its first."""
    return documents[1:] if documents[:1] == [""] else documents


def _chosen(statement: If, branch: tuple[Stmt, ...], writer: Writer, depth: int) -> list[Document]:
    """A branch whose locals have the same shapes as if the other branch had been taken."""
    documents = block(branch, writer, depth + 1)
    for name, type_ in statement.joins:
        shaped = _joined(name, type_, branch, writer)
        if shaped is not None:
            documents.append((f"{writer.named(name)} = ", shaped))
    return documents


def _tensor_if(statement: If, writer: Writer, depth: int) -> list[Document]:
    """A branch that is chosen in every step: only one of the two functions runs."""
    written = {*ir.updated(statement.then), *ir.updated(statement.orelse)}
    updated = [name for name in writer.targets if name in written]
    results = [writer.named(name) for name in (*updated, *dict(statement.joins))]
    if not results:
        return []
    number = next(writer.branches)
    labels = [f"_{word}{'' if number == 1 else f'_{number}'}" for word in ("then", "otherwise")]
    own = [writer.named(name) for name in updated]
    before, condition = value(statement.condition, _CONDITION, writer)
    documents: list[Document] = [*before, "", *comment(statement.equation)]
    for label, branch in zip(labels, (statement.then, statement.orelse), strict=True):
        head = bracketed((f"def {label}", "("), (f"{name}: Any" for name in own), ") -> Any:")
        body = _branch_body(statement, branch, results, writer, depth + 1)
        documents += [(head, _nested(body)), ""]
    branches = [f"lambda: {label}({', '.join(own)})" for label in labels]
    opening = (_listed(results), f" = {writer.here.target.branch}(")
    chosen = _nested([(each, ",") for each in (condition, *branches)])
    return [*documents, (opening, chosen, NEWLINE, ")")]


def _branch_body(
    statement: If, branch: tuple[Stmt, ...], results: list[str], writer: Writer, depth: int
) -> list[Document]:
    """The statements of a branch, and what it returns."""
    shaped = [_joined(name, type_, branch, writer) for name, type_ in statement.joins]
    updated = len(results) - len(shaped)
    values: list[Document] = [*results[:updated]]
    for own, other in zip(results[updated:], shaped, strict=True):
        values.append(own if other is None else other)
    if len(values) > 1:
        return [*block(branch, writer, depth), returned(values)]
    only = results[0] if values == [results[0]] else None
    documents = block(branch, writer, depth, only)
    ends = only is not None and any(_assigns(last, only, writer) for last in branch[-1:])
    return documents if ends else [*documents, returned(values)]


def _assigns(statement: Stmt, name: str, writer: Writer) -> bool:
    match statement:
        case Let(target) | Set(target):
            return writer.named(target) == name
        case If() | Repeat():
            return False
        case _:
            assert_never(statement)


def returned(values: Sequence[Document]) -> Document:
    """`return a, b`, in parentheses where that does not fit into one line."""
    return ("return ", _listed(values))


def _listed(values: Sequence[Document]) -> Document:
    """`a, b`, in parentheses where that does not fit into one line."""
    if len(values) == 1:
        return values[0]
    items = joined((",", Line()), values)
    return Group((IfBroken("("), Nest((SOFT, items)), IfBroken(","), SOFT, IfBroken(")")))


def _joined(name: str, type_: Type, branch: tuple[Stmt, ...], writer: Writer) -> Document | None:
    """A local at the end of a branch in the shape that both share; None where it has that."""
    here = writer.here
    fits = _bound_shape(name, branch) == type_.shape and name in here.sized
    if fits or not is_tensor(type_.shape):
        return None
    return _expanded(writer.named(name), type_.shape, writer)


def _expanded(text: Document, shape: Shape, writer: Writer) -> Document:
    """A value in the full shape of its type."""
    like: Document = writer.here.like
    match shape:
        case Tensor(reduced):
            for axis in sorted(reduced, key=str):
                like = call(writer.here.helper("reduced"), like, literal(axis))
        case Matrix(first, second):
            axes = {"rows": "-2", "cols": "-1", "1": "None"}
            like = call(writer.here.helper("blank_matrix"), like, axes[first], axes[second])
        case PerStep() | PerVariable():
            raise AssertionError("one value has no shape to fill")
        case _:
            assert_never(shape)
    return call(writer.here.helper("expanded"), text, like)


def _bound_shape(name: str, branch: tuple[Stmt, ...]) -> Shape:
    """The shape of a local that a branch binds."""
    for statement in branch:
        match statement:
            case Let(bound, expr) if bound == name:
                return expr.type.shape
            case If(joins=joins) if name in dict(joins):
                return dict(joins)[name].shape
            case _:
                pass
    raise AssertionError(f"{name} is not bound here")
