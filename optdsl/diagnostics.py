"""What the compiler has to say about a specification, and the only renderer of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from optdsl.source import SourceFile, Span


class Severity(Enum):
    """How bad it is: an error stops the build, a warning does not."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
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


class SpecError(Exception):
    """A specification has errors; `diagnostics` are all findings, `source` where they are."""

    def __init__(self, source: SourceFile, diagnostics: tuple[Diagnostic, ...]) -> None:
        self.source = source
        self.diagnostics = diagnostics
        super().__init__(render_text(source, diagnostics))


def render_text(source: SourceFile, diagnostics: tuple[Diagnostic, ...]) -> str:
    """The findings as a person reads them, with the source line and carets under the fault."""
    raise NotImplementedError  # replaced by the front-end work
