"""The library's specifications for tests: checked once, generated and imported once a session."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import optdsl
from optdsl import check, ir, parse

FOLDER = Path(__file__).parents[2] / "specs"
OF_PEERS = frozenset(
    """adam_mini avagrad dadapt_adam ema_sgd lookahead_sgd muon prodigy radam ranger
    schedule_free_adamw shampoo sm3 soap swa_sgd""".split()
)
"""The rules that are held against values of a package that others wrote."""
ONE_OF_A_KIND = frozenset({"prodigy"})
"""Of them what no other rule has: sums over all variables; tried in every way as well."""
SPECS = tuple(sorted({path.stem for path in FOLDER.glob("*.opt")} - (OF_PEERS - ONE_OF_A_KIND)))
"""The rules that are tried in every way, which takes XLA a minute for each."""


def checked(text: str) -> ir.Optimizer:
    """The IR of a text that has no errors."""
    source, _ = parse.decode(text.encode(), "test.opt")
    spec, found = parse.parse(source)
    assert spec is not None, found
    optimizer, found = check.check(spec)
    assert optimizer is not None, found
    return optimizer


@cache
def optimizer(spec: str) -> ir.Optimizer:
    """The IR of `specs/<spec>.opt`."""
    compiled = optdsl.compile(FOLDER / f"{spec}.opt")
    assert compiled.optimizer is not None, compiled.diagnostics
    return compiled.optimizer


@cache
def module(spec: str) -> ModuleType:
    """The generated module of `specs/<spec>.opt`."""
    return optdsl.load(FOLDER / f"{spec}.opt")


def keras_class(spec: str) -> Any:
    """The Keras optimizer that is generated for `specs/<spec>.opt`."""
    return getattr(module(spec), optimizer(spec).name)


def module_class(spec: str) -> Any:
    """The `tf.Module` that is generated for `specs/<spec>.opt`."""
    return getattr(module(spec), f"{optimizer(spec).name}Module")
