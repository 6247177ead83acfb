"""Phases of a step: how few there are, what each computes, and what the analyses say of totals."""

from __future__ import annotations

import pytest

import optdsl
from optdsl import ir
from optdsl.explain import explain
from optdsl.passes.phases import Phases, phases
from support.specs import checked, optimizer

HEAD = """\
optimizer Drawn:
    hyper lr           = 0.1 in [0, inf) "Step size."
    hyper weight_decay = 0.0 in [0, inf) "Decay."
    hyper flag: bool   = true "A switch."
    slot m             "A moment."
    slot d: global = 1 "A global slot."
    slot e: global     "Another."
    step:
"""


def text(*lines: str) -> str:
    return HEAD + "".join(f"        {line}\n" for line in lines)


def phased(*lines: str) -> Phases:
    rule = checked(text(*lines))
    return phases(rule.cases[0], rule.hypers)


def measured(*lines: str) -> list[tuple[str, ...]]:
    """The names of the totals, phase by phase."""
    return [measure.totals for measure in phased(*lines).measures]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["param <- param - lr * grad"], []),
        (["d <- d * 0.5", "param <- param - d * grad"], []),
        (["a = total(grad)", "b = total(param)", "param <- param - a * b"], [("a", "b")]),
        (["a = total(grad)", "m <- m + a", "b = total(m)", "param <- b * m"], [("a",), ("b",)]),
        (["a = total(grad)", "m <- m + 1", "b = total(m)", "param <- a * b * m"], [("a", "b")]),
        (["a = total(old(m))", "m <- a", "b = total(old(m))", "param <- b * m"], [("a", "b")]),
        (["a = total(grad * total(grad))", "param <- a * m"], [("total_grad",), ("a",)]),
        (["d <- total(grad)", "b = total(old(d) * grad)", "param <- b * m"], [("total_grad", "b")]),
        (["d <- total(grad)", "b = total(d * grad)", "param <- b * m"], [("total_grad",), ("b",)]),
        (["x = total(grad)", "when x > 1:", "    m <- grad", "param <- param - m"], [("x",)]),
        (
            ["when total(grad) > 1:", "    m <- total(m)", "param <- param - m"],
            [("total_grad",), ("total_m",)],
        ),
        (
            ["a = total(grad)", "when t > 1:", "    m <- total(m)", "param <- param - m * a"],
            [("a", "total_m")],
        ),
        (["param <- param - grad * global_norm(grad)"], [("total_grad_to_the_two",)]),
    ],
)
def test_there_are_as_few_as_can_be(lines: list[str], expected: list[tuple[str, ...]]) -> None:
    assert measured(*lines) == expected


@pytest.mark.parametrize("is_first", [True, False])
def test_a_slot_that_two_branches_give_is_known_when_both_are(is_first: bool) -> None:
    """The branch that is known early waits, so that what reads the slot in it does, too."""
    early, late = ["    d <- a", "    x = total(d * m)"], ["    d <- total(a * m)", "    x = 0.0"]
    first, second = (early, late) if is_first else (late, early)
    lines = ["a = total(grad)", "when t > 1:", *first, "otherwise:", *second]
    assert [len(totals) for totals in measured(*lines, "param <- x * d * m")] == [1, 1, 1]


def test_a_phase_computes_what_it_adds_up_and_nothing_else() -> None:
    (measure,) = (found := phased("m <- m + grad", "x = total(m)", "param <- x * m")).measures
    assert list(ir.updated(measure.step.body)) == ["m"]
    assert list(ir.bound(measure.step.body)) == ["x"]
    assert list(ir.updated(found.last.body)) == ["m", "param"]
    assert list(ir.bound(found.last.body)) == []


def test_prodigy_has_one_barrier() -> None:
    rule = optimizer("prodigy")
    (measure,) = phases(rule.cases[0], rule.hypers).measures
    assert measure.totals == ("similarity", "denominator")


# --- what the analyses say -----------------------------------------------------------------------


def warnings(*lines: str) -> list[str]:
    found = optdsl.compile(text(*lines, "e <- e + d", "d <- e + 1")).diagnostics
    return [each.code for each in found if each.code in {"division-by-zero", "domain"}]


@pytest.mark.parametrize(
    "value",
    [
        "1 / total(1)",
        "1 / total(size)",
        "1 / total(exp(grad))",
        "sqrt(total(grad^2))",
        "1 / (global_norm(grad) + 1)",
        "where(total(grad) > 0, log(total(grad)), 0)",
        "where(t > 1, 1 / total(t - 1), 0)",
    ],
)
def test_what_is_proved(value: str) -> None:
    assert warnings(f"m <- m + {value}", "param <- param - lr * m") == []


@pytest.mark.parametrize(
    "value",
    [
        "1 / total(grad^2)",
        "sqrt(total(grad))",
        "where(grad > 1, 1 / total(max(grad, 0)), 0)",
        "where(norm(grad) > 1, 1 / total(norm(grad)), 0)",
        "where(weight_decay > 0, 1 / total(weight_decay), 0)",
    ],
)
def test_what_is_not(value: str) -> None:
    """What holds for one element, or one variable, need not for those that are added up."""
    assert warnings(f"m <- m + {value}", "param <- param - lr * m") != []


@pytest.mark.parametrize(
    ("line", "suffices"),
    [
        ("param <- param - lr * grad / (1 + global_norm(grad))", True),
        ("param <- param - lr * grad / total(size)", True),
        ("param <- param - lr * grad * total(param)", False),
        ("param <- param - lr * grad * total(where(grad > 0, param, 0))", True),
        ("param <- param - lr * total(grad)", False),
        ("param <- param * where(total(grad) == 0, 1, 2)", False),
    ],
)
def test_which_rows_suffice(line: str, suffices: bool) -> None:
    facts = optdsl.compile(text("d <- d + total(grad)", line))._checked()
    (case,) = facts.cases
    assert case.sparsity.touched_rows is suffices, case.sparsity.reasons


def test_phases_are_explained() -> None:
    compiled = optdsl.compile(text("d <- max(d, total(grad^2))", "param <- param - d * grad"))
    said = explain(compiled._checked())
    assert "Phases: 2, since a sum over all variables must be known in between" in said
    assert "total(grad^2)\n       then `d`, once for all variables" in said
    assert "new_d" in said
