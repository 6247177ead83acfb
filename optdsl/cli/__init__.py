"""The command line: the group of commands, and how a run starts and ends.

Each command is a file with its name, imported when it is asked for, so that all start fast.
`common` has what they share, `specs` what a SPEC may be, `project` the settings of a project.
Exit codes: 0 fine, 1 findings, 2 the command could not do what it was asked to.
"""

from __future__ import annotations

import errno
import gc
import io
import sys
from importlib import import_module
from typing import Any

import click

from optdsl.cli import bytecode
from optdsl.cli.common import Failure, colours
from optdsl.output import OutputError, reason
from optdsl.version import __version__

COMMANDS = ("build", "check", "fmt", "explain", "rule", "list", "new")


class _Commands(click.Group):
    """The commands; what `output` refuses becomes the command's own failure."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        """Their names, in the order in which one meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Imports a command."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"optdsl.cli.{cmd_name}").command
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Runs a command."""
        try:
            return super().invoke(ctx)
        except OutputError as error:
            raise Failure(str(error)) from None
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise  # click ends quietly: whoever read the output has had enough
            raise Failure(f"the system says: {reason(error)}") from None


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="optdsl", message="%(prog)s %(version)s")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Compile update rules (.opt) to Keras and tf.Module optimizers.

    A SPEC is the path of a .opt file, a folder of them, or the name of a rule in the library
    (`optdsl list`). `build`, `check` and `fmt` without a SPEC take those of the project:
    `specs` in the table [tool.optdsl] of pyproject.toml.
    """
    ctx.color = colours()


def main() -> None:
    """Runs the command line; the entry point of the `optdsl` script."""
    # A run is short and makes trees without cycles: collecting them takes a seventh of its time.
    gc.disable()
    bytecode.keep()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that cannot show a character gets its escape, never a traceback.
            stream.reconfigure(errors="backslashreplace")
    cli(prog_name="optdsl")
