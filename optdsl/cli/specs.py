"""The SPEC arguments of commands: what they name, reading and compiling it, completing it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optdsl import inputs
from optdsl.cli.common import Failure
from optdsl.cli.project import project
from optdsl.inputs import READ_LIMIT, Input, find, is_rule_name, specs_in, unknown
from optdsl.output import reason

if TYPE_CHECKING:
    from optdsl.compiler import Compiled

STANDARD_INPUT = Input("<stdin>", Path("-"))


def complete_spec(ctx: Any, param: Any, incomplete: str) -> list[str]:  # noqa: ARG001
    """For the shell: files of specifications, folders, and rules of the library that begin so."""
    from optdsl.resources import spec_names

    folder = incomplete[: incomplete.rfind("/") + 1]
    try:
        entries = sorted(os.scandir(folder or os.curdir), key=lambda entry: entry.name)
    except OSError:
        entries = []
    names = [
        f"{folder}{entry.name}{'/' * entry.is_dir()}"
        for entry in entries
        if entry.is_dir() or entry.name.endswith(".opt")
    ]
    if not incomplete[len(folder) :].startswith("."):
        names = [name for name in names if not name.startswith(".", len(folder))]
    return [name for name in (*names, *spec_names()) if name.startswith(incomplete)]


def gather(specs: tuple[str, ...], *, library: bool = True) -> tuple[Input, ...]:
    """The specifications that are named, or those of the project; each once.

    Args:
        specs: what was written: files, folders, rules of the library, `-`.
        library: whether rules of the library count; if not, a project's are left out.
    """
    base = ""
    if not specs:
        own = project()
        base = own.folder
        specs = tuple(one for one in own.specs if library or not is_rule_name(one, base))
        if not specs:
            raise Failure("name a SPEC, or `specs` in the table [tool.optdsl] of pyproject.toml")
    found: dict[Path, Input] = {}
    for spec in specs:
        for one in _inputs(spec, base, library):
            found.setdefault(one.path, one)
    return tuple(found.values())


def _inputs(spec: str, base: str, library: bool) -> tuple[Input, ...]:
    if spec == "-":
        return (STANDARD_INPUT,)
    if not library and is_rule_name(spec):
        return (Input(spec, Path(spec)),)
    try:
        return find(spec, base)
    except FileNotFoundError as error:
        raise Failure(str(error)) from None


def compiled(one: Input) -> Compiled:
    """Reads and compiles a specification."""
    from optdsl.compiler import compile_bytes

    return compile_bytes(contents(one), one.name)


def contents(one: Input) -> bytes:
    """What is in the file of a specification, or comes from standard input."""
    try:
        if one is STANDARD_INPUT:
            if sys.stdin is None:  # closed by whoever started this process
                raise Failure("there is no standard input")
            return sys.stdin.buffer.read(READ_LIMIT)
        return inputs.contents(one)
    except FileNotFoundError:
        known = map(str, specs_in(one.path.parent))
        raise Failure(unknown(f"file `{one.name}`", one.name, list(known))) from None
    except OSError as error:
        raise Failure(f"cannot read `{one.name}`: {reason(error)}") from None
