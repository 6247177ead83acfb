"""What a SPEC names, a file, a folder of files or a rule of the library, and reading it."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path

from optdsl.records import record
from optdsl.resources import spec_names, specs_folder, wrapper_names, wrappers_folder

READ_LIMIT = 1 << 20
"""More than a specification may have; the parser says so, but `/dev/zero` must end first."""


@record
class Input:
    """The file of a specification, and how messages call it; `text` is that of a composition."""

    name: str
    path: Path
    text: str | None = None


def find(spec: str, base: str = "") -> tuple[Input, ...]:
    """The files that a SPEC names; whether a single file is there, reading it will tell.

    Args:
        spec: what a person wrote.
        base: the folder that paths start from, the current one by default.

    Raises:
        FileNotFoundError: it names no rule of the library, or a folder without specifications.
    """
    if is_composition(spec, base):
        return (_composed(spec, base),)
    if is_rule_name(spec, base):
        if spec in spec_names():
            return (Input(f"{spec}.opt", specs_folder() / f"{spec}.opt"),)
        if spec in wrapper_names():
            return (Input(f"{spec}.opt", wrappers_folder() / f"{spec}.opt"),)
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


def is_composition(spec: str, base: str = "") -> bool:
    """Whether a SPEC is `wrapper(rule)`: no file there is called so."""
    fits = re.fullmatch(r"\s*[A-Za-z]\w*\s*\(.*\)\s*", spec)
    return bool(fits) and not os.path.lexists(os.path.join(base, spec))  # noqa: PTH118


def _composed(spec: str, base: str) -> Input:
    """A composition as if it were a file: `lookahead_adam.opt`, beside those that it names."""
    stems = re.findall(r"\w+", spec)
    names = "".join(_name_in(stem, Path(base)) for stem in stems)
    path = os.path.join(base, f"{'_'.join(stems)}.opt")  # noqa: PTH118
    return Input(path, Path(path), f"optimizer {names} = {spec.strip()}\n")


def _name_in(stem: str, folder: Path) -> str:
    """What a rule or wrapper calls itself; a word made of its stem where there is none."""
    path = part(stem, folder, None)
    text = "" if path is None else read(path).decode(errors="replace")
    found = re.search(r"^(?:optimizer|wrapper) +(\w+)", text, re.MULTILINE)
    return found[1] if found else "".join(word.title() for word in stem.split("_"))


def part(stem: str, beside: Path, itself: Path | None) -> Path | None:
    """The file of a rule or wrapper in a composition: beside it, or in the library.

    Args:
        stem: what the file is called, without its ending.
        beside: the folder of the composition.
        itself: the composition's own file, which is never found.
    """
    for folder in (beside, specs_folder(), wrappers_folder()):
        path = folder / f"{stem}.opt"
        if path.is_file() and (itself is None or path.resolve() != itself.resolve()):
            return path
    return None


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """The sentence about a name that means nothing, with names that it may have been."""
    import difflib

    near = difflib.get_close_matches(name, known, n=3)
    guess = f"; did you mean {' or '.join(f'`{name}`' for name in near)}?" if near else ""
    return f"there is no {what}{guess}"


def contents(one: Input) -> bytes:
    """What a specification says.

    Raises:
        OSError: it cannot be read.
    """
    return read(one.path) if one.text is None else one.text.encode()


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
