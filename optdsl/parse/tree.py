"""Lark's reductions -> the surface tree: one method for each rule of the grammar."""

# ruff: noqa: D102 - a method builds the node of the grammar's rule that has its name

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, assert_never

from lark import Token, Transformer, v_args

from optdsl import syntax
from optdsl.parse.indentation import span_of
from optdsl.records import replace


def _ident(token: Token) -> syntax.Ident:
    return syntax.Ident(str(token), span_of(token))


def _extended(parts: tuple[Any, ...]) -> tuple[Any, ...]:
    """`(item,)` or `(items, item)` as a tuple of items.

    Lark's own lists grow in place, which would spoil a state of the parser that is returned to.
    """
    return parts if len(parts) == 1 else (*parts[0], parts[1])


def _dedent(text: str) -> str:
    """Without the common indentation of the lines after the first, and without outer blanks.

    The line of the closing quotes counts as well, so that a text may begin with an indented line.
    """
    first, *rest = text.split("\n")
    if not rest:
        return first.strip()
    margin = min(
        len(line) - len(line.lstrip(" ")) for line in rest if line.strip() or line is rest[-1]
    )
    return "\n".join([first.strip(), *(line[margin:].rstrip() for line in rest)]).strip()


@v_args(inline=True)
class TreeBuilder(Transformer[Token, syntax.Spec]):
    """Builds nodes while Lark parses; it keeps nothing between two parses."""

    # --- declarations and blocks ---

    def rule(
        self,
        keyword: Token,
        name: Token,
        doc: syntax.Docstring | None,
        members: tuple[syntax.Member, ...],
    ) -> syntax.Spec:
        return syntax.Spec(_ident(name), doc, members, span_of(keyword).to(span_of(name)))

    def wrapper(self, *parts: Any) -> syntax.Spec:
        return replace(self.rule(*parts), wrapper=True)

    def composition(
        self,
        keyword: Token,
        name: Token,
        composed: syntax.Composed,
        changes: tuple[syntax.Docstring | None, tuple[syntax.Member, ...]],
    ) -> syntax.Spec:
        return replace(self.rule(keyword, name, *changes), composed=composed)

    def leaf(self, name: Token) -> syntax.Composed:
        return syntax.Composed(_ident(name), None, span_of(name))

    def around(self, name: Token, inner: syntax.Composed, end: Token) -> syntax.Composed:
        return syntax.Composed(_ident(name), inner, span_of(name).to(span_of(end)))

    def unchanged(self) -> tuple[None, tuple[()]]:
        return None, ()

    def changed(self, *parts: Any) -> tuple[Any, ...]:
        return parts

    def described(self, token: Token) -> tuple[syntax.Docstring | None, tuple[()]]:
        return self.about(token), ()

    def about(self, token: Token | None = None) -> syntax.Docstring | None:
        return None if token is None else syntax.Docstring(_dedent(token[3:-3]), span_of(token))

    def doc(self, token: Token | None = None) -> syntax.Docstring | None:
        return None if token is None else syntax.Docstring(token[1:-1], span_of(token))

    def members(self, *parts: Any) -> tuple[syntax.Member, ...]:
        return _extended(parts)

    def hyper(
        self,
        keyword: Token,
        name: Token,
        kind: syntax.Ident | None,
        default: syntax.Expr,
        interval: syntax.IntervalExpr | None,
        doc: syntax.Docstring | None,
    ) -> syntax.HyperDecl:
        span = span_of(keyword).to((doc or interval or default).span)
        return syntax.HyperDecl(_ident(name), kind, default, interval, doc, span)

    def kind(self, name: Token | None = None) -> syntax.Ident | None:
        return None if name is None else _ident(name)

    def interval(self, *parts: Any) -> syntax.IntervalExpr | None:
        if not parts:
            return None
        left, low, high, right = parts
        span = span_of(left).to(span_of(right))
        return syntax.IntervalExpr(low, high, left == "(", right == ")", span)

    def slot(
        self,
        keyword: Token,
        names: tuple[syntax.Ident, ...],
        shape: syntax.ShapeExpr | None,
        initial: syntax.Expr | None,
        doc: syntax.Docstring | None,
    ) -> syntax.SlotDecl:
        span = span_of(keyword).to((doc or initial or shape or names[-1]).span)
        return syntax.SlotDecl(names, shape, initial, doc, span)

    def names(self, *names: Token) -> tuple[syntax.Ident, ...]:
        return tuple(_ident(name) for name in names)

    def shape(
        self, name: Token | None = None, axis: tuple[syntax.Expr, Token] | None = None
    ) -> syntax.ShapeExpr | None:
        if name is None:
            return None
        if axis is None:
            return syntax.ShapeExpr(_ident(name), None, span_of(name))
        return syntax.ShapeExpr(_ident(name), axis[0], span_of(name).to(span_of(axis[1])))

    def axis(self, *parts: Any) -> tuple[syntax.Expr, Token] | None:
        return parts or None

    def initial(self, value: syntax.Expr | None = None) -> syntax.Expr | None:
        return value

    def definition(
        self,
        keyword: Token,
        name: Token,
        params: tuple[syntax.Ident, ...],
        value: syntax.Expr,
    ) -> syntax.DefDecl:
        return syntax.DefDecl(_ident(name), params, value, span_of(keyword).to(value.span))

    def params(self, names: tuple[syntax.Ident, ...] = ()) -> tuple[syntax.Ident, ...]:
        return names

    def sparse(self, keyword: Token, mode: Token) -> syntax.SparseDecl:
        return syntax.SparseDecl(_ident(mode), span_of(keyword).to(span_of(mode)))

    def fix(self, keyword: Token, name: Token, value: syntax.Expr) -> syntax.FixDecl:
        return syntax.FixDecl(_ident(name), value, span_of(keyword).to(value.span))

    def step(self, keyword: Token, body: tuple[syntax.Stmt, ...]) -> syntax.StepBlock:
        return syntax.StepBlock(body, span_of(keyword))

    def evaluation(self, keyword: Token, body: tuple[syntax.Stmt, ...]) -> syntax.EvalBlock:
        return syntax.EvalBlock(body, span_of(keyword))

    def case(
        self,
        keyword: Token,
        name: Token,
        as_matrix: syntax.Ident | None,
        condition: syntax.Expr | None,
        members: tuple[syntax.Member, ...],
    ) -> syntax.CaseBlock:
        ident = _ident(name)
        span = span_of(keyword).to((condition or as_matrix or ident).span)
        return syntax.CaseBlock(ident, as_matrix, condition, members, span)

    def folding(self, *words: Token) -> syntax.Ident | None:
        if not words:
            return None
        return syntax.Ident(" ".join(words), span_of(words[0]).to(span_of(words[-1])))

    def condition(self, value: syntax.Expr | None = None) -> syntax.Expr | None:
        return value

    # --- statements ---

    def statements(self, *parts: Any) -> tuple[syntax.Stmt, ...]:
        return _extended(parts)

    def assign(self, target: Token, value: syntax.Expr) -> syntax.Assign:
        return syntax.Assign(_ident(target), value, span_of(target).to(value.span))

    def update(self, target: Token, _: Token, value: syntax.Expr) -> syntax.Update:
        return syntax.Update(_ident(target), value, span_of(target).to(value.span))

    def when(
        self,
        keyword: Token,
        condition: syntax.Expr,
        body: tuple[syntax.Stmt, ...],
        otherwise: tuple[Token, tuple[syntax.Stmt, ...]] | None,
    ) -> syntax.When:
        span = span_of(keyword).to(condition.span)
        if otherwise is None:
            return syntax.When(condition, body, (), span)
        return syntax.When(condition, body, otherwise[1], span, span_of(otherwise[0]))

    def otherwise(self, *parts: Any) -> tuple[Token, tuple[syntax.Stmt, ...]] | None:
        return parts or None

    def repeat(
        self, keyword: Token, count: syntax.Expr, body: tuple[syntax.Stmt, ...]
    ) -> syntax.Repeat:
        return syntax.Repeat(count, body, span_of(keyword).to(count.span))

    def inner(self, keyword: Token) -> syntax.Inner:
        return syntax.Inner(span_of(keyword))

    def regrad(self, keyword: Token) -> syntax.Unsupported:
        return syntax.Unsupported("regrad", span_of(keyword))

    # --- expressions ---

    def binary(self, left: syntax.Expr, symbol: Token, right: syntax.Expr) -> syntax.Binary:
        return syntax.Binary(str(symbol), left, right, left.span.to(right.span))

    def unary(self, symbol: Token, operand: syntax.Expr) -> syntax.Unary:
        return syntax.Unary(str(symbol), operand, span_of(symbol).to(operand.span))

    def group(self, left: Token, inner: syntax.Expr, right: Token) -> syntax.Expr:
        """Parentheses leave no node, but the expression in them is as long as they are."""
        return replace(inner, span=span_of(left).to(span_of(right)))

    def call(
        self,
        function: Token,
        arguments: tuple[syntax.Expr | syntax.Keyword, ...],
        end: Token,
    ) -> syntax.CallExpr:
        return syntax.CallExpr(
            _ident(function),
            tuple(item for item in arguments if not isinstance(item, syntax.Keyword)),
            tuple(item for item in arguments if isinstance(item, syntax.Keyword)),
            span_of(function).to(span_of(end)),
        )

    def arguments(
        self, *arguments: syntax.Expr | syntax.Keyword
    ) -> tuple[syntax.Expr | syntax.Keyword, ...]:
        return arguments

    def keyword(self, name: Token, value: syntax.Expr) -> syntax.Keyword:
        return syntax.Keyword(_ident(name), value, span_of(name).to(value.span))

    def number(self, token: Token) -> syntax.Number:
        return syntax.Number(token.lower(), span_of(token))  # `1E-3` is `1e-3`

    def boolean(self, token: Token) -> syntax.Boolean:
        return syntax.Boolean(token == "true", span_of(token))

    def name(self, token: Token) -> syntax.Name:
        return syntax.Name(str(token), span_of(token))


# --- walking -------------------------------------------------------------------------------------


def children(expr: syntax.Expr) -> tuple[syntax.Expr, ...]:
    """The expressions directly inside an expression."""
    match expr:
        case syntax.Unary():
            return (expr.operand,)
        case syntax.Binary():
            return (expr.left, expr.right)
        case syntax.CallExpr():
            return expr.args + tuple(keyword.value for keyword in expr.keywords)
        case _:
            return ()


def expressions(items: tuple[syntax.Member | syntax.Stmt, ...]) -> Iterator[syntax.Expr]:
    """The outermost expressions of members or statements, in the order of the text."""
    for item in items:
        match item:
            case syntax.HyperDecl():
                yield item.default
            case syntax.FixDecl():
                yield item.value
            case syntax.SparseDecl() | syntax.Inner():
                pass
            case syntax.SlotDecl():
                axis = item.shape.axis if item.shape else None
                yield from (expr for expr in (axis, item.initial) if expr is not None)
            case syntax.DefDecl() | syntax.Assign() | syntax.Update():
                yield item.value
            case syntax.StepBlock() | syntax.EvalBlock():
                yield from expressions(item.body)
            case syntax.When():
                yield item.condition
                yield from expressions(item.body)
                yield from expressions(item.otherwise)
            case syntax.Repeat():
                yield item.count
                yield from expressions(item.body)
            case syntax.CaseBlock():
                yield from () if item.condition is None else (item.condition,)
                yield from expressions(item.members)
            case syntax.Unsupported():
                pass
            case _:
                assert_never(item)
