"""`optdsl new`."""

from __future__ import annotations

from pathlib import Path

import click

from optdsl.cli.common import Failure, show
from optdsl.output import module_name, write


@click.command("new")
@click.argument("name", metavar="NAME")
def command(name: str) -> None:
    """Write NAME.opt: a rule to start from, which builds as it is."""
    from optdsl import library
    from optdsl.compiler import compile_bytes

    path = Path(f"{name}.opt")
    if path.name != str(path):
        raise Failure(f"`{name}` is a path; give the name alone, and run this in its folder")
    module_name(path)
    text = library.starting_point(name)
    compiled = compile_bytes(text.encode(), str(path))
    if not compiled.ok:
        show(compiled.file, compiled.diagnostics)
        raise Failure(f"`{name}` cannot be the name of an optimizer; choose another")
    if path.exists() or path.is_symlink():
        raise Failure(f"`{path}` exists already")
    write({path: text})
    click.echo(f"wrote {path}; next: optdsl build {path}")
