"""Feeding the lines of a specification to Lark, and going on after one with a fault."""

from __future__ import annotations

import io
import pickle
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

import lark
from lark import Lark, Token, UnexpectedToken
from lark.lark import PostLex
from lark.parsers.lalr_interactive_parser import InteractiveParser

from optdsl import cache, resources, syntax
from optdsl.parse import foreign, mistakes
from optdsl.parse.indentation import MAX_TOKENS, Indentation, Line
from optdsl.parse.tree import TreeBuilder
from optdsl.records import replace
from optdsl.version import __version__

MAX_ERRORS = 50
"""After so many errors the rest of the file is not looked at."""

# --- the parser, built once ----------------------------------------------------------------------


class _KeepAll(PostLex):
    """Tells Lark to keep the tokens that no rule mentions: they are for the layout."""

    always_accept = ("COMMENT", "LINE_END", "UNKNOWN", "OPEN_TEXT", "OPEN_LONG_TEXT")

    def process(self, stream: Iterator[Token]) -> Iterator[Token]:
        return stream


@lru_cache(maxsize=1)
def _lark() -> Lark:
    """The parser. Making its tables takes ten times as long as reading them."""
    grammar = resources.grammar()
    name, made_from = f"parser-{__version__}.pickle", f"{sys.version} {lark.__version__} {grammar}"
    if (kept := cache.load(name, made_from)) is not None:
        # As parsers do that Lark's own generator writes: what is ours is given once more.
        read: Callable[..., Lark] = Lark._load_from_dict
        return read(**pickle.loads(kept), postlex=_KeepAll(), transformer=TreeBuilder())
    parser = Lark(
        grammar,
        parser="lalr",
        lexer="basic",
        start="spec",
        postlex=_KeepAll(),
        transformer=TreeBuilder(),
        maybe_placeholders=True,
    )
    tables = io.BytesIO()
    parser.save(tables, ("postlex", "transformer"))
    cache.keep(name, made_from, tables.getvalue())
    return parser


def tokens_of(text: str) -> Iterator[Token]:
    """The words of a text. What follows an unclosed `\"\"\"` is not text of the language."""
    session = _lark().parse_interactive(text)
    lex: Callable[[object], Iterator[Token]] = session.lexer_thread.lex
    for number, token in enumerate(lex(session.parser_state)):
        if number >= MAX_TOKENS:
            yield Token.new_borrow_pos("TOO_MANY", str(token), token)
            return
        yield token
        if token.type == "OPEN_LONG_TEXT":
            return


# --- line by line --------------------------------------------------------------------------------


def _made_up(*types: str) -> tuple[Token, ...]:
    """Tokens that stand in for a line with a fault, so that the lines after it can be read."""
    return tuple(Token(kind, "") for kind in types)


def is_made_up(ident: syntax.Ident) -> bool:
    """Whether a name stands in a line that was made up."""
    return ident.text == ""


_NEWLINE, _INDENT, _DEDENT = _made_up("_NEWLINE", "_INDENT", "_DEDENT")
_PLAIN = (_made_up("NAME", "EQUAL", "BOOLEAN"), _made_up("SPARSE", "NAME"))
_HEADERS = (
    _made_up("OTHERWISE", "COLON"),
    _made_up("WHEN", "BOOLEAN", "COLON"),
    _made_up("STEP", "COLON"),
    _made_up("CASE", "NAME", "COLON"),
    _made_up("EVAL", "COLON"),
    _made_up("OPTIMIZER", "NAME", "COLON"),
    _made_up("WRAPPER", "NAME", "COLON"),
)


class Reader:
    """Feeds lines to the parser. A line with a fault is replaced by one that fits its place.

    `doubtful` are the words of such lines: what is said about them elsewhere may be wrong.
    """

    def __init__(self, text: Indentation) -> None:
        self.lines = text.lines
        self.found = text.found
        self.doubtful: set[str] = set()
        self.session: InteractiveParser = _lark().parse_interactive("")
        self.open = 0  # blocks
        self.header: Line | None = None  # the line before, if it begins a block

    def read(self) -> syntax.Spec | None:
        """The tree, with stand-ins for faulty lines; None if too little could be read."""
        index = 0
        while index < len(self.lines):
            if len(self.found) >= MAX_ERRORS:
                return None
            line = self.lines[index]
            self._blocks(line)
            follows = index + 1 < len(self.lines) and self.lines[index + 1].opens
            if self._line(line, follows):
                index += 1
            elif follows:
                index = self._skip_block(index)
            else:
                index = self._skip_to_optimizer(index + 1)
        self._block_is_there()
        for _ in range(self.open):
            self._dedent()
        finish: Callable[[], syntax.Spec] = self.session.feed_eof
        try:
            return finish()
        except UnexpectedToken:  # no line was an `optimizer`
            return None

    def _blocks(self, line: Line) -> None:
        """Ends and begins blocks as `line` says."""
        if line.opens:
            self.session.feed_token(_INDENT)
            self.open += 1
            self.header = None
        else:
            self._block_is_there()
        for _ in range(line.closes):
            self._dedent()

    def _block_is_there(self) -> None:
        if self.header is not None:
            self.found.append(mistakes.no_block(self.header))
            self.session.feed_token(_INDENT)
            self._try_one_of(_PLAIN)
            self.session.feed_token(_DEDENT)
            self.header = None

    def _dedent(self) -> None:
        try:
            self.session.feed_token(_DEDENT)
        except UnexpectedToken:  # a docstring alone is no block
            self.found.append(mistakes.only_docstring(self.lines[0]))
            self._try_one_of(_PLAIN)
            self.session.feed_token(_DEDENT)
        self.open -= 1

    def _line(self, line: Line, follows: bool) -> bool:
        """Reads one line; whether that, or something in its place, could be done."""
        tokens, broken = foreign.tidy(line, self.found)
        mark = self._mark()
        if not broken:
            broken = not self._feed(tokens, follows)
        if broken:
            self._back_to(mark)
            self.doubtful.update(map(str, line.tokens))
            headers = sorted(_HEADERS, key=lambda made_up: made_up[0].type != tokens[0].type)
            if not self._try_one_of(headers if follows else _PLAIN):
                return not follows and self.open > 0
        self.header = line if follows or (not broken and tokens[-1].type == "COLON") else None
        return True

    def _feed(self, tokens: tuple[Token, ...], follows: bool) -> bool:
        for index, token in enumerate((*tokens, _NEWLINE)):
            if token is _NEWLINE and follows and tokens[0].type == "OPTIMIZER":
                self._colon_of_a_composition(tokens[-1])
            try:
                self.session.feed_token(token)
            except UnexpectedToken:
                ask: Callable[[], set[str]] = self.session.accepts
                accepts = ask()
                self.found.append(mistakes.explain(tokens, index, accepts))
                if token is _NEWLINE and "COLON" in accepts and follows:
                    self.session.feed_token(Token("COLON", ":"))
                    self.session.feed_token(_NEWLINE)
                    return True
                return False
        return True

    def _colon_of_a_composition(self, last: Token) -> None:
        """Complains where a composition with a block has no colon, and adds it."""
        ask: Callable[[], set[str]] = self.session.accepts
        if last.type != "COLON" and {"COLON", "_NEWLINE"} <= ask():
            self.found.append(mistakes.no_colon(last))
            self.session.feed_token(Token("COLON", ":"))

    def _try_one_of(self, candidates: Iterable[tuple[Token, ...]]) -> bool:
        mark = self._mark()
        for candidate in candidates:
            try:
                for token in (*candidate, _NEWLINE):
                    self.session.feed_token(token)
            except UnexpectedToken:
                self._back_to(mark)
            else:
                return True
        return False

    def _skip_block(self, index: int) -> int:
        """The line after the block that begins after line `index`."""
        depth = 0
        for later in range(index + 1, len(self.lines)):
            line = self.lines[later]
            self.doubtful.update(map(str, line.tokens))
            if line.closes >= depth > 0:
                self.lines[later] = replace(line, closes=line.closes - depth)
                return later
            depth += line.opens - line.closes
        return len(self.lines)

    def _skip_to_optimizer(self, index: int) -> int:
        """The line from `index` on that begins the optimizer; after the optimizer, no line."""
        for later in range(index, len(self.lines)):
            line = self.lines[later]
            if (
                line.tokens[0].type in ("OPTIMIZER", "WRAPPER")
                and len(self.session.parser_state.state_stack) == 1
            ):
                self.lines[later] = replace(line, closes=0)
                return later
            self.doubtful.update(map(str, line.tokens))
        return len(self.lines)

    def _mark(self) -> tuple[list[object], list[object]]:
        state = self.session.parser_state
        return list(state.state_stack), list(state.value_stack)

    def _back_to(self, mark: tuple[list[object], list[object]]) -> None:
        state = self.session.parser_state
        state.state_stack[:], state.value_stack[:] = mark
