"""`fmt`, `explain`, `rule`, `list` and `new`."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import optdsl
from optdsl.pages import PAGES
from optdsl.resources import wrapper_names
from support.commands import GOOD, ROOT, UGLY, WRONG, run

SPECS = ROOT / "specs"
NAMES = sorted(path.stem for path in SPECS.glob("*.opt"))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


Pipes = Callable[[str], str]


@pytest.fixture
def pipes() -> Iterator[Pipes]:
    """Makes pipes with something in them, as `<(command)` does in a shell."""
    ends = []

    def pipe(text: str) -> str:
        read, written = os.pipe()
        ends.append(read)
        with os.fdopen(written, "w") as file:
            file.write(text)
        return f"/dev/fd/{read}"

    yield pipe
    for end in ends:
        os.close(end)


# --- fmt -----------------------------------------------------------------------------------------


def test_fmt(folder: Path) -> None:
    path = folder / "ugly.opt"
    path.write_text(UGLY)
    assert run("fmt", "--check", "ugly.opt").exit_code == 1
    assert path.read_text() == UGLY
    diff = run("fmt", "--diff", "ugly.opt")
    assert diff.exit_code == 1
    assert "-    param<-param-0.1*grad # why\n" in diff.stdout
    assert path.read_text() == UGLY
    assert run("fmt", "ugly.opt").stdout == "reformatted ugly.opt\n"
    text = path.read_text()
    assert "        param <- param - 0.1 * grad" in text
    assert "# why" in text
    again = run("fmt", "ugly.opt")
    assert (again.exit_code, again.stdout) == (0, "")
    assert run("fmt", "--check", "ugly.opt").exit_code == 0
    assert run("fmt", "--diff", "ugly.opt").stdout == ""


def test_fmt_standard_input() -> None:
    result = run("fmt", "-", data=UGLY)
    assert result.exit_code == 0
    assert "        param <- param - 0.1 * grad" in result.stdout


def test_fmt_normalises_line_ends(folder: Path) -> None:
    path = folder / "windows.opt"
    path.write_bytes(GOOD.replace("\n", "\r\n").encode())
    assert run("fmt", "windows.opt").exit_code == 0
    assert path.read_bytes() == GOOD.encode()


def test_fmt_rewrites_all_or_nothing(folder: Path) -> None:
    (folder / "ugly.opt").write_text(UGLY)
    (folder / "broken.opt").write_text("optimizer Broken\n  step:\n")
    result = run("fmt", "ugly.opt", "broken.opt")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "error[syntax]" in result.stderr
    assert (folder / "ugly.opt").read_text() == UGLY


def test_fmt_rewrites_nothing_if_a_file_cannot_be_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, flags: int, *mode: int) -> int:
        if Path(path).parent.name == "closed" and flags & os.O_CREAT:
            raise PermissionError(13, "Permission denied")
        return opened(path, flags, *mode)

    for name in ("a.opt", "closed/b.opt", "c.opt"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(UGLY)
    opened = os.open
    monkeypatch.setattr(os, "open", refuse)
    result = run("fmt", "a.opt", "closed/b.opt", "c.opt")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.endswith("closed/b.opt`: permission denied\n")
    for name in ("a.opt", "closed/b.opt", "c.opt"):
        assert (folder / name).read_text() == UGLY
    assert sorted(path.name for path in folder.iterdir()) == ["a.opt", "c.opt", "closed"]


def test_fmt_does_not_write_to_a_pipe(folder: Path, pipes: Pipes) -> None:
    (folder / "a.opt").write_text(UGLY)
    result = run("fmt", "a.opt", pipes(UGLY))
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.endswith("`: it is a pipe, not a file\n")
    assert (folder / "a.opt").read_text() == UGLY


def test_fmt_keeps_a_link(folder: Path) -> None:
    (folder / "real.opt").write_text(UGLY)
    (folder / "link.opt").symlink_to("real.opt")
    assert run("fmt", "link.opt").exit_code == 0
    assert (folder / "link.opt").is_symlink()
    assert (folder / "real.opt").read_text() != UGLY


def test_the_library_is_formatted() -> None:
    paths = [str(SPECS / f"{name}.opt") for name in NAMES]
    result = run("fmt", "--check", *paths)
    assert (result.exit_code, result.stdout) == (0, "")


# --- explain, rule, list, new --------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_explain(name: str) -> None:
    result = run("explain", name)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "sparse" in result.stdout.lower()


@pytest.mark.parametrize("name", NAMES)
def test_explain_json(name: str) -> None:
    found = json.loads(run("explain", name, "--format", "json").stdout)
    facts = optdsl.compile(name).facts
    assert facts is not None
    assert found["optimizer"] == facts.optimizer.name
    assert [one["name"] for one in found["hyperparameters"]] == [
        hyper.name for hyper in facts.optimizer.hypers
    ]
    assert [one["bytes_per_parameter"] for one in found["cases"]] == [
        known.cost.bytes_per_parameter for known in facts.cases
    ]


def test_explain_json_of_one_rule() -> None:
    found = json.loads(run("explain", "amsgrad", "--format", "json").stdout)
    assert found["hyperparameters"][1] == {
        "name": "beta_1",
        "kind": "real",
        "default": 0.9,
        "interval": "[0, 1)",
        "doc": "Decay rate of the first moment.",
    }
    (case,) = found["cases"]
    assert case["equations"][0] == "m <- beta_1 * m + (1 - beta_1) * grad"
    assert [slot["name"] for slot in case["slots"]] == ["m", "v", "v_max"]
    assert (case["slots"][0]["shape"], case["slots"][0]["initial"]) == ("param", "0")
    assert case["bytes_per_parameter"] == 12
    assert case["once_per_step"]["one_minus_beta_1_to_the_t"] == "1 - beta_1^t"
    assert case["sparse"]["mode"] == "exact"
    assert case["not_proved"] == []


def test_explain_markdown() -> None:
    words = run("explain", "amsgrad").stdout
    page = run("explain", "amsgrad", "--format", "md").stdout
    assert page.startswith("# AMSGrad: Adam whose second-moment estimate never decreases.\n")
    assert "\n\n## Equations\n\n    m <- beta_1 * m + (1 - beta_1) * grad\n" in page
    lines = [line.removeprefix("## ") for line in page.splitlines()[1:] if line]
    assert lines == [line for line in words.splitlines()[1:] if line]


def test_explain_a_wrong_spec(folder: Path) -> None:
    (folder / "wrong.opt").write_text(WRONG)
    result = run("explain", "wrong.opt")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "error[undefined-name]" in result.stderr


def test_rule() -> None:
    result = run("rule", "undefined-name")
    assert result.exit_code == 0
    assert "undefined-name" in result.stdout


def test_rule_lists_all() -> None:
    lines = run("rule").stdout.splitlines()
    assert [line.split()[1] for line in lines] == list(PAGES)


def test_rule_unknown() -> None:
    result = run("rule", "undefined-nam")
    assert result.exit_code == 2
    assert result.stderr.startswith(
        "error: there is no diagnostic `undefined-nam`; did you mean `un"
    )


def test_list() -> None:
    rules, wrappers = run("list").stdout.split("\n\n")
    title, *around = wrappers.splitlines()
    assert title == "Wrappers, as in `optdsl build 'lookahead(adam)'`:"
    assert [line.split()[0] for line in rules.splitlines()] == NAMES
    assert [line.split()[0] for line in around] == list(wrapper_names())
    assert all(len(line.split()) > 2 for line in (*rules.splitlines(), *around))


@pytest.mark.parametrize(
    ("name", "class_name"), [("my_rule", "MyRule"), ("MyRule", "MyRule"), ("a-b", "AB")]
)
def test_new(folder: Path, name: str, class_name: str) -> None:
    assert run("new", name).exit_code == 0
    path = folder / f"{name}.opt"
    assert f"optimizer {class_name}:" in path.read_text()
    assert run("fmt", "--check", path.name).exit_code == 0
    assert run("check", path.name).exit_code == 0
    assert run("build", path.name).exit_code == 0


def test_new_never_replaces(folder: Path) -> None:
    (folder / "mine.opt").write_text("mine")
    (folder / "link.opt").symlink_to("nothing")
    for name in ("mine", "link"):
        result = run("new", name)
        assert result.exit_code == 2
        assert "exists already" in result.stderr
    assert (folder / "mine.opt").read_text() == "mine"


@pytest.mark.parametrize("name", ["../x", "a/b", "class", "1st", "a b", "", "keras", "_"])
def test_new_needs_a_name(folder: Path, name: str) -> None:
    result = run("new", name)
    assert result.exit_code == 2
    assert result.stderr.startswith("error")
    assert list(folder.rglob("*")) == []
