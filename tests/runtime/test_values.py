"""What options and hyperparameters can be, and when they may change; both classes alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import optdsl
from optdsl.runtime.tensorflow.options import OPTIONS
from support.specs import keras_class, module_class
from support.steps import CLASSES, assert_same, binary, rows, start, state_of

ODD: dict[str, Any] = {
    "text": "0.5",
    "list": [0.5],
    "dict": {"value": 0.5},
    "complex": 0.5j,
    "array": np.array([0.5, 0.5]),
    "array of one": np.array([0.5]),
    "tensor of text": tf.constant("0.5"),
    "object": object(),
}
"""What no option or hyperparameter can be."""

NUMBERS = [name for name, option in OPTIONS.items() if "number" in option.kind.allowed]
SWITCHES = [name for name, option in OPTIONS.items() if option.default in (True, False)]

PAGE = Path(__file__).parents[2] / "docs" / "options.md"

SHAPED = '''optimizer Shaped:
    """With a hyperparameter of each kind, and a step size under another name."""

    hyper lr             = 0.125 in [0, inf) "Step size."
    hyper times:  int    = 2     in [1, 10]  "Times it is taken."
    hyper signed: bool   = false             "Whether only the sign counts."

    step:
        when signed:
            param <- param - times * lr * sign(grad)
        otherwise:
            param <- param - times * lr * grad
'''


def shaped(kind: str) -> Any:
    loaded = optdsl.load(SHAPED)
    return loaded.Shaped if kind == "keras" else loaded.ShapedModule


def step_of(optimizer: Any) -> float:
    """How far a variable goes down in a step whose gradient is 1."""
    variable = tf.Variable(0.0)
    optimizer.apply([tf.constant(1.0)], [variable])
    return -float(variable.numpy())


@pytest.mark.parametrize("name", OPTIONS)
def test_the_page_of_options_says_what_the_table_says(name: str) -> None:
    option = OPTIONS[name]
    when = "before `build`" if option.in_state else "always"
    if name == "sparse_mode":
        when += "; with accumulation before `build`"
    cells = [f"`{name}`", option.kind.allowed, f"`{option.default!r}`", option.doc, when]
    assert f"| {' | '.join(cells)} |\n" in PAGE.read_text(encoding="utf-8")


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("name", OPTIONS)
def test_options_that_are_of_no_kind(kind: str, odd: str, name: str) -> None:
    """0.1.0: `'>' not supported between 'str' and 'int'`, or text that was taken for True."""
    allowed = OPTIONS[name].kind.allowed
    with pytest.raises(ValueError, match=f"^{name} must be ") as caught:
        CLASSES[kind]("adam")(**{name: ODD[odd]})
    assert str(caught.value).startswith(f"{name} must be {allowed}, got ")
    optimizer = CLASSES[kind]("adam")()
    before = getattr(optimizer, name)
    with pytest.raises(ValueError, match=f"^{name} must be "):
        setattr(optimizer, name, ODD[odd])
    assert getattr(optimizer, name) == before


@pytest.mark.parametrize("kind", CLASSES)
def test_truth_values_are_no_numbers_and_numbers_no_truth_values(kind: str) -> None:
    """0.1.0: `clipnorm=True` clipped at 1, `jit_compile="auto"` compiled."""
    for name in NUMBERS:
        for truth in (True, np.True_, tf.constant(False)):
            with pytest.raises(ValueError, match=f"^{name} must be a .*number.*, got "):
                CLASSES[kind]("adam")(**{name: truth})
    for name in SWITCHES:
        for value in (0, 1, 1.0, None, "auto"):
            with pytest.raises(ValueError, match=f"^{name} must be True or False, got "):
                CLASSES[kind]("adam")(**{name: value})
    with pytest.raises(ValueError, match=r"slot_dtype must be float16, .*, got 1"):
        CLASSES[kind]("adam")(slot_dtype=1)


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("name", ["gradient_accumulation_steps", "ema_overwrite_frequency"])
def test_whole_numbers(kind: str, name: str) -> None:
    """0.1.0: 2.0 was accepted and ended in `Expected int64 passed to parameter 'y'`."""
    for value in (2.5, -1, 10**400, np.float32(2.5), np.nan, np.inf):
        with pytest.raises(ValueError, match=f"^{name} must be a whole number "):
            CLASSES[kind]("adam")(**{name: value})
    with pytest.raises(ValueError, match=f"^{name} must be a whole number, written as 2, got 2.0"):
        CLASSES[kind]("adam")(**{name: 2.0})
    for value in (2, np.int32(2), np.array(2), tf.constant(2, tf.int64)):
        kept = getattr(CLASSES[kind]("adam")(**{name: value}), name)
        assert (kept, type(kept)) == (2, int)


@pytest.mark.parametrize("kind", CLASSES)
def test_zero_is_none_where_keras_says_so(kind: str) -> None:
    for name in NUMBERS:
        if name not in {"ema_momentum", "loss_scale_factor"}:
            assert getattr(CLASSES[kind]("adam")(**{name: 0}), name) is None


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("odd", ["none", "bool", *ODD])
@pytest.mark.parametrize("name", ["learning_rate", "epsilon"])
def test_hyperparameters_that_are_no_numbers(kind: str, odd: str, name: str) -> None:
    """0.1.0: the text "0.5" and True were taken, None was `float() argument must be …`."""
    value = {"none": None, "bool": True, **ODD}[odd]
    optimizer = CLASSES[kind]("adam")()
    before = float(getattr(optimizer, name))
    for way in (
        lambda: CLASSES[kind]("adam")(**{name: value}),
        lambda: setattr(optimizer, name, value),
    ):
        with pytest.raises(ValueError, match=rf"^{name} must be a number in [\[(]0, inf\), or "):
            way()
    assert float(getattr(optimizer, name)) == before


@pytest.mark.parametrize("kind", CLASSES)
def test_int_and_bool_hyperparameters(kind: str) -> None:
    """0.1.0: None was `int() argument must be …`, 2.0 and 1 were taken for 2 and True."""
    for value in (2.5, None, "2", True, [2], 2j, 11, np.array([2, 2])):
        with pytest.raises(ValueError, match=r"^times must be a whole number in \[1, 10\], got "):
            shaped(kind)(times=value)
    for value in (1, None, "no", [], 0.0):
        with pytest.raises(ValueError, match=r"^signed must be True or False, got "):
            shaped(kind)(signed=value)
    optimizer = shaped(kind)(times=np.int64(3), signed=np.array(True))
    assert (optimizer.times, optimizer.signed) == (3, True)


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("value", [1e-39, 1e39, -1e-320, tf.constant(1e-39, tf.float64), 10**400])
def test_numbers_that_float32_does_not_have(kind: str, value: Any) -> None:
    """0.1.0: `epsilon=1e-39` divided by 0, a rate of 1e39 made the variables infinite."""
    for name in ("learning_rate", "epsilon", "clipnorm", "weight_decay"):
        with pytest.raises(ValueError, match=f"^{name} must be (of magnitude 1.2e-38|in )"):
            CLASSES[kind]("adam")(**{name: value})
    assert CLASSES[kind]("adam")(epsilon=2.0**-126).epsilon == 2.0**-126


# --- changes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize(
    ("name", "value"),
    [("use_ema", True), ("gradient_accumulation_steps", 2), ("slot_dtype", "float16")],
)
def test_options_that_state_depends_on(kind: str, name: str, value: Any) -> None:
    """0.1.0: ignored, or an AssertionError in the next step."""
    optimizer, variable = CLASSES[kind]("adam")(jit_compile=False), start()
    setattr(optimizer, name, value)
    setattr(optimizer, name, OPTIONS[name].default)
    optimizer.build([variable])
    setattr(optimizer, name, OPTIONS[name].default)
    with pytest.raises(RuntimeError, match=f"^{name} decides what state there is, which `build`"):
        setattr(optimizer, name, value)
    assert getattr(optimizer, name) == OPTIONS[name].default
    optimizer.apply([tf.ones([6, 4])], [variable])


@pytest.mark.parametrize("kind", CLASSES)
def test_the_sparse_mode_changes_unless_touched_rows_are_kept(kind: str) -> None:
    """0.1.0: assigning None made a lazy rule exact."""
    gradient = rows(binary((6, 4), 0))
    results = []
    for mode in ("exact", "lazy"):
        optimizer, variable = CLASSES[kind]("lazy_adam")(jit_compile=False), start()
        optimizer.build([variable])
        optimizer.sparse_mode = "exact"
        optimizer.sparse_mode = None if mode == "lazy" else mode
        assert optimizer.sparse_mode == mode
        for _ in range(2):
            optimizer.apply([gradient], [variable])
        results.append(state_of(optimizer))
        plain = CLASSES[kind]("lazy_adam")(sparse_mode=mode, jit_compile=False)
        other = start()
        for _ in range(2):
            plain.apply([gradient], [other])
        assert_same(results[-1], state_of(plain))
    optimizer = CLASSES[kind]("lazy_adam")(gradient_accumulation_steps=2)
    optimizer.build([start()])
    with pytest.raises(RuntimeError, match=r"^sparse_mode decides what state there is"):
        optimizer.sparse_mode = "exact"


@pytest.mark.parametrize("kind", CLASSES)
def test_an_option_changes_for_the_next_step(kind: str) -> None:
    optimizer, variable = (
        CLASSES[kind]("gradient_descent")(1.0, jit_compile=False),
        tf.Variable(0.0),
    )
    for limit, expected in (None, -4.0), (1.0, -5.0), (0.5, -5.5), (None, -9.5):
        optimizer.clipnorm = limit
        optimizer.apply([tf.constant(4.0)], [variable])
        assert float(variable.numpy()) == expected


@pytest.mark.parametrize("kind", CLASSES)
def test_options_in_a_compiled_function_stay(kind: str) -> None:
    """0.1.0: the function went on with the option as it was, in silence."""
    optimizer, variable = (
        CLASSES[kind]("gradient_descent")(1.0, jit_compile=False),
        tf.Variable(0.0),
    )
    optimizer.build([variable])
    tf.function(lambda: optimizer.apply([tf.constant(4.0)], [variable]))()
    optimizer.clipnorm = None
    with pytest.raises(RuntimeError, match=r"^a compiled function contains clipnorm as it was"):
        optimizer.clipnorm = 1.0
    assert optimizer.clipnorm is None


@pytest.mark.parametrize("kind", CLASSES)
def test_a_refused_option_changes_nothing(kind: str) -> None:
    """0.1.0: a second way of clipping could be assigned beside the first."""
    optimizer = CLASSES[kind]("adam")(clipnorm=1.0)
    with pytest.raises(ValueError, match="give one of clipnorm, clipvalue and global_clipnorm"):
        optimizer.clipvalue = 1.0
    assert optimizer.clipvalue is None


# --- a rule without a learning rate --------------------------------------------------------------


@pytest.mark.parametrize("kind", CLASSES)
def test_a_rate_that_the_rule_does_not_have(kind: str) -> None:
    """0.1.0: Keras's own rate changed, which no step reads; the module got an attribute."""
    optimizer = shaped(kind)()
    with pytest.raises(
        AttributeError, match=r"^Shaped has no hyperparameter learning_rate; it has"
    ):
        optimizer.learning_rate = 0.5
    assert not hasattr(optimizer, "learning_rate")
    optimizer.lr = 0.5
    assert step_of(optimizer) == 1.0


@pytest.mark.filterwarnings("ignore::optdsl.diagnostics.SpecWarning")
def test_callbacks_say_that_there_is_no_rate() -> None:
    """0.1.0: they changed a rate that no step reads."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(shaped("keras")(), "mse", jit_compile=False)
    scheduler = keras.callbacks.LearningRateScheduler(lambda _: 0.5)
    with pytest.raises(ValueError, match='must have a "learning_rate"'):
        model.fit(np.ones((2, 1)), np.ones((2, 1)), verbose=0, callbacks=[scheduler])
    before = model.get_weights()[1]
    model.fit(np.ones((2, 1)), before * 0 + np.full((2, 1), 9.0), verbose=0)
    assert (model.get_weights()[1] > before).all()
    config = model.optimizer.get_config()
    assert "learning_rate" not in config
    assert type(model.optimizer).from_config(config).lr == 0.125


def test_a_subclass_has_its_rate() -> None:
    class Mine(keras_class("gradient_descent")):  # type: ignore[misc]
        """Somebody's own class."""

    assert step_of(Mine(0.5, jit_compile=False)) == 0.5
    with pytest.raises(ValueError, match=r"^learning_rate must be in"):
        Mine(-0.5)
    assert step_of(module_class("gradient_descent")(0.5, jit_compile=False)) == 0.5
