"""Text with places where it may be broken: a document knows no width, its layout does.

    document = str | Helper | Line | IfBroken | Nest | Group | Filled | a tuple of documents

A group stays on one line where it fits. Where it does not, each of its own lines is broken; the
groups in it are looked at on their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import assert_never

from optdsl.records import record

INDENT = 4


@record
class Helper:
    """A name of the runtime, as the generated file spells it."""

    name: str
    text: str


@record
class Line:
    """`flat` where its group is on one line, else a new line."""

    flat: str = " "


@record
class IfBroken:
    """Text that is there only where its group is broken."""

    text: str


@record
class Nest:
    """Lines that are indented."""

    inside: Document


@record
class Group:
    """What stays on one line if it can."""

    inside: Document


@record
class Filled:
    """Words in as few lines as they need: the first starts with `start`, the others with `rest`."""

    text: str
    start: str
    rest: str


Document = str | Helper | Line | IfBroken | Nest | Group | Filled | tuple["Document", ...]

SOFT = Line("")
"""Nothing, or a new line."""

NEWLINE = Line("\n")
"""A new line in any case."""


def joined(separator: Document, documents: Iterable[Document]) -> Document:
    """The documents with a separator between each two."""
    parts: list[Document] = []
    for document in documents:
        parts += [separator, document] if parts else [document]
    return tuple(parts)


def lines(documents: Iterable[Document]) -> Document:
    """Each document on a line of its own."""
    return joined(NEWLINE, documents)


def bracketed(opening: Document, inside: Iterable[Document], closing: str) -> Document:
    """`opening`, documents with commas between them, `closing`; broken, each has its own line."""
    items = joined((",", Line()), inside)
    if items == ():
        return (opening, closing)
    return Group((opening, Nest((SOFT, items)), IfBroken(","), SOFT, closing))


def in_parentheses(document: Document) -> Document:
    """The document, in parentheses where it does not fit on the line."""
    return Group((IfBroken("("), Nest((SOFT, document)), SOFT, IfBroken(")")))


def flat(document: Document) -> str:
    """The text on one line."""
    match document:
        case str():
            return document
        case Helper(_, text):
            return text
        case Line(text):
            return text
        case IfBroken():
            return ""
        case Nest(inside) | Group(inside):
            return flat(inside)
        case Filled(text, start):
            return start + " ".join(text.split())
        case tuple():
            return "".join(map(flat, document))
        case _:
            assert_never(document)


def helpers(document: Document) -> Iterator[str]:
    """The names of the runtime that occur in a document."""
    match document:
        case Helper(name):
            yield name
        case Nest(inside) | Group(inside):
            yield from helpers(inside)
        case tuple():
            for part in document:
                yield from helpers(part)
        case str() | Line() | IfBroken() | Filled():
            pass
        case _:
            assert_never(document)


_Todo = list[tuple[int, bool, Document]]


def layout(document: Document, width: int, indent: int = 0) -> str:
    """The text, no line longer than `width` if that can be; `indent` is that of the first line."""
    done: list[str] = []
    current = " " * indent
    todo: _Todo = [(indent, True, document)]
    while todo:
        depth, broken, part = todo.pop()
        match part:
            case str() | Helper():
                current += part if isinstance(part, str) else part.text
            case Line(text):
                if broken or text == "\n":
                    done.append(current.rstrip())
                    current = " " * depth
                else:
                    current += text
            case IfBroken(text):
                current += text if broken else ""
            case Nest(inside):
                todo.append((depth + INDENT, broken, inside))
            case Group(inside):
                inner = (depth, False, inside)
                fits = _fits(width - len(current), [*todo, inner])
                todo.append((depth, not fits, inside))
            case Filled():
                filled = fill(part.text, part.start, part.rest, width - depth)
                todo.append((depth, True, lines(filled)))
            case tuple():
                todo.extend((depth, broken, each) for each in reversed(part))
            case _:
                assert_never(part)
    return "\n".join([*done, current.rstrip()])


def _fits(room: int, todo: _Todo) -> bool:
    """Whether what is on top of `todo`, and what follows on its line, takes at most `room`."""
    while todo and room >= 0:
        depth, broken, part = todo.pop()
        match part:
            case str():
                room -= len(part)
            case Helper(_, text):
                room -= len(text)
            case Line(text):
                if broken or text == "\n":
                    return True
                room -= len(text)
            case IfBroken(text):
                room -= len(text) if broken else 0
            case Nest(inside) | Group(inside):
                todo.append((depth, broken, inside))
            case Filled():
                return True
            case tuple():
                todo.extend((depth, broken, each) for each in reversed(part))
            case _:
                assert_never(part)
    return room >= 0


def fill(text: str, start: str, rest: str, width: int) -> list[str]:
    """The words of `text` as lines of at most `width` characters."""
    filled, current, empty = [], start, True
    for word in text.split():
        if not empty and len(current) + 1 + len(word) > width:
            filled.append(current)
            current, empty = rest, True
        current += word if empty else f" {word}"
        empty = False
    return [*filled, current]
