"""What the documents show is what the compiler does."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

import optdsl
from optdsl import pages
from optdsl.cli import cli
from optdsl.diagnostics import render_text

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])


def _blocks(page: Path, language: str) -> list[str]:
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def test_the_quick_start_is_two_lines() -> None:
    first, second = _blocks(ROOT / "README.md", "bash")
    assert first.count("\n") == second.count("\n") == 1
    assert first.rstrip().endswith("optdsl build specs/amsgrad.opt")
    assert second.rstrip().endswith("pytest")


def test_the_readme_shows_the_real_rule() -> None:
    (spec,) = [text for text in _blocks(ROOT / "README.md", "text") if "optimizer " in text]
    shown = optdsl.compile(spec).optimizer
    real = optdsl.compile(ROOT / "specs" / "amsgrad.opt").optimizer
    assert shown is not None
    assert real is not None
    assert [case.step for case in shown.cases] == [case.step for case in real.cases]
    assert [hyper.interval for hyper in shown.hypers] == [hyper.interval for hyper in real.hypers]


def test_the_readme_shows_the_real_code() -> None:
    readme = ROOT / "README.md"
    (excerpt,) = [text for text in _blocks(readme, "python") if "generated/amsgrad.py" in text]
    generated = optdsl.compile(ROOT / "specs" / "amsgrad.opt").source()
    assert excerpt.partition("\n")[2] in generated


def test_the_language_page_shows_the_library() -> None:
    first = _blocks(ROOT / "docs" / "language.md", "text")[0]
    assert first == (ROOT / "specs" / "amsgrad.opt").read_text(encoding="utf-8")


def test_the_tutorial_shows_real_findings() -> None:
    page = ROOT / "docs" / "tutorial.md"
    (spec,) = [text for text in _blocks(page, "text") if text.startswith("optimizer ")]
    (console,) = [text for text in _blocks(page, "console") if "error[" in text]
    result = CliRunner().invoke(cli, ["check", "-"], input=spec)
    shown = result.stdout.replace("<stdin>", "warm_rmsprop.opt")
    assert console == f"$ optdsl check warm_rmsprop.opt\n{shown}"

    right = spec.replace("mean_sqare", "mean_square")
    assert optdsl.compile(right).diagnostics == ()
    explained = CliRunner().invoke(cli, ["explain", _written(right)]).stdout
    (words,) = [text for text in _blocks(page, "text") if text.startswith("Computed once")]
    assert words in explained

    (warning,) = [text for text in _blocks(page, "text") if text.startswith("warning[")]
    bare = "".join(line for line in right.splitlines(keepends=True) if "hyper epsilon" not in line)
    compiled = optdsl.compile(bare.replace(" + epsilon)", ")"))
    shown = render_text(compiled.file, compiled.diagnostics)
    assert shown.replace("<string>", "warm_rmsprop.opt") == warning


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _written(text: str) -> str:
    Path("spec.opt").write_text(text, encoding="utf-8")
    return "spec.opt"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        if not target.startswith("https:"):
            assert (page.parent / target).exists(), target


def test_the_readme_names_every_command() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for name in cli.commands:
        assert f"`optdsl {name}" in text


def test_diagnostics_in_the_documents_exist() -> None:
    for page in PAGES:
        for code in re.findall(r"(?:error|warning)\[([a-z-]+)\]", page.read_text(encoding="utf-8")):
            assert code in pages.PAGES
