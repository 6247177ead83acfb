"""`optdsl explain`."""

from __future__ import annotations

import click

from optdsl.cli.common import Failure, show
from optdsl.cli.specs import compiled, complete_spec, gather


@click.command("explain")
@click.argument("spec", metavar="SPEC", shell_complete=complete_spec)
def command(spec: str) -> None:
    """Say what SPEC does: equations, state, cost, sparse behaviour, proofs."""
    inputs = gather((spec,))
    if len(inputs) > 1:
        raise Failure(f"`{spec}` has {len(inputs)} specifications; name one of them")
    one = compiled(inputs[0])
    show(one.file, one.diagnostics)
    if one.facts is None:
        raise SystemExit(1)
    from optdsl import explain

    click.echo(explain.explain(one.facts).rstrip("\n"))
