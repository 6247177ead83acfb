"""The examples of every page do what the page says."""

from __future__ import annotations

import pytest

from optdsl import pages
from optdsl.compiler import compile_bytes
from optdsl.pages import PAGES, Page


@pytest.mark.parametrize("page", PAGES.values(), ids=lambda page: page.code)
def test_the_bad_example_gets_the_diagnostic_and_no_other(page: Page) -> None:
    found = compile_bytes(page.bad, "bad.opt").diagnostics
    assert {(d.code, d.severity) for d in found} == {(page.code, page.severity)}


@pytest.mark.parametrize("page", PAGES.values(), ids=lambda page: page.code)
def test_the_good_example_is_clean(page: Page) -> None:
    compiled = compile_bytes(page.good.encode(), "good.opt")
    assert compiled.diagnostics == ()
    assert compiled.ok


def test_an_explanation_has_both_examples() -> None:
    text = pages.explain("bad-axis")
    assert text.startswith("error[bad-axis]\n\nAn axis is ")
    assert "mean(grad, axis=k)" in text
    assert "mean(grad, axis=0)" in text
    assert max(map(len, text.splitlines())) <= 100


def test_bytes_that_are_no_text_are_shown_escaped() -> None:
    assert r"d\xe9j\xe0 vu" in pages.explain("encoding")


def test_an_unknown_code_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        pages.explain("no-such-code")
