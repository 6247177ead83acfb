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


def explain(page: Page) -> str:
    """A page as `optdsl rule` prints it."""
    return (
        f"{page.severity.value}[{page.code}]\n\n{fill(page.explanation, 88)}\n\n"
        f"Bad:\n\n{indent(page.bad_text, '    ')}\nGood:\n\n{indent(page.good, '    ')}"
    )


def summaries() -> str:
    """Every diagnostic with one sentence about it, a line each."""
    width = max(map(len, PAGES))
    return "\n".join(
        f"{page.severity.value:<7}  {code:<{width}}  {page.summary}" for code, page in PAGES.items()
    )
