"""Which rule a class and its saved state are: name and meaning, never the name alone."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import keras
import pytest

import optdsl
from support.saving import fit, kept, made, network, read, recompiled, step, variables, write
from support.specs import FOLDER, keras_class, module
from support.steps import CLASSES, assert_same

ADAM = (FOLDER / "adam.opt").read_text()
UPHILL = ADAM.replace("param - learning_rate", "param + learning_rate")
EARLIER = "optdsl>Adam"


@pytest.fixture(autouse=True)
def _registry() -> Iterator[None]:
    """What a test registers, others do not see; here, too, one Adam is registered at first."""
    known = keras.saving.get_custom_objects()
    before = dict(known)
    for name in [name for name in known if name.startswith(EARLIER)]:
        del known[name]
    executed(optdsl.compile(FOLDER / "adam.opt").source())
    yield
    known.clear()
    known.update(before)


def executed(source: str) -> Any:
    """What a generated text defines, as a module of its own."""
    made = ModuleType(f"identity_{len(sys.modules)}")
    sys.modules[made.__name__] = made
    exec(compile(source, made.__name__, "exec"), made.__dict__)
    return made


def uphill(kind: str) -> Any:
    """Another rule called Adam, with the same slots and hyperparameters."""
    loaded = executed(optdsl.compile(UPHILL).source())
    return getattr(loaded, {"keras": "Adam", "module": "AdamModule"}[kind])


def test_registered_under_name_and_meaning() -> None:
    """0.1.0: `optdsl>Adam`, whatever it computed."""
    name = keras.saving.get_registered_name(keras_class("adam"))
    assert name == f"{EARLIER}_{module('adam')._RULE.meaning}"


def test_another_rule_of_the_same_name_is_not_loaded(tmp_path: Path) -> None:
    """0.1.0: the file loaded with the Adam that was imported last, sign flipped, in silence."""
    model = network("one")
    fit(model)
    model.save(tmp_path / "model.keras")
    known = keras.saving.get_custom_objects()
    for name in [name for name in known if name.startswith(EARLIER)]:
        del known[name]
    other = uphill("keras")
    with pytest.raises(TypeError, match="Could not locate class 'Adam'"):
        keras.models.load_model(tmp_path / "model.keras")
    model = network("one")
    recompiled(model, other(0.125))
    assert type(model.optimizer) is other


def test_two_rules_of_one_name_live_together(tmp_path: Path) -> None:
    """0.1.0: registering the second replaced the first."""
    other = uphill("keras")
    for cls in (other, executed(optdsl.compile(FOLDER / "adam.opt").source()).Adam):
        model = network("one")
        recompiled(model, cls(0.125))
        fit(model)
        model.save(tmp_path / "model.keras")
        loaded = keras.models.load_model(tmp_path / "model.keras")
        assert type(loaded.optimizer)._rule.meaning == cls._rule.meaning


@pytest.mark.parametrize("standalone", [False, True])
def test_the_same_rule_from_another_file_loads(tmp_path: Path, standalone: bool) -> None:
    """A thin file, a standalone one and `optdsl.load` give the same rule."""
    model = network("one")
    recompiled(model, optdsl.load(FOLDER / "adam.opt").Adam(0.125))
    fit(model)
    model.save(tmp_path / "model.keras")
    cls = executed(optdsl.compile(FOLDER / "adam.opt").source(standalone=standalone)).Adam
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded.optimizer) is cls
    one, other = kept(model.optimizer), kept(loaded.optimizer)
    assert len(one) == len(other)
    for first, second in zip(one.values(), other.values(), strict=True):
        assert (first == second).all()


def test_a_name_alone_loads_while_one_rule_has_it() -> None:
    """The name that 0.1.0 wrote; with two rules of that name, the user says which."""
    config = {
        "module": None,
        "class_name": "Adam",
        "config": keras_class("adam")(0.125).get_config(),
        "registered_name": EARLIER,
    }
    loaded = keras.saving.deserialize_keras_object(config)
    assert type(loaded)._rule.meaning == module("adam")._RULE.meaning
    other = uphill("keras")
    with pytest.raises(ValueError, match=r"2 different rules called Adam.*get_custom_objects"):
        keras.saving.deserialize_keras_object(config)
    keras.saving.get_custom_objects()[EARLIER] = other
    assert type(keras.saving.deserialize_keras_object(config)) is other


def test_a_model_of_0_1_0_loads_with_the_rule_that_the_user_names() -> None:
    """As the message says; Keras looks neither into scopes nor `custom_objects` for a model's."""
    path = Path(__file__).parents[1] / "cases" / "saved_by_0_1_0" / "made_up.keras"
    uphill("keras")
    with pytest.raises(ValueError, match=r"get_custom_objects\(\)\['optdsl>Adam'\] = Adam"):
        keras.models.load_model(path)
    keras.saving.get_custom_objects()[EARLIER] = keras_class("adam")
    assert type(keras.models.load_model(path).optimizer) is keras_class("adam")


def test_a_class_that_0_1_0_generated_is_not_replaced() -> None:
    """Its name is taken by both then: neither is loaded for the other."""
    known = keras.saving.get_custom_objects()
    known[EARLIER] = keras.optimizers.SGD  # as 0.1.0 registered its classes
    uphill("keras")
    with pytest.raises(ValueError, match="2 different rules called Adam"):
        known[EARLIER].from_config({})


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("built", [False, True])
def test_state_of_another_rule_of_the_same_name(tmp_path: Path, kind: str, built: bool) -> None:
    """0.1.0: restored, as long as the slots had the same names and shapes."""
    first, ours = made(kind), variables("a")
    step(first, ours)
    path = write(first, tmp_path)
    second = uphill(kind)(0.5, jit_compile=False)
    if built:
        second.build(variables("a"))
    before = kept(second)
    with pytest.raises(ValueError, match="another rule called Adam: its meaning is"):
        read(second, path)
    assert_same(kept(second), before)


def test_weights_of_another_rule_of_the_same_name(tmp_path: Path) -> None:
    """0.1.0: loaded, as long as the slots had the same names and shapes."""
    model, other = network("one"), network("one")
    fit(model)
    model.save_weights(tmp_path / "model.weights.h5")
    recompiled(other, uphill("keras")(0.125))
    with pytest.raises(ValueError, match="another rule called Adam: its meaning is"):
        other.load_weights(tmp_path / "model.weights.h5")


def test_meaning_is_in_saved_state() -> None:
    layout = json.loads(made("module")._saved.layout.serialize())
    assert layout["meaning"] == module("adam")._RULE.meaning
