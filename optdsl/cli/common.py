"""What commands share: how they fail, how findings are shown, colours, lists of names."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import IO, TYPE_CHECKING, Any

import click

from optdsl.inputs import unknown

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from optdsl.diagnostics import Diagnostic
    from optdsl.pages.page import Page
    from optdsl.source import SourceFile


class Failure(click.ClickException):
    """The command cannot do what it was asked to; shown as `error: ...`, exit code 2."""

    exit_code = 2

    def show(self, file: IO[Any] | None = None) -> None:
        """Prints the message to standard error."""
        title = click.style("error", fg="red", bold=True)
        click.echo(f"{title}: {self.message}", file, err=True, color=colours())


def colours() -> bool | None:
    """Whether to print in colours; None if that depends on whether a terminal reads it."""
    if os.environ.get("NO_COLOR"):
        return False
    return True if os.environ.get("FORCE_COLOR") else None


def count(number: int, noun: str) -> str:
    """`no findings`, `1 finding`, `2 findings`."""
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"


def show(source: SourceFile, diagnostics: Sequence[Diagnostic], *, err: bool = True) -> None:
    """Prints findings; click drops the colours where the output is not a terminal."""
    from optdsl.diagnostics import render_text

    if not diagnostics:
        return
    text = render_text(source, diagnostics).rstrip("\n") + "\n"
    click.echo(re.sub(r"(?m)^(error|warning)(?=\[)", _coloured, text), err=err)


def _coloured(match: re.Match[str]) -> str:
    return click.style(match[0], fg="red" if match[0] == "error" else "yellow", bold=True)


def show_diff(old: str, new: str, old_name: str, new_name: str) -> None:
    """Prints what has changed between two texts."""
    import difflib

    before, after = old.splitlines(keepends=True), new.splitlines(keepends=True)
    for line in difflib.unified_diff(before, after, old_name, new_name):
        click.echo(line, nl=not line.endswith("\n"))


def page(slug: str) -> Page:
    """The page of a diagnostic."""
    from optdsl.pages import PAGES

    if slug not in PAGES:
        raise Failure(unknown(f"diagnostic `{slug}`", slug, PAGES))
    return PAGES[slug]


def complete_slug(ctx: Any, param: Any, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    """For the shell: the names of diagnostics that begin so."""
    from click.shell_completion import CompletionItem

    from optdsl.pages import PAGES

    return [
        CompletionItem(code, help=page.summary)
        for code, page in PAGES.items()
        if code.startswith(incomplete)
    ]
