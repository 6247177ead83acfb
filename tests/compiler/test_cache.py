"""The cache folder: private, and not needed."""

from pathlib import Path

import pytest

import optdsl
from optdsl import cache, resources
from optdsl.parse import decode, parse
from optdsl.parse.lines import _lark
from optdsl.targets import render
from support.commands import process

GOOD = b"optimizer Good:\n    step:\n        param <- param - 0.1 * grad\n"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_the_folder_is_private(home: Path) -> None:
    assert cache.folder() == home / "optdsl"
    assert (home / "optdsl").stat().st_mode & 0o777 == 0o700
    assert cache.folder() == home / "optdsl"


def test_a_folder_that_others_can_write_to_is_not_used(home: Path) -> None:
    (home / "optdsl").mkdir(parents=True)
    (home / "optdsl").chmod(0o777)
    assert cache.folder() is None


def test_a_link_is_not_used(home: Path) -> None:
    home.mkdir()
    (home.parent / "elsewhere").mkdir(mode=0o700)
    (home / "optdsl").symlink_to(home.parent / "elsewhere")
    assert cache.folder() is None


def test_a_relative_folder_is_not_used(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home.mkdir()
    monkeypatch.chdir(home)
    monkeypatch.setenv("XDG_CACHE_HOME", "here")
    assert cache.folder() is None
    assert list(home.iterdir()) == []


def test_no_folder(home: Path) -> None:
    home.write_text("a file")
    assert cache.folder() is None


@pytest.mark.parametrize("content", [b"", b"rubbish", b"0\n\x80\x04."])
def test_the_parser_does_not_depend_on_it(home: Path, content: bytes) -> None:
    build = _lark.__wrapped__
    build()
    (file,) = (home / "optdsl").iterdir()
    file.write_bytes(content)
    assert build().rules
    assert len(file.read_bytes()) > 10_000
    source, _ = decode(GOOD, "good.opt")
    assert parse(source)[0] is not None


def test_the_parser_comes_from_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build = _lark.__wrapped__
    build()
    before = _contents(home)
    monkeypatch.setattr("lark.lark.load_grammar", None)
    assert build().parse_interactive("").accepts()
    assert _contents(home) == before


def _contents(home: Path) -> dict[str, bytes]:
    """Every file in the folder."""
    files = (path for path in (home / "optdsl").rglob("*") if path.is_file())
    return {str(path.relative_to(home)): path.read_bytes() for path in files}


def test_nothing_is_kept_in_parts(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> int:
        with path.open("wb") as file:
            file.write(data[: len(data) // 2])
        raise OSError(28, "No space left on device")

    cache.keep("thing", "a", b"whole")
    monkeypatch.setattr(Path, "write_bytes", full)
    cache.keep("thing", "a", b"another")
    assert cache.load("thing", "a") == b"whole"
    assert cache.load("thing", "b") is None
    assert list(_contents(home)) == ["optdsl/thing"]


@pytest.mark.parametrize("damage", ["empty", "half", "rubbish", "zeros", "folder"])
def test_no_command_depends_on_it(home: Path, tmp_path: Path, damage: str) -> None:
    """Parser tables, templates and bytecode, as a full disk or a crash may leave them."""
    environment = {"XDG_CACHE_HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
    environment["PYTHONPYCACHEPREFIX"] = str(tmp_path / "beside")
    command = ["build", "adam", "-o", str(tmp_path / "made")]
    assert process(*command, **environment).returncode == 0
    whole = _contents(home)
    assert {Path(name).suffix for name in whole} == {".pyc", ".pickle", ".cache"}
    for name, data in whole.items():
        _damage(home / name, data, damage)
    done = process(*command, **environment)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"up to date")
    if damage != "folder":
        replaced = _contents(home)
        assert replaced.keys() == whole.keys()
        assert {name for name in whole if len(replaced[name]) < len(whole[name]) * 0.9} == set()


def _damage(path: Path, data: bytes, how: str) -> None:
    match how:
        case "half":
            path.write_bytes(data[: len(data) // 2])
        case "rubbish":
            path.write_bytes(b"rubbish" * 99)
        case "zeros":  # after the first block, which is enough for a header
            path.write_bytes(data[:64] + bytes(len(data) - 64))
        case "folder":
            path.unlink()
            path.mkdir()
        case _:
            path.write_bytes(b"")


def test_another_grammar_is_noticed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build = _lark.__wrapped__
    build()
    (file,) = (home / "optdsl").iterdir()
    before = file.read_bytes()
    grammar = resources.grammar()
    monkeypatch.setattr(resources, "grammar", lambda: f'{grammar}\nEXTRA: "§"\n%ignore EXTRA\n')
    build()
    assert file.read_bytes() != before


@pytest.mark.parametrize("content", [b"", b"rubbish", b"j2" + b"\x80\x04." * 9])
def test_templates_do_not_depend_on_it(home: Path, content: bytes) -> None:
    expected = optdsl.compile(GOOD.decode()).source()
    for _ in range(2):
        render._environment.cache_clear()
        assert optdsl.compile(GOOD.decode()).source() == expected
        files = list((home / "optdsl").glob("template-*"))
        assert files
        for file in files:
            file.write_bytes(file.read_bytes()[:5] + content)
    render._environment.cache_clear()


def test_a_full_disk_does_not_matter(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("jinja2.bccache.Bucket.write_bytecode", full)
    render._environment.cache_clear()
    assert "class Good(" in optdsl.compile(GOOD.decode()).source()
    assert not list((home / "optdsl").glob("template-*"))
    render._environment.cache_clear()
