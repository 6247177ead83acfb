"""The settings of a project: the table [tool.optdsl] of its pyproject.toml.

    [tool.optdsl]
    specs = ["rules", "adam"]  # files, folders, names of the library
    output = "src/optimizers"
    classes = "keras"
    standalone = true

Paths are relative to the folder of that file.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optdsl.cli.common import Failure
from optdsl.inputs import read
from optdsl.output import reason
from optdsl.records import record

if TYPE_CHECKING:
    from optdsl.compiler import Classes


@record
class Project:
    """What a project sets, and how its folder is called from the current one."""

    folder: str = ""
    specs: tuple[str, ...] = ()
    output: str | None = None
    classes: Classes | None = None
    standalone: bool = False


_KEYS = ("specs", "output", "classes", "standalone")


def project() -> Project:
    """The settings of the project that the current folder is in; none if it is in none."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        path = folder / "pyproject.toml"
        if path.is_file() and (table := _table(path)) is not None:
            return _settings(path, table)
    return Project()


def _table(path: Path) -> dict[str, Any] | None:
    """The table of settings in a file, if it has one."""
    try:
        data = read(path)
    except OSError as error:
        raise Failure(f"cannot read `{_seen(path)}`: {reason(error)}") from None
    if b"optdsl" not in data:
        return None  # most files are somebody else's; reading them takes time, and may fail
    import tomllib

    try:
        tools = tomllib.loads(data.decode()).get("tool")
    except (ValueError, RecursionError) as error:
        raise Failure(f"`{_seen(path)}` is not valid TOML: {error}") from None
    table = tools.get("optdsl") if isinstance(tools, dict) else None
    if table is not None and not isinstance(table, dict):
        raise Failure(f"`{_seen(path)}`: `tool.optdsl` must be a table")
    return table


def _settings(path: Path, table: dict[str, Any]) -> Project:
    from optdsl.compiler import CLASSES

    where = f"`{_seen(path)}`: [tool.optdsl]"
    for key in table:
        if key not in _KEYS:
            raise Failure(f"{where} has no setting `{key}`, only {', '.join(_KEYS)}")
    specs, output, classes, standalone = (table.get(key) for key in _KEYS)
    if specs is not None and not (isinstance(specs, list) and all(map(_is_name, specs))):
        raise Failure(f"{where}: `specs` must be a list of names of files, folders and rules")
    if output is not None and not _is_name(output):
        raise Failure(f"{where}: `output` must be the name of a folder")
    if classes is not None and classes not in CLASSES:
        raise Failure(f"{where}: `classes` must be one of {', '.join(CLASSES)}")
    if not isinstance(standalone, bool | None):
        raise Failure(f"{where}: `standalone` must be true or false")
    folder = _seen(path.parent)
    return Project(
        "" if folder == os.curdir else folder,
        tuple(specs or ()),
        output and _seen(path.parent / output),
        classes,
        bool(standalone),
    )


def _is_name(value: object) -> bool:
    return isinstance(value, str) and value != "" and "\0" not in value


def _seen(path: Path) -> str:
    """A path as one would write it in the current folder."""
    return os.path.relpath(path)
