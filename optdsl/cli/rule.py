"""`optdsl rule`."""

from __future__ import annotations

import click

from optdsl.cli.common import complete_slug, page


@click.command("rule")
@click.argument("slug", metavar="[SLUG]", required=False, shell_complete=complete_slug)
def command(slug: str | None) -> None:
    """Say what the diagnostic SLUG means, with a bad and a good example; or list all of them."""
    from optdsl import pages

    text = pages.summaries() if slug is None else pages.explain(page(slug))
    click.echo(text.rstrip("\n"))
