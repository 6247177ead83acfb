"""The settings of a project: [tool.optdsl] in pyproject.toml."""

from pathlib import Path

import pytest

from support.commands import GOOD, UGLY, UNUSED, run

SETTINGS = '[tool.optdsl]\nspecs = ["rules", "adam"]\noutput = "src/made"\nclasses = "keras"\n'


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "good.opt").write_text(GOOD)
    (tmp_path / "inner").mkdir()
    (tmp_path / "pyproject.toml").write_text(SETTINGS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_build(project: Path) -> None:
    result = run("build")
    assert result.exit_code == 0
    made = Path("src", "made")
    assert result.stdout == f"wrote {made / 'good.py'}\nwrote {made / 'adam.py'}\n"
    text = (project / made / "good.py").read_text(encoding="utf-8")
    assert "class Good(" in text
    assert "class GoodModule(" not in text
    assert run("build", "--check").exit_code == 0


def test_from_a_folder_in_the_project(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project / "inner")
    (project / "inner" / "adam").mkdir()  # does not hide the rule, which is the project's
    assert run("build").stdout.startswith(f"wrote {Path('..', 'src', 'made', 'good.py')}\n")
    assert (project / "src" / "made" / "adam.py").exists()
    (project / "rules" / "good.opt").write_text(UNUSED)
    result = run("check")
    assert result.exit_code == 1
    assert f"--> {Path('..', 'rules', 'good.opt')}:3:" in result.stdout


def test_what_is_written_wins(project: Path) -> None:
    assert run("build", "--classes", "module", "-o", "other", "amsgrad").exit_code == 0
    assert [path.name for path in (project / "other").iterdir()] == ["amsgrad.py"]
    assert "class AMSGrad(" not in (project / "other" / "amsgrad.py").read_text()


def test_settings_hold_for_specs_that_are_named(project: Path) -> None:
    assert run("build", "amsgrad").exit_code == 0
    assert [path.name for path in (project / "src" / "made").iterdir()] == ["amsgrad.py"]


def test_check_and_fmt(project: Path) -> None:
    assert run("check").stdout == "2 specifications, no findings\n"
    (project / "rules" / "good.opt").write_text(UGLY)
    assert run("fmt").stdout == f"reformatted {Path('rules', 'good.opt')}\n"
    assert run("fmt", "--check").exit_code == 0


def test_what_is_left_over_is_noticed(project: Path) -> None:
    run("build")
    (project / "pyproject.toml").write_text(SETTINGS.replace(', "adam"', ""))
    result = run("build", "--check")
    assert result.exit_code == 1
    assert "left over: src/made/adam.py (there is no `adam.opt` any more)" in result.stdout


def test_no_settings(project: Path) -> None:
    for text in ("", "[tool.other]\nx = 1\n", "this mentions nothing [of = interest"):
        (project / "pyproject.toml").write_text(text)
        for command in ("build", "check", "fmt"):
            result = run(command)
            assert result.exit_code == 2
            assert result.stderr.startswith("error: name a SPEC, or `specs` in the table")
    assert run("build", "adam").stdout == f"wrote {Path('generated', 'adam.py')}\n"


def test_the_nearest_settings_count(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "inner" / "pyproject.toml").write_text("[project]\nname = 'uses-optdsl'\n")
    monkeypatch.chdir(project / "inner")
    assert run("check").exit_code == 0
    (project / "inner" / "pyproject.toml").write_text("[tool.optdsl]\nspecs = ['momentum']\n")
    assert run("check").stdout == "1 specification, no findings\n"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[tool.optdsl", "`pyproject.toml` is not valid TOML: "),
        ("# optdsl \udcff", "`pyproject.toml` is not valid TOML: "),
        ("optdsl = " + "[" * 100_000, "`pyproject.toml` is not valid TOML: "),
        ("tool.optdsl = 3", "`pyproject.toml`: `tool.optdsl` must be a table"),
        (
            "[tool.optdsl]\noutptu = 'x'",
            "`pyproject.toml`: [tool.optdsl] has no setting `outptu`, only specs, output, classes",
        ),
        ("[tool.optdsl]\nspecs = 'x'", "`pyproject.toml`: [tool.optdsl]: `specs` must be a list"),
        ("[tool.optdsl]\nspecs = [3]", "`pyproject.toml`: [tool.optdsl]: `specs` must be a list"),
        ("[tool.optdsl]\nspecs = ['']", "`pyproject.toml`: [tool.optdsl]: `specs` must be a list"),
        ('[tool.optdsl]\nspecs = ["\\u0000"]', "`pyproject.toml`: [tool.optdsl]: `specs` must be"),
        ("[tool.optdsl]\noutput = 3", "`pyproject.toml`: [tool.optdsl]: `output` must be"),
        ("[tool.optdsl]\noutput = ''", "`pyproject.toml`: [tool.optdsl]: `output` must be"),
        (
            "[tool.optdsl]\nclasses = ['keras']",
            "`pyproject.toml`: [tool.optdsl]: `classes` must be one of keras, module, all",
        ),
        (
            "[tool.optdsl]\nstandalone = 1",
            "`pyproject.toml`: [tool.optdsl]: `standalone` must be true or false",
        ),
        ("[tool.optdsl]\nspecs = ['nothing.opt']", "there is no file `nothing.opt`"),
        ("[tool.optdsl]\nspecs = ['nothing']", "there is no file or rule `nothing`"),
        ("[tool.optdsl]\nspecs = ['inner']", "the folder `inner` has no .opt file"),
    ],
)
@pytest.mark.parametrize("command", ["build", "check"])
def test_wrong_settings(project: Path, command: str, text: str, why: str) -> None:
    (project / "pyproject.toml").write_bytes(text.encode("utf-8", "surrogateescape"))
    result = run(command)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"error: {why}")
    assert result.stderr.count("\n") == 1
