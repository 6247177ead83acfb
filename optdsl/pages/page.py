"""One page, and the short ways to write it."""

from __future__ import annotations

from textwrap import dedent, indent

from optdsl.diagnostics import Severity
from optdsl.records import record


@record
class Page:
    """What there is to say about one diagnostic.

    `explanation` begins with a sentence that is a summary. `bad` is a whole specification that gets
    the diagnostic, as the contents of a file, since not every file is text; `good` gets none.
    """

    code: str
    severity: Severity
    explanation: str
    bad: bytes
    good: str

    @property
    def summary(self) -> str:
        """The first sentence, with its full stop."""
        return f"{self.explanation.partition('. ')[0].rstrip('.')}."

    @property
    def bad_text(self) -> str:
        """`bad` as it can be printed."""
        return self.bad.decode("utf-8", "backslashreplace")


def error(code: str, explanation: str, bad: str, good: str) -> Page:
    """The page of an error."""
    return _page(code, Severity.ERROR, explanation, bad, good)


def warning(code: str, explanation: str, bad: str, good: str) -> Page:
    """The page of a warning."""
    return _page(code, Severity.WARNING, explanation, bad, good)


def _plain(body: str) -> str:
    """A whole specification from the lines that matter, with a blank line above `step`."""
    lines = dedent(body).strip("\n").replace("\nstep", "\n\nstep")
    return "optimizer Example:\n" + indent(lines, "    ") + "\n"


def _page(code: str, severity: Severity, explanation: str, bad: str, good: str) -> Page:
    words = " ".join(explanation.split())
    return Page(code, severity, words, _plain(bad).encode(), _plain(good))
