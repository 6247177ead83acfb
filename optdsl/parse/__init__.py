"""Text -> surface tree, or what is wrong with the text in a person's words."""

from __future__ import annotations

import re
from collections.abc import Iterator

from optdsl import syntax
from optdsl.diagnostics import Diagnostic, ordered
from optdsl.parse import mistakes
from optdsl.parse.indentation import error, indented
from optdsl.parse.lines import MAX_ERRORS, Reader, is_made_up, tokens_of
from optdsl.parse.tree import children, expressions
from optdsl.records import record, replace
from optdsl.source import SourceFile, Span

MAX_BYTES = 256 * 1024
MAX_DEPTH = 128
"""How deep an expression's tree may be; a sum of n terms is n deep."""


def decode(data: bytes, name: str) -> tuple[SourceFile, tuple[Diagnostic, ...]]:
    """Bytes -> text: UTF-8, with or without a byte order mark, lines ending in LF or CRLF.

    Args:
        data: the contents of the file.
        name: how diagnostics call the file.

    Returns:
        The text, as far as it can be read, and errors (`encoding`, `limit`).
    """
    if len(data) > MAX_BYTES:
        message = f"the file has {len(data):,} bytes; the most is {MAX_BYTES:,}"
        return SourceFile(name, ""), (error("limit", message, Span(0, 0)),)
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        text = _plain_line_ends(data.decode())
    except UnicodeDecodeError as problem:
        text = _plain_line_ends(data.decode(errors="replace"))
        place = len(_plain_line_ends(data[: problem.start].decode()))
        message = f"the byte 0x{data[problem.start]:02x} here is not UTF-8"
        advice = "save the file as UTF-8"
    else:
        place = text.find("\0")
        if place < 0:
            return SourceFile(name, text), ()
        message, advice = "a NUL character stands here", "save the file as plain text in UTF-8"
    found = error("encoding", message, Span(place, place + 1), advice)
    return SourceFile(name, text), (found,)


def _plain_line_ends(text: str) -> str:
    return re.sub(r"\r+\n", "\n", text) if "\r" in text else text


@record
class Reading:
    """A text that was read.

    `spec` is there if there are no errors. If there are, `rest` is what remains without the lines
    that are at fault, if it is worth looking at, and `doubtful` are the words of those lines.
    """

    spec: syntax.Spec | None
    rest: syntax.Spec | None
    doubtful: frozenset[str]
    found: tuple[Diagnostic, ...]


def parse(source: SourceFile) -> tuple[syntax.Spec | None, tuple[Diagnostic, ...]]:
    """Reads a specification.

    Returns:
        The tree and no errors, or None and all errors found (`syntax`, `limit`).
    """
    reading = read(source)
    return reading.spec, reading.found


def read(source: SourceFile) -> Reading:
    """Reads a specification, or as much of it as can be read."""
    words = indented(tokens_of(source.text))
    if words.complete and not words.lines:
        words.found.append(mistakes.empty_file(len(source.text)))
    if not words.complete or not words.lines:
        return Reading(None, None, frozenset(), ordered(words.found)[:MAX_ERRORS])
    reader = Reader(words)
    spec = reader.read()
    found = words.found or list(_too_deep(spec.members if spec else ()))
    if found or spec is None:
        rest = _without_made_up(spec) if spec else None
        if rest and next(_too_deep(rest.members), None):
            rest = None
        doubtful = frozenset(reader.doubtful)
        return Reading(None, rest, doubtful, ordered(found)[:MAX_ERRORS])
    spec = replace(spec, comments=tuple(words.comments), blanks=tuple(words.blanks))
    return Reading(spec, None, frozenset(), ())


# --- after parsing -------------------------------------------------------------------------------


def _without_made_up(spec: syntax.Spec) -> syntax.Spec | None:
    """The tree without what stands in for faulty lines."""
    if is_made_up(spec.name):
        return None
    return replace(spec, members=_real_members(spec.members))


def _real_members(members: tuple[syntax.Member, ...]) -> tuple[syntax.Member, ...]:
    real: list[syntax.Member] = []
    for member in members:
        match member:
            case syntax.StepBlock() | syntax.EvalBlock():
                real.append(replace(member, body=_real(member.body)))
            case syntax.SparseDecl() if is_made_up(member.mode):
                pass
            case syntax.CaseBlock() if is_made_up(member.name):
                pass
            case syntax.CaseBlock():
                real.append(replace(member, members=_real_members(member.members)))
            case _:
                real.append(member)
    return tuple(real)


def _real(stmts: tuple[syntax.Stmt, ...]) -> tuple[syntax.Stmt, ...]:
    statements: list[syntax.Stmt] = []
    for item in stmts:
        match item:
            case syntax.When():
                body, otherwise = _real(item.body), _real(item.otherwise)
                statements.append(replace(item, body=body, otherwise=otherwise))
            case syntax.Repeat():
                statements.append(replace(item, body=_real(item.body)))
            case syntax.Assign() if is_made_up(item.target):
                pass
            case _:
                statements.append(item)
    return tuple(statements)


def _too_deep(members: tuple[syntax.Member, ...]) -> Iterator[Diagnostic]:
    """Expressions that later stages, which are recursive, should not see."""
    for expr in expressions(members):
        level = [expr]
        for _ in range(MAX_DEPTH):
            level = [child for node in level for child in children(node)]
        if level:
            message = f"the expression is nested more than {MAX_DEPTH} deep"
            yield error("limit", message, expr.span, "give names to parts of it")
