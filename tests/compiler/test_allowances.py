"""`# allow: SLUG: REASON`: which findings it silences, and which not."""

from __future__ import annotations

import json

import pytest

from optdsl.compiler import Compiled, compile_bytes
from optdsl.explain import explain, explain_markdown
from optdsl.explain.data import data
from optdsl.format import format_spec

REASON = "every row has a gradient"
ALLOW = f"# allow: division-by-zero: {REASON}"


def compiled(*lines: str) -> Compiled:
    step = "".join(f"        {line}\n" for line in lines)
    return compile_bytes(f"optimizer X:\n    step:\n{step}".encode(), "x.opt")


def codes(*lines: str) -> list[str]:
    return [found.code for found in compiled(*lines).diagnostics]


@pytest.mark.parametrize(
    "lines",
    [
        [f"param <- param - grad / norm(grad)  {ALLOW}"],
        [ALLOW, "param <- param - grad / norm(grad)"],
        ["#allow:division-by-zero:why not", "param <- param - grad / norm(grad)"],
        [ALLOW, "", "# Normalised.", "param <- param - grad / norm(grad)"],
        ["param <- param - (grad  # the direction", f"    / norm(grad))  {ALLOW}"],
        ["param <- param - (grad", f"    {ALLOW}", "    / norm(grad))"],
        [ALLOW, "# allow: domain: as above", "param <- param - log(grad) / norm(grad)"],
        [f"when 1 / norm(grad) > 2:  {ALLOW}", "    x = 1", "param <- param - grad"],
    ],
)
def test_silences(lines: list[str]) -> None:
    without = [line.partition("#")[0].rstrip() for line in lines]
    assert set(codes(*without)) - set(codes(*lines)) >= {"division-by-zero"}
    assert "division-by-zero" not in codes(*lines)
    assert "unused-allowance" not in codes(*lines)


def test_stays_where_it_is_when_it_is_formatted() -> None:
    one = compiled("param <- param - (grad", f"    {ALLOW}", "    / norm(grad))")
    assert one.spec is not None
    again = compile_bytes(format_spec(one.spec).encode(), "x.opt")
    assert (again.diagnostics, len(again.facts.allowed if again.facts else ())) == ((), 1)


@pytest.mark.parametrize(
    "lines",
    [
        [ALLOW, "x = 2 * grad", "param <- param - x / norm(grad)"],
        ["x = 2 * grad", "param <- param - x / norm(grad)", ALLOW],
        [f"x = 2 * grad  {ALLOW}", "param <- param - x / norm(grad)"],
    ],
)
def test_in_another_line_silences_nothing_and_says_so(lines: list[str]) -> None:
    assert sorted(codes(*lines)) == ["division-by-zero", "unused-allowance"]


def test_of_another_warning_silences_nothing() -> None:
    found = codes("param <- param - grad / norm(grad)  # allow: domain: a norm is positive")
    assert sorted(found) == ["division-by-zero", "unused-allowance"]


def test_an_error_in_the_same_line_is_an_error() -> None:
    assert codes(f"param <- param - grad / nrm(grad)  {ALLOW}") == ["undefined-name"]


def test_explain_lists_the_reasons() -> None:
    facts = compiled("x = 1 / norm(grad)  " + ALLOW, "param <- param - x * grad").facts
    assert facts is not None
    assert f"Allowed\n    line 3: division-by-zero: {REASON}\n" in explain(facts)
    assert f"## Allowed\n\n    line 3: division-by-zero: {REASON}\n" in explain_markdown(facts)
    allowed = json.loads(json.dumps(data(facts)))["allowed"]
    assert allowed == [{"code": "division-by-zero", "line": 3, "reason": REASON}]


def test_many_are_quick() -> None:
    lines = [ALLOW] * 3_000
    assert set(codes(*lines, "param <- param - grad / norm(grad)")) == set()
