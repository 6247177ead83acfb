"""The shape of the project is that of docs/architecture.md: what may import what, and how long."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "optdsl"
DRAWING = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
FRAMEWORKS = {"tensorflow", "keras"}
LONGEST_FUNCTION = 60


def rooms() -> list[tuple[str, ...]]:
    """The rooms from the highest to the lowest: a room may import those before it."""
    lines = DRAWING.partition("```rooms\n")[2].partition("```")[0].splitlines()
    return [tuple(re.split(r", ", re.split(r"\s{2,}", line)[0])) for line in lines]


RANKS = {name: rank for rank, names in enumerate(rooms()) for name in names}


def _name(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}
OWN = [name for name in MODULES if name not in ("", "__main__")]  # the two that offer the others


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _imports(path: Path) -> set[str]:
    """The absolute names of everything a module imports, wherever in the file it does so."""
    found: set[str] = set()
    for node in ast.walk(_tree(path)):
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


def _room(module: str) -> str:
    return module.partition(".")[0]


def _reachable(module: str) -> set[str]:
    seen: set[str] = set()
    todo = [module]
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo += _own(MODULES[name])
    return seen


def test_every_module_has_a_room_and_every_room_a_module() -> None:
    assert {_room(module) for module in OWN} == set(RANKS)


@pytest.mark.parametrize("module", OWN)
def test_imports_go_down(module: str) -> None:
    rank = RANKS[_room(module)]
    assert not {other for other in _own(MODULES[module]) if RANKS[_room(other)] > rank}


@pytest.mark.parametrize("module", OWN)
def test_no_import_cycles(module: str) -> None:
    for other in _own(MODULES[module]):
        if not module.startswith(f"{other}.") and not other.startswith(f"{module}."):
            assert module not in _reachable(other), f"{module} and {other} need each other"


@pytest.mark.parametrize("module", OWN)
def test_frameworks_belong_to_the_runtime(module: str) -> None:
    heads = {name.partition(".")[0] for name in _imports(MODULES[module])}
    if _room(module) == "runtime":
        assert not {other for other in _own(MODULES[module]) if _room(other) != "runtime"}
        assert not heads & {"numpy", "lark", "jinja2", "click", "hypothesis"}
    else:
        assert not heads & FRAMEWORKS


@pytest.mark.parametrize("module", [m for m in OWN if _room(m) != "runtime"])
def test_tensorflow_is_spelled_in_its_table_only(module: str) -> None:
    """A second framework must find everything that it has to say in one place."""
    code = (node for node in ast.walk(_tree(MODULES[module])) if isinstance(node, ast.Constant))
    spelled = [node.value for node in code if isinstance(node.value, str)]
    if module != "targets.tensorflow":
        assert not [text for text in spelled if re.match(r"tf\.\w", text)]


def test_the_reference_shares_nothing_with_the_generator() -> None:
    assert not {_room(module) for module in _reachable("interpreter")} & {"targets", "passes"}


@pytest.mark.parametrize("module", OWN)
def test_files_stay_short(module: str) -> None:
    assert len(MODULES[module].read_text(encoding="utf-8").splitlines()) < 400


def _functions(path: Path) -> Iterator[ast.FunctionDef]:
    return (node for node in ast.walk(_tree(path)) if isinstance(node, ast.FunctionDef))


@pytest.mark.parametrize("module", OWN)
def test_functions_fit_a_screen(module: str) -> None:
    for node in _functions(MODULES[module]):
        length = (node.end_lineno or 0) - node.lineno + 1
        assert length <= LONGEST_FUNCTION, f"{module}.{node.name} has {length} lines"


def test_the_templates_are_short() -> None:
    lines = [len(path.read_text().splitlines()) for path in (ROOT / "templates").iterdir()]
    assert sum(lines) < 300


def test_the_walk_sees_imports_inside_functions() -> None:
    assert "interpreter" in _own(MODULES["compiler"])
