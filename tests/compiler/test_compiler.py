"""The Python API: `optdsl.compile`, `optdsl.load`, and what they say about wrong specifications."""

import pickle
import sys
import traceback
from pathlib import Path
from typing import cast

import pytest

import optdsl
from optdsl import SpecError
from optdsl.compiler import CLASSES, Classes, Compiled, compile_bytes, compile_source
from optdsl.diagnostics import Severity
from optdsl.source import SourceFile

SPECS = sorted((Path(__file__).parents[2] / "specs").glob("*.opt"))

GOOD = "optimizer Good:\n    step:\n        param <- param - 0.1 * grad\n"
WRONG = "optimizer Wrong:\n    step:\n        param <- param - 0.1 * grd\n"


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_the_library_has_no_findings(path: Path) -> None:
    compiled = optdsl.compile(path)
    assert compiled.ok
    assert compiled.diagnostics == ()
    assert compiled.optimizer is not None


def test_text_and_path_are_the_same(tmp_path: Path) -> None:
    path = tmp_path / "good.opt"
    path.write_text(GOOD)
    from_path = optdsl.compile(str(path))
    from_text = optdsl.compile(GOOD)
    assert from_path.optimizer == from_text.optimizer
    assert from_text.file.name == "<string>"
    assert from_path.hash == from_text.hash


def test_line_ends_do_not_count() -> None:
    windows = compile_bytes(GOOD.replace("\n", "\r\n").encode(), "good.opt")
    assert windows.source() == compile_bytes(GOOD.encode(), "a/b/good.opt").source()


@pytest.mark.parametrize("classes", CLASSES)
def test_source(classes: Classes) -> None:
    text = optdsl.compile(GOOD).source(classes)
    compile(text, "good.py", "exec")
    assert ("class Good(" in text) == (classes != "module")
    assert ("class GoodModule(" in text) == (classes != "keras")


def test_source_of_no_class() -> None:
    with pytest.raises(ValueError, match="classes must be one of keras, module, all, got 'torch'"):
        optdsl.compile(GOOD).source(cast("Classes", "torch"))


def test_the_reference_runs() -> None:
    reference = optdsl.compile(GOOD).reference()
    assert type(reference).__name__ == "Reference"


@pytest.mark.parametrize("part", ["source", "reference"])
def test_a_wrong_spec_compiles_to_findings(part: str) -> None:
    compiled = optdsl.compile(WRONG)
    assert not compiled.ok
    assert [found.code for found in compiled.diagnostics] == ["undefined-name"]
    with pytest.raises(SpecError) as caught:
        getattr(compiled, part)()
    assert caught.value.diagnostics == compiled.diagnostics
    assert "error[undefined-name]: `grd` is not defined" in str(caught.value)
    assert "--> <string>:3:32" in str(caught.value)


def test_findings_are_in_the_order_of_the_text() -> None:
    text = (
        "optimizer Many:\n    hyper unused = 0.1 in [0, 1]\n    slot idle\n    step:\n"
        "        a = grad\n        param <- param - 0.1 * grad\n"
    )
    compiled = optdsl.compile(text)
    assert compiled.ok
    codes = [found.code for found in compiled.diagnostics]
    assert codes == ["unused-hyper", "unused-slot", "unused-local"]
    assert {found.severity for found in compiled.diagnostics} == {Severity.WARNING}


def test_the_classic_bug_is_found() -> None:
    adam = next(path for path in SPECS if path.stem == "adam").read_text()
    compiled = optdsl.compile(adam.replace("beta_1^t)", "beta_1^(t - 1))"))
    assert compiled.ok
    (found,) = compiled.diagnostics
    assert found.code == "division-by-zero"
    assert "t = 1" in " ".join([found.message, *found.notes])


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xfe\x00", b"\0" * 10, b"optimizer", b"\n" * 300_000, b"(" * 100_000]
)
def test_no_bytes_raise(data: bytes) -> None:
    compiled = compile_bytes(data, "x.opt")
    assert not compiled.ok
    assert compiled.diagnostics
    with pytest.raises(SpecError, match="error"):
        compiled.source()


def test_a_lone_surrogate_is_a_finding() -> None:
    compiled = optdsl.compile(GOOD + "# \ud800\n")
    assert [found.code for found in compiled.diagnostics] == ["encoding"]


def test_compile_source_does_the_same() -> None:
    compiled = compile_source(SourceFile("good.opt", GOOD))
    assert isinstance(compiled, Compiled)
    assert compiled.optimizer == optdsl.compile(GOOD).optimizer


def test_a_missing_file() -> None:
    with pytest.raises(FileNotFoundError):
        optdsl.compile("no/such.opt")


def test_load() -> None:
    module = optdsl.load(GOOD)
    assert issubclass(module.Good, sys.modules["keras"].optimizers.Optimizer)
    assert issubclass(module.GoodModule, sys.modules["tensorflow"].Module)
    assert optdsl.load(GOOD) is module
    assert pickle.loads(pickle.dumps(module.Good)) is module.Good


def test_load_refuses_errors() -> None:
    with pytest.raises(SpecError, match="undefined-name"):
        optdsl.load(WRONG)


def test_tracebacks_show_generated_lines() -> None:
    module = optdsl.load(GOOD)
    assert module.__file__ is not None
    code = compile("raise_here()", module.__file__, "exec")
    with pytest.raises(NameError) as caught:
        exec(code, {})
    frame = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert frame.line == optdsl.compile(GOOD).source().splitlines()[0]


def test_the_public_names() -> None:
    assert set(optdsl.__all__) <= set(dir(optdsl))
    for name in optdsl.__all__:
        assert getattr(optdsl, name)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        getattr(optdsl, "nothing")  # noqa: B009  mypy knows that it is not there
