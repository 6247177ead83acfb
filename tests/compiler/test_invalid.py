"""Wrong specifications, each with everything that is said about it, to the letter."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from optdsl.compiler import compile_bytes
from optdsl.diagnostics import Severity, render_text
from optdsl.pages import PAGES

FOLDER = Path(__file__).parents[1] / "cases" / "invalid"
SPECS = sorted(FOLDER.glob("*.opt"))


def rendered(path: Path) -> str:
    compiled = compile_bytes(path.read_bytes(), f"tests/cases/invalid/{path.name}")
    return render_text(compiled.file, compiled.diagnostics)


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_the_whole_text_is_pinned(path: Path, update_golden: bool) -> None:
    text, golden = rendered(path), path.with_suffix(".txt")
    if update_golden:
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_there_is_something_to_say(path: Path) -> None:
    compiled = compile_bytes(path.read_bytes(), path.name)
    assert compiled.diagnostics
    errors = [d for d in compiled.diagnostics if d.severity is Severity.ERROR]
    assert compiled.ok == (not errors)
    assert compiled.ok == path.stem.startswith("warning_")


def test_every_code_is_there_more_than_once() -> None:
    counts = Counter(
        code
        for path in SPECS
        for code in {d.code for d in compile_bytes(path.read_bytes(), path.name).diagnostics}
    )
    assert set(counts) == set(PAGES)
    assert [code for code, count in counts.items() if count < 2] == []


def test_no_golden_file_is_left_over() -> None:
    assert {path.stem for path in FOLDER.glob("*.txt")} == {path.stem for path in SPECS}


def test_the_classic_bias_correction_names_the_step() -> None:
    text = rendered(FOLDER / "warning_bias_correction.opt")
    assert "warning[division-by-zero]" in text
    assert "t = 1" in text


WITHOUT_HELP = {
    "unsupported": "nothing can be done about what is not built yet",
}
"""Diagnostics that name no action, and why."""


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_every_diagnostic_says_what_to_do(path: Path) -> None:
    for found in compile_bytes(path.read_bytes(), path.name).diagnostics:
        assert found.help or found.code in WITHOUT_HELP, found


def test_only_such_diagnostics_name_no_action() -> None:
    silent = {
        found.code
        for path in SPECS
        for found in compile_bytes(path.read_bytes(), path.name).diagnostics
        if not found.help
    }
    assert silent == set(WITHOUT_HELP)
