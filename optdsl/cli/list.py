"""`optdsl list`."""

from __future__ import annotations

import click


@click.command("list")
def command() -> None:
    """List the library: rules that can be built by name, and wrappers for them."""
    from optdsl import library

    rules, wrappers = library.entries(), library.wrappers()
    width = max(len(name) for name, _ in (*rules, *wrappers))
    for name, summary in rules:
        click.echo(f"{name:<{width}}  {summary}")
    click.echo("\nWrappers, as in `optdsl build 'lookahead(adam)'`:")
    for name, summary in wrappers:
        click.echo(f"{name:<{width}}  {summary}")
