"""Source text and places in it; line and column are worked out when somebody asks."""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache

from optdsl.records import record


@record
class Span:
    """A half-open range of character offsets in a source file."""

    start: int
    end: int

    def to(self, other: Span) -> Span:
        """The smallest span that covers this one and `other`."""
        return Span(min(self.start, other.start), max(self.end, other.end))


@record
class Position:
    """A place as editors count it: line and column start at 1."""

    line: int
    column: int


@record
class Part:
    """From `start` on, a text comes from the file `name`."""

    start: int
    name: str


@record
class SourceFile:
    """The text of one specification; `name` is how diagnostics call the file.

    A composition is made of several files: their texts stand one after the other, and `parts` say
    where each of the others begins.
    """

    name: str
    text: str
    parts: tuple[Part, ...] = ()

    def place(self, offset: int) -> tuple[str, Position]:
        """The file that an offset is in, and where it is there."""
        name, first = self.name, 0
        for part in self.parts:
            if part.start <= offset:
                name, first = part.name, part.start
        at = self.position(offset)
        return name, Position(at.line - self.position(first).line + 1, at.column)

    def position(self, offset: int) -> Position:
        """Line and column of a character offset; past the end counts as the end."""
        starts = _line_starts(self.text)
        offset = min(max(offset, 0), len(self.text))
        line = bisect_right(starts, offset)
        return Position(line, offset - starts[line - 1] + 1)

    def line(self, number: int) -> str:
        """Text of line `number` (from 1), without its newline; "" past the end."""
        starts = _line_starts(self.text)
        if not 1 <= number <= len(starts):
            return ""
        end = starts[number] - 1 if number < len(starts) else len(self.text)
        return self.text[starts[number - 1] : end]

    def slice(self, span: Span) -> str:
        """The text that a span covers."""
        return self.text[span.start : span.end]


@lru_cache(maxsize=4)
def _line_starts(text: str) -> list[int]:
    """Where each line starts. Kept for a few texts: every finding of a file asks for it."""
    starts = [0]
    while (end := text.find("\n", starts[-1])) >= 0:
        starts.append(end + 1)
    return starts
