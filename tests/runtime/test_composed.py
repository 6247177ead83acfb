"""Compositions train as the rule that is written out, in both classes and on every path."""

from __future__ import annotations

import re
from typing import Any

import pytest
import tensorflow as tf

import optdsl
from support.specs import FOLDER
from support.steps import CLASSES, assert_same, binary, rows, start, state_of

HYPERS = """\
    hyper sync_period: int = 6   in [1, inf)
    hyper slow_step_size   = 0.5 in [0, 1]
"""
LOOKAHEAD = """\
        when t % sync_period == 0:
            slow  <- slow + slow_step_size * (param - slow)
            param <- slow
"""


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    """Adam with lookahead, composed, and written out by hand."""
    folder = tmp_path_factory.mktemp("written")
    text = (FOLDER / "adam.opt").read_text().replace("optimizer Adam:", "optimizer LookaheadAdam:")
    hypers, slots, step = re.split("(?=    slot m)|(?=    step:)", text)
    written = f"{hypers.rstrip()}\n{HYPERS}\n{slots.rstrip()}\n    slot slow = param\n\n{step}"
    path = folder / "written.opt"
    path.write_text(f"{written.rstrip()}\n{LOOKAHEAD}")
    return optdsl.load("lookahead(adam)"), optdsl.load(path)


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("xla", [False, True])
@pytest.mark.parametrize("mode", ["dense", "exact", "lazy"])
def test_composed_and_written_out_give_the_same_bits(
    both: tuple[Any, Any], kind: str, xla: bool, mode: str
) -> None:
    name = "LookaheadAdam" + ("Module" if kind == "module" else "")
    options = {} if mode == "dense" else {"sparse_mode": mode}
    states = []
    for source in both:
        optimizer = getattr(source, name)(0.125, sync_period=2, jit_compile=xla, **options)
        variable = start()
        optimizer.build([variable])
        for seed in range(4):
            values = binary((6, 4), seed)
            optimizer.apply([tf.constant(values) if mode == "dense" else rows(values)], [variable])
        states.append(state_of(optimizer))
    assert_same(*states)
