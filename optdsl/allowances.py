"""`# allow: SLUG: REASON`: warnings that the writer has thought about, silenced in place."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable

from optdsl.check.names import closest
from optdsl.diagnostics import Diagnostic, Severity
from optdsl.pages import PAGES
from optdsl.records import record
from optdsl.source import SourceFile, Span
from optdsl.syntax import Comment

_ALLOW = re.compile(r"#\s*allow\s*:\s*(?P<code>[^\s:]*)\s*:?(?P<reason>.*)")


@record
class Allowance:
    """The warning `code` is allowed in `line`, for a `reason`; `span` is the comment."""

    code: str
    reason: str
    line: int
    span: Span


def read(
    source: SourceFile, comments: Iterable[Comment]
) -> tuple[tuple[Allowance, ...], tuple[Diagnostic, ...]]:
    """The allowances among the comments of a specification, and errors in those that are none."""
    given: list[Allowance] = []
    errors: list[Diagnostic] = []
    said = [(match, it) for it in comments if (match := _ALLOW.match(it.text))]
    below = _lines_below(source) if said else []
    for match, comment in said:
        code, reason = match["code"], match["reason"].strip()
        problem = _problem(code, reason)
        if problem is not None:
            message, help_ = problem
            error = Diagnostic("bad-allowance", Severity.ERROR, message, comment.span, (), help_)
            errors.append(error)
            continue
        line = source.position(comment.span.start).line
        about = below[line] if comment.own_line else line
        given.append(Allowance(code, reason, about, comment.span))
    return tuple(given), tuple(errors)


def _lines_below(source: SourceFile) -> list[int]:
    """For each line, by its number, the next one that is more than a comment."""
    texts = source.text.split("\n")
    below = [len(texts)] * (len(texts) + 1)
    for number in range(len(texts) - 1, 0, -1):
        text = texts[number].lstrip()
        below[number] = number + 1 if text and not text.startswith("#") else below[number + 1]
    return below


def _problem(code: str, reason: str) -> tuple[str, str] | None:
    """What is wrong with an allowance, and what to do."""
    if code not in PAGES:
        warnings = [name for name, page in PAGES.items() if page.severity is Severity.WARNING]
        meant = closest(code, warnings)
        help_ = f"did you mean `{meant}`?" if meant else f"warnings are {', '.join(warnings)}"
        return f"there is no warning `{code}` to allow", help_
    if PAGES[code].severity is Severity.ERROR:
        return f"`{code}` is an error, and only warnings can be allowed", "mend what is at fault"
    if not reason:
        help_ = f"say why it is all right: `# allow: {code}: REASON`"
        return f"this allowance of `{code}` gives no reason", help_
    return None


# --- what they silence ---------------------------------------------------------------------------


def silence(
    source: SourceFile, given: tuple[Allowance, ...], found: tuple[Diagnostic, ...]
) -> tuple[Diagnostic, ...]:
    """The warnings that nothing allows, and one for each allowance that silences nothing."""
    if not given:
        return found
    allowed: dict[tuple[str, int], list[Allowance]] = defaultdict(list)
    for allowance in given:
        allowed[allowance.code, allowance.line].append(allowance)
    kept: list[Diagnostic] = []
    used: set[Allowance] = set()
    for one in found:
        first, last = source.position(one.span.start).line, source.position(one.span.end).line
        covering = [it for line in range(first, last + 1) for it in allowed[one.code, line]]
        used.update(covering)
        if not covering:
            kept.append(one)
    return (*kept, *(_unused(allowance) for allowance in given if allowance not in used))


def _unused(allowance: Allowance) -> Diagnostic:
    return Diagnostic(
        "unused-allowance",
        Severity.WARNING,
        f"this allows `{allowance.code}`, and there is no such warning here",
        allowance.span,
        (),
        "remove it, or put it at the end of the line with the warning, or in the line before",
    )
