"""Which rows a sparse step has to touch: decided, explained, and true."""
# ruff: noqa: E501 - the tables read better with one row in one line

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import optdsl
from optdsl import ir
from optdsl.analysis import Facts
from optdsl.analysis.sparsity import Sparsity
from optdsl.check import check
from optdsl.parse import parse
from optdsl.source import SourceFile
from support import drawn_rules
from support.exact import Fault, GiveUp, Machine

SPECS = sorted((Path(__file__).parents[2] / "specs").glob("*.opt"))
TOUCHED = {"gradient_descent", "decaying_sgd", "adagrad", "rowwise_adagrad"}
LOCAL_RANK = {
    "sgd_clipnorm": 0,
    "novograd": 0,
    "adafactor_lite": 0,
    "sm3": 0,
    "ranger": 0,
}  # 0: never
HEAD = """\
optimizer X:
    hyper lr = 0.1 in [0, inf)
    hyper beta = 0.9 in [0, 1)
    hyper eps = 1e-7 in (0, inf)
    hyper start = 0.1 in [0, inf)
    hyper flag: bool = false
    slot m, v
    slot a = start
    slot u: scalar
    slot r: row
    slot leading: reduced(0)
    slot second: reduced(1)
    slot last: reduced(-1)
    slot inner: reduced(-2)
    step:
"""


def _optimizer(text: str) -> ir.Optimizer | None:
    spec, _ = parse(SourceFile("x.opt", text))
    return check(spec)[0] if spec else None


def _found(optimizer: ir.Optimizer) -> Sparsity:
    (case,) = Facts(optimizer, SourceFile("x.opt", "")).cases
    return case.sparsity


def _sparsity(*lines: str) -> Sparsity:
    optimizer = _optimizer(HEAD + "".join(f"        {line}\n" for line in lines))
    assert optimizer is not None
    return _found(optimizer)


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_the_library(path: Path) -> None:
    facts = optdsl.compile(path).facts
    assert facts is not None
    for known in facts.cases:
        found = known.sparsity
        assert found.touched_rows == (path.stem in TOUCHED)
        needs_all = path.stem in LOCAL_RANK or known.case.needs_all_rows
        assert found.row_local == (not needs_all)
        assert found.reasons


KEPT = {
    "descent": ["param <- param - lr * grad"],
    "the other way round": ["param <- -lr * grad + param"],
    "through a local": ["g = lr * grad", "x = param - g", "param <- x"],
    "a quotient": ["a <- a + grad^2", "param <- param - grad / (sqrt(a) + eps)"],
    "a maximum": ["v <- max(v, abs(grad))", "param <- param - grad / (v + eps)"],
    "a product with one": ["m <- m * (1 + grad)", "param <- param - grad"],
    "a power": ["m <- m ^ (1 + grad^2)", "param <- param - grad"],
    "where": ["m <- where(grad != 0, beta * m, m)", "param <- param - grad"],
    "where, never taken": ["m <- where(abs(grad) > 0, 0, m)", "param <- param - grad"],
    "both branches": ["when flag:", "    m <- m + grad", "otherwise:", "    m <- m - grad", "param <- param - grad"],
    "one branch": ["when t > 5:", "    param <- param - grad", "otherwise:", "    param <- param - 2 * grad"],
    "old": ["m <- m + grad", "param <- old(param) - grad * old(m)"],
    "back to the old value": ["m <- m + 1", "m <- old(m)", "param <- param - grad * m"],
    "a slot that stays 0": ["m <- beta * m", "param <- param - m - grad"],
    "per row": ["r <- r + mean(grad^2, axis=row)", "param <- param - grad / sqrt(r + eps)"],
    "within a row": ["second <- second + sum(grad^2, axis=1)", "param <- param - grad / (norm(grad, axis=1) + eps)"],
    "clip": ["v <- clip(v + grad^2, 0, 10)", "param <- param - clip(grad, -1, 1)"],
    "a guarded quotient": ["v <- v + grad^2", "param <- param - where(v > 0, grad / sqrt(v), 0)"],
    "read only": ["param <- param - grad * (u + leading)"],
}  # fmt: skip


@pytest.mark.parametrize("lines", KEPT.values(), ids=KEPT)
def test_only_touched_rows(lines: list[str]) -> None:
    found = _sparsity(*lines)
    assert (found.touched_rows, found.row_local, found.min_rank) == (True, True, 1), found.reasons


CHANGED = [
    (["m <- beta * m + grad", "param <- param - m"], "`m <- beta * m + grad` can change a row"),
    (["param <- param - grad - lr * param"], "can change a row whose gradient is zero"),
    (["param <- param * (1 - lr)"], "can change a row whose gradient is zero"),
    (["m <- m + 1", "param <- param - grad"], "`m <- m + 1` can change a row"),
    (["when flag:", "    m <- m + 1", "param <- param - grad"], "`m <- m + 1` can change a row"),
    (["param <- param + sign(grad) + exp(grad)"], "can change a row"),
    (
        ["v <- v + grad^2", "param <- param - grad / sqrt(v)"],
        "`param <- param - grad / sqrt(v)` can",
    ),
    (["v <- v + grad^2", "param <- param - grad * (1 / v)"], "can change a row"),
    (["v <- max(v, grad - 1) + max(m, 1)", "param <- param - grad"], "can change a row"),
    (["param <- param - m - grad", "m <- m + where(grad == 0, 1, 0)"], "can change a row"),
    (["u <- u + 1", "param <- param - grad"], "`u` is one value for several rows"),
    (
        ["leading <- leading + sum(grad^2, axis=0)", "param <- param - grad"],
        "`leading` is one value",
    ),
]


@pytest.mark.parametrize(("lines", "reason"), CHANGED)
def test_not_only_touched_rows(lines: list[str], reason: str) -> None:
    found = _sparsity(*lines)
    assert not found.touched_rows
    assert any(reason in said for said in found.reasons), found.reasons


@pytest.mark.parametrize(
    ("axis", "local", "rank"),
    [
        ("", False, 1),
        (", axis=0", False, 1),
        (", axis=row", True, 1),
        (", axis=1", True, 1),
        (", axis=2", True, 1),
        (", axis=-1", True, 2),
        (", axis=-2", True, 3),
    ],
)
def test_reductions(axis: str, local: bool, rank: int) -> None:
    found = _sparsity(f"param <- param - grad / (1 + norm(grad{axis}))")
    assert (found.touched_rows, found.row_local, found.min_rank) == (local, local, rank)
    assert local or "mixes rows: `norm` is over" in found.reasons[0]


@pytest.mark.parametrize(("slot", "rank"), [("last", 2), ("inner", 3), ("second", 1), ("r", 1)])
def test_slots_with_a_reduced_axis(slot: str, rank: int) -> None:
    axis = {"last": "-1", "inner": "-2", "second": "1", "r": "row"}[slot]
    line = f"{slot} <- {slot} + sum(grad^2, axis={axis})"
    found = _sparsity(line, "param <- param - grad")
    assert (found.touched_rows, found.min_rank) == (True, rank)


def test_a_condition_that_reads_other_rows_is_not_local() -> None:
    found = _sparsity("when norm(grad) > 1:", "    param <- param - grad", "param <- param - grad")
    assert found.reasons == (
        "`when norm(grad) > 1:` mixes rows: `norm` is over the whole variable",
    )


@settings(max_examples=200)
@given(
    text=drawn_rules.quiet_specifications(),
    hypers=drawn_rules.hypers,
    param=drawn_rules.vectors,
    grads=st.lists(drawn_rules.vectors, min_size=1, max_size=3),
)
def test_untouched_rows_do_not_change(
    text: str,
    hypers: dict[str, float],
    param: tuple[float, float],
    grads: list[tuple[float, float]],
) -> None:
    # the drawn rules see a variable with two rows of one element each
    optimizer = _optimizer(text)
    assert optimizer is not None
    assume(_found(optimizer).touched_rows)
    machine = Machine(optimizer, hypers, param)
    try:
        machine.step(grads[0])
        for grad, _ in grads:
            before = machine.state(1)
            machine.step((grad, 0.0))
            assert machine.state(1) == before
    except (Fault, GiveUp):
        return
