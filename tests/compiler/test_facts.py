"""Each analysis runs once, and only when somebody asks for what it finds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest

import optdsl
from optdsl.explain import explain

ANALYSES = (
    ("values", "flatten"),
    ("domain", "invariants"),
    ("domain", "domain"),
    ("sparsity", "sparsity"),
    ("rate", "other_rate"),
    ("unused", "unused"),
    ("cost", "cost"),
)

TEXT = """\
optimizer X:
    hyper rate = 0.1 in (0, 1)
    slot v
    step:
        v <- v + grad^2
        param <- param - rate * grad / sqrt(v)
"""


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each analysis has run."""
    counts: Counter[str] = Counter()

    def counted(name: str, analysis: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any) -> Any:
            counts[name] += 1
            return analysis(*args)

        return run

    for module, name in ANALYSES:
        found = import_module(f"optdsl.analysis.{module}")
        monkeypatch.setattr(found, name, counted(name, getattr(found, name)))
    return counts


def test_compiling_runs_what_the_warnings_need(runs: Counter[str]) -> None:
    compiled = optdsl.compile(TEXT)
    assert compiled.ok
    assert runs == {"flatten": 1, "invariants": 1, "domain": 1, "unused": 1, "other_rate": 1}


def test_nothing_runs_twice(runs: Counter[str]) -> None:
    compiled = optdsl.compile(TEXT)
    assert compiled.facts is not None
    for _ in range(2):
        compiled.source()
        explain(compiled.facts)
    assert runs == {name: 1 for _, name in ANALYSES}


def test_warnings_are_those_of_all_analyses() -> None:
    compiled = optdsl.compile(TEXT.replace("slot v", "slot v, w"))
    assert compiled.facts is not None
    codes = [found.code for found in compiled.facts.warnings]
    assert codes == ["learning-rate-name", "unused-slot", "division-by-zero"]
    assert [found.code for found in compiled.diagnostics] == codes
    assert compiled.optimizer is compiled.facts.optimizer


def test_there_are_no_facts_of_what_has_an_error() -> None:
    compiled = optdsl.compile(TEXT.replace("rate *", "rte *"))
    assert (compiled.facts, compiled.optimizer, compiled.ok) == (None, None, False)
