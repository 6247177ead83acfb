"""Wheel, sdist and bare checkout all find the grammar, the templates and the specs."""

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BLOCKED = "raise ImportError('this must not be imported')\n"


def _clean(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return {**kept, **more}


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel that was built from it."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)],
        env=_clean(),
        check=True,
        capture_output=True,
    )
    return folder


@pytest.fixture(scope="module")
def installed(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, installed where nothing else is."""
    folder = tmp_path_factory.mktemp("site")
    (wheel,) = dist.glob("*.whl")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run(
        [*pip, "--disable-pip-version-check", "--target", str(folder), str(wheel)],
        env=_clean(),
        check=True,
        capture_output=True,
    )
    return folder


def _build_with(path: Path, folder: Path, *arguments: str) -> str:
    """Runs `optdsl build` with one copy of the package, in a folder where TensorFlow is broken."""
    for name in ("tensorflow", "keras"):
        (folder / f"{name}.py").write_text(BLOCKED)
    where = f"{path}{os.pathsep}{folder}"
    environment = _clean(PYTHONPATH=where)
    shown = subprocess.run(
        [sys.executable, "-c", "import optdsl; print(optdsl.__file__)"],
        cwd=folder,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    assert Path(shown.stdout.strip()).parent.parent == path
    subprocess.run(
        [sys.executable, "-m", "optdsl", "build", *arguments],
        cwd=folder,
        env=environment,
        check=True,
        capture_output=True,
    )
    return (folder / "generated" / "amsgrad.py").read_text(encoding="utf-8")


def test_the_wheel_has_everything(dist: Path) -> None:
    (wheel,) = dist.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    for kind in ("grammars", "templates", "specs"):
        files = {path.relative_to(ROOT) for path in (ROOT / kind).rglob("*.*")}
        assert files
        assert {f"optdsl/_data/{path.as_posix()}" for path in files} <= names
    assert "optdsl/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not any(name.startswith(("tests", "docs", "specs/")) for name in names)


def test_the_sdist_can_be_tested(dist: Path) -> None:
    (sdist,) = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {
        "tests/project/test_packaging.py",
        "specs/adam.opt",
        "grammars/opt.lark",
        "README.md",
    } <= names


def test_the_installed_wheel_builds(installed: Path, tmp_path: Path) -> None:
    spec = tmp_path / "amsgrad.opt"
    spec.write_bytes((ROOT / "specs" / "amsgrad.opt").read_bytes())
    from_file = _build_with(installed, tmp_path, "amsgrad.opt")
    (tmp_path / "other").mkdir()
    from_library = _build_with(installed, tmp_path / "other", "amsgrad")
    assert "class AMSGrad(" in from_file
    assert from_file == from_library


def test_a_bare_checkout_builds(tmp_path: Path, installed: Path) -> None:
    (tmp_path / "other").mkdir()
    from_checkout = _build_with(ROOT, tmp_path, "amsgrad")
    assert from_checkout == _build_with(installed, tmp_path / "other", "amsgrad")


def test_the_script_is_installed() -> None:
    script = Path(sys.executable).with_name("optdsl")
    done = subprocess.run([script, "--version"], check=True, capture_output=True, text=True)
    assert done.stdout.startswith("optdsl ")
