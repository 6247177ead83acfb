"""`optdsl check`."""

from __future__ import annotations

from typing import Literal

import click

from optdsl.cli.common import Failure, complete_slug, count, page, show
from optdsl.cli.specs import compiled, complete_spec, gather


@click.command("check")
@click.argument("specs", metavar="[SPEC]...", nargs=-1, shell_complete=complete_spec)
@click.option(
    "--format",
    "layout",
    type=click.Choice(["text", "json", "sarif", "github"]),
    default="text",
    show_default=True,
    help="How to print the findings.",
)
@click.option(
    "--ignore",
    metavar="SLUG",
    shell_complete=complete_slug,
    multiple=True,
    help="Leave out the warnings of this name; can be given several times.",
)
def command(
    specs: tuple[str, ...],
    layout: Literal["text", "json", "sarif", "github"],
    ignore: tuple[str, ...],
) -> None:
    """Print what there is to say about each SPEC; `-` is standard input.

    Exits 1 if there is anything, warnings included.
    """
    _are_warnings(ignore)
    found = [(one.file, one.diagnostics) for one in map(compiled, gather(specs))]
    kept = [(file, tuple(d for d in all_ if d.code not in ignore)) for file, all_ in found]
    findings = sum(len(diagnostics) for _, diagnostics in kept)
    if layout == "text":
        for file, diagnostics in kept:
            show(file, diagnostics, err=False)
        ignored = sum(len(diagnostics) for _, diagnostics in found) - findings
        more = f", {ignored} ignored" if ignored else ""
        click.echo(f"{count(len(kept), 'specification')}, {count(findings, 'finding')}{more}")
    else:
        from optdsl import reports

        text = reports.RENDERERS[layout](kept)
        click.echo(text, nl=bool(text))
    if findings:
        raise SystemExit(1)


def _are_warnings(slugs: tuple[str, ...]) -> None:
    for slug in slugs:
        if page(slug).severity.value == "error":
            raise Failure(f"`{slug}` is an error; only warnings can be ignored")
