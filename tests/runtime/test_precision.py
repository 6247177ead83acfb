"""Precision: 16-bit variables move, and what can be computed in float64 is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from optdsl.interpreter import Reference
from support.specs import SPECS, keras_class, module_class, optimizer
from support.steps import CLASSES, IDS, Array, assert_same, rows, start, state_of

HALVES = ["bfloat16", "float16"]


def fifty_steps(kind: str, spec: str, dtype: str, **options: Any) -> Array:
    """Ones after 50 steps with a gradient of ones, as float32."""
    variable = tf.Variable(tf.ones([6, 4], dtype))
    built = CLASSES[kind](spec)(**options)
    for _ in range(50):
        built.apply([tf.ones([6, 4], dtype)], [variable])
    return tf.cast(variable, tf.float32).numpy()


def rounded(values: Array, dtype: str) -> Array:
    return tf.cast(tf.cast(values, dtype), tf.float32).numpy()


@pytest.mark.parametrize(
    ("kind", "dtype", "learning_rate"),
    [
        ("keras", "bfloat16", 0.001),
        ("module", "bfloat16", 0.001),
        ("keras", "bfloat16", 0.01),
        ("keras", "bfloat16", 0.1),
        ("keras", "float16", 0.001),
    ],
)
def test_adam_in_16_bits_ends_where_float32_ends(
    kind: str, dtype: str, learning_rate: float
) -> None:
    """A step of 0.001 is less than half a unit in the last place of 1 in bfloat16."""
    options = {"learning_rate": learning_rate}
    exact = fifty_steps(kind, "adam", "float32", **options)
    np.testing.assert_array_less(exact, 1 - 49 * learning_rate)
    halves = fifty_steps(kind, "adam", dtype, **options)
    np.testing.assert_array_equal(halves, rounded(exact, dtype))


@pytest.mark.parametrize("spec", SPECS)
def test_every_rule_in_bfloat16_ends_where_float32_ends(spec: str) -> None:
    exact = fifty_steps("keras", spec, "float32", jit_compile=False)
    assert (exact != 1).all()
    halves = fifty_steps("keras", spec, "bfloat16", jit_compile=False)
    np.testing.assert_array_equal(halves, rounded(exact, "bfloat16"))


@pytest.mark.parametrize("mode", ["exact", "lazy"])
def test_small_sparse_steps_add_up(mode: str) -> None:
    """By rows and written out, with XLA and without."""
    for spec, jit in ("adagrad", True), ("adagrad", False), ("adam", True), ("adam", False):
        results = []
        for dtype in ("float32", "bfloat16"):
            variable = tf.Variable(tf.ones([6, 4], dtype))
            built = keras_class(spec)(sparse_mode=mode, jit_compile=jit)
            gradient = tf.IndexedSlices(tf.ones([3, 4], dtype), tf.constant([1, 3, 1]))
            for _ in range(50):
                built.apply([gradient], [variable])
            results.append(tf.cast(variable, tf.float32).numpy())
        np.testing.assert_array_equal(results[1], rounded(results[0], "bfloat16"))
        assert (results[1][[1, 3]] < 1).all()
        np.testing.assert_array_equal(results[1][[0, 2, 4, 5]], 1)


@pytest.mark.parametrize("jit", [True, False])
@pytest.mark.parametrize("dtype", HALVES)
def test_assigning_to_a_16_bit_variable_counts(dtype: str, jit: bool) -> None:
    """What rounding took off before is forgotten when somebody else assigns."""
    variable = tf.Variable(tf.ones([4], dtype))
    built = keras_class("gradient_descent")(learning_rate=2.0**-11, jit_compile=jit)
    for _ in range(3):
        built.apply([tf.ones([4], dtype)], [variable])
    variable.assign(tf.zeros([4], dtype))
    built.apply([tf.ones([4], dtype)], [variable])
    np.testing.assert_array_equal(tf.cast(variable, tf.float32).numpy(), np.float32(-(2.0**-11)))


@pytest.mark.parametrize("spec", SPECS)
def test_float16_with_zero_gradient_stays_finite(spec: str) -> None:
    variable = start(dtype="float16")
    built = keras_class(spec)(jit_compile=False)
    for _ in range(5):
        built.apply([tf.zeros([6, 4], tf.float16)], [variable])
    for name, value in state_of(built).items():
        assert np.isfinite(value).all(), name


@pytest.mark.parametrize("spec", ["adam", "adagrad", "rmsprop", "adafactor_lite"])
def test_float16_slots_stay_finite(spec: str) -> None:
    """Small gradients vanish in such slots; what is left must not divide by zero."""
    for dtype in ("float32", "float16"):
        variable = start(dtype=dtype)
        built = keras_class(spec)(slot_dtype="float16", jit_compile=False)
        for scale in (0.0, 1e-6, 1.0):
            built.apply([scale * tf.ones([6, 4], dtype)], [variable])
        for name, value in state_of(built).items():
            assert np.isfinite(value.astype(np.float32)).all(), name
            assert value.dtype == (dtype if name == "param" else np.float16)


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize(
    ("dtype", "slot_dtype", "expected"),
    [
        ("float16", None, "float32"),
        ("bfloat16", None, "float32"),
        ("float32", None, "float32"),
        ("float64", None, "float64"),
        ("float32", "bfloat16", "bfloat16"),
        ("float64", "float32", "float32"),
    ],
)
def test_dtype_of_slots(kind: str, dtype: str, slot_dtype: str | None, expected: str) -> None:
    built = CLASSES[kind]("adam")(slot_dtype=slot_dtype, use_ema=True)
    built.build([start(dtype=dtype)])
    (state,) = built._core.states
    assert [slot.dtype.name for slot in state.slots] == [expected, expected]
    # The average is no slot: it moves by less than the variable does.
    assert state.average.dtype.name == {"float64": "float64"}.get(dtype, "float32")


def test_16_bit_slots_leave_nothing_beside_the_variable() -> None:
    """Who lowers the dtype of the slots saves memory, and gets the rounding."""
    built = module_class("gradient_descent")(slot_dtype="bfloat16")
    variable = tf.Variable(tf.ones([4], tf.bfloat16))
    built.apply([tf.ones([4], tf.bfloat16)], [variable])
    assert [name for name in built._saved.by_name if "/" in name] == []


def test_duplicates_in_float16_are_summed_in_float32() -> None:
    """In float16, adding 1 to 2048 changes nothing."""
    variable = tf.Variable(tf.zeros([3, 1], tf.float16))
    gradient = tf.IndexedSlices(tf.ones([4096, 1], tf.float16), tf.fill([4096], 1))
    keras_class("gradient_descent")(learning_rate=1.0).apply([gradient], [variable])
    np.testing.assert_array_equal(variable.numpy()[:, 0], [0, -4096, 0])


def test_scalars_are_computed_in_float64() -> None:
    """1 - 0.999 is off by 1e-5 in float32; in float64 variables nothing of that arrives."""
    variable = tf.Variable(tf.zeros([], tf.float64))
    built = module_class("adam")(learning_rate=0.1, beta_1=0.9, beta_2=0.999)
    built.apply([tf.ones([], tf.float64)], [variable])
    (slots,) = (state.slots for state in built._core.states)
    assert float(slots.v) == 1 - 0.999
    assert float(slots.m) == 1 - 0.9
    assert float(variable) == pytest.approx(-0.1 / (1 + 1e-7), rel=1e-15)


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_gradients_of_another_dtype(kind: str, dtype: str) -> None:
    results = []
    for gradient_dtype in ("float32", dtype):
        variable, built = start(), CLASSES[kind]("adam")(jit_compile=False)
        built.apply([tf.ones([6, 4], gradient_dtype)], [variable])
        built.apply([rows(np.ones((6, 4), np.float32), IDS)], [variable])
        results.append(state_of(built))
    assert_same(*results)


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("dtype", ["complex64", "int32", "bool"])
def test_variables_that_are_not_real_are_refused(kind: str, dtype: str) -> None:
    variables = [start(), tf.Variable(tf.cast([1, 0], dtype), name="odd")]
    built = CLASSES[kind]("adam")()
    for _ in range(2):
        with pytest.raises(ValueError, match=f"odd has dtype {dtype}; only real"):
            built.build(variables)
    built.apply([tf.ones([6, 4])], variables[:1])


@pytest.mark.parametrize("kind", CLASSES)
def test_complex_gradients_are_refused(kind: str) -> None:
    with pytest.raises(ValueError, match=r"the gradient of .* is complex"):
        CLASSES[kind]("adam")().apply([tf.ones([6, 4], tf.complex64)], [start()])


@pytest.mark.parametrize("jit", [True, False])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_bad_element_spoils_itself_only(bad: float, jit: bool) -> None:
    """For each rule without reductions over the gradient."""
    gradient = np.ones((6, 4), np.float32)
    gradient[2, 1] = bad
    for spec in ("adam", "adagrad", "nesterov"):
        results = []
        for each in (gradient, np.ones((6, 4), np.float32)):
            variable, built = start(), keras_class(spec)(jit_compile=jit)
            built.apply([tf.constant(each)], [variable])
            results.append(variable.numpy())
        spoilt = results[0] != results[1]
        assert not np.isfinite(results[0][2, 1]) or np.isinf(bad)
        spoilt[2, 1] = False
        assert not spoilt.any(), spec


def test_every_slot_of_the_library_is_in_the_compute_dtype() -> None:
    for spec in SPECS:
        built = keras_class(spec)()
        built.build([start(dtype="bfloat16")])
        (state,) = built._core.states
        assert {slot.dtype.name for slot in state.slots} <= {"float32"}
        case = Reference(optimizer(spec)).case_of(tuple(state.param.shape))
        assert len(state.slots) == len(case.own_slots)
        assert {slot.dtype.name for slot in built._core.globals} <= {"float64"}
