"""The Python API: `optdsl.compile`, `optdsl.load`, and what they say about wrong specifications."""

import os
import pickle
import re
import sys
import traceback
from pathlib import Path
from typing import cast

import pytest

import optdsl
from optdsl import SpecError
from optdsl.compiler import CLASSES, Classes, Compiled, compile_bytes, compile_source
from optdsl.diagnostics import Diagnostic, Severity, render_text
from optdsl.source import SourceFile, Span
from support.commands import GOOD, UNUSED, WRONG

SPECS = sorted((Path(__file__).parents[2] / "specs").glob("*.opt"))


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
    compiled = optdsl.compile("gradient_descent")
    for rate in (0.25, 0.5):
        reference = compiled.reference(learning_rate=rate)
        after = reference.step(reference.init([1.0, 2.0]), [1.0, -1.0])
        assert after.param.value.tolist() == [1.0 - rate, 2.0 + rate]


def test_the_reference_refuses_what_the_rule_does_not_have() -> None:
    with pytest.raises(ValueError, match="Good has no hyperparameter momentum"):
        optdsl.compile(GOOD).reference(momentum=0.9)


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


def test_a_name_of_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = next(path for path in SPECS if path.stem == "amsgrad")
    assert optdsl.compile("amsgrad").source() == optdsl.compile(path).source()
    assert optdsl.compile("amsgrad").file.name == "amsgrad.opt"
    with pytest.raises(FileNotFoundError, match=r"or rule `amsgard`; did you mean `amsgrad`"):
        optdsl.compile("amsgard")
    (tmp_path / "amsgrad").write_text(GOOD)
    assert optdsl.compile("amsgrad").optimizer == optdsl.compile(GOOD).optimizer


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"has no \.opt file"):
        optdsl.compile(str(tmp_path))
    (tmp_path / "a.opt").write_text(GOOD)
    assert optdsl.compile(str(tmp_path)).ok
    (tmp_path / "b.opt").write_text(GOOD)
    with pytest.raises(IsADirectoryError, match="has 2 specifications; name one of them"):
        optdsl.compile(str(tmp_path))


def test_a_pipe_that_nobody_writes_to(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.opt")
    assert not optdsl.compile(tmp_path / "pipe.opt").ok


# --- printing ------------------------------------------------------------------------------------


def test_a_compiled_rule_prints_what_it_does() -> None:
    compiled = optdsl.compile(UNUSED)
    assert repr(compiled) == "<Compiled <string>: Unused, 1 finding>"
    assert repr(optdsl.compile("adam")) == "<Compiled adam.opt: Adam, no findings>"
    assert str(compiled).startswith("warning[unused-local]: ")
    assert "\n\nUnused\n\nEquations\n" in str(compiled)
    assert str(optdsl.compile("adam")).startswith("Adam: ")


def test_a_wrong_spec_prints_its_findings() -> None:
    compiled = optdsl.compile(WRONG)
    assert repr(compiled) == "<Compiled <string>: with errors, 1 finding>"
    assert str(compiled) == render_text(compiled.file, compiled.diagnostics)


def test_a_finding_prints_what_it_says() -> None:
    finding = Diagnostic("domain", Severity.WARNING, "no", Span(0, 1), ("one", "two"), "act\x1b")
    assert str(finding) == "warning[domain]: no\n = note: one\n = note: two\n = help: act\\x1b"
    assert repr(finding).startswith("Diagnostic(code='domain', ")


def test_notebooks_show_escaped_text() -> None:
    compiled = optdsl.compile(WRONG.replace("grd", "grd + x < 1"))
    html = compiled._repr_html_()
    assert html.startswith('<pre><b style="color: #c62828">error</b>[')
    assert html.endswith("</pre>")
    assert "&lt;string&gt;:3:" in html
    assert set(re.findall(r"<[^>]*>", html)) == {
        "<pre>",
        "</pre>",
        "</b>",
        '<b style="color: #c62828">',
    }
    (finding,) = optdsl.compile(UNUSED).diagnostics
    assert finding._repr_html_().startswith('<pre><b style="color: #b26a00">warning</b>[')


# --- load ----------------------------------------------------------------------------------------


def test_load() -> None:
    module = optdsl.load(GOOD)
    assert issubclass(module.Good, sys.modules["keras"].optimizers.Optimizer)
    assert issubclass(module.GoodModule, sys.modules["tensorflow"].Module)
    assert optdsl.load(GOOD) is module
    assert pickle.loads(pickle.dumps(module.Good)) is module.Good


def test_load_from_the_library() -> None:
    assert optdsl.load("amsgrad") is optdsl.load(
        next(path for path in SPECS if path.stem == "amsgrad")
    )


def test_load_shows_warnings() -> None:
    with pytest.warns(optdsl.SpecWarning) as caught:
        optdsl.load(UNUSED)
    (one,) = caught
    assert one.filename == __file__
    assert str(one.message).startswith("warning[unused-local]: ")
    assert "--> <string>:3:" in str(one.message)
    with pytest.warns(optdsl.SpecWarning):
        optdsl.load(UNUSED)


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
