"""The library's specifications for tests: checked once, generated and imported once a session."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import optdsl
from optdsl import check, ir, parse

FOLDER = Path(__file__).parents[2] / "specs"
DECOMPOSING = ("shampoo", "soap")
"""Rules whose roots and factors have no error bound, and take XLA seconds: `test_published`."""
SPECS = tuple(sorted({path.stem for path in FOLDER.glob("*.opt")} - set(DECOMPOSING)))


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
    return checked((FOLDER / f"{spec}.opt").read_text())


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
