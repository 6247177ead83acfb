"""`optdsl fmt`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from optdsl.cli.common import show, show_diff
from optdsl.cli.specs import STANDARD_INPUT, complete_spec, contents, gather
from optdsl.output import must_be_file, write
from optdsl.records import record

if TYPE_CHECKING:
    from optdsl.inputs import Input


@record
class _Formatted:
    """A specification before and after; `changed` counts the bytes, line ends included."""

    input: Input
    old: str
    new: str
    changed: bool


@click.command("fmt")
@click.argument("specs", metavar="[SPEC]...", nargs=-1, shell_complete=complete_spec)
@click.option(
    "--check", "check_only", is_flag=True, help="Write nothing; exit 1 if a file changes."
)
@click.option("--diff", is_flag=True, help="Write nothing; print what would change, exit 1 if so.")
def command(specs: tuple[str, ...], check_only: bool, diff: bool) -> None:
    """Rewrite each SPEC in the one layout; `-` formats standard input to standard output.

    Nothing is rewritten unless every SPEC can be read and every file may be written.
    """
    formatted = [_formatted(one) for one in gather(specs, library=False)]
    texts = [one for one in formatted if one is not None]
    changed = [one for one in texts if one.changed]
    for one in changed:
        if diff:
            show_diff(one.old, one.new, one.input.name, f"{one.input.name} (formatted)")
        elif check_only:
            click.echo(f"would reformat {one.input.name}")
    if len(texts) < len(formatted) or (changed and (check_only or diff)):
        raise SystemExit(1)
    if not check_only and not diff:
        _rewrite(texts)


def _formatted(one: Input) -> _Formatted | None:
    """A specification in the one layout; None, after its errors were shown, if it has any."""
    from optdsl.format import format_spec
    from optdsl.parse import decode, parse

    data = contents(one)
    source, found = decode(data, one.name)
    spec, more = (None, ()) if found else parse(source)
    if spec is None or found or more:
        show(source, found + more)
        return None
    text = format_spec(spec)
    return _Formatted(one, source.text, text, text.encode() != data)


def _rewrite(texts: list[_Formatted]) -> None:
    files: dict[Path, str] = {}
    for one in texts:
        if one.changed and one.input is not STANDARD_INPUT:
            must_be_file(one.input.path)
            # Through a link: the file the link names is the one the person means.
            files[one.input.path.resolve()] = one.new
    write(files)
    for one in texts:
        if one.input is STANDARD_INPUT:
            click.echo(one.new, nl=False)
        elif one.changed:
            click.echo(f"reformatted {one.input.name}")
