"""Lark's reductions -> the surface tree: one method for each rule of the grammar."""

# ruff: noqa: D102 - a method builds the node of the grammar's rule that has its name

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import assert_never

from lark import Token, Transformer, v_args

from optdsl import syntax
from optdsl.layout import span_of


def _ident(token: Token) -> syntax.Ident:
    return syntax.Ident(str(token), span_of(token))


def _short_doc(token: Token | None) -> syntax.Docstring | None:
    return None if token is None else syntax.Docstring(token[1:-1], span_of(token))


def _long_doc(token: Token | None) -> syntax.Docstring | None:
    return None if token is None else syntax.Docstring(_dedent(token[3:-3]), span_of(token))


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

    def spec(
        self,
        keyword: Token,
        name: Token,
        doc: Token | None,
        members: tuple[syntax.Member, ...],
    ) -> syntax.Spec:
        span = span_of(keyword).to(span_of(name))
        return syntax.Spec(_ident(name), _long_doc(doc), members, span)

    def members(self, *members: syntax.Member) -> tuple[syntax.Member, ...]:
        return members

    def hyper(
        self,
        keyword: Token,
        name: Token,
        kind: Token | None,
        default: syntax.Expr,
        interval: syntax.IntervalExpr | None,
        doc: Token | None,
    ) -> syntax.HyperDecl:
        end = span_of(doc) if doc else interval.span if interval else default.span
        return syntax.HyperDecl(
            _ident(name),
            None if kind is None else _ident(kind),
            default,
            interval,
            _short_doc(doc),
            span_of(keyword).to(end),
        )

    def interval(
        self, _: Token, left: Token, low: syntax.Expr, high: syntax.Expr, right: Token
    ) -> syntax.IntervalExpr:
        span = span_of(left).to(span_of(right))
        return syntax.IntervalExpr(low, high, left == "(", right == ")", span)

    def slot(
        self,
        keyword: Token,
        names: tuple[syntax.Ident, ...],
        shape: syntax.ShapeExpr | None,
        initial: syntax.Expr | None,
        doc: Token | None,
    ) -> syntax.SlotDecl:
        last = initial or shape or names[-1]
        end = span_of(doc) if doc else last.span
        return syntax.SlotDecl(names, shape, initial, _short_doc(doc), span_of(keyword).to(end))

    def names(self, *names: Token) -> tuple[syntax.Ident, ...]:
        return tuple(_ident(name) for name in names)

    def shape(
        self, name: Token, _: Token | None, axis: syntax.Expr | None, end: Token | None
    ) -> syntax.ShapeExpr:
        span = span_of(name) if end is None else span_of(name).to(span_of(end))
        return syntax.ShapeExpr(_ident(name), axis, span)

    def definition(
        self,
        keyword: Token,
        name: Token,
        params: tuple[syntax.Ident, ...] | None,
        value: syntax.Expr,
    ) -> syntax.DefDecl:
        return syntax.DefDecl(_ident(name), params or (), value, span_of(keyword).to(value.span))

    def sparse(self, keyword: Token, mode: Token) -> syntax.SparseDecl:
        return syntax.SparseDecl(_ident(mode), span_of(keyword).to(span_of(mode)))

    def step(self, keyword: Token, body: tuple[syntax.Stmt, ...]) -> syntax.StepBlock:
        return syntax.StepBlock(body, span_of(keyword))

    def evaluation(self, keyword: Token, body: tuple[syntax.Stmt, ...]) -> syntax.UnsupportedBlock:
        return syntax.UnsupportedBlock("eval", span_of(keyword), body=body)

    def case(
        self,
        keyword: Token,
        name: Token,
        condition: syntax.Expr | None,
        members: tuple[syntax.Member, ...],
    ) -> syntax.UnsupportedBlock:
        end = span_of(name) if condition is None else condition.span
        return syntax.UnsupportedBlock(
            "case", span_of(keyword).to(end), _ident(name), condition, members
        )

    # --- statements ---

    def suite(self, *body: syntax.Stmt) -> tuple[syntax.Stmt, ...]:
        return body

    def assign(self, target: Token, value: syntax.Expr) -> syntax.Assign:
        return syntax.Assign(_ident(target), value, span_of(target).to(value.span))

    def update(self, target: Token, _: Token, value: syntax.Expr) -> syntax.Update:
        return syntax.Update(_ident(target), value, span_of(target).to(value.span))

    def when(
        self,
        keyword: Token,
        condition: syntax.Expr,
        body: tuple[syntax.Stmt, ...],
        otherwise: Token | None,
        orelse: tuple[syntax.Stmt, ...] | None,
    ) -> syntax.When:
        return syntax.When(
            condition,
            body,
            orelse or (),
            span_of(keyword).to(condition.span),
            None if otherwise is None else span_of(otherwise),
        )

    def repeat(
        self, keyword: Token, count: syntax.Expr, body: tuple[syntax.Stmt, ...]
    ) -> syntax.Unsupported:
        return syntax.Unsupported("repeat", span_of(keyword).to(count.span), count, body)

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
        arguments: tuple[syntax.Expr | syntax.Keyword, ...] | None,
        end: Token,
    ) -> syntax.CallExpr:
        given = arguments or ()
        return syntax.CallExpr(
            _ident(function),
            tuple(item for item in given if not isinstance(item, syntax.Keyword)),
            tuple(item for item in given if isinstance(item, syntax.Keyword)),
            span_of(function).to(span_of(end)),
        )

    def arguments(
        self, *arguments: syntax.Expr | syntax.Keyword
    ) -> tuple[syntax.Expr | syntax.Keyword, ...]:
        return arguments

    def keyword(self, name: Token, value: syntax.Expr) -> syntax.Keyword:
        return syntax.Keyword(_ident(name), value, span_of(name).to(value.span))

    def number(self, token: Token) -> syntax.Number:
        return syntax.Number(str(token), span_of(token))

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
            case syntax.HyperDecl() | syntax.SparseDecl():
                pass  # literals
            case syntax.SlotDecl():
                axis = item.shape.axis if item.shape else None
                yield from (expr for expr in (axis, item.initial) if expr is not None)
            case syntax.DefDecl() | syntax.Assign() | syntax.Update():
                yield item.value
            case syntax.StepBlock():
                yield from expressions(item.body)
            case syntax.When():
                yield item.condition
                yield from expressions(item.body)
                yield from expressions(item.otherwise)
            case syntax.Unsupported():
                yield from () if item.argument is None else (item.argument,)
                yield from expressions(item.body)
            case syntax.UnsupportedBlock():
                yield from () if item.condition is None else (item.condition,)
                yield from expressions(item.body)
            case _:
                assert_never(item)
