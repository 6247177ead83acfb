"""`optdsl` as a process: streams, colours, completion, what the system refuses."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import optdsl
from optdsl.cli import cli
from optdsl.pages import PAGES
from optdsl.resources import spec_names
from support.commands import ROOT, WRONG, process, run


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_version() -> None:
    done = process("--version")
    assert (done.returncode, done.stdout) == (0, f"optdsl {optdsl.__version__}\n".encode())


def test_a_terminal_without_unicode(folder: Path) -> None:
    (folder / "wrong.opt").write_text(WRONG.replace("grd", "grd  # é→"), encoding="utf-8")
    done = process("check", "wrong.opt", PYTHONIOENCODING="ascii")
    assert done.returncode == 1
    assert b"error[undefined-name]" in done.stdout
    assert b"Traceback" not in done.stderr


def test_a_broken_pipe() -> None:
    read, written = os.pipe()
    os.close(read)
    with os.fdopen(written, "wb") as closed:
        done = subprocess.run(
            [sys.executable, "-m", "optdsl", "list"],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=closed,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert done.stderr == b""


def test_what_the_system_refuses_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def full() -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("optdsl.library.entries", full)
    result = run("list")
    assert result.exit_code == 2
    assert result.stderr == "error: the system says: no space left on device\n"


def test_colours_are_for_terminals_only(folder: Path) -> None:
    (folder / "wrong.opt").write_text(WRONG)
    assert b"\x1b" not in process("check", "wrong.opt").stdout
    coloured = CliRunner().invoke(cli, ["check", "wrong.opt"], color=True)
    assert "\x1b[31m" in coloured.stdout


def test_no_standard_input() -> None:
    done = subprocess.run(
        ["sh", "-c", 'exec "$0" -m optdsl check - <&-', sys.executable],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (2, b"error: there is no standard input\n")


@pytest.mark.parametrize(
    ("environment", "coloured"),
    [
        ({}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        ({"FORCE_COLOR": ""}, False),
    ],
)
def test_colours_can_be_forced(folder: Path, environment: dict[str, str], coloured: bool) -> None:
    (folder / "wrong.opt").write_text(WRONG)
    found = process("check", "wrong.opt", **environment)
    assert (b"\x1b[31m" in found.stdout) == coloured
    failed = process("check", "nothing.opt", **environment)
    assert (b"\x1b[31m" in failed.stderr) == coloured


def test_colours_can_be_forbidden(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "wrong.opt").write_text(WRONG)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in CliRunner().invoke(cli, ["check", "wrong.opt"], color=True).stdout


def test_formats_for_machines_have_no_colours(folder: Path) -> None:
    (folder / "wrong.opt").write_text(WRONG)
    for layout in ("json", "sarif", "github"):
        done = process("check", "wrong.opt", "--format", layout, FORCE_COLOR="1")
        assert b"\x1b" not in done.stdout


# --- completion ----------------------------------------------------------------------------------


def completed(line: str) -> list[str]:
    """What bash is offered for the last word of a line."""
    words = line.split(" ")
    done = process(
        _OPTDSL_COMPLETE="bash_complete", COMP_WORDS=line, COMP_CWORD=str(len(words) - 1)
    )
    assert done.stderr == b""
    return [item.partition(",")[2] for item in done.stdout.decode().split()]


def test_specs_are_completed(folder: Path) -> None:
    (folder / "rules").mkdir()
    for name in ("adagrad_mine.opt", "notes.txt", ".hidden.opt", "rules/a.opt", "rules/b.py"):
        (folder / name).write_text("")
    assert completed("optdsl check ada") == [
        "adagrad_mine.opt",
        *(name for name in spec_names() if name.startswith("ada")),
    ]
    assert completed("optdsl build adam r") == [
        "rules/",
        *(name for name in spec_names() if name.startswith("r")),
    ]
    assert completed("optdsl fmt rules/") == ["rules/a.opt"]
    assert completed("optdsl explain .h") == [".hidden.opt"]
    assert completed("optdsl explain nowhere/") == []


def test_slugs_are_completed() -> None:
    assert completed("optdsl rule unu") == [code for code in PAGES if code.startswith("unu")]
    assert completed("optdsl check --ignore dom") == ["domain"]
