"""Options of both classes, against gradients and variables that are worked out by hand.

Most tests use gradient descent with a step size of 1/8 and gradients that are multiples of 1/64:
then every number below is exact.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from support.specs import keras_class, module_class
from support.steps import (
    CLASSES,
    IDS,
    Array,
    assert_same,
    binary,
    dense,
    rows,
    start,
    state_of,
    train,
)

RATE = 0.125
GRADIENTS = [binary((6, 4), seed) for seed in range(6)]


def descend(kind: str, gradients: list[Array], **options: Any) -> list[Array]:
    """The variable after each step of gradient descent."""
    optimizer = CLASSES[kind]("gradient_descent")(RATE, jit_compile=False, **options)
    variable, values = start(), []
    for gradient in gradients:
        optimizer.apply([tf.constant(gradient)], [variable])
        values.append(variable.numpy())
    return values


def assert_steps(values: list[Array], gradients: list[Array]) -> None:
    """The steps that these gradients make without any option."""
    expected = start().numpy()
    for value, gradient in zip(values, gradients, strict=True):
        expected = expected - np.float32(RATE) * gradient
        np.testing.assert_allclose(value, expected, rtol=0, atol=1e-6)


# --- clipping ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", CLASSES)
def test_clipvalue(kind: str) -> None:
    assert_steps(
        descend(kind, GRADIENTS, clipvalue=0.25), [np.clip(g, -0.25, 0.25) for g in GRADIENTS]
    )


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("limit", [0.5, 1e6])
def test_clipnorm(kind: str, limit: float) -> None:
    clipped = [g * min(1, limit / np.linalg.norm(g)) for g in GRADIENTS]
    assert_steps(descend(kind, GRADIENTS, clipnorm=limit), clipped)
    assert_steps(descend(kind, GRADIENTS, global_clipnorm=limit), clipped)


@pytest.mark.parametrize("kind", CLASSES)
def test_clipping_a_zero_gradient(kind: str) -> None:
    for option in ("clipnorm", "clipvalue", "global_clipnorm"):
        (value,) = descend(kind, [np.zeros((6, 4), np.float32)], **{option: 0.5})
        np.testing.assert_array_equal(value, start().numpy())


@pytest.mark.parametrize("kind", CLASSES)
def test_norms_are_of_one_variable_or_of_all(kind: str) -> None:
    """Of gradients 3 and 4, the common norm is 5."""
    for option, expected in ("clipnorm", [1.0, 1.0]), ("global_clipnorm", [0.6, 0.8]):
        optimizer = CLASSES[kind]("gradient_descent")(1.0, **{option: 1.0})
        variables = [tf.Variable(0.0), tf.Variable(0.0, dtype=tf.bfloat16)]
        optimizer.apply([tf.constant(3.0), tf.constant(4.0, tf.bfloat16)], variables)
        moved = [-float(each) for each in variables]
        np.testing.assert_allclose(moved, expected, rtol=2**-8)


# --- weight decay --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", CLASSES)
def test_weight_decay(kind: str) -> None:
    """The share `weight_decay * learning_rate` goes before the update, as in Keras."""
    expected = start().numpy()
    for value, gradient in zip(descend(kind, GRADIENTS, weight_decay=0.5), GRADIENTS, strict=True):
        expected = expected * np.float32(1 - 0.5 * RATE) - np.float32(RATE) * gradient
        np.testing.assert_allclose(value, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("spec", ["gradient_descent", "adamw", "novograd"])
def test_exclude_from_weight_decay(kind: str, spec: str) -> None:
    """The option of the base class, and the hyperparameter of a rule that has its own."""

    def moved(weight_decay: float, excluded: str | None) -> list[Array]:
        optimizer = CLASSES[kind](spec)(RATE, weight_decay=weight_decay, jit_compile=False)
        variables = [tf.Variable(start().numpy(), name=name) for name in ("kernel", "bias")]
        if excluded == "list":
            optimizer.exclude_from_weight_decay(var_list=[variables[1]])
        elif excluded == "name":
            optimizer.exclude_from_weight_decay(var_names=["bia"])
        optimizer.apply([tf.constant(GRADIENTS[0])] * 2, variables)
        with pytest.raises(ValueError, match="before"):
            optimizer.exclude_from_weight_decay(var_list=variables)
        return [each.numpy() for each in variables]

    without, decayed = moved(0.0, None), moved(0.5, None)
    assert (without[1] != decayed[1]).any()
    for excluded in ("list", "name"):
        kernel, bias = moved(0.5, excluded)
        np.testing.assert_array_equal(kernel, decayed[0])
        np.testing.assert_array_equal(bias, without[1])


@pytest.mark.parametrize("kind", CLASSES)
def test_a_rule_with_weight_decay_has_no_second_one(kind: str) -> None:
    """What the option does elsewhere does not come on top, and assigning takes effect."""
    optimizer = CLASSES[kind]("adamw")(RATE, weight_decay=0.5, jit_compile=False)
    variable = start()
    optimizer.apply([tf.zeros([6, 4])], [variable])
    np.testing.assert_array_equal(variable.numpy(), start().numpy() * np.float32(1 - 0.5 * RATE))
    optimizer.weight_decay = 0.0
    before = variable.numpy()
    optimizer.apply([tf.zeros([6, 4])], [variable])
    np.testing.assert_array_equal(variable.numpy(), before)


# --- moving averages -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("every", [None, 2])
def test_moving_average(kind: str, every: int | None) -> None:
    optimizer = CLASSES[kind]("gradient_descent")(
        RATE, use_ema=True, ema_momentum=0.75, ema_overwrite_frequency=every, jit_compile=False
    )
    variable, expected = start(), start().numpy()
    average = np.zeros((6, 4))
    for number, gradient in enumerate(GRADIENTS, start=1):
        optimizer.apply([tf.constant(gradient)], [variable])
        expected = expected - np.float32(RATE) * gradient
        average = expected if number == 1 else 0.75 * average + 0.25 * expected
        if every is not None and number % every == 0:
            expected = average
        np.testing.assert_allclose(variable.numpy(), expected, rtol=0, atol=1e-6)
    np.testing.assert_allclose(state_of(optimizer)["moving average"], average, rtol=0, atol=1e-6)
    optimizer.finalize_variable_values([variable])
    np.testing.assert_array_equal(variable.numpy(), state_of(optimizer)["moving average"])


@pytest.mark.parametrize("kind", CLASSES)
def test_finalizing_without_averages_changes_nothing(kind: str) -> None:
    optimizer, variable = CLASSES[kind]("adam")(), start()
    optimizer.build([variable])
    optimizer.finalize_variable_values([variable])
    np.testing.assert_array_equal(variable.numpy(), start().numpy())


# --- accumulation and loss scales ----------------------------------------------------------------


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("spec", ["adam", "lazy_adam", "adagrad", "novograd", "decaying_sgd"])
def test_micro_batches_are_one_batch(kind: str, spec: str) -> None:
    """Of four gradients, three dense and one sparse; also for `t`, averages and norms."""
    options: dict[str, Any] = {"use_ema": True, "ema_overwrite_frequency": 2, "clipnorm": 0.5}
    options["jit_compile"] = False
    micro, means = [], []
    for first in (0, 2):
        values = [binary((6, 4), seed) for seed in range(first, first + 4)]
        micro += [*map(tf.constant, values[:3]), rows(values[3])]
        means.append(sum(values[:3], dense(values[3]).numpy()) / 4)
    split = train(kind, spec, micro, gradient_accumulation_steps=4, **options)
    assert_same(split, train(kind, spec, map(tf.constant, means), **options))


@pytest.mark.parametrize("kind", CLASSES)
def test_lazy_micro_batches_touch_the_rows_of_all(kind: str) -> None:
    ids = [[1, 1], [3, 2], [1, 3], [1, 1]]
    values = [binary((2, 4), seed) for seed in range(4)]
    pairs = [
        (np.concatenate(values[at : at + 2]) / 2, ids[at] + ids[at + 1]) for at in range(0, 4, 2)
    ]
    options = {"jit_compile": False, "filled": True}
    micro = [rows(*each) for each in zip(values, ids, strict=True)]
    split = train(kind, "lazy_adam", micro, gradient_accumulation_steps=2, **options)
    assert_same(split, train(kind, "lazy_adam", [rows(*each) for each in pairs], **options))


@pytest.mark.parametrize("kind", CLASSES)
def test_iterations_count_updates(kind: str) -> None:
    optimizer, variable = CLASSES[kind]("adam")(gradient_accumulation_steps=3), start()
    counts = []
    for _ in range(7):
        before = variable.numpy()
        optimizer.apply([tf.ones([6, 4])], [variable])
        counts.append((int(optimizer.iterations), bool((variable.numpy() != before).all())))
    steady = (False, False, True) * 2 + (False,)
    assert counts == list(zip((0, 0, 1, 1, 1, 2, 2), steady, strict=True))


@pytest.mark.parametrize("kind", CLASSES)
def test_loss_scale(kind: str) -> None:
    """Gradients are divided before they are clipped."""
    scaled = [gradient * 1024 for gradient in GRADIENTS]
    for options in ({}, {"clipvalue": 0.25}):
        divided = descend(kind, scaled, loss_scale_factor=1024.0, **options)
        np.testing.assert_array_equal(divided, descend(kind, GRADIENTS, **options))


def test_keras_scales_the_loss() -> None:
    assert keras_class("adam")(loss_scale_factor=8.0).scale_loss(2.0) == 16.0


@pytest.mark.parametrize("compiled", [False, True])
def test_inside_a_loss_scale_optimizer(compiled: bool) -> None:
    """Scales by 2^15; a step with an infinite gradient does nothing but halve the scale."""
    inner = keras_class("adam")(RATE, clipnorm=0.5, jit_compile=False)
    outer = keras.optimizers.LossScaleOptimizer(inner, initial_scale=1024.0)
    table, bias = keras.Variable(start().numpy()), keras.Variable(np.zeros(4, np.float32))

    def apply(values: Any) -> None:
        gradient = tf.IndexedSlices(values, tf.constant(IDS), tf.constant([6, 4]))
        outer.apply([gradient, tf.reduce_sum(values, 0)], [table, bias])

    step = tf.function(apply) if compiled else apply
    for gradient in [GRADIENTS[0], GRADIENTS[1] * np.inf, GRADIENTS[2]]:
        step(tf.constant(gradient * 1024))
        outer.dynamic_scale.assign(1024.0)
    assert int(outer.iterations) == 2
    plain = keras_class("adam")(RATE, clipnorm=0.5, jit_compile=False)
    variable, other = start(), tf.Variable(np.zeros(4, np.float32))
    for gradient in (GRADIENTS[0], GRADIENTS[2]):
        plain.apply([rows(gradient), tf.constant(gradient.sum(0))], [variable, other])
    np.testing.assert_array_equal(table.numpy(), variable.numpy())
    np.testing.assert_array_equal(bias.numpy(), other.numpy())


# --- what is not finite --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("steps", [None, 2])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_skip_nonfinite(kind: str, steps: int | None, bad: float) -> None:
    """A step with one such element, in either variable, leaves everything alone."""
    options = {"skip_nonfinite": True, "gradient_accumulation_steps": steps, "use_ema": True}
    optimizer = CLASSES[kind]("lazy_adam")(jit_compile=False, **options)
    variables = [start(), start((3,))]
    gradient = [rows(GRADIENTS[0]), tf.ones([3])]
    optimizer.apply(gradient, variables)
    optimizer.apply(gradient, variables)

    def everything() -> list[Array]:
        state = [*variables, *optimizer._saved.by_name.values()]
        return [each.numpy() for each in state]

    spoilt = GRADIENTS[0].copy()
    spoilt[3, 2] = bad
    before = everything()
    for wrong in ([rows(spoilt), tf.ones([3])], [rows(GRADIENTS[0]), tf.constant([1, 1, bad])]):
        optimizer.apply(wrong, variables)
        for one, other in zip(before, everything(), strict=True):
            np.testing.assert_array_equal(one, other)
    optimizer.apply(gradient, variables)
    assert int(optimizer._core.iterations) == 3


# --- what Keras does around an update ------------------------------------------------------------


def test_constraints() -> None:
    """Applied after each step, sparse ones as well."""
    table = keras.Variable(start().numpy())
    table.constraint = keras.constraints.NonNeg()
    optimizer = keras_class("gradient_descent")(RATE, jit_compile=False)
    for gradient in (tf.constant(GRADIENTS[0]), rows(GRADIENTS[1])):
        optimizer.apply([gradient], [table])
        assert (table.numpy() >= 0).all()
    assert (table.numpy() > 0).any()


@pytest.mark.parametrize("steps", [None, 2])
def test_overwrite_with_gradient(steps: int | None) -> None:
    """Such a variable becomes its gradient, or the largest of those that accumulate."""
    scale, kernel = keras.Variable(np.zeros(3, np.float32)), keras.Variable(start().numpy())
    scale.overwrite_with_gradient = True
    optimizer = keras_class("adam")(gradient_accumulation_steps=steps, weight_decay=0.5)
    for values in ([5.0, 1.0, 3.0], [4.0, 2.0, 6.0]):
        optimizer.apply([tf.constant(values), tf.constant(GRADIENTS[0])], [scale, kernel])
    expected = [4.0, 2.0, 6.0] if steps is None else [5.0, 2.0, 6.0]
    np.testing.assert_array_equal(scale.numpy(), expected)
    assert (kernel.numpy() != start().numpy()).any()
    assert [name for name in optimizer._saved.by_name if scale.path in name] == []


def test_only_variables_that_are_overwritten() -> None:
    scale = keras.Variable(np.zeros(3, np.float32))
    scale.overwrite_with_gradient = True
    optimizer = keras_class("adam")()
    optimizer.apply([tf.ones([3])], [scale])
    np.testing.assert_array_equal(scale.numpy(), 1)
    assert int(optimizer.iterations) == 1


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.filterwarnings("ignore:Gradients do not exist")
def test_variables_without_a_gradient_stay(kind: str) -> None:
    """Whichever they are; a later step with their gradient is their first update of `m`."""
    optimizer = CLASSES[kind]("momentum")(RATE, weight_decay=0.5, jit_compile=False)
    variables = [start(), start((2,)), start((3,))]
    optimizer.apply([None, tf.ones([2]), None], variables)
    np.testing.assert_array_equal(variables[0].numpy(), start().numpy())
    np.testing.assert_array_equal(variables[2].numpy(), start((3,)).numpy())
    assert (variables[1].numpy() != start((2,)).numpy()).all()
    optimizer.apply([tf.ones([6, 4]), None, None], variables)
    np.testing.assert_array_equal(state_of(optimizer)["delta"], RATE)
    with pytest.raises(ValueError, match=r"[Nn]o(ne|) .*gradient"):
        optimizer.apply([None, None, None], variables)


def test_keras_warns_of_variables_without_a_gradient() -> None:
    with pytest.warns(UserWarning, match="Gradients do not exist"):
        keras_class("adam")().apply([None, tf.ones([2])], [start(), start((2,))])


# --- hyperparameters -----------------------------------------------------------------------------


def schedule() -> Any:
    """1/8, 1/16, 1/32, …: a power of two at each step."""
    return keras.optimizers.schedules.ExponentialDecay(RATE, 1, 0.5)


@pytest.mark.parametrize("kind", CLASSES)
def test_a_schedule_for_the_step_size(kind: str) -> None:
    optimizer, variable = CLASSES[kind]("gradient_descent")(schedule()), start()
    expected = start().numpy()
    for number in range(4):
        optimizer.apply([tf.constant(GRADIENTS[number])], [variable])
        expected = expected - np.float32(RATE / 2**number) * GRADIENTS[number]
        np.testing.assert_array_equal(variable.numpy(), expected)


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("given", ["schedule", "callable"])
def test_schedules_and_callables_for_any_real(kind: str, given: str) -> None:
    """The decay rate of momentum: 1/8, 1/16, …, from the variable or a function of nothing."""
    count = tf.Variable(0, dtype=tf.int64)
    value = schedule() if given == "schedule" else lambda: schedule()(count)
    optimizer, variable = CLASSES[kind]("momentum")(1.0, momentum=value), start()
    delta = np.zeros((6, 4), np.float32)
    for number in range(4):
        optimizer.apply([tf.constant(GRADIENTS[number])], [variable])
        delta = GRADIENTS[number] + np.float32(RATE / 2**number) * delta
        np.testing.assert_array_equal(state_of(optimizer)["delta"], delta)
        count.assign_add(1)
    assert optimizer.momentum is value


def eager(apply: Callable[..., None]) -> Callable[..., None]:
    return apply


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize(
    "wrapped", [eager, tf.function, tf.function(jit_compile=True)], ids=["eager", "function", "xla"]
)
def test_assigning_takes_effect(kind: str, wrapped: Any) -> None:
    """On the next step, also in a function that was compiled before; and it can be read."""
    optimizer, variable = CLASSES[kind]("momentum")(1.0, momentum=0.5), start()
    optimizer.build([variable])

    @wrapped
    def step(gradient: Any) -> None:
        optimizer.apply([gradient], [variable])

    delta, expected = np.zeros((6, 4), np.float32), start().numpy()
    for rate, momentum in (1.0, 0.5), (0.25, 0.5), (0.25, 0.125):
        optimizer.learning_rate = rate
        optimizer.momentum = momentum
        assert float(optimizer.learning_rate) == rate
        assert optimizer.momentum == momentum
        step(tf.constant(GRADIENTS[0]))
        delta = np.float32(rate) * GRADIENTS[0] + np.float32(momentum) * delta
        expected = expected - delta
        np.testing.assert_array_equal(state_of(optimizer)["delta"], delta)
        np.testing.assert_array_equal(variable.numpy(), expected)


@pytest.mark.parametrize("kind", CLASSES)
def test_assigning_inside_a_function(kind: str) -> None:
    optimizer, variable = CLASSES[kind]("gradient_descent")(1.0), start()
    optimizer.build([variable])

    @tf.function
    def step(rate: Any) -> None:
        optimizer.learning_rate = rate
        optimizer.apply([tf.constant(GRADIENTS[0])], [variable])

    step(tf.constant(RATE))
    np.testing.assert_array_equal(variable.numpy(), start().numpy() - RATE * GRADIENTS[0])


@pytest.mark.parametrize("kind", CLASSES)
def test_assigning_a_schedule(kind: str) -> None:
    """Takes effect in eager steps; what a compiled function would ignore is refused."""
    optimizer, variable = CLASSES[kind]("momentum")(1.0, momentum=0.5), start()
    optimizer.apply([tf.zeros([6, 4])], [variable])
    optimizer.learning_rate = schedule()
    optimizer.momentum = schedule()
    optimizer.apply([tf.constant(GRADIENTS[0])], [variable])
    np.testing.assert_array_equal(state_of(optimizer)["delta"], RATE / 2 * GRADIENTS[0])
    tf.function(optimizer.apply)([tf.constant(GRADIENTS[0])], [variable])
    for name, value in ("learning_rate", lambda: 1.0), ("momentum", schedule()), ("momentum", 0.5):
        with pytest.raises(RuntimeError, match=f"a compiled function contains {name}"):
            setattr(optimizer, name, value)


def test_keras_keeps_a_schedule_for_the_step_size() -> None:
    for given in (schedule(), lambda: 1.0):
        optimizer = keras_class("adam")(given)
        with pytest.raises(TypeError, match="no number can replace"):
            optimizer.learning_rate = 0.5


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize(
    "value", [0, np.float32(0.5), np.int64(0), np.array(0.25), tf.constant(0.5)]
)
def test_numbers_of_any_kind(kind: str, value: Any) -> None:
    optimizer = CLASSES[kind]("adam")(learning_rate=value, beta_1=value)
    assert optimizer.beta_1 == float(value)
    assert float(optimizer.learning_rate) == float(value)
    optimizer.beta_2 = value
    assert optimizer.beta_2 == float(value)
    assert type(optimizer.beta_2) is float


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize(
    ("name", "value", "interval"),
    [
        ("beta_1", 1.0, r"\[0, 1\)"),
        ("beta_2", -1, r"\[0, 1\)"),
        ("epsilon", 0.0, r"\(0, inf\)"),
        ("epsilon", np.float32(np.nan), r"\(0, inf\)"),
        ("learning_rate", -1e-3, r"\[0, inf\)"),
        ("learning_rate", np.inf, r"\[0, inf\)"),
    ],
)
def test_numbers_outside_the_interval(kind: str, name: str, value: Any, interval: str) -> None:
    match = f"^{name} must be in {interval}, got "
    with pytest.raises(ValueError, match=match):
        CLASSES[kind]("adam")(**{name: value})
    optimizer = CLASSES[kind]("adam")()
    for given in (value, tf.constant(value, tf.float64)):
        before = float(getattr(optimizer, name))
        with pytest.raises(ValueError, match=match):
            setattr(optimizer, name, given)
        assert float(getattr(optimizer, name)) == before


@pytest.mark.parametrize("kind", CLASSES)
def test_hyperparameters_that_are_fixed(kind: str) -> None:
    optimizer = CLASSES[kind]("rmsprop")(centered=np.True_)
    assert optimizer.centered is True
    with pytest.raises(AttributeError, match="centered cannot change after construction"):
        optimizer.centered = False
    with pytest.raises(ValueError, match=r"centered must be .*, got 2"):
        CLASSES[kind]("rmsprop")(centered=2)


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"clipnorm": -1.0}, r"clipnorm must be in \(0, inf\), got -1.0"),
        ({"global_clipnorm": np.nan}, r"global_clipnorm must be in \(0, inf\), got nan"),
        ({"clipnorm": 1.0, "clipvalue": 1.0}, "[Oo]ne of"),
        ({"loss_scale_factor": 0.0}, r"loss_scale_factor must be in \(0, inf\), got 0.0"),
        ({"ema_momentum": 1.5}, r"ema_momentum must be in \[0, 1\], got 1.5"),
        (
            {"ema_overwrite_frequency": -1},
            r"ema_overwrite_frequency must be a whole number in \[1, inf\) or None",
        ),
        (
            {"ema_overwrite_frequency": 1.5},
            r"ema_overwrite_frequency must be a whole number in \[1, inf\) or None",
        ),
        ({"gradient_accumulation_steps": 1}, "gradient_accumulation_steps must be a whole number"),
        ({"sparse_mode": "dense"}, "sparse_mode must be 'exact', 'lazy' or None, got 'dense'"),
        (
            {"slot_dtype": "int32"},
            "slot_dtype must be float16, bfloat16, float32, float64 or None, got 'int32'",
        ),
        ({"slot_dtype": "complex64"}, "slot_dtype must be float16, .*, got 'complex64'"),
    ],
)
def test_options_that_no_step_can_use(kind: str, options: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        CLASSES[kind]("adam")(**options)


@pytest.mark.parametrize("kind", CLASSES)
def test_gradients_and_variables_that_do_not_fit(kind: str) -> None:
    optimizer, variable = CLASSES[kind]("adam")(), start()
    with pytest.raises(ValueError, match="call `build` with them first"):
        optimizer.apply([tf.ones([6, 4])])
    optimizer.build([variable])
    with pytest.raises(ValueError, match=r"has shape \(4, 6\), not \(6, 4\)"):
        optimizer.apply([tf.ones([4, 6])], [variable])
    with pytest.raises(ValueError, match="got 2 gradients for 1 variables"):
        optimizer.apply([tf.ones([6, 4])] * 2, [variable])
    with pytest.raises(ValueError, match=r"Unknown variable|for other variables"):
        optimizer.apply([tf.ones([6, 4])], [start()])
    with pytest.raises(ValueError, match="a variable is given twice"):
        optimizer.apply([tf.ones([6, 4])] * 2, [variable] * 2)
    np.testing.assert_array_equal(variable.numpy(), start().numpy())
    assert int(optimizer.iterations) == 0


@pytest.mark.parametrize("kind", CLASSES)
def test_ways_to_apply(kind: str) -> None:
    """With the variables, without them, as pairs, and with other kinds of arrays."""
    results = []
    for way in range(4):
        optimizer, variable = CLASSES[kind]("adam")(jit_compile=False), start()
        gradient = tf.constant(GRADIENTS[0])
        optimizer.build([variable])
        if way == 0:
            optimizer.apply([gradient], [variable])
        elif way == 1:
            optimizer.apply([GRADIENTS[0]])
        elif way == 2:
            optimizer.apply_gradients(iter([(gradient, variable)]))
        else:
            optimizer.apply(iter([tf.Variable(gradient)]), iter([variable]))
        results.append(state_of(optimizer))
    for each in results[1:]:
        assert_same(results[0], each)


def test_the_core_api_form_of_the_module() -> None:
    optimizer, variable = module_class("adam")(jit_compile=False), start()
    optimizer.apply_gradients([tf.constant(GRADIENTS[0])], [variable])
    expected = train("module", "adam", [tf.constant(GRADIENTS[0])], jit_compile=False)
    assert_same(state_of(optimizer), expected)
    assert optimizer.slots["m"][0].numpy() is not None
    assert int(optimizer.iterations) == 1


def test_no_gradients_are_no_step() -> None:
    """As in Keras."""
    optimizer = keras_class("adam")()
    optimizer.apply([])
    assert int(optimizer.iterations) == 0
