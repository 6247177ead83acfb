"""The cache folder: private, and not needed."""

from pathlib import Path

import pytest

from optdsl import cache, resources
from optdsl.parse import _lark, decode, parse

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


@pytest.mark.parametrize("content", [None, b"", b"rubbish", b"0\n\x80\x04."])
def test_the_parser_does_not_depend_on_it(home: Path, content: bytes | None) -> None:
    build = _lark.__wrapped__
    build()
    (file,) = (home / "optdsl").iterdir()
    made = file.read_bytes().split(b"\n")[0]
    if content is not None:
        file.write_bytes(content)
    assert build().rules
    assert file.read_bytes().split(b"\n")[0] == made
    source, _ = decode(GOOD, "good.opt")
    assert parse(source)[0] is not None


def test_another_grammar_is_noticed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build = _lark.__wrapped__
    build()
    (file,) = (home / "optdsl").iterdir()
    before = file.read_bytes()
    grammar = resources.grammar()
    monkeypatch.setattr(resources, "grammar", lambda: f'{grammar}\nEXTRA: "§"\n%ignore EXTRA\n')
    build()
    assert file.read_bytes() != before
