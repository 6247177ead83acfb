"""What the compiler has to say about a specification, and the only renderer of it."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable
from enum import Enum

from optdsl.records import record
from optdsl.source import SourceFile, Span


class Severity(Enum):
    """How bad it is: an error stops the build, a warning does not."""

    ERROR = "error"
    WARNING = "warning"


@record
class Diagnostic:
    """One finding.

    `code` is a stable slug; `span` the smallest text at fault; `message` states the fact in one
    sentence without a full stop; `notes` explain; `help` names the action.
    """

    code: str
    severity: Severity
    message: str
    span: Span
    notes: tuple[str, ...] = ()
    help: str | None = None

    def __str__(self) -> str:
        """What it says, without the place, which only the specification can show."""
        return "\n".join([_title(self), *_advice(self, "")])

    def _repr_html_(self) -> str:
        """The same for a notebook."""
        return as_html(str(self))


class SpecWarning(UserWarning):
    """What `load` shows of a specification that has warnings."""


class SpecError(Exception):
    """A specification has errors; `diagnostics` are all findings, `source` where they are."""

    def __init__(self, source: SourceFile, diagnostics: tuple[Diagnostic, ...]) -> None:
        self.source = source
        self.diagnostics = diagnostics
        super().__init__(render_text(source, diagnostics))


def ordered(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """In the order of the text, and each finding once."""

    def place(found: Diagnostic) -> tuple[int, int, str, str]:
        return (found.span.start, found.span.end, found.code, found.message)

    return tuple(sorted(dict.fromkeys(diagnostics), key=place))


# --- as text -------------------------------------------------------------------------------------

_WIDEST = 160
"""Longer source lines are cut, to what is around the fault."""
_CONTEXT = 60
_CUT = "…"
_TAB = "    "


def render_text(source: SourceFile, diagnostics: Iterable[Diagnostic]) -> str:
    """The findings as a person reads them, with the source line and carets under the fault.

    Nothing in the file can reach the terminal as a control character. Ends with a newline unless
    there is nothing to say.
    """
    return "\n".join(_render_one(source, found) for found in ordered(diagnostics))


def _render_one(source: SourceFile, found: Diagnostic) -> str:
    start, end = source.position(found.span.start), source.position(found.span.end)
    line = source.line(start.line)
    last = end.column - 1 if end.line == start.line else len(line)
    shown, carets = _excerpt(line, start.column - 1, last)
    name, place = source.place(found.span.start)
    margin = " " * len(str(place.line))
    lines = [
        _title(found),
        f"{margin}--> {_harmless(name)}:{place.line}:{place.column}",
        f"{margin} |",
        f"{place.line} | {shown}".rstrip(),
        f"{margin} | {carets}",
        *_advice(found, margin),
    ]
    return "\n".join(lines) + "\n"


def _title(found: Diagnostic) -> str:
    return f"{found.severity.value}[{found.code}]: {_harmless(found.message)}"


def _advice(found: Diagnostic, margin: str) -> list[str]:
    lines = [f"{margin} = note: {_harmless(note)}" for note in found.notes]
    if found.help is not None:
        lines.append(f"{margin} = help: {_harmless(found.help)}")
    return lines


def _excerpt(line: str, start: int, end: int) -> tuple[str, str]:
    """A line as it is shown, and the carets under its characters from `start` to `end`."""
    left, right, before, after = 0, len(line), "", ""
    if len(line) > _WIDEST:
        left = max(0, start - _CONTEXT)
        right = min(len(line), left + _WIDEST)
        before, after = _CUT * (left > 0), _CUT * (right < len(line))
    cells = [_cell(character) for character in line[left:right]]
    shown = before + "".join(text for text, _ in cells) + after
    widths = [width for _, width in cells]
    indent = len(before) + sum(widths[: start - left])
    length = max(1, sum(widths[start - left : end - left]))
    return shown, " " * indent + "^" * length


def _cell(character: str) -> tuple[str, int]:
    """How a character is shown, and how many columns of a terminal that takes."""
    if " " <= character <= "~":
        return character, 1
    if character == "\t":
        return _TAB, len(_TAB)
    category = unicodedata.category(character)
    if category in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"):
        escape = _escape(character)
        return escape, len(escape)
    if category in ("Mn", "Me"):
        return character, 0
    return character, 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{{{code:x}}}"


def _harmless(text: str) -> str:
    """On one line, and without characters that a terminal obeys."""
    return "".join(_cell(character)[0] for character in text)


# --- for notebooks -------------------------------------------------------------------------------


def as_html(text: str) -> str:
    """Rendered findings, or other text, as an element that needs nothing else."""
    import html

    def marked(match: re.Match[str]) -> str:
        return f'<b style="color: {_COLOURS[match[0]]}">{match[0]}</b>'

    shown = re.sub(r"(?m)^(error|warning)(?=\[)", marked, html.escape(text, quote=False))
    return f"<pre>{shown}</pre>"


_COLOURS = {"error": "#c62828", "warning": "#b26a00"}


# --- for machines --------------------------------------------------------------------------------


def records(source: SourceFile, diagnostics: Iterable[Diagnostic]) -> list[dict[str, object]]:
    """The findings as plain data, lines and columns from 1, the end not included."""
    return [_record(source, found) for found in ordered(diagnostics)]


def _record(source: SourceFile, found: Diagnostic) -> dict[str, object]:
    (name, start), (_, end) = source.place(found.span.start), source.place(found.span.end)
    return {
        "code": found.code,
        "severity": found.severity.value,
        "message": found.message,
        "file": name,
        "line": start.line,
        "column": start.column,
        "end_line": end.line,
        "end_column": end.column,
        "notes": list(found.notes),
        "help": found.help,
    }


def render_json(source: SourceFile, diagnostics: Iterable[Diagnostic]) -> str:
    """The findings of one file as a JSON list; pure ASCII."""
    return json.dumps(records(source, diagnostics), indent=2)
