"""How long the commands take to start, as ratios that are measured here."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.specs import SPECS as PLAIN

ROOT = Path(__file__).parents[2]
SPECS = [str(ROOT / "specs" / f"{name}.opt") for name in PLAIN]
ROUNDS = 9

OPTDSL = [str(Path(sys.executable).with_name("optdsl"))]
COMMANDS = {
    "click": [sys.executable, "-c", "import click"],
    "libraries": [sys.executable, "-c", "import lark, jinja2, click"],
    "version": [*OPTDSL, "--version"],
    "check": [*OPTDSL, "check", SPECS[0]],
    "build": [*OPTDSL, "build", str(ROOT / "specs" / "amsgrad.opt"), "-o"],
    "40 specs": [*OPTDSL, "build", "-o"],
}


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which bytecode is cached, as on anybody's machine."""
    dropped = {"PYTHONDONTWRITEBYTECODE", "COVERAGE_PROCESS_START", "COV_CORE_SOURCE"}
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    cache = tmp_path_factory.mktemp("bytecode")
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONPYCACHEPREFIX": str(cache)}


@pytest.fixture(scope="module")
def rounds(
    environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> list[dict[str, float]]:
    """Rounds of wall times of every command, one after the other, so that they share the load."""
    folder = tmp_path_factory.mktemp("specs")
    forty = [folder / f"{Path(SPECS[i % len(SPECS)]).stem}_{i}.opt" for i in range(40)]
    for i, path in enumerate(forty):
        path.write_bytes(Path(SPECS[i % len(SPECS)]).read_bytes())
    extra = {"build": [str(folder / "one")], "40 specs": [str(folder / "all"), *map(str, forty)]}
    found = []
    for _ in range(ROUNDS + 1):
        times = {}
        for name, command in COMMANDS.items():
            start = time.perf_counter()
            subprocess.run(
                command + extra.get(name, []), env=environment, check=True, capture_output=True
            )
            times[name] = time.perf_counter() - start
        found.append(times)
    return found[1:]  # the first one compiles to bytecode


@pytest.mark.parametrize(
    ("command", "base", "limit"),
    [
        ("version", "click", 2),
        ("check", "libraries", 2),
        ("build", "libraries", 2),
        ("40 specs", "libraries", 6),
    ],
)
def test_start_up(command: str, base: str, limit: float, rounds: list[dict[str, float]]) -> None:
    # Other work on the machine only ever adds time: the fastest run is the command's own.
    fastest = {name: min(times[name] for times in rounds) for name in (command, base)}
    assert fastest[command] / fastest[base] <= limit, rounds


def _loaded(arguments: list[str], environment: dict[str, str]) -> set[str]:
    """The top-level modules that are loaded when a command ends."""
    code = (
        "import sys\n"
        "from optdsl.cli import cli\n"
        f"cli({arguments!r}, standalone_mode=False)\n"
        "print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True
    )
    return set(done.stderr.split())


@pytest.mark.parametrize("command", ["build", "check", "fmt", "explain", "list", "rule", "new"])
def test_no_command_loads_tensorflow(
    command: str,
    environment: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = {
        "build": ["adam", "-o", str(tmp_path)],
        "check": SPECS,
        "fmt": ["--diff", *SPECS],
        "explain": ["adam"],
        "list": [],
        "rule": ["syntax"],
        "new": ["my_rule"],
    }[command]
    loaded = _loaded([command, *arguments], environment)
    assert "optdsl" in loaded
    assert not loaded & {"tensorflow", "keras", "numpy", "hypothesis"}


def test_the_version_loads_no_parser(environment: dict[str, str]) -> None:
    code = "import sys, optdsl.cli; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True
    )
    loaded = set(done.stdout.split())
    assert "click" in loaded
    assert not loaded & {"lark", "jinja2", "optdsl.parse", "optdsl.compiler"}


def test_bytecode_is_kept_without_littering(tmp_path: Path) -> None:
    """In a checkout, with PYTHONDONTWRITEBYTECODE, every run would compile every module."""
    beside, kept = tmp_path / "beside", tmp_path / "cache" / "optdsl" / "bytecode"
    run = {**os.environ, "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    run |= {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPYCACHEPREFIX": str(beside)}
    command = [sys.executable, "-m", "optdsl", "check", SPECS[0]]
    subprocess.run(command, env=run, check=True, capture_output=True)
    assert list(kept.rglob("compiler.*.pyc"))
    assert not beside.exists()
    shutil.rmtree(kept)

    del run["PYTHONDONTWRITEBYTECODE"]
    subprocess.run(command, env=run, check=True, capture_output=True)
    assert list(beside.rglob("compiler.*.pyc"))
    assert not kept.exists()

    run["PYTHONDONTWRITEBYTECODE"] = "1"
    subprocess.run(command, env=run, check=True, capture_output=True)
    assert not kept.exists()
