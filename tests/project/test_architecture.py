"""The shape of the compiler: what may import what."""

import ast
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "optdsl"

# Imports go from later lines to earlier ones. A module belongs to the first part that its name, or
# that of its folder, starts with.
PARTS = (
    ("version",),
    ("records",),
    ("source",),
    ("diagnostics",),
    ("resources", "cache"),
    ("intervals",),
    ("ops",),
    ("syntax",),
    ("parse", "format"),
    ("ir",),
    ("check",),
    ("analysis",),
    ("passes",),
    ("interpreter",),
    ("printer",),
    ("targets",),
    ("render",),
    ("pages", "reports", "explain", "library"),
    ("compiler",),
    ("verify",),
    ("output",),
    ("cli", "__main__"),
)


def _name(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def _imports(path: Path) -> set[str]:
    """The absolute names of everything a module imports, wherever in the file it does so."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Import():
                found |= {alias.name for alias in node.names}
            case ast.ImportFrom():
                assert node.level == 0, f"{path}: imports are absolute"
                found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@cache
def _own(path: Path) -> frozenset[str]:
    """The modules of this package that a module imports."""
    found = set()
    for name in _imports(path):
        head, _, rest = name.partition(".")
        if head == "optdsl":
            # `optdsl.ir.Const` is a name in `ir`; `optdsl.ir` is the module.
            known = [part for part in (rest, rest.rpartition(".")[0]) if part in MODULES]
            found.add(known[0] if known else "")
    return frozenset(found - {""})


def _rank(module: str) -> int:
    for rank, names in enumerate(PARTS):
        if module.partition(".")[0].startswith(names):
            return rank
    raise AssertionError(f"optdsl/{module}.py is not in the list of parts: say where it belongs")


def _reachable(module: str) -> set[str]:
    seen: set[str] = set()
    todo = [module]
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo += _own(MODULES[name])
    return seen


@pytest.mark.parametrize("module", [name for name in MODULES if name])
def test_imports_go_down(module: str) -> None:
    upward = {other for other in _own(MODULES[module]) if _rank(other) > _rank(module)}
    assert not upward


def test_no_import_cycles() -> None:
    for module, path in MODULES.items():
        for other in _own(path):
            assert module not in _reachable(other), f"{module} and {other} need each other"


@pytest.mark.parametrize("module", list(MODULES))
def test_no_module_imports_tensorflow(module: str) -> None:
    heads = {name.partition(".")[0] for name in _imports(MODULES[module])}
    if not module.startswith("verify"):
        assert not heads & {"tensorflow", "keras"}


def test_the_reference_shares_nothing_with_the_generator() -> None:
    parts = {module.partition(".")[0] for module in _reachable("interpreter")}
    assert not parts & {"printer", "targets", "render", "passes"}


@pytest.mark.parametrize("module", list(MODULES))
def test_files_stay_short(module: str) -> None:
    assert len(MODULES[module].read_text(encoding="utf-8").splitlines()) < 400


def test_the_walk_sees_imports_inside_functions() -> None:
    assert "compiler" in _own(MODULES["cli"])
    assert "interpreter" in _own(MODULES["compiler"])
