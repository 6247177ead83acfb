"""Gradients of any kind: they are taken, or one sentence names the variable; both classes alike."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from support.steps import CLASSES, IDS, TOUCHED, UNTOUCHED, binary, rows, start, train

SPECS = ["adam", "lazy_adam", "adagrad", "novograd"]
"""Written out, lazy, on rows alone, and with a slot for all rows."""


def table(shape: tuple[int | None, ...] = (6, 4), name: str = "words") -> tf.Variable:
    known = [size or 6 for size in shape] if None in shape else shape
    return tf.Variable(tf.ones(known), shape=shape, name=name)


def apply(kind: str, spec: str, gradient: Any, variable: tf.Variable, **options: Any) -> Any:
    optimizer = CLASSES[kind](spec)(jit_compile=False, **options)
    optimizer.apply([gradient], [variable])
    return optimizer


# --- gradients of rows ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("shape", [(), (None, 4)])
def test_rows_of_what_has_no_known_number_of_rows(kind: str, shape: tuple[int | None, ...]) -> None:
    """0.1.0: `tuple index out of range`, and `None values not supported`."""
    values = tf.ones([1, *shape[1:]])
    for spec in SPECS:
        with pytest.raises(ValueError, match=r"gradient of words:0 is an IndexedSlices, for a var"):
            apply(kind, spec, tf.IndexedSlices(values, tf.constant([0])), table(shape))


@pytest.mark.parametrize("kind", CLASSES)
def test_dense_gradients_of_what_has_no_known_number_of_rows(kind: str) -> None:
    results = []
    for shape in ((6, 4), (None, 4)):
        variable = table(shape)
        apply(kind, "adam", tf.constant(binary((6, 4), 0)), variable)
        results.append(variable.numpy())
    np.testing.assert_array_equal(*results)


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("steps", [None, 2])
def test_a_table_of_no_rows(kind: str, spec: str, steps: int | None) -> None:
    """0.1.0: `indices[0] = 0 is not in [0, 0)` where a step is on rows alone."""
    empty, bias = table((0, 4)), tf.Variable(0.0)
    optimizer = CLASSES[kind](spec)(jit_compile=False, gradient_accumulation_steps=steps)
    nothing = tf.IndexedSlices(tf.zeros([0, 4]), tf.zeros([0], tf.int64))
    for _ in range(2):
        optimizer.apply([nothing, tf.constant(1.0)], [empty, bias])
    assert empty.shape == (0, 4)
    assert float(bias.numpy()) < 0
    for slots in optimizer.slots.values():
        assert np.isfinite(slots[0].numpy()).all()
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"words:0 .* ids in \[0, 0\)"):
        apply(kind, spec, tf.IndexedSlices(tf.ones([1, 4]), tf.constant([0])), table((0, 4)))


@pytest.mark.parametrize("kind", CLASSES)
def test_a_table_of_no_rows_under_xla(kind: str) -> None:
    empty, bias = table((0, 4)), tf.Variable(0.0)
    nothing = tf.IndexedSlices(tf.zeros([0, 4]), tf.zeros([0], tf.int64))
    CLASSES[kind]("lazy_adam")().apply([nothing, tf.constant(1.0)], [empty, bias])
    assert float(bias.numpy()) < 0


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("spec", SPECS)
def test_ids_that_are_not_integers(kind: str, spec: str) -> None:
    """0.1.0: a lazy step took 1.5 for 1, in silence."""
    variable = table()
    for ids in (tf.constant([1.5]), tf.constant([True])):
        with pytest.raises(ValueError, match=r"gradient of words:0 must have one integer id for "):
            apply(kind, spec, tf.IndexedSlices(tf.ones([1, 4]), ids), variable)
    np.testing.assert_array_equal(variable.numpy(), 1)


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint32", "int32"])
@pytest.mark.parametrize("steps", [None, 2])
def test_ids_of_any_integer_dtype(kind: str, dtype: str, steps: int | None) -> None:
    """0.1.0: `segment_ids has DataType int8 not in list of allowed values`."""
    values = tf.constant(binary((6, 4), 0))
    options: dict[str, Any] = {"jit_compile": False, "gradient_accumulation_steps": steps}
    results = []
    for ids in (tf.constant(IDS, dtype), tf.constant(IDS, tf.int64)):
        gradients = [tf.IndexedSlices(values, ids)] * 2
        results.append(train(kind, "lazy_adam", gradients, **options))
    for name, value in results[0].items():
        np.testing.assert_array_equal(value, results[1][name])
    moved = (results[0]["param"] != start().numpy()).any(axis=1)
    assert not moved[UNTOUCHED].any()
    assert moved[TOUCHED].any()


@pytest.mark.parametrize("kind", CLASSES)
def test_rows_and_ids_of_different_numbers(kind: str) -> None:
    """0.1.0: `Shapes (1,) and (2,) are not compatible`, of whatever."""
    wrong = tf.IndexedSlices(np.ones((2, 4), np.float32), np.array([1]))
    with pytest.raises(ValueError, match=r"gradient of words:0 has rows of shape \(2, 4\) for ids"):
        apply(kind, "adam", wrong, table())


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("mode", ["exact", "lazy"])
def test_padded_ids_inside_somebodys_xla(kind: str, mode: str) -> None:
    """As the documentation shows: the id -1 touches no row; two numbers of ids are one there."""
    variables, traced = [start(), start()], []
    padding, plain = (CLASSES[kind]("lazy_adam")(sparse_mode=mode) for _ in range(2))
    padding.build(variables[:1])

    @tf.function(jit_compile=True)
    def step(values: Any, ids: Any) -> None:
        traced.append(ids.shape)
        padding.apply([tf.IndexedSlices(values, ids)], variables[:1])

    for count in (3, 5):
        values, ids = binary((count, 4), count), IDS[:count]
        more = 16 - count
        step(np.pad(values, [(0, more), (0, 0)]), np.pad(ids, (0, more), constant_values=-1))
        plain.apply([rows(values, ids)], variables[1:])
    assert traced == [(16,)]
    np.testing.assert_array_equal(variables[0].numpy(), variables[1].numpy())


# --- gradients that are something else -----------------------------------------------------------


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize(
    ("gradient", "what"),
    [
        (tf.fill([6, 4], True), "is bool, not real"),
        (tf.fill([6, 4], "1"), "is string, not real"),
        (tf.fill([6, 4], 1j), "is complex128, not real"),
        (tf.sparse.from_dense(tf.ones([6, 4])), "must be a tensor or an IndexedSlices, got Sparse"),
        (object(), "must be a tensor or an IndexedSlices, got object"),
        ("text", "is string, not real"),
    ],
    ids=["bool", "text tensor", "complex", "sparse tensor", "object", "text"],
)
def test_gradients_that_cannot_be_taken(kind: str, gradient: Any, what: str) -> None:
    """0.1.0: True was taken for 1, text was `Cast string to float is not supported`."""
    with pytest.raises(ValueError, match=f"^the gradient of words:0 {what}"):
        apply(kind, "adam", gradient, table())


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("skip", [False, True])
def test_whole_numbers_as_gradients(kind: str, skip: bool) -> None:
    variables = [table(), table()]
    for variable, dtype in zip(variables, (tf.int32, tf.float32), strict=True):
        apply(kind, "adam", tf.fill([6, 4], tf.cast(3, dtype)), variable, skip_nonfinite=skip)
    np.testing.assert_array_equal(variables[0].numpy(), variables[1].numpy())


# --- gradients and variables ---------------------------------------------------------------------


@pytest.mark.parametrize("kind", CLASSES)
def test_nothing_to_apply(kind: str) -> None:
    """0.1.0: `not enough values to unpack`; the module asked for `build`. No step, as in Keras."""
    optimizer = CLASSES[kind]("adam")()
    optimizer.apply([])
    optimizer.apply([], [])
    optimizer.apply_gradients([])
    optimizer.apply_gradients(zip([], [], strict=True))
    assert int(optimizer.iterations) == 0
    variable = start()
    optimizer.build([variable])
    optimizer.apply([])
    assert int(optimizer.iterations) == 0
    with pytest.raises(ValueError, match="got 0 gradients for 1 variables"):
        optimizer.apply([], [variable])


@pytest.mark.parametrize("kind", CLASSES)
def test_variables_before_gradients(kind: str) -> None:
    """0.1.0: `Tensor.name is undefined when eager execution is enabled`."""
    optimizer, variable, gradient = CLASSES[kind]("adam")(), start(), tf.ones([6, 4])
    match = "EagerTensor is not a variable: gradients come first, then variables"
    for wrong in (
        lambda: optimizer.apply([variable], [gradient]),
        lambda: optimizer.apply_gradients([(variable, gradient)]),
        lambda: optimizer.build([gradient]),
    ):
        with pytest.raises(ValueError, match=match):
            wrong()
    with pytest.raises(ValueError, match="give a list of variables, not one variable alone"):
        optimizer.apply(gradient, variable)
    with pytest.raises(ValueError, match=r"give \(gradient, variable\) pairs, not EagerTensor"):
        optimizer.apply_gradients([gradient, variable])
    with pytest.raises(ValueError, match=r"str is not a variable$"):
        optimizer.apply([gradient], ["kernel"])


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("make", [tf.Variable, keras.Variable])
def test_other_variables_than_at_build(kind: str, make: Any) -> None:
    """0.1.0: their values, all of them, or no name."""
    optimizer = CLASSES[kind]("adam")()
    optimizer.build([start()])
    other = make(np.zeros((6, 4), np.float32), name="other")
    with pytest.raises(ValueError, match=r"^`build` was for other variables than other$"):
        optimizer.apply([tf.ones([6, 4])], [other])


# --- what is not finite --------------------------------------------------------------------------


@pytest.fixture
def checked_numerics() -> Iterator[None]:
    tf.debugging.enable_check_numerics()
    yield
    tf.debugging.disable_check_numerics()


@pytest.mark.usefixtures("checked_numerics")
@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("wrap", [lambda step: step, tf.function], ids=["eager", "function"])
def test_skip_nonfinite_where_tensorflow_checks_all_numbers(kind: str, wrap: Any) -> None:
    """0.1.0: `Detected Infinity or NaN in output 0 of graph op "EnsureShape"`."""
    optimizer, variables = (
        CLASSES[kind]("lazy_adam")(skip_nonfinite=True, jit_compile=False),
        [
            start(),
            start((3,)),
        ],
    )
    optimizer.build(variables)
    step = wrap(lambda grads: optimizer.apply(grads, variables))
    bad = binary((6, 4), 0)
    bad[3, 2] = np.nan
    step([rows(bad), tf.ones([3])])
    step([rows(binary((6, 4), 0)), tf.constant([1, np.inf, 1])])
    np.testing.assert_array_equal(variables[0].numpy(), start().numpy())
    assert int(optimizer.iterations) == 0
    step([rows(binary((6, 4), 0)), tf.ones([3])])
    assert int(optimizer.iterations) == 1


@pytest.mark.parametrize("kind", CLASSES)
def test_skip_nonfinite_where_the_sum_of_rows_overflows(kind: str) -> None:
    """The rows are finite, their sum is not: the step still does nothing."""
    huge = tf.IndexedSlices(tf.fill([2, 4], 3e38), tf.constant([1, 1]))
    for spec in ("adam", "lazy_adam"):
        variable = table()
        optimizer = apply(kind, spec, huge, variable, skip_nonfinite=True)
        np.testing.assert_array_equal(variable.numpy(), 1)
        assert int(optimizer.iterations) == 0
