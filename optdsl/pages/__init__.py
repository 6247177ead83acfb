"""What every diagnostic means: an explanation, a specification that gets it, and one that does not.

The tests compile every example, so that this text cannot drift from what the compiler does.
"""

from __future__ import annotations

from textwrap import fill, indent

from optdsl.pages.errors import ERRORS
from optdsl.pages.page import Page
from optdsl.pages.warnings import WARNINGS

PAGES: dict[str, Page] = {page.code: page for page in (*ERRORS, *WARNINGS)}
"""Every diagnostic the compiler can give, by code."""


def explain(code: str) -> str:
    """A page as `optdsl rule` prints it.

    Args:
        code: the slug of a diagnostic.

    Raises:
        KeyError: there is no such diagnostic.
    """
    page = PAGES[code]
    return (
        f"{page.severity.value}[{code}]\n\n{fill(page.explanation, 88)}\n\n"
        f"Bad:\n\n{indent(page.bad_text, '    ')}\nGood:\n\n{indent(page.good, '    ')}"
    )


def summaries() -> str:
    """Every diagnostic with one sentence about it, a line each."""
    width = max(map(len, PAGES))
    kind = max(len(page.severity.value) for page in PAGES.values())
    return "\n".join(
        f"{code:<{width}}  {page.severity.value:<{kind}}  {page.summary}"
        for code, page in PAGES.items()
    )
