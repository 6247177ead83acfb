"""Words -> logical lines: what the indentation and the parentheses of a specification mean."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from lark import Token

from optdsl.diagnostics import Diagnostic, Severity
from optdsl.records import record
from optdsl.source import Span
from optdsl.syntax import Comment

MAX_NESTING = 64
"""How deep parentheses and blocks may be nested."""
MAX_TOKENS = 30_000
"""How many words and signs a file may have."""

BLOCK_KEYWORDS = frozenset("OPTIMIZER WRAPPER STEP EVAL CASE WHEN OTHERWISE REPEAT".split())
KEYWORDS = BLOCK_KEYWORDS | frozenset("HYPER SLOT DEF SPARSE REGRAD FIX INNER".split())
"""Words that are keywords where they open a line, and ordinary names elsewhere."""

FOREIGN_BLOCKS = frozenset("if elif else for while".split())
"""Words that open a block in Python: the lines under them are read as one."""

_OPENING = frozenset(("LPAR", "LSQB"))
_CLOSING = frozenset(("RPAR", "RSQB"))
_ENDING_A_VALUE = frozenset("NAME NUMBER BOOLEAN RPAR RSQB".split()) | KEYWORDS
_WORDS = frozenset({"NAME"}) | KEYWORDS
_ASSIGNING = frozenset(("EQUAL", "ARROW"))
_JOINING = frozenset("PLUS MINUS TIMES CARET COMPARISON AND OR".split())


@record
class Line:
    """A logical line: its tokens, and the blocks that end or begin before it.

    `broken` lines have already been complained about and are not worth parsing.
    """

    tokens: tuple[Token, ...]
    closes: int
    opens: bool
    broken: bool


@dataclass(slots=True)
class Indentation:
    """What is known after the whole text has been read; `depth` blocks are still open."""

    lines: list[Line] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    blanks: list[int] = field(default_factory=list)
    found: list[Diagnostic] = field(default_factory=list)
    depth: int = 0
    complete: bool = True


def span_of(token: Token) -> Span:
    """Where a token stands."""
    return Span(token.start_pos or 0, token.end_pos or 0)


def error(code: str, message: str, span: Span, advice: str | None = None) -> Diagnostic:
    """An error without notes; `advice` is its help line."""
    return Diagnostic(code, Severity.ERROR, message, span, (), advice)


def indented(tokens: Iterable[Token]) -> Indentation:
    """Groups tokens into logical lines.

    Faults of layout (tabs, parentheses that do not close, indentation that fits nothing) are in
    `found`; the lines around them are grouped as they were probably meant.
    """
    given = list(tokens)
    reader = _read(given, guess=False)
    # Only where a parenthesis stays open to the end is it worth guessing which line it broke.
    return (_read(given, guess=True) if reader.brackets else reader).out


def _read(tokens: list[Token], *, guess: bool) -> _Reader:
    reader = _Reader(guess)
    for token in tokens:
        reader.read(token)
        if not reader.out.complete:
            return reader
    reader.finish()
    return reader


class _Reader:
    """The state between two tokens."""

    def __init__(self, guess: bool) -> None:
        self.out = Indentation()
        self.guess = guess  # whether parentheses end where a statement probably begins
        self.line: list[Token] = []  # of the logical line
        self.physical: list[Token] = []  # of the line of text
        self.column = 0  # where the logical line begins
        self.brackets: list[Token] = []
        self.levels = [0]  # columns of the open blocks
        self.tolerated = -1  # a wrong column, complained about once, that counts as the last level
        self.pending: list[tuple[Token, int]] = []  # comments on lines of their own
        self.line_start = 0
        self.tabs = 0
        self.broken = False
        self.continued = False  # whether the logical line before took in the one after it

    def read(self, token: Token) -> None:
        match token.type:
            case "LINE_END":
                self._end_of_text_line(token)
            case "COMMENT":
                if self.physical or self.brackets:
                    self._comment(token, not self.physical, len(self.levels) - 1)
                else:
                    self.pending.append((token, self._column(token)))
                self.physical.append(token)
            case "UNKNOWN" if token == "\t":
                self._tab(token)
            case "TOO_MANY":
                message = f"the file has more than {MAX_TOKENS:,} words and signs"
                self.out.found.append(error("limit", message, span_of(token), "write less"))
                self.out.complete = False
            case _:
                self.physical.append(token)
                self._word(token)

    def _word(self, token: Token) -> None:
        if self.brackets and self._begins_statement(token):
            self._unclosed(self.physical[:-1])
        if not self.line:
            self.column = self._column(token)
        self.line.append(token)
        if token.type in _OPENING:
            self.brackets.append(token)
            if len(self.brackets) > MAX_NESTING:
                self._too_deep(token, "parentheses")
        elif token.type in _CLOSING and self.brackets:
            self.brackets.pop()

    def _column(self, token: Token) -> int:
        return (token.start_pos or 0) - self.line_start

    def _tab(self, token: Token) -> None:
        """Only the first is worth a complaint; one in the indentation hides the structure."""
        if self.physical or self.brackets:
            where, advice = "between words", "replace every tab by a space"
        else:
            where, advice = "in the indentation", "indent with spaces, 4 for each block"
            self.out.complete = False
        if not self.tabs:
            message = f"a tab stands {where}"
            self.out.found.append(error("syntax", message, span_of(token), advice))
        self.tabs += 1

    def _comment(self, token: Token, own_line: bool, depth: int) -> None:
        self.out.comments.append(Comment(token.rstrip(), own_line, span_of(token), depth))

    def _end_of_text_line(self, token: Token) -> None:
        if not self.physical and not self.brackets:
            self.out.blanks.append(token.start_pos or 0)
        if self.line and not self.brackets:
            self._end_of_line()
        self.physical = []
        self.line_start = token.end_pos or 0

    # --- parentheses that do not close ---

    def _begins_statement(self, token: Token) -> bool:
        """Whether `token`, inside parentheses, shows that they should have been closed before.

        A value is never followed by a name, and `<-` is never inside parentheses. `name =` may
        also give an argument by name: it only counts when nothing else closes the parentheses.
        """
        begun = len(self.physical)
        words = begun == 1 and token.type in KEYWORDS
        words |= begun == 2 and self.physical[0].type in _WORDS and token.type in _ASSIGNING
        if not words:
            return False
        after_value = self.line[-begun].type in _ENDING_A_VALUE
        outwards = self._column(self.physical[0]) <= self.column
        return token.type == "ARROW" or after_value or (self.guess and outwards)

    def _unclosed(self, begun: list[Token]) -> None:
        """Complains, ends the line, and starts another one with what has `begun`."""
        opening = self.brackets[-1]
        self.out.found.append(
            error(
                "syntax",
                f"this `{opening}` is never closed",
                span_of(opening),
                f"add a `{')' if opening.type == 'LPAR' else ']'}`",
            )
        )
        self.brackets = []
        self.broken = True
        self.line = self.line[: len(self.line) - len(begun)]
        self._end_of_line()
        self.line = begun
        if begun:
            self.column = self._column(begun[0])

    # --- indentation ---

    def _end_of_line(self) -> None:
        if self.out.lines and _goes_on(self.out.lines[-1].tokens, self.line):
            self._continue()
            return
        self.continued = False
        closes, opens = self._indentation()
        depth = len(self.levels) - 1
        for comment, _ in self.pending:
            self._comment(comment, True, depth)
        self.pending = []
        tokens = tuple(_soften(self.line))
        self.out.lines.append(Line(tokens, closes, opens, self.broken))
        self.line = []
        self.broken = False

    def _continue(self) -> None:
        """Complains, once for each statement, and reads the line as the rest of the one before."""
        if not self.continued:
            message = "the line before goes on here, outside of parentheses"
            advice = "write `(` before the expression and `)` after it"
            self.out.found.append(error("syntax", message, span_of(self.line[0]), advice))
        before = self.out.lines.pop()
        tokens = (*before.tokens, *_soften(self.line))
        broken = before.broken or self.broken
        self.out.lines.append(Line(tokens, before.closes, before.opens, broken))
        self.continued = True
        self.line = []
        self.broken = False

    def _indentation(self) -> tuple[int, bool]:
        """How many blocks end before this line, and whether one begins."""
        first = self.line[0]
        column = self.column
        if column == self.levels[-1] or column == self.tolerated:
            return 0, False
        before = Span((first.start_pos or 0) - column, first.start_pos or 0)
        if column > self.levels[-1]:
            if self.out.lines and _opens_block(self.out.lines[-1]):
                self.levels.append(column)
                if len(self.levels) > MAX_NESTING:
                    self._too_deep(first, "blocks")
                return 0, True
            self._wrong_indentation(before, "this line is indented, and no block begins here")
            return 0, False
        outer = [level for level in self.levels if level <= column]
        if outer[-1] != column:  # as the innermost block that it is not left of, plus what it lost
            self._wrong_indentation(before, "this indentation fits no line above")
            outer = [level for level in self.levels if level < column] + [
                min(level for level in self.levels if level > column)
            ]
        else:
            self.tolerated = -1
        closes = len(self.levels) - len(outer)
        self._comments_before_dedent(outer)
        self.levels = outer
        return closes, False

    def _wrong_indentation(self, span: Span, message: str) -> None:
        self.tolerated = self.column
        self.out.found.append(
            error("syntax", message, span, "indent it like the other lines of its block")
        )

    def _comments_before_dedent(self, outer: list[int]) -> None:
        """Comments at the end of a block are in it if they are indented like it."""
        for comment, column in self.pending:
            inside = sum(level <= column for level in self.levels)
            self._comment(comment, True, max(inside, len(outer)) - 1)
        self.pending = []

    def _too_deep(self, token: Token, what: str) -> None:
        self.out.found.append(
            error(
                "limit",
                f"{what} are nested more than {MAX_NESTING} deep",
                span_of(token),
                "name a part of it, or split the line",
            )
        )
        self.out.complete = False

    def finish(self) -> None:
        if self.brackets:
            if not self.guess:
                return
            self._unclosed([])
        if self.line:
            self._end_of_line()
        self._comments_before_dedent([0])
        self.out.comments.sort(key=lambda comment: comment.span.start)
        self.out.depth = len(self.levels) - 1


def _goes_on(before: tuple[Token, ...], line: list[Token]) -> bool:
    """Whether a line is the rest of an expression that the one before begins."""
    if line[0].type in _JOINING:
        return before[-1].type in _ENDING_A_VALUE
    begins = line[0].type in KEYWORDS or (len(line) > 1 and line[1].type in _ASSIGNING)
    return before[-1].type in (_JOINING | _ASSIGNING) and not begins


def _opens_block(line: Line) -> bool:
    first, last = line.tokens[0], line.tokens[-1]
    keyword = first.type in BLOCK_KEYWORDS or first in FOREIGN_BLOCKS
    return keyword or last.type == "COLON"


def _soften(tokens: list[Token]) -> Iterable[Token]:
    """Keywords only where they open a line, and not where that line gives a name a value."""
    given = len(tokens) > 1 and tokens[1].type in ("EQUAL", "ARROW")
    for index, token in enumerate(tokens):
        ordinary = token.type in KEYWORDS and (index > 0 or given)
        yield Token.new_borrow_pos("NAME", str(token), token) if ordinary else token
