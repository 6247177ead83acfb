"""What is shown of the generated classes follows from one list of options."""

from __future__ import annotations

import inspect
from typing import get_type_hints

import pytest

from optdsl.runtime.tensorflow.options import OPTIONS, Options
from support.steps import CLASSES


@pytest.mark.parametrize("kind", CLASSES)
def test_every_option_is_in_the_signature(kind: str) -> None:
    cls = CLASSES[kind]("adam")
    parameters = inspect.signature(cls).parameters
    hypers = ["learning_rate", "beta_1", "beta_2", "epsilon"]
    assert [*parameters] == [*hypers, "name", *OPTIONS]
    assert {name: parameters[name].default for name in OPTIONS} == {
        name: option.default for name, option in OPTIONS.items()
    }
    assert [*inspect.signature(cls.__init__).parameters] == ["self", *parameters]


@pytest.mark.parametrize("kind", CLASSES)
def test_every_option_is_documented(kind: str) -> None:
    doc = inspect.getdoc(CLASSES[kind]("adam")) or ""
    for name, option in OPTIONS.items():
        assert f"\n    {name}: {option.doc.split()[0]} " in doc
    assert "**options" not in doc
    assert max(map(len, doc.splitlines())) <= 88


def test_every_option_has_a_type() -> None:
    assert [*get_type_hints(Options)] == [*OPTIONS]


@pytest.mark.parametrize("kind", CLASSES)
def test_a_rule_with_a_weight_decay_of_its_own_has_no_option_of_that_name(kind: str) -> None:
    parameters = inspect.signature(CLASSES[kind]("adamw")).parameters
    assert parameters["weight_decay"].default == 0.004
    assert [name for name in parameters if name in OPTIONS] == [
        "weight_decay",
        *(name for name in OPTIONS if name != "weight_decay"),
    ]


def test_a_configuration_has_every_option() -> None:
    config = CLASSES["keras"]("adam")(clipnorm=1.0).get_config()
    assert OPTIONS.keys() <= config.keys()
    assert config["clipnorm"] == 1.0


@pytest.mark.parametrize("kind", CLASSES)
def test_an_option_that_does_not_exist(kind: str) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'clip_norm'"):
        CLASSES[kind]("adam")(clip_norm=1.0)


@pytest.mark.parametrize("kind", CLASSES)
def test_the_slots_by_name(kind: str) -> None:
    import tensorflow as tf

    optimizer = CLASSES[kind]("adam")(jit_compile=False)
    assert optimizer.slots == {"m": [], "v": []}
    optimizer.apply([tf.ones([2]), tf.ones([3])], [tf.Variable([0.0] * 2), tf.Variable([0.0] * 3)])
    shapes = {name: [each.shape[0] for each in slots] for name, slots in optimizer.slots.items()}
    assert shapes == {"m": [2, 3], "v": [2, 3]}
