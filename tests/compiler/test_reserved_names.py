"""Names: which are reserved, and which are suggested."""

from __future__ import annotations

import ast
import builtins
import keyword

import pytest

import optdsl
from optdsl.check import names as check_names
from optdsl.ir import Type
from optdsl.resources import option_names
from support.checking import (
    REAL,
    STEP,
    errors,
    value,
)
from support.specs import FOLDER

# --- names ---------------------------------------------------------------------------------------


def test_reserved_names_are_those_of_the_real_classes() -> None:
    import keras
    import tensorflow as tf

    from optdsl.runtime.tensorflow.options import OPTIONS

    real = {
        name
        for cls in (keras.optimizers.Optimizer, tf.Module)
        for name in dir(cls)
        if not name.startswith("_")
    }
    optimizer = keras.optimizers.SGD(0.1)
    own = set(vars(keras.optimizers.Optimizer(0.1))) | {"weight_decay"}
    options = {name for name in own if not name.startswith("_") and hasattr(optimizer, name)}
    known = check_names.BASE_ATTRIBUTES | option_names()
    assert real <= check_names.BASE_ATTRIBUTES
    assert options <= known
    assert real | options >= check_names.BASE_ATTRIBUTES
    assert option_names() == OPTIONS.keys()


def test_reserved_class_names_are_those_of_a_standalone_file() -> None:
    """Every class, function, constant and import at its top, but for what every file has."""
    text = (FOLDER / "adafactor_lite.opt").read_text().replace("= grad *", "= cbrt(erf(grad)) *")
    specs = (text, "soap", "schedule_free_adamw")
    sources = [optdsl.compile(each).source(standalone=True) for each in specs]
    found: set[str] = set()
    for node in (node for source in sources for node in ast.parse(source).body):
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                found.add(name)
            case ast.Assign(targets=[ast.Name(name)]) | ast.AnnAssign(target=ast.Name(name)):
                found.add(name)
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                found |= {one.asname or one.name for one in names}
    rules = ("AdafactorLite", "SOAP", "ScheduleFreeAdamW")
    own = {*rules, *(f"{rule}Module" for rule in rules)}
    found = {name for name in found - own if not name.startswith("_")}
    assert found - check_names.MODULES <= check_names.RUNTIME
    assert found >= check_names.RUNTIME


NAMES = ["re", "json", "warnings", "tf", "keras", "Step", "Any"]


@pytest.mark.parametrize("name", NAMES)
def test_optimizers_that_would_hide_what_their_file_needs(name: str) -> None:
    text = f"optimizer {name}:\n    step:\n        param <- param - grad\n"
    (found,) = optdsl.compile(text).diagnostics
    assert found.code == "reserved-name"


@pytest.mark.parametrize("name", ["mro", "options", "rt", "Real"])
def test_hyperparameters_that_their_class_cannot_have(name: str) -> None:
    assert errors("param <- param", declarations=f"hyper {name} = 0.5")[0][0] == "reserved-name"


def test_reserved_names_are_those_of_python() -> None:
    assert set(keyword.kwlist) <= check_names.KEYWORDS
    public = {name for name in dir(builtins) if not name.startswith("_")}
    # Newer versions of Python have more of them; the list is that of the oldest one supported.
    assert public | set(keyword.kwlist) >= check_names.BUILTINS | check_names.KEYWORDS


@pytest.mark.parametrize("name", ["learning_rate", "weight_decay"])
def test_names_that_keras_shares_with_hyperparameters(name: str) -> None:
    assert value(name, f"hyper {name} = 0.5").type == Type(REAL, STEP)
    assert errors(f"{name} = 1", "param <- grad")[0][0] == "reserved-name"


def test_the_nearest_name_is_suggested() -> None:
    assert check_names.closest("beta_3", ["beta_1", "beta_2", "epsilon"]) == "beta_2"
    assert check_names.closest("lerning_rate", ["learning_rate", "rate"]) == "learning_rate"
    assert check_names.closest("veloctiy", ["velocity"]) == "velocity"
    assert check_names.closest("x", ["y"]) is None
    assert check_names.closest("momentum", ["epsilon", "beta"]) is None


def test_one_mistake_gives_one_error() -> None:
    found = errors(
        "a = unknown + unknown",
        "b = sqrt(a)",
        "when b > 0:\n    c = b\notherwise:\n    c = true",
        "param <- c",
    )
    assert found == [("undefined-name", "`unknown` is not defined")]


def test_errors_are_in_the_order_of_the_source() -> None:
    found = errors("a = zz1", "b <- zz2", "param <- 1 + true", declarations="slot c: what")
    assert [code for code, _ in found] == [
        "undefined-name",
        "undefined-name",
        "undefined-name",
        "undefined-name",
        "type-mismatch",
    ]
