"""Surface tree -> text: the one layout of a specification.

Hyperparameters and slots stand in columns, statements that update something have their arrows
under each other. Such a run ends at an empty line, a comment, or a line of another kind. Empty
lines in a block are kept, one at a time, and one separates declarations of different kinds.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import pairwise
from typing import assert_never

from optdsl import syntax
from optdsl.records import record
from optdsl.source import Span
from optdsl.syntax import (
    Assign,
    Binary,
    Boolean,
    CallExpr,
    Comment,
    Composed,
    Expr,
    Inner,
    Member,
    Name,
    Number,
    Repeat,
    Spec,
    Stmt,
    Unary,
    Unsupported,
    Update,
    When,
)

_INDENT = "    "

# --- expressions ---------------------------------------------------------------------------------

_OR, _AND, _NOT, _COMPARISON, _SUM, _PRODUCT, _SIGN, _POWER, _ATOM = range(9)

_LEVELS = {
    "or": _OR,
    "and": _AND,
    **dict.fromkeys(("<", "<=", ">", ">=", "==", "!="), _COMPARISON),
    **dict.fromkeys("+-", _SUM),
    **dict.fromkeys("*/%@", _PRODUCT),
    "^": _POWER,
}


def format_expr(expr: Expr) -> str:
    """One line, with parentheses only where the meaning needs them."""
    return _expr(expr, _OR)


def _expr(expr: Expr, least: int) -> str:
    """`expr` where only operators that bind at least as tightly as `least` may stand."""
    match expr:
        case Number() | Name():
            return expr.text
        case Boolean():
            return "true" if expr.value else "false"
        case CallExpr():
            parts = [_expr(arg, _OR) for arg in expr.args]
            parts += [f"{key.name.text}={_expr(key.value, _OR)}" for key in expr.keywords]
            return f"{expr.function.text}({', '.join(parts)})"
        case Unary("not", operand):
            return _in_parentheses(f"not {_expr(operand, _NOT)}", _NOT, least)
        case Unary(symbol, operand):
            return _in_parentheses(symbol + _expr(operand, _SIGN), _SIGN, least)
        case Binary("^", left, right):
            return _in_parentheses(f"{_expr(left, _ATOM)}^{_exponent(right)}", _POWER, least)
        case Binary(symbol, left, right):
            level = _LEVELS[symbol]
            first = level + 1 if level == _COMPARISON else level
            text = f"{_expr(left, first)} {symbol} {_expr(right, level + 1)}"
            return _in_parentheses(text, level, least)
        case _:
            assert_never(expr)


def _exponent(expr: Expr) -> str:
    """What follows `^` may begin with a minus: `2^-t`."""
    if isinstance(expr, Unary) and expr.symbol == "-":
        return "-" + _exponent(expr.operand)
    return _expr(expr, _POWER)


def _in_parentheses(text: str, level: int, least: int) -> str:
    return f"({text})" if level < least else text


# --- lines ---------------------------------------------------------------------------------------


@record
class _Row:
    """A line to be: `start` and `end` are offsets in the source, `columns` what is aligned.

    Neighbours of the same `kind` share their columns. An empty line separates declarations of
    different `group`; statements have none.
    """

    start: int
    end: int
    depth: int
    columns: tuple[str, ...]
    kind: str
    group: str = ""


def format_statement(stmt: Stmt) -> str:
    """One line, without indentation; of a `when` or `repeat`, the line that begins the block."""
    return " ".join(_statement(stmt))


def _statement(stmt: Stmt) -> tuple[str, ...]:
    match stmt:
        case Assign(target, value):
            return (f"{target.text} = {format_expr(value)}",)
        case Update(target, value):
            return (target.text, f"<- {format_expr(value)}")
        case When():
            return (f"when {format_expr(stmt.condition)}:",)
        case Inner():
            return ("inner",)
        case Repeat():
            return (f"repeat {format_expr(stmt.count)}:",)
        case Unsupported():
            return (stmt.what,)
        case _:
            assert_never(stmt)


def _rows(items: tuple[Member | Stmt, ...], depth: int) -> Iterator[_Row]:
    """The lines of members or statements, blocks in them included."""
    for item in items:
        start, end = item.span.start, item.span.end
        match item:
            case syntax.HyperDecl():
                yield _Row(start, end, depth, _hyper(item), "hyper", "hyper")
            case syntax.SlotDecl():
                yield _Row(start, end, depth, _slot(item), "slot", "slot")
            case syntax.DefDecl():
                params = ", ".join(param.text for param in item.params)
                text = f"def {item.name.text}({params}) = {format_expr(item.value)}"
                yield _Row(start, end, depth, (text,), "", "def")
            case syntax.SparseDecl():
                yield _Row(start, end, depth, (f"sparse {item.mode.text}",), "", "sparse")
            case syntax.StepBlock():
                yield _Row(start, end, depth, ("step:",), "block", "step")
                yield from _rows(item.body, depth + 1)
            case syntax.CaseBlock():
                yield _Row(start, end, depth, (_case(item),), "block", "block")
                yield from _rows(item.members, depth + 1)
            case syntax.EvalBlock():
                yield _Row(start, end, depth, ("eval:",), "block", "eval")
                yield from _rows(item.body, depth + 1)
            case syntax.FixDecl(name, value):
                columns = (f"fix {name.text}", f"= {format_expr(value)}")
                yield _Row(start, end, depth, columns, "fix", "fix")
            case Assign() | Inner():
                yield _Row(start, end, depth, _statement(item), "")
            case Update():
                yield _Row(start, end, depth, _statement(item), "update")
            case When():
                yield _Row(start, end, depth, _statement(item), "block")
                yield from _rows(item.body, depth + 1)
                if item.otherwise:
                    place = item.otherwise_span or _before(item.otherwise[0])
                    yield _Row(place.start, place.end, depth, ("otherwise:",), "otherwise")
                    yield from _rows(item.otherwise, depth + 1)
            case Repeat():
                yield _Row(start, end, depth, _statement(item), "block")
                yield from _rows(item.body, depth + 1)
            case Unsupported():
                yield _Row(start, end, depth, _statement(item), "")
            case _:
                assert_never(item)


def _before(stmt: Stmt) -> Span:
    return Span(stmt.span.start, stmt.span.start)


def _hyper(item: syntax.HyperDecl) -> tuple[str, ...]:
    kind = f": {item.kind.text}" if item.kind else ""
    interval = ""
    if item.interval:
        left, right = (
            "(" if item.interval.low_open else "[",
            ")" if item.interval.high_open else "]",
        )
        low, high = format_expr(item.interval.low), format_expr(item.interval.high)
        interval = f"in {left}{low}, {high}{right}"
    head = f"hyper {item.name.text}{kind}"
    return (head, f"= {format_expr(item.default)}", interval, _doc(item.doc))


def _slot(item: syntax.SlotDecl) -> tuple[str, ...]:
    head = "slot " + ", ".join(name.text for name in item.names)
    shape = ""
    if item.shape:
        axis = "" if item.shape.axis is None else f"({format_expr(item.shape.axis)})"
        head, shape = f"{head}:", f"{item.shape.name.text}{axis}"
    initial = "" if item.initial is None else f"= {format_expr(item.initial)}"
    return (head, shape, initial, _doc(item.doc))


def _case(item: syntax.CaseBlock) -> str:
    words = f" {item.as_matrix.text}" if item.as_matrix else ""
    condition = f" if {format_expr(item.condition)}" if item.condition else ""
    return f"case {item.name.text}{words}{condition}:"


def _doc(doc: syntax.Docstring | None) -> str:
    return "" if doc is None else f'"{doc.text}"'


def _long_doc(text: str) -> str:
    """On one line if it is one; the closing quotes stand apart from a text that ends in a quote."""
    if "\n" not in text and not text.endswith('"'):
        return f'"""{text}"""'
    first, *rest = text.split("\n")
    body = [f"{_INDENT}{line}" if line else "" for line in rest]
    return "\n".join([f'"""{first}', *body, f'{_INDENT}"""'])


# --- comments and empty lines --------------------------------------------------------------------


def _with_comments(
    rows: list[_Row], comments: tuple[Comment, ...]
) -> tuple[list[_Row], dict[int, str]]:
    """The rows with those of comments among them; and what trails rows, by their new index."""
    above: list[list[_Row]] = [[] for _ in rows]
    below: list[list[_Row]] = [[] for _ in rows]
    trailing: dict[int, Comment] = {}
    top: list[_Row] = []
    starts = [row.start for row in rows]
    for comment in comments:
        index = bisect_right(starts, comment.span.start) - 1
        if index < 0:
            top.append(_comment_row(comment, 0, ""))
            continue
        row = rows[index]
        following = rows[index + 1] if index + 1 < len(rows) else None
        if comment.span.start < row.end:
            above[index].append(_comment_row(comment, row.depth, row.group))
        elif not comment.own_line:
            if index in trailing:  # inside parentheses, after the last word
                above[index].append(_comment_row(trailing[index], row.depth, row.group))
            trailing[index] = comment
        else:
            least = following.depth if following else 0
            most = max(least, row.depth + (row.kind in ("block", "otherwise")))
            depth = min(max(comment.depth, least), most)
            group = following.group if following and following.depth == depth else ""
            below[index].append(_comment_row(comment, depth, group))
    result, ends = top, {}
    for index, row in enumerate(rows):
        result += [*above[index], row]
        if index in trailing:
            ends[len(result) - 1] = f"  {trailing[index].text}"
        result += below[index]
    return result, ends


def _comment_row(comment: Comment, depth: int, group: str) -> _Row:
    span = comment.span
    return _Row(span.start, span.end, depth, (comment.text,), "", group)


def _empty_line(above: _Row, row: _Row, blanks: tuple[int, ...]) -> bool:
    """Whether an empty line separates two rows."""
    if row.kind == "otherwise" or row.depth > above.depth:
        return False
    if above.kind == "doc" or (row.group and row.group != above.group):
        return True
    return bisect_left(blanks, above.end) < bisect_left(blanks, row.start)


def _aligned(rows: list[_Row], apart: list[bool]) -> Iterator[str]:
    """The text of each row, its columns aligned with those of its run."""
    run: list[_Row] = []
    for row, separate in zip(rows, apart, strict=True):
        if run and (
            separate or not row.kind or (row.kind, row.depth) != (run[0].kind, run[0].depth)
        ):
            yield from _columns(run)
            run = []
        run.append(row)
    yield from _columns(run)


def _columns(run: list[_Row]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*(row.columns for row in run), strict=True)]
    for row in run:
        cells = [
            cell.ljust(width) for cell, width in zip(row.columns, widths, strict=True) if width
        ]
        yield (_INDENT * row.depth + " ".join(cells)).rstrip()


# --- the whole -----------------------------------------------------------------------------------


def _head(spec: Spec) -> str:
    if spec.composed is None:
        return f"{'wrapper' if spec.wrapper else 'optimizer'} {spec.name.text}:"
    colon = ":" if spec.doc or spec.members else ""
    return f"optimizer {spec.name.text} = {_composed(spec.composed)}{colon}"


def _composed(composed: Composed) -> str:
    if composed.inner is None:
        return composed.name.text
    return f"{composed.name.text}({_composed(composed.inner)})"


def format_spec(spec: Spec) -> str:
    """The specification in the one layout; keeps every comment.

    Comments inside an expression move to the line above it. Ends with a newline.
    """
    head = _head(spec)
    rows = [_Row(spec.span.start, spec.span.end, 0, (head,), "block")]
    if spec.doc:
        doc = spec.doc.span
        rows.append(_Row(doc.start, doc.end, 1, (_long_doc(spec.doc.text),), "doc"))
    rows += _rows(spec.members, 1)
    rows, trailing = _with_comments(rows, spec.comments)
    apart = [False]
    apart += [_empty_line(above, row, spec.blanks) for above, row in pairwise(rows)]
    lines = [
        "\n" * separate + line + trailing.get(index, "")
        for index, (line, separate) in enumerate(zip(_aligned(rows, apart), apart, strict=True))
    ]
    return "\n".join(lines) + "\n"
