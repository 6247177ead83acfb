"""The same specification gives the same bytes everywhere, and they need no further tool."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import optdsl
from optdsl.compiler import CLASSES

ROOT = Path(__file__).parents[2]
SPECS = sorted((ROOT / "specs").glob("*.opt"))


def _build(folder: Path, specs: list[str], **environment: str) -> dict[str, bytes]:
    """What a process that stands in `folder` generates."""
    subprocess.run(
        [sys.executable, "-m", "optdsl", "build", "-o", "out", *specs],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        check=True,
        capture_output=True,
    )
    return {path.name: path.read_bytes() for path in (folder / "out").iterdir()}


def test_the_same_bytes_everywhere(tmp_path: Path) -> None:
    absolute = [str(path) for path in SPECS]
    folders = [tmp_path / "one", tmp_path / "two é", tmp_path / "three" / "deep"]
    for folder in folders:
        folder.mkdir(parents=True)
    relative = [os.path.relpath(path, folders[1]) for path in reversed(SPECS)]
    first = _build(folders[0], absolute, PYTHONHASHSEED="0", LC_ALL="C")
    second = _build(folders[1], relative, PYTHONHASHSEED="1", LC_ALL="C.UTF-8", TZ="Asia/Tokyo")
    names = [path.stem for path in SPECS]
    third = _build(folders[2], names, PYTHONHASHSEED="2", LC_ALL="tr_TR.UTF-8", PYTHONUTF8="0")
    assert len(first) == len(SPECS)
    assert first == second == third


def test_no_path_and_no_date_is_written() -> None:
    for path in SPECS:
        text = optdsl.compile(path).source()
        assert str(ROOT) not in text
        assert f"from {path.name}" in text.splitlines()[0]


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every specification in every form."""
    folder = tmp_path_factory.mktemp("generated")
    for path in SPECS:
        compiled = optdsl.compile(path)
        for classes in CLASSES:
            for standalone in (False, True):
                text = compiled.source(classes, standalone=standalone)
                name = f"{path.stem}_{classes}{'_standalone' * standalone}.py"
                (folder / name).write_text(text, encoding="utf-8", newline="\n")
    return folder


CONFIG = str(ROOT / "pyproject.toml")
CHECKS = {
    "ruff format": ["ruff", "format", "--isolated", "--no-cache", "--check", "--diff"],
    # Every rule has functions with the same arguments, whether it needs them or not; and optdsl is
    # somebody else's package where generated files live.
    "ruff check": [
        *["ruff", "check", "--no-cache", "--config", CONFIG, "--extend-ignore", "ARG001"],
        *["--config", "lint.isort.known-third-party=['optdsl']"],
    ],
    # TensorFlow and Keras have no type information: base classes and decorators are `Any`.
    "mypy": [
        *["mypy", "--strict", "--config-file=", "--cache-dir=/dev/null"],
        *["--ignore-missing-imports", "--allow-subclassing-any", "--allow-untyped-decorators"],
    ],
}


@pytest.mark.parametrize("arguments", CHECKS.values(), ids=CHECKS)
def test_the_output_is_clean(arguments: list[str], generated: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *arguments, *sorted(map(str, generated.glob("*.py")))],
        cwd=generated,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[:10_000]
