"""Syntax errors in a person's words: what was probably meant, and what to write."""

from __future__ import annotations

from lark import Token

from optdsl.diagnostics import Diagnostic
from optdsl.layout import Line, error, span_of
from optdsl.source import Span
from optdsl.syntax import Ident

_SKETCH = "begin with `optimizer Name:`"


def empty_file(length: int) -> Diagnostic:
    """The file holds nothing but comments."""
    return error("syntax", "the file has no optimizer", Span(length, length), _SKETCH)


def no_step(name: Ident) -> Diagnostic:
    """The optimizer has no `step:`."""
    advice = "add a block `step:` that updates `param`"
    return error("syntax", f"the optimizer `{name.text}` has no `step:`", name.span, advice)


def only_docstring(header: Line) -> Diagnostic:
    """There is nothing in the optimizer but its description."""
    advice = "add a block `step:` that updates `param`"
    return error("syntax", "the optimizer has no `step:`", _extent(header.tokens), advice)


def no_block(header: Line) -> Diagnostic:
    """Nothing is indented under a line that ends in `:`."""
    message = "an indented block is missing under this line"
    return error("syntax", message, _extent(header.tokens), "indent the lines that belong to it")


def tidy(line: Line, found: list[Diagnostic]) -> tuple[tuple[Token, ...], bool]:
    """Repairs what is written as in other languages, and says so in `found`.

    Returns:
        The tokens as they should have been, and whether the line is beyond repair.
    """
    return line.tokens, line.broken


def explain(tokens: tuple[Token, ...], index: int, accepts: set[str]) -> Diagnostic:
    """Why the parser stopped at `tokens[index]` (or at the end) where it `accepts` other tokens."""
    if index < len(tokens):
        span, seen = span_of(tokens[index]), f"`{tokens[index]}`"
    else:
        end = span_of(tokens[-1]).end
        span, seen = Span(end, end), "the end of the line"
    return error("syntax", f"unexpected {seen}", span, f"{sorted(accepts)}")


def _extent(tokens: tuple[Token, ...]) -> Span:
    return span_of(tokens[0]).to(span_of(tokens[-1]))
