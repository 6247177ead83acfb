"""What `explain` says: pinned for two rules, sensible for the others."""

from __future__ import annotations

from pathlib import Path

import pytest

import optdsl
from optdsl.analysis import Facts
from optdsl.check import check
from optdsl.explain import explain
from optdsl.parse import parse
from optdsl.source import SourceFile

ROOT = Path(__file__).parents[2]
SPECS = sorted((ROOT / "specs").glob("*.opt"))
GOLDEN = ROOT / "tests" / "cases" / "golden"


def _explain(text: str) -> str:
    source = SourceFile("x.opt", text)
    spec, _ = parse(source)
    assert spec is not None
    optimizer, _ = check(spec)
    assert optimizer is not None
    return explain(Facts(optimizer, source))


@pytest.mark.parametrize("name", ["amsgrad", "adagrad"])
def test_golden(name: str, update_golden: bool) -> None:
    said = _explain((ROOT / "specs" / f"{name}.opt").read_text("utf-8"))
    golden = GOLDEN / f"explain_{name}.txt"
    if update_golden:
        golden.write_text(said, "utf-8")
    assert said == golden.read_text("utf-8")


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_every_rule_of_the_library(path: Path) -> None:
    facts = optdsl.compile(path).facts
    assert facts is not None
    said = explain(facts)
    assert "Not proved" not in said
    assert "Sparse gradients: " in said
    assert all(line == line.rstrip() for line in said.splitlines())


def test_what_is_not_proved_is_said_with_its_line() -> None:
    said = _explain("optimizer X:\n    slot m\n    step:\n        param <- param - grad / m\n")
    assert "Not proved\n    line 4: the divisor `m` can be 0; `m` can be 0" in said


def test_a_rule_without_anything() -> None:
    said = _explain("optimizer X:\n    step:\n        param <- param - grad\n")
    assert said.startswith("X\n\nEquations\n    param <- param - grad\n\nState: none\n")
    assert "Hyperparameters" not in said
    assert "Computed once" not in said


def test_kinds_branches_and_small_slots() -> None:
    said = _explain(
        "optimizer X:\n"
        "    hyper n: int = 3 in [1, 10]\n"
        "    hyper on: bool = true\n"
        "    slot s: scalar = n\n"
        "    slot r: row\n"
        "    sparse lazy\n"
        "    step:\n"
        "        when on:\n"
        "            s <- s + norm(grad)\n"
        "        otherwise:\n"
        "            s <- old(s) * n\n"
        "        r <- r + mean(grad^2, axis=row)\n"
        "        param <- param - grad\n"
    )
    assert "    when on:\n        s <- s + norm(grad)\n    otherwise:\n" in said
    assert "n   3     whole, in [1, 10]" in said
    assert "on  true  true or false" in said
    assert "State: `s` and `r`\n    s  one number per variable  starts at n" in said
    assert "Sparse gradients: lazy, unless" in said
    assert "what mixes rows sees these rows only" in " ".join(said.split())


def test_what_is_evaluated() -> None:
    said = _explain((ROOT / "specs" / "schedule_free_adamw.opt").read_text("utf-8"))
    assert "\n\nWhile the model is evaluated\n    param <- x\n\n" in said
