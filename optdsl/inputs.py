"""What a SPEC names, a file, a folder of files or a rule of the library, and reading it."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path

from optdsl.records import record
from optdsl.resources import spec_names, specs_folder

READ_LIMIT = 1 << 20
"""More than a specification may have; the parser says so, but `/dev/zero` must end first."""


@record
class Input:
    """The file of a specification, and how messages call it."""

    name: str
    path: Path


def find(spec: str, base: str = "") -> tuple[Input, ...]:
    """The files that a SPEC names; whether a single file is there, reading it will tell.

    Args:
        spec: what a person wrote.
        base: the folder that paths start from, the current one by default.

    Raises:
        FileNotFoundError: it names no rule of the library, or a folder without specifications.
    """
    if is_rule_name(spec, base):
        if spec in spec_names():
            return (Input(f"{spec}.opt", specs_folder() / f"{spec}.opt"),)
        raise FileNotFoundError(unknown(f"file or rule `{spec}`", spec, spec_names()))
    place = os.path.join(base, spec)  # noqa: PTH118  which keeps `./adam` as it was written
    if not os.path.isdir(place):  # noqa: PTH112  which takes any text, however long
        return (Input(place, Path(place)),)
    files = specs_in(Path(place))
    if not files:
        raise FileNotFoundError(f"the folder `{place}` has no .opt file")
    return tuple(Input(str(file), file) for file in files)


def specs_in(folder: Path) -> tuple[Path, ...]:
    """The specifications in a folder, sorted; not those in folders in it, nor hidden files."""
    files = (path for path in folder.glob("*.opt") if not path.name.startswith("."))
    return tuple(sorted(path for path in files if not path.is_dir()))


def is_rule_name(spec: str, base: str = "") -> bool:
    """Whether a SPEC can only be the name of a rule: no file there is called so."""
    fits = re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", spec)
    return bool(fits) and not os.path.lexists(os.path.join(base, spec))  # noqa: PTH118


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """The sentence about a name that means nothing, with names that it may have been."""
    import difflib

    near = difflib.get_close_matches(name, known, n=3)
    guess = f"; did you mean {' or '.join(f'`{name}`' for name in near)}?" if near else ""
    return f"there is no {what}{guess}"


def read(path: Path) -> bytes:
    """The contents of a file, up to a length that no specification has.

    A pipe is read until whoever writes to it is done; if nobody does, it is empty.

    Raises:
        OSError: it cannot be read.
    """
    with open(path, "rb", opener=_without_waiting) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            os.set_blocking(file.fileno(), True)
        return file.read(READ_LIMIT)


def _without_waiting(path: str, flags: int) -> int:
    """Opens a pipe although nobody may ever write to it."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
