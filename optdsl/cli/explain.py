"""`optdsl explain`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, assert_never

import click

from optdsl.cli.common import Failure, show
from optdsl.cli.specs import compiled, complete_spec, gather

if TYPE_CHECKING:
    from optdsl.analysis import Facts


@click.command("explain")
@click.argument("spec", metavar="SPEC", shell_complete=complete_spec)
@click.option(
    "--format",
    "layout",
    type=click.Choice(["text", "json", "md"]),
    default="text",
    show_default=True,
    help="How to print it.",
)
def command(spec: str, layout: Literal["text", "json", "md"]) -> None:
    """Say what SPEC does: equations, state, cost, sparse behaviour, proofs."""
    inputs = gather((spec,))
    if len(inputs) > 1:
        raise Failure(f"`{spec}` has {len(inputs)} specifications; name one of them")
    one = compiled(inputs[0])
    show(one.file, one.diagnostics)
    if one.facts is None:
        raise SystemExit(1)
    click.echo(_explained(one.facts, layout).rstrip("\n"))


def _explained(facts: Facts, layout: Literal["text", "json", "md"]) -> str:
    from optdsl import explain

    match layout:
        case "text":
            return explain.explain(facts)
        case "md":
            return explain.explain_markdown(facts)
        case "json":
            import json

            from optdsl.explain.data import data

            return json.dumps(data(facts), indent=2)
        case _:
            assert_never(layout)
