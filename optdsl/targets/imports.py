"""Import statements of a generated file, each once, in the order that isort gives them."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import NamedTuple

from optdsl.targets.document import Document, layout
from optdsl.targets.expressions import call
from optdsl.targets.text import WIDTH


class Import(NamedTuple):
    """`import module as alias`, or `from module import name as alias`."""

    module: str
    name: str | None = None
    alias: str | None = None


def import_lines(imports: Iterable[Import]) -> str:
    """The statements: first the standard library, then everything else."""
    own = set(imports)
    standard = {one for one in own if one.module.partition(".")[0] in sys.stdlib_module_names}
    sections = [_section(part) for part in (standard, own - standard) if part]
    return "\n\n".join(sections)


def _section(imports: set[Import]) -> str:
    plain = sorted(one for one in imports if one.name is None)
    given: dict[str, list[Import]] = {}
    for one in imports - set(plain):
        given.setdefault(one.module, []).append(one)
    lines = [f"import {one.module}{_alias(one)}" for one in plain]
    for module in sorted(given):
        names = [f"{one.name}{_alias(one)}" for one in sorted(given[module], key=_order)]
        lines.append(layout(_from(module, names), WIDTH))
    return "\n".join(lines)


def _alias(one: Import) -> str:
    return f" as {one.alias}" if one.alias else ""


def _order(one: Import) -> tuple[int, str]:
    """Constants, classes, and everything else."""
    name = one.name or ""
    rank = 0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2
    return rank, name.lower()


def _from(module: str, names: list[str]) -> Document:
    line = f"from {module} import {', '.join(names)}"
    if len(line) <= WIDTH:
        return line
    return call(f"from {module} import ", *names)
