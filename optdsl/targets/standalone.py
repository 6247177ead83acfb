"""The runtime's own sources as one text, to stand in a file that needs no optdsl."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import NamedTuple

from optdsl.resources import runtime_folder
from optdsl.targets.imports import Import


class Module(NamedTuple):
    """A module of the runtime: its first sentence, what it imports, and its text without that.

    `needs` are modules of the runtime.
    """

    title: str
    needs: tuple[str, ...]
    imports: tuple[Import, ...]
    text: str


def modules(package: str, wanted: frozenset[str]) -> tuple[Module, ...]:
    """The modules that define the names `wanted` of a runtime, after all that they need.

    Args:
        package: the runtime, as `optdsl.runtime.tensorflow`.
        wanted: names that the package offers.
    """
    folder = runtime_folder(package)
    exported = _exports(folder, package)
    order: dict[str, Module] = {}
    for name in sorted({exported[name] for name in wanted}):
        _collect(folder, package, name, order)
    return tuple(order.values())


def _exports(folder: Path, package: str) -> dict[str, str]:
    """The module that defines each name of the package."""
    tree = ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))
    return {
        alias.name: (node.module or "").removeprefix(f"{package}.")
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def _collect(folder: Path, package: str, name: str, order: dict[str, Module]) -> None:
    """Adds a module to `order`, after those that it needs."""
    if name in order:
        return
    module = _read(folder / f"{name}.py", package)
    for other in module.needs:
        _collect(folder, package, other, order)
    order[name] = module


def _read(path: Path, package: str) -> Module:
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source)
    needs: list[str] = []
    imports: list[Import] = []
    code = [node for node in tree.body[1:] if not isinstance(node, (ast.Import, ast.ImportFrom))]
    for node in tree.body:
        match node:
            case ast.ImportFrom(module=str(module)) if module.startswith(f"{package}."):
                needs.append(module.removeprefix(f"{package}."))
            case ast.ImportFrom(module=str(module), names=names) if module != "__future__":
                imports += [Import(module, alias.name) for alias in names]
            case ast.Import(names=names):
                imports += [Import(alias.name, None, alias.asname) for alias in names]
            case _:
                pass
    text = "\n".join(source.splitlines()[_start(code[0]) - 1 :]).rstrip()
    title = (ast.get_docstring(tree) or "").split("\n")[0]
    return Module(title, tuple(needs), tuple(imports), text)


def _start(node: ast.stmt) -> int:
    """The line on which a statement begins, its decorators included."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(one.lineno for one in decorators)])
