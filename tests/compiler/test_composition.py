"""Wrappers and compositions: a rule in a wrapper is the rule that is written out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import optdsl
from optdsl import ir, library
from optdsl.format import format_spec
from optdsl.meaning import meaning
from optdsl.parse import decode, parse
from optdsl.resources import wrappers_folder
from support.commands import run
from support.specs import checked

WRAPPERS = [name for name, _ in library.wrappers()]

LOOKAHEAD_ADAM = """\
optimizer LookaheadAdam:
    hyper learning_rate    = 1e-3  in [0, inf)
    hyper beta_1           = 0.9   in [0, 1)
    hyper beta_2           = 0.999 in [0, 1)
    hyper epsilon          = 1e-7  in (0, inf)
    hyper sync_period: int = 6     in [1, inf)
    hyper slow_step_size   = 0.5   in [0, 1]

    slot m
    slot v
    slot slow = param

    step:
        m     <- beta_1 * m + (1 - beta_1) * grad
        v     <- beta_2 * v + (1 - beta_2) * grad^2
        m_hat = m / (1 - beta_1^t)
        v_hat = v / (1 - beta_2^t)
        param <- param - learning_rate * m_hat / (sqrt(v_hat) + epsilon)
        when t % sync_period == 0:
            slow  <- slow + slow_step_size * (param - slow)
            param <- slow
"""


def rule(text: str) -> ir.Optimizer:
    """What a composition means, which has no errors."""
    compiled = optdsl.compile(text)
    assert compiled.optimizer is not None, compiled.diagnostics
    return compiled.optimizer


def said(compiled: optdsl.Compiled) -> str:
    return str(compiled)


def test_a_composition_is_the_rule_written_out() -> None:
    written, composed = checked(LOOKAHEAD_ADAM), rule("lookahead(adam)")
    assert composed.name == written.name
    assert meaning(composed) == meaning(written)


@pytest.mark.parametrize("name", WRAPPERS)
def test_a_wrapper_of_the_library_has_no_findings(name: str) -> None:
    """Alone, around a rule, and around itself; of two averages, the outer is evaluated."""
    for text in (name, f"{name}(adam)", f"{name}({name}(momentum))"):
        found = {each.code for each in optdsl.compile(text).diagnostics}
        twice = name in ("ema", "swa") and text.count(name) == 2
        assert found == ({"unused-slot"} if twice else set()), text


@pytest.mark.parametrize("name", WRAPPERS)
def test_a_wrapper_of_the_library_is_formatted(name: str) -> None:
    data = (wrappers_folder() / f"{name}.opt").read_bytes()
    spec, _ = parse(decode(data, name)[0])
    assert spec is not None
    assert format_spec(spec) == data.decode()


def test_a_composition_is_formatted() -> None:
    text = (
        'optimizer  X=lookahead( adam ):\n  """One."""\n  hyper beta_1=0.5\n  fix epsilon = 1e-5\n'
    )
    spec, _ = parse(decode(text.encode(), "x.opt")[0])
    assert spec is not None
    assert format_spec(spec) == (
        'optimizer X = lookahead(adam):\n    """One."""\n\n'
        "    hyper beta_1 = 0.5\n\n    fix epsilon = 1e-5\n"
    )


# --- names ---------------------------------------------------------------------------------------


def test_names_that_meet() -> None:
    """The rule keeps its own; the wrapper's get the stem before them, in equations too."""
    composed = rule("lookahead(lookahead(momentum))")
    (case,) = composed.cases
    assert [hyper.name for hyper in composed.hypers][-4:] == [
        "sync_period",
        "slow_step_size",
        "lookahead_sync_period",
        "lookahead_slow_step_size",
    ]
    assert [slot.name for slot in case.slots][-2:] == ["slow", "lookahead_slow"]
    equations = [each.equation for each in ir.statements(case.step)]
    assert equations[-1] == "param <- lookahead_slow"
    assert equations[-3] == "when t % lookahead_sync_period == 0:"


def test_names_that_meet_twice_are_refused() -> None:
    found = said(optdsl.compile("lookahead(lookahead(lookahead(adam)))"))
    assert "`sync_period` of `Lookahead` and of the rule meet" in found
    assert "`lookahead_sync_period` is taken too" in found


# --- what `old` and `grad` are -------------------------------------------------------------------


def files(folder: Path, **texts: str) -> Path:
    for name, text in texts.items():
        (folder / f"{name}.opt").write_text(text)
    return folder / "whole.opt"


RULE = """\
optimizer Rule1:
    hyper learning_rate = 0.5 in [0, inf)
    slot seen
    step:
        param <- param - learning_rate * grad
        seen  <- old(param)
"""
WRAPPER = """\
wrapper Around:
    slot moved
    slot before
    step:
        param <- param / 2
        grad  <- 3 * grad
        inner
        moved  <- param - old(param)
        before <- grad
        param  <- param + moved + before
"""


def test_old_is_from_when_the_rule_began(tmp_path: Path) -> None:
    """In the rule and after `inner`; `grad` is what the rule had."""
    path = files(tmp_path, rule_1=RULE, around=WRAPPER, whole="optimizer X = around(rule_1)\n")
    compiled = optdsl.compile(path)
    reference = compiled.reference()
    state = reference.step(reference.init(np.array([8.0]), "float64"), np.array([1.0]))
    slots = {name: float(value.value[0]) for name, value in state.slots.items()}
    assert slots == {"seen": 4.0, "moved": -1.5, "before": 3.0}
    assert float(state.param.value[0]) == 4.0 - 1.5 - 1.5 + 3.0
    source = compiled.source()
    assert "param_before_around = param" in source
    assert "grad = 3 * grad" in source


def test_a_gradient_that_changes_under_a_condition(tmp_path: Path) -> None:
    wrapper = (
        "wrapper Around:\n    slot n: scalar\n    step:\n        n <- norm(grad)\n"
        "        when n > 1:\n            grad <- grad / n\n        inner\n"
    )
    path = files(tmp_path, around=wrapper, whole="optimizer X = around(gradient_descent)\n")
    reference = optdsl.compile(path).reference(learning_rate=1.0)
    for size, gone in ((0.5, 0.5), (4.0, 1.0)):
        state = reference.step(reference.init(np.array([0.0]), "float64"), np.array([size]))
        assert float(state.param.value[0]) == -gone


# --- changes -------------------------------------------------------------------------------------


def test_another_default_and_a_fixed_value() -> None:
    text = "optimizer X = lookahead(adam):\n    hyper beta_1 = 0.5\n    fix sync_period = 3\n"
    composed = rule(text)
    defaults = {hyper.name: hyper.default for hyper in composed.hypers}
    assert defaults["beta_1"] == 0.5
    assert "sync_period" not in defaults
    assert "# when t % sync_period == 0:" in optdsl.compile(text).source()
    fixed = optdsl.compile(text).reference()
    free = optdsl.compile("lookahead(adam)").reference(beta_1=0.5, sync_period=3)
    one, other = (each.init(np.array([1.0]), "float64") for each in (fixed, free))
    for gradient in (1.0, -0.5, 0.25):
        one, other = fixed.step(one, np.array([gradient])), free.step(other, np.array([gradient]))
    assert one.param.value == other.param.value


def test_what_differs_in_meaning_only() -> None:
    """Two names for one composition are one rule but for the name."""
    one, other = rule("optimizer X = lookahead(adam)\n"), rule("optimizer X = lookahead(adam)\n")
    assert one == other
    assert "AMSGrad in Lookahead." in rule("lookahead(amsgrad)").doc


def test_a_composition_of_a_composition(tmp_path: Path) -> None:
    inner = "optimizer Fast = lookahead(momentum):\n    fix sync_period = 2\n"
    path = files(tmp_path, fast=inner, whole="optimizer X = weight_decay(fast)\n")
    compiled = optdsl.compile(path)
    assert compiled.ok
    assert "sync_period" not in {hyper.name for hyper in rule(str(path)).hypers}


# --- mistakes ------------------------------------------------------------------------------------

MISTAKES = [
    ("optimizer X = lookahead(adm)\n", "no rule or wrapper `adm`", "did you mean `adam`?"),
    ("optimizer X = adam(momentum)\n", "`adam` is a rule, which wraps no other", "only wrappers"),
    ("optimizer X = lookahead\n", "`lookahead` is a wrapper", "`lookahead(adam)`"),
    (
        "optimizer X = lookahead(adam):\n    hyper beta_1 = 3\n",
        "`beta_1` must be in [0, 1)",
        "choose",
    ),
    (
        "optimizer X = lookahead(adam):\n    fix sync_period = 1.5\n",
        "`sync_period` takes a whole number",
        "write a whole number",
    ),
    ("optimizer X = lookahead(adam):\n    fix bet = 1\n", "no hyperparameter `bet`", "`beta_1`"),
    ("optimizer X = lookahead(adam):\n    hyper beta_1 = 0.5 in [0, 1)\n", "nothing else", "alone"),
    ("optimizer X = lookahead(adam):\n    slot m\n", "has only lines `hyper", "`wrapper` of your"),
    ("optimizer X = lookahead(adam\n", "", ""),
    (
        "optimizer X = lookahead(adam)\n    fix beta_1 = 0.5\n",
        "an indented block follows",
        "wrapper(rule):",
    ),
    ("wrapper W:\n    step:\n        param <- param\n", "it has no `inner`", "add a line `inner`"),
    ("wrapper W:\n    sparse lazy\n    step:\n        inner\n", "no `sparse` line", "remove"),
    ("wrapper W:\n    step:\n        inner\n        inner\n", "`inner` is there already", "keep"),
    (
        "wrapper W:\n    step:\n        when t > 1:\n            inner\n",
        "`inner` stands in a block",
        "top level",
    ),
    (
        "wrapper W:\n    slot a\n    step:\n        a <- old(param)\n        inner\n",
        "when `inner` began",
        "after `inner`",
    ),
    ("wrapper W:\n    step:\n        inner\n        param <- beta_1 * param\n", "`beta_1`", ""),
    ("optimizer X:\n    step:\n        inner\n", "only a `wrapper` has an `inner`", "wrapper Name"),
    ("optimizer X:\n    fix a = 1\n    step:\n        param <- param\n", "can `fix`", "give"),
    ("optimizer X:\n    step:\n        grad <- param\n        param <- grad\n", "given", ""),
]


@pytest.mark.parametrize(("text", "message", "help_"), MISTAKES)
def test_mistakes(text: str, message: str, help_: str) -> None:
    compiled = optdsl.compile(text)
    assert not compiled.ok
    assert message in said(compiled)
    assert help_ in said(compiled)


def test_a_rate_that_the_rule_does_not_have() -> None:
    text = "weight_decay(rate_free)"
    assert "`WeightDecay` reads `learning_rate`" not in said(optdsl.compile("weight_decay(adam)"))
    with pytest.raises(optdsl.SpecError, match="no rule or wrapper `rate_free`"):
        optdsl.compile(text).source()


def test_a_rule_without_a_rate(tmp_path: Path) -> None:
    free = "optimizer Free:\n    step:\n        param <- param - grad\n"
    path = files(tmp_path, free=free, whole="optimizer X = weight_decay(free)\n")
    assert "reads `learning_rate`, which `Free` does not have" in said(optdsl.compile(path))


def test_totals_in_a_wrapper(tmp_path: Path) -> None:
    """They go with a rule of one case, and no other; nobody is let through to the generator."""
    norm = "max(global_norm(grad), 1)"
    clip = f"wrapper Clip:\n    step:\n        grad <- grad / {norm}\n        inner\n"
    parts = "optimizer Parts:\n" + "".join(
        f"    case {case}:\n        step:\n            param <- param - grad\n"
        for case in ("matrix if rank == 2", "rest")
    )
    plain = files(tmp_path, clip=clip, parts=parts, whole="optimizer X = clip(adam)\n")
    assert optdsl.compile(plain).ok, said(optdsl.compile(plain))
    path = files(tmp_path, whole="optimizer X = clip(parts)\n")
    assert "a sum over all variables in a rule with cases is not supported" in said(
        optdsl.compile(path)
    )


def test_a_fault_in_a_part_is_shown_where_it_is(tmp_path: Path) -> None:
    broken = "optimizer Broken:\n    step:\n        param <- param - lr * grad\n"
    path = files(tmp_path, broken=broken, whole="optimizer X = lookahead(broken)\n")
    found = said(optdsl.compile(path))
    assert f"--> {tmp_path / 'broken.opt'}:3:26" in found
    assert "3 |         param <- param - lr * grad" in found


def test_a_warning_in_a_part_is_shown_where_it_is(tmp_path: Path) -> None:
    risky = "optimizer Risky:\n    step:\n        param <- param - 1 / grad\n"
    path = files(tmp_path, risky=risky, whole="optimizer X = lookahead(risky)\n")
    compiled = optdsl.compile(path)
    assert compiled.ok
    assert f"--> {tmp_path / 'risky.opt'}:3:30" in said(compiled)
    assert optdsl.diagnostics.records(compiled.file, compiled.diagnostics)[0]["line"] == 3


def test_a_file_does_not_find_itself(tmp_path: Path) -> None:
    """`adam.opt` may be made of the library's; two that are made of each other are refused."""
    own = tmp_path / "adam.opt"
    own.write_text("optimizer Adam = lookahead(adam)\n")
    assert optdsl.compile(own).ok
    one = files(tmp_path, a="optimizer A = lookahead(b)\n", b="optimizer B = lookahead(a)\n")
    found = said(optdsl.compile(one.with_name("a.opt")))
    assert "`a` is made of this composition" in found


# --- the command line ----------------------------------------------------------------------------


def test_building_a_composition(tmp_path: Path) -> None:
    done = run("build", "lookahead(amsgrad)", "-o", str(tmp_path))
    assert done.exit_code == 0, done.output
    assert "class LookaheadAMSGrad(" in (tmp_path / "lookahead_amsgrad.py").read_text()
    assert run("build", "lookahead(amsgrad)", "-o", str(tmp_path), "--check").exit_code == 0


def test_a_wrapper_is_not_built(tmp_path: Path) -> None:
    """Named alone it is an error; in a folder it is left out."""
    files(tmp_path, around=WRAPPER, rule_1=RULE)
    done = run("build", str(tmp_path / "around.opt"), "-o", str(tmp_path / "out"))
    assert done.exit_code == 2
    assert "around.opt is a wrapper: build it around a rule, as in `around(adam)`" in done.output
    done = run("build", str(tmp_path), "-o", str(tmp_path / "out"))
    assert done.exit_code == 0, done.output
    assert [each.name for each in (tmp_path / "out").iterdir()] == ["rule_1.py"]
    with pytest.raises(ValueError, match="is a wrapper"):
        optdsl.compile("lookahead").source()
    assert run("check", "lookahead").exit_code == 0
