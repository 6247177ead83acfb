"""`optdsl list`."""

from __future__ import annotations

import click


@click.command("list")
def command() -> None:
    """List the library: rules that can be built by name."""
    from optdsl import library

    entries = library.entries()
    width = max((len(name) for name, _ in entries), default=0)
    for name, summary in entries:
        click.echo(f"{name:<{width}}  {summary}")
