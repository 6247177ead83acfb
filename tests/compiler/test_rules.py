"""The examples of every rule do what the rule says."""

from __future__ import annotations

import pytest

from optdsl import rules
from optdsl.compiler import compile_bytes
from optdsl.rules import RULES, Rule


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.code)
def test_the_bad_example_gets_the_diagnostic_and_no_other(rule: Rule) -> None:
    found = compile_bytes(rule.bad, "bad.opt").diagnostics
    assert {(d.code, d.severity) for d in found} == {(rule.code, rule.severity)}


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.code)
def test_the_good_example_is_clean(rule: Rule) -> None:
    compiled = compile_bytes(rule.good.encode(), "good.opt")
    assert compiled.diagnostics == ()
    assert compiled.ok


def test_an_explanation_has_both_examples() -> None:
    text = rules.explain("bad-axis")
    assert text.startswith("error[bad-axis]\n\nAn axis is ")
    assert "mean(grad, axis=k)" in text
    assert "mean(grad, axis=0)" in text
    assert max(map(len, text.splitlines())) <= 100


def test_bytes_that_are_no_text_are_shown_escaped() -> None:
    assert r"d\xe9j\xe0 vu" in rules.explain("encoding")


def test_an_unknown_code_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        rules.explain("no-such-code")
