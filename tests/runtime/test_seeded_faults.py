"""The checks are checked: what a faulty compiler generates is caught by the reference."""

from __future__ import annotations

import sys
from types import ModuleType

import numpy as np
import pytest
from test_agreement import Subject, Variables, assert_inside

import optdsl
from optdsl import ops
from optdsl.interpreter import Reference, SparseGrad
from optdsl.records import replace
from optdsl.targets import tensorflow
from support.specs import FOLDER, optimizer
from support.strategies import gradient

VARIABLES: Variables = (((6, 4), "float32"),)


def source_of(spec: str) -> str:
    """The rule and the runtime in one file."""
    return optdsl.compile(FOLDER / f"{spec}.opt").source("module", standalone=True)


def agrees(spec: str, source: str) -> bool:
    """Whether the module in `source` takes the right steps, dense ones and one on rows."""
    module = ModuleType("generated_with_a_fault")
    sys.modules[module.__name__] = module  # where dataclasses look it up
    exec(compile(source, module.__name__, "exec"), module.__dict__)
    chosen = {hyper.name: hyper.default for hyper in optimizer(spec).hypers}
    chosen["learning_rate"] = 0.125
    cls = module.__dict__[f"{optimizer(spec).name}Module"]
    subject, reference = Subject(cls, spec, VARIABLES), Reference(optimizer(spec), chosen)
    state = reference.init(gradient("ordinary", (6, 4), 0))
    subject.reset(chosen, [state])
    rows = SparseGrad([1, 1, 1, 3, 2, 1], gradient("ordinary", (6, 4), 2))
    dense = [300 * gradient("ordinary", (6, 4), 1), gradient("ordinary", (6, 4), 3)]
    for grad in (dense[0], rows, dense[1]):
        subject.step([grad])
        state = reference.step(state, grad)
        try:
            assert_inside([state], subject, spec)
        except AssertionError:
            return False
    return True


@pytest.mark.parametrize(
    ("spec", "op", "symbol"),
    [("gradient_descent", "sub", "+"), ("adam", "add", "-"), ("adam", "div", "*")],
)
def test_an_operator_that_is_printed_wrongly(
    spec: str, op: str, symbol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = source_of(spec)
    monkeypatch.setitem(ops.OPS, op, replace(ops.OPS[op], symbol=symbol))
    assert_caught(spec, right)


@pytest.mark.parametrize(
    ("spec", "table", "op", "spelling"),
    [
        ("adam", "spellings", "sqrt", "tf.abs"),
        ("amsgrad", "spellings", "max", "tf.minimum"),
        ("novograd", "reductions", "sum", "reduce_mean"),
        ("rowwise_adagrad", "spellings", "mean", "tf.reduce_sum"),
    ],
)
def test_a_function_that_is_printed_wrongly(
    spec: str, table: str, op: str, spelling: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = source_of(spec)
    changed = {**getattr(tensorflow.TENSORFLOW, table), op: spelling}
    target = replace(tensorflow.TENSORFLOW, **{table: changed})
    monkeypatch.setattr(tensorflow, "TENSORFLOW", target)
    assert_caught(spec, right)


def assert_caught(spec: str, right: str) -> None:
    """What is generated now is something else than what is right, and it is noticed."""
    wrong = source_of(spec)
    assert wrong != right
    assert not agrees(spec, wrong)


@pytest.mark.parametrize(
    ("spec", "right", "wrong"),
    [
        (  # duplicate ids that are not summed
            "adagrad",
            "return distinct_rows(values, grad.indices)",
            "return Rows(tf.cast(grad.indices, tf.int64), values, tf.size(grad.indices))",
        ),
        (
            "adam",
            "self._update(grads, self.iterations + 1,",
            "self._update(grads, self.iterations,",
        ),
        ("adam", "[read(slot) for slot in state.slots]", "[read(s) for s in state.slots[::-1]]"),
        ("lazy_adam", "at = tf.maximum(grad.ids, 0)", "at = tf.maximum(grad.ids - 1, 0)"),
        ("adam", "tf.square(grad)", "tf.abs(grad)"),
        ("amsgrad_clipped", "tf.clip_by_value(grad, s.minus_clip_value, s.clip_value)", "grad"),
        ("adam", "s.one_minus_beta_2 *", "s.beta_2 *"),
        ("avagrad", "zip(self.globals, known.new,", "zip(self.globals, known.old,"),
        ("avagrad", "s.epsilon\n    # precision", "s.epsilon + param\n    # precision"),
    ],
)
def test_a_line_that_is_generated_wrongly(spec: str, right: str, wrong: str) -> None:
    source = source_of(spec)
    assert right in source
    assert not agrees(spec, source.replace(right, wrong))


@pytest.mark.parametrize("spec", ["adagrad", "adam", "novograd", "avagrad", "rowwise_adagrad"])
def test_without_a_fault(spec: str) -> None:
    assert agrees(spec, source_of(spec))


def test_the_gradients_show_every_fault() -> None:
    """Large enough to be clipped by value, and with duplicate ids."""
    assert np.abs(300 * gradient("ordinary", (6, 4), 1)).max() > 100
