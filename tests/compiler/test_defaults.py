"""Defaults that are computed from other hyperparameters: what the compiler makes of them."""

from __future__ import annotations

import pytest

import optdsl
from optdsl import defaults, ir, parse
from optdsl.analysis import Facts
from optdsl.explain import explain
from optdsl.explain.data import data
from optdsl.format import format_spec
from optdsl.intervals import Interval
from optdsl.meaning import meaning
from optdsl.source import SourceFile
from support.specs import checked

TEXT = '''optimizer Thirds:
    """Three decays, of which one is enough."""

    hyper learning_rate = 0.125        in [0, inf) "Step size."
    hyper k: int        = 3            in [1, inf) "Power."
    hyper beta_2        = 0.25         in [0, 1)   "Second decay."
    hyper beta_3        = sqrt(beta_2) in [0, 1)   "Third decay."
    hyper beta_4        = beta_3^k     in [0, 1)   "Fourth decay."

    slot m = beta_3 "Mean."

    step:
        m     <- beta_3 * m + beta_4 * grad
        param <- param - learning_rate * m
'''


def test_the_expression_is_typed_and_keeps_its_text() -> None:
    third, fourth = checked(TEXT).hypers[-2:]
    assert isinstance(third.default, ir.Call)
    assert third.computed is third.default
    assert (third.default.op, third.written) == ("sqrt", "sqrt(beta_2)")
    assert fourth.written == "beta_3^k"
    assert checked(TEXT).hypers[0].computed is None


def test_numbers() -> None:
    found = defaults.numbers(checked(TEXT).hypers)
    assert found["beta_3"] == pytest.approx(0.5)
    assert found["beta_4"] == pytest.approx(0.125)


def test_the_meaning_has_the_expression() -> None:
    other = TEXT.replace("sqrt(beta_2)", "tanh(beta_2)")
    assert meaning(checked(TEXT)) != meaning(checked(other))
    spaced = TEXT.replace("sqrt(beta_2) in", "sqrt( (beta_2) ) in")
    assert meaning(checked(TEXT)) == meaning(checked(spaced))


def test_it_is_proved_and_formatted_as_it_stands() -> None:
    compiled = optdsl.compile(TEXT)
    assert compiled.diagnostics == ()
    spec, _ = parse.parse(compiled.file)
    assert spec is not None
    assert format_spec(spec) == TEXT


@pytest.mark.parametrize(
    ("default", "interval", "found"),
    [
        ("beta_2", "[0, 1)", Interval(0, 1, high_open=True)),
        ("1 - beta_2", "(0, 1]", Interval(0, 1, low_open=True)),
        ("clip(2 * beta_2, 0, 1)", "[0, 1]", Interval(0, 1)),
        ("1 / k", "(0, 1]", Interval(0, 1, low_open=True)),
        ("where(k > 2, beta_2, 0)", "[0, 1)", Interval(0, 1, high_open=True)),
    ],
)
def test_the_interval_is_proved(default: str, interval: str, found: Interval) -> None:
    text = TEXT.replace("sqrt(beta_2) in [0, 1)", f"{default} in {interval}")
    text = text.replace("beta_3^k", "beta_2")
    hypers = checked(text).hypers
    known = {hyper.name: defaults.values_of(hyper) for hyper in hypers}
    assert hypers[3].computed is not None
    assert defaults.interval_of(hypers[3].computed, known) == found


def test_explain_says_it() -> None:
    facts = Facts(checked(TEXT), SourceFile("thirds.opt", TEXT))
    assert "beta_3         sqrt(beta_2)  in [0, 1)" in explain(facts)
    hypers = data(facts)["hyperparameters"]
    assert [hyper["default"] for hyper in hypers] == [0.125, 3, 0.25, "sqrt(beta_2)", "beta_3^k"]


def test_the_generated_file_says_it() -> None:
    source = optdsl.compile(TEXT).source()
    assert "    beta_3: rt.Number | None = None,\n" in source
    assert "beta_3: Third decay. In [0, 1). None for `sqrt(beta_2)` in each step." in source
    assert "    # beta_4 = beta_3^k\n" in source
