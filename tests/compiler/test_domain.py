"""The domain analysis: silent on sound rules, never silent on a fault that can happen."""
# ruff: noqa: E501 - the tables read better with one row in one line

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import optdsl
from optdsl import ir
from optdsl.analysis import Facts
from optdsl.analysis.domain import DomainReport
from optdsl.check import check
from optdsl.diagnostics import Severity
from optdsl.parse import parse
from optdsl.source import SourceFile
from support import drawn_rules
from support.exact import Fault, GiveUp, Machine

SPECS = sorted((Path(__file__).parents[2] / "specs").glob("*.opt"))
HEAD = """\
optimizer X:
    hyper lr = 0.1 in [0, inf)
    hyper beta = 0.9 in [0, 1)
    hyper one = 0.9 in [0, 1]
    hyper eps = 1e-7 in (0, inf)
    hyper free = 0.5
    hyper start = 0.1 in [0, inf)
    hyper k: int = 5 in [1, 10]
    hyper flag: bool = false
    slot m, v
    slot a = start
    slot u: scalar
    slot r: row
    step:
"""


def _checked(text: str) -> tuple[ir.Optimizer | None, SourceFile]:
    source = SourceFile("x.opt", text)
    spec, _ = parse(source)
    return (check(spec)[0] if spec else None), source


def _found(optimizer: ir.Optimizer, source: SourceFile) -> DomainReport:
    (case,) = Facts(optimizer, source).cases
    return case.domain


def _report(*lines: str, param: str | None = "param <- param - grad") -> DomainReport:
    step = [*lines, param] if param else list(lines)
    optimizer, source = _checked(HEAD + "".join(f"        {line}\n" for line in step))
    assert optimizer is not None
    return _found(optimizer, source)


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_the_library_is_sound(path: Path) -> None:
    compiled = optdsl.compile(path)
    assert compiled.facts is not None
    assert all(case.domain.diagnostics == () for case in compiled.facts.cases)


SOUND = {
    "bias correction": ["x = m / (1 - beta^t)"],
    "bias correction, as a local": ["p = beta^t", "x = m / (1 - p)"],
    "guarded by when": ["when t > 1:", "    m <- m / (1 - beta^(t - 1))"],
    "guarded by otherwise": ["when t == 1:", "    m <- grad", "otherwise:", "    m <- m / (t - 1)"],
    "guarded by not": ["when not (t <= 1):", "    m <- m / (t - 1)"],
    "guarded by and": ["when t > 1 and free > 0:", "    m <- m / (free * (t - 1))"],
    "guarded by or, refuted": ["when t == 1 or free == 0:", "    m <- m", "otherwise:", "    m <- m / free"],
    "guarded by where": ["x = where(grad != 0, 1 / grad, 0)"],
    "guarded twice": ["x = where(v > 0, where(grad > 1, 1 / log(grad), 0) / v, 0)", "v <- grad^2"],
    "guarded by a local condition": ["c = v > 0", "x = where(c, 1 / v, 0)", "v <- grad^2"],
    "a local of the guarded value": ["d = sqrt(v)", "x = where(v > 0, 1 / d, 0)", "v <- grad^2"],
    "the guarded value of a local": ["d = sqrt(v)", "x = where(d > 0, 1 / v, 0)", "v <- grad^2"],
    "an equal expression": ["x = where(sqrt(v) > 0, grad / sqrt(v), 0)", "v <- grad^2"],
    "bounds of a comparison": ["x = where(abs(grad) > eps, 1 / grad, 0)"],
    "max with a constant": ["x = 1 / max(norm(grad), eps)"],
    "a square": ["x = sqrt(grad * grad) + sqrt(grad^2) + sqrt(v)", "v <- beta * v + grad^2"],
    "a maximum of squares": ["v <- max(v, grad^2)", "x = sqrt(v)"],
    "a weighted mean": ["v <- beta * v + (1 - beta) * clip(grad, 0, 0.5)", "x = 1 / (1 - v)"],
    "a counter": ["m <- m + 1", "x = 1 / m"],
    "an accumulator": ["a <- a + grad^2", "x = 1 / (sqrt(a) + eps)"],
    "a scalar slot": ["u <- max(u, norm(grad))", "x = 1 / (u + eps) + sqrt(u)"],
    "a row slot": ["r <- r + mean(grad^2, axis=row)", "x = grad / sqrt(r + eps)"],
    "a reduction keeps bounds": ["x = 1 / mean(grad^2 + eps) + 1 / amin(exp(grad))"],
    "a schedule": ["x = (1 - t^-0.8) + 1 / t + 1 / sqrt(t) + log(t) + 1 / (t + k - 1)"],
    "int hyperparameters": ["x = 1 / k + 5 % k + t % k"],
    "dimensions": ["x = 1 / size + 1 / rows + 1 / cols + 1 / (rank + 1) + sqrt(rank)"],
    "old": ["v <- v + grad^2", "x = sqrt(old(v))"],
    "both branches": ["when flag:", "    y = 1 + grad^2", "otherwise:", "    y = 2", "x = 1 / y"],
    "a whole power of a negative number": ["x = grad^3 + grad^t + grad^k"],
    "x minus x": ["x = sqrt(grad - grad) + log(1 + (grad - grad))"],
    "functions": ["x = log(exp(grad)) + log1p(exp(grad)) + sqrt(1 + tanh(grad)) + sqrt(1 - tanh(grad))"],
    "is unreachable": ["when t < 1:", "    m <- 1 / 0"],
    "all of a condition": ["when all(v > 0):", "    m <- grad / v + 1 / sum(v)", "v <- grad^2"],
}  # fmt: skip


@pytest.mark.parametrize("lines", SOUND.values(), ids=SOUND)
def test_silent(lines: list[str]) -> None:
    assert [finding.message for finding in _report(*lines).diagnostics] == []


FAULTY = [
    ("x = m / (1 - beta^(t - 1))", "division-by-zero", "(1 - beta^(t - 1))", "`1 - beta^(t - 1)` is 0 at t = 1"),
    ("x = m / (1 - one^t)", "division-by-zero", "(1 - one^t)", "`1 - one^t` is 0 with one = 1"),
    ("x = m / (1 - free^t)", "division-by-zero", "(1 - free^t)", "`1 - free^t` is 0 with free = 1"),
    ("x = grad / sqrt(v)", "division-by-zero", "sqrt(v)", "`sqrt(v)` is 0 (v = 0)"),
    ("v <- v + grad^2 $ x = grad / sqrt(v)", "division-by-zero", "sqrt(v)", "`sqrt(v)` is 0 when `grad` has been 0 (v = 0)"),
    ("a <- a + grad^2 $ x = grad / sqrt(a)", "division-by-zero", "sqrt(a)", "`sqrt(a)` is 0 with start = 0 when `grad` has been 0 (a = 0)"),
    ("x = 1 / (t - 3)", "division-by-zero", "(t - 3)", "`t - 3` is 0 at t = 3"),
    ("x = 1 / (t - 7)", "division-by-zero", "(t - 7)", "`t - 7` is 0 at t = 7"),
    ("x = 1 / (k - 4)", "division-by-zero", "(k - 4)", "`k - 4` is 0 with k = 4"),
    ("x = t % (k - 4)", "division-by-zero", "(k - 4)", "`k - 4` is 0 with k = 4"),
    ("x = 1 / rank", "division-by-zero", "rank", "`rank` can be 0"),
    ("x = 1 / grad", "division-by-zero", "grad", "`grad` can be 0"),
    ("x = 1 / (grad + param)", "division-by-zero", "(grad + param)", "`grad + param` is 0 when `grad` is -1 and `param` is 1"),
    ("x = 1 / free", "division-by-zero", "free", "`free` can be 0"),
    ("x = grad / 0", "division-by-zero", "0", "`0` can be 0"),
    ("x = where(grad > 0, 1 / sum(grad), 0)", "division-by-zero", "sum(grad)", "as far as the analysis can tell, `sum(grad)` lies in (-inf, inf)"),
    ("v <- v + 1 $ x = where(v > 1, 1 / grad, 0)", "division-by-zero", "grad", "`grad` can be 0"),
    ("x = where(v >= 0, 1 / v, 0)", "division-by-zero", "v", "`v` can be 0"),
    ("x = sqrt(grad)", "domain", "grad", "`grad` can be -1"),
    ("x = sqrt(v - eps)", "domain", "v - eps", "`v - eps` is -1e-07 with eps = 1e-07 (v = 0)"),
    ("x = log(v)", "domain", "v", "`v` can be 0"),
    ("x = log(t - 1)", "domain", "t - 1", "`t - 1` is 0 at t = 1"),
    ("x = log1p(grad)", "domain", "grad", "`grad` can be -1"),
    ("x = v^-0.5", "domain", "v", "`v` can be 0"),
    ("x = grad^0.5", "domain", "grad", "`grad` can be -1"),
    ("x = grad^free", "domain", "grad", "`grad` is 0 with free = -1"),
    ("x = (t - 1)^-1", "domain", "(t - 1)", "`t - 1` is 0 at t = 1"),
    ("when flag: $     m <- 1 / v", "division-by-zero", "v", "`v` is 0 with flag = true"),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "code", "at", "note"), FAULTY)
def test_says_where_it_fails(lines: str, code: str, at: str, note: str) -> None:
    step = lines.split(" $ ")
    text = HEAD + "".join(f"        {line}\n" for line in [*step, "param <- param - grad"])
    optimizer, source = _checked(text)
    assert optimizer is not None
    (finding,) = _found(optimizer, source).diagnostics
    assert (finding.code, finding.severity) == (code, Severity.WARNING)
    assert source.slice(finding.span) == at
    assert finding.notes[0].startswith(note)
    assert finding.help


def test_the_classic_bug_is_told_in_one_breath() -> None:
    (finding,) = _report("x = m / (1 - beta^(t - 1))").diagnostics
    assert finding.message == "the divisor `1 - beta^(t - 1)` can be 0"
    assert finding.help is not None
    assert finding.help.startswith("`t` is 1 on the first step: use `t`")


def test_an_excluded_variable_has_no_weight_decay() -> None:
    text = HEAD.replace(
        "    slot m, v\n", "    hyper weight_decay = 0.1 in (0, 1]\n    slot m, v\n"
    )
    optimizer, source = _checked(text + "        param <- param - grad / weight_decay\n")
    assert optimizer is not None
    assert len(_found(optimizer, source).diagnostics) == 1


def test_a_fault_in_a_macro_is_reported_once() -> None:
    text = HEAD.replace("    step:", "    def f(x) = x / (t - 1)\n    step:")
    optimizer, source = _checked(text + "        param <- param - f(grad) - f(m)\n")
    assert optimizer is not None
    (finding,) = _found(optimizer, source).diagnostics
    assert finding.notes == ("`t - 1` is 0 at t = 1",)


def test_a_fault_is_not_reported_again_by_what_is_computed_from_it() -> None:
    report = _report("x = sqrt(1 / v) + log(1 + sqrt(1 / v))")
    assert [finding.code for finding in report.diagnostics] == ["division-by-zero"] * 2


def test_proofs_name_the_interval() -> None:
    proofs = _report("x = m / (1 - beta^t) + sqrt(grad^2)").proofs
    assert [(proof.text, str(proof.interval), proof.never) for proof in proofs] == [
        ("1 - beta^t", "(0, 1]", "0"),
        ("grad^2", "[0, inf)", "negative"),
    ]


def test_invariants() -> None:
    slots = dict(_report("v <- beta * v + grad^2", "a <- max(a, 3)", "m <- -m + 1").slots)
    assert {name: str(slots[name]) for name in ("v", "a", "m", "u")} == {
        "v": "[0, inf)",
        "a": "[0, inf)",
        "m": "[0, 1]",
        "u": "[0, 0]",
    }


LARGE = {
    "a chain of locals": (
        [f"x{i + 1} = x{i} * grad + 1 / (x{i} * x{i} + 1)" for i in range(700)],
        "x0 = grad",
    ),
    "a chain of slots": (
        [f"s{i} <- s{i + 1} + 1 / (1 + s{i}^2)" for i in range(900)],
        "s900 <- s900 + grad",
    ),
    "conditions on one value": (
        [f"y{i} = where(grad > {i}, x0 / grad, 0) + sqrt(x0)" for i in range(600)],
        "x0 = grad^2",
    ),
    "branches in a row": (
        [line for i in range(500) for line in (f"when t > {i}:", f"    m <- m / (t - {i}) + grad")],
        "x0 = grad",
    ),
    "faults everywhere": (
        [f"x{i + 1} = x{i} / grad + sqrt(x{i}) + log(param - {i})" for i in range(600)],
        "x0 = grad",
    ),
}


@pytest.mark.parametrize("name", LARGE)
def test_large_specifications_are_quick(name: str) -> None:
    lines, first = LARGE[name]
    slots = "    slot " + ", ".join(f"s{i}" for i in range(901)) + "\n"
    body = "".join(f"        {line}\n" for line in [first, *lines, "param <- param - grad"])
    optimizer, source = _checked(HEAD.replace("    step:\n", slots + "    step:\n") + body)
    assert optimizer is not None
    began = time.process_time()
    _found(optimizer, source)
    assert time.process_time() - began < 4  # about 1 s on an idle machine


@settings(max_examples=200)
@given(
    text=drawn_rules.specifications(),
    hypers=drawn_rules.hypers,
    param=drawn_rules.vectors,
    grads=st.lists(drawn_rules.vectors, min_size=1, max_size=3),
)
def test_never_silent_on_a_fault(
    text: str,
    hypers: dict[str, float],
    param: tuple[float, float],
    grads: list[tuple[float, float]],
) -> None:
    optimizer, source = _checked(text)
    assume(optimizer is not None)
    assert optimizer is not None
    warned = {finding.span.start for finding in _found(optimizer, source).diagnostics}
    assert _faults(optimizer, hypers, param, grads) <= warned


def _faults(
    optimizer: ir.Optimizer,
    hypers: dict[str, float],
    param: tuple[float, float],
    grads: list[tuple[float, float]],
) -> set[int]:
    """Where the first fault of a run is."""
    try:
        machine = Machine(optimizer, hypers, param)
        for grad in grads:
            machine.step(grad)
    except Fault as fault:
        return {fault.start}
    except GiveUp:
        return set()
    return set()
