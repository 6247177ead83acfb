"""Sparse gradients: what the dense gradient gives, or only the rows that are named.

Where results are compared to the bit, the gradients are multiples of 1/64: then the order in which
duplicates and norms are summed makes no difference, and any difference is a fault.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from support.specs import SPECS
from support.steps import (
    CLASSES,
    IDS,
    SHAPE,
    TOUCHED,
    UNTOUCHED,
    Array,
    assert_same,
    binary,
    dense,
    fill_slots,
    normal,
    rows,
    start,
    state_of,
    train,
)

STEPS = 5
VALUES = [binary((len(IDS), 4), seed) for seed in range(STEPS)]

OPTIONS: dict[str, dict[str, Any]] = {
    "clipnorm": {"clipnorm": 0.5},
    "clipvalue": {"clipvalue": 0.25},
    "global_clipnorm": {"global_clipnorm": 0.5},
    "weight_decay": {"weight_decay": 0.125},
    "ema": {"use_ema": True, "ema_momentum": 0.75, "ema_overwrite_frequency": 2},
    "accumulation": {"gradient_accumulation_steps": 2},
    "loss scale": {"loss_scale_factor": 4.0},
    "skip_nonfinite": {"skip_nonfinite": True},
    "float16 slots": {"slot_dtype": "float16"},
}
TOGETHER: dict[str, dict[str, Any]] = {
    "one update": OPTIONS["clipnorm"]
    | OPTIONS["weight_decay"]
    | OPTIONS["ema"]
    | OPTIONS["loss scale"],
    "accumulated": OPTIONS["global_clipnorm"]
    | OPTIONS["weight_decay"]
    | OPTIONS["ema"]
    | OPTIONS["loss scale"]
    | OPTIONS["accumulation"],
}


def assert_exact(spec: str, **options: Any) -> None:
    """Five sparse steps give, to the bit, what the five dense ones give."""
    options |= {"sparse_mode": "exact", "filled": True}
    sparse = train("keras", spec, [rows(values) for values in VALUES], **options)
    assert_same(sparse, train("keras", spec, [dense(values) for values in VALUES], **options))
    assert (sparse["param"] != start().numpy())[TOUCHED].all()


def assert_lazy(spec: str, **options: Any) -> None:
    """Five sparse steps leave the rows without an id as they were, to the bit."""
    options |= {"sparse_mode": "lazy", "filled": True}
    before = train("keras", spec, [], **options)
    after = train("keras", spec, [rows(values) for values in VALUES], **options)
    if "moving average" in before:  # the first update sets it to the variable
        before["moving average"] = before["param"]
    for name, value in after.items():
        if value.shape[:1] == SHAPE[:1]:
            np.testing.assert_array_equal(value[UNTOUCHED], before[name][UNTOUCHED], err_msg=name)
    assert (after["param"] != before["param"])[TOUCHED].all()


@pytest.mark.parametrize("spec", SPECS)
def test_exact_is_dense(spec: str) -> None:
    assert_exact(spec)


@pytest.mark.parametrize("spec", SPECS)
def test_lazy_touches_no_other_row(spec: str) -> None:
    assert_lazy(spec)


@pytest.mark.parametrize("options", TOGETHER)
@pytest.mark.parametrize("spec", SPECS)
def test_exact_is_dense_with_every_option(spec: str, options: str) -> None:
    assert_exact(spec, jit_compile=False, **TOGETHER[options])


@pytest.mark.parametrize("options", TOGETHER)
@pytest.mark.parametrize("spec", SPECS)
def test_lazy_touches_no_other_row_with_every_option(spec: str, options: str) -> None:
    assert_lazy(spec, jit_compile=False, **TOGETHER[options])


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("spec", ["adagrad", "rowwise_adagrad", "adam"])
def test_exact_is_dense_with_one_option(spec: str, option: str) -> None:
    """Adagrad reaches its rows alone; Adam writes the gradient out."""
    assert_exact(spec, jit_compile=False, **OPTIONS[option])


@pytest.mark.parametrize("option", OPTIONS)
def test_lazy_touches_no_other_row_with_one_option(option: str) -> None:
    assert_lazy("lazy_adam", jit_compile=False, **OPTIONS[option])


@pytest.mark.parametrize("spec", ["adagrad", "adam"])
def test_duplicates_are_summed_in_the_order_of_tensorflow(spec: str) -> None:
    """With arbitrary numbers, the order shows."""
    values = [normal((len(IDS), 4), seed) for seed in range(STEPS)]
    gradients = [
        tf.IndexedSlices(each.values, each.indices, tf.constant(SHAPE, tf.int64))
        for each in map(rows, values)
    ]
    summed = [tf.convert_to_tensor(each) for each in gradients]
    assert_same(train("keras", spec, gradients), train("keras", spec, summed))


def test_duplicates_are_summed_before_they_are_squared() -> None:
    """A row that is named four times, each time with 1, has a gradient of 4."""
    gradient = rows(np.ones((4, 4), np.float32), [2, 2, 2, 2])
    before, after = (train("keras", "adagrad", steps) for steps in ([], [gradient]))
    added = after["accumulator"] - before["accumulator"]
    np.testing.assert_array_equal(added[:, 0], [0, 0, 16, 0, 0, 0])


@pytest.mark.parametrize("spec", ["adagrad", "adam", "lazy_adam", "novograd"])
def test_lazy_is_the_rule_on_the_rows(spec: str) -> None:
    """The rows that are named become what they become in a variable of these rows alone."""
    gradient = binary((3, 4), 0)
    whole, part = start(), tf.Variable(start().numpy()[TOUCHED])
    for variable, grad in (whole, rows(gradient, TOUCHED)), (part, tf.constant(gradient)):
        optimizer = CLASSES["keras"](spec)(sparse_mode="lazy")
        for _ in range(3):
            optimizer.apply([grad], [variable])
    np.testing.assert_array_equal(whole.numpy()[TOUCHED], part.numpy())


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("mode", ["exact", "lazy"])
def test_a_step_without_ids_counts(kind: str, mode: str) -> None:
    """It is one with a zero gradient if it is exact; if lazy, it leaves everything as it was."""
    for spec in ("adam", "adagrad", "novograd"):
        options: dict[str, Any] = {"sparse_mode": mode, "jit_compile": False}
        optimizer = CLASSES[kind](spec)(**options)
        variable = start()
        optimizer.build([variable])
        fill_slots(optimizer)
        optimizer.apply([rows(np.zeros((0, 4), np.float32), [])], [variable])
        assert int(optimizer.iterations) == 1
        zero = [tf.zeros(SHAPE)] if mode == "exact" else []
        assert_same(state_of(optimizer), train(kind, spec, zero, True, **options))


@pytest.mark.parametrize("shape", [(6,), (6, 1), (6, 2, 3)])
@pytest.mark.parametrize("spec", ["adam", "adagrad", "rowwise_adagrad", "adafactor_lite"])
def test_variables_of_every_rank(spec: str, shape: tuple[int, ...]) -> None:
    values = [binary((len(IDS), *shape[1:]), seed) for seed in range(2)]
    results = []
    for gradient in (rows, dense):
        optimizer = CLASSES["keras"](spec)(sparse_mode="exact", jit_compile=False)
        variable = start(shape)
        for each in values:
            optimizer.apply([gradient(each)], [variable])
        results.append(state_of(optimizer))
    assert_same(*results)


def test_dense_and_sparse_variables_in_one_step() -> None:
    """Each variable gets what it gets alone; a common norm counts all of them."""
    options: dict[str, Any] = {"global_clipnorm": 0.5, "jit_compile": False}
    for spec in ("adagrad", "adam", "lazy_adam"):
        results = []
        for gradient in (rows, dense):
            optimizer = CLASSES["keras"](spec)(sparse_mode="exact", **options)
            variables = [start(), start((3,)), start()]
            for values in VALUES:
                grads = [gradient(values), tf.constant(values[0, :3]), gradient(values[::-1])]
                optimizer.apply(grads, variables)
            results.append([state_of(optimizer, index) for index in range(3)])
        for one, other in zip(*results, strict=True):
            assert_same(one, other)


def test_ids_of_both_integer_dtypes() -> None:
    results = []
    for dtype in (tf.int32, tf.int64):
        gradient = tf.IndexedSlices(tf.constant(VALUES[0]), tf.constant(IDS, dtype))
        results.append(train("module", "adagrad", [gradient], jit_compile=False))
    assert_same(*results)


def test_shapes_that_are_not_known_when_a_function_is_traced() -> None:
    optimizer = CLASSES["module"]("adagrad")(jit_compile=False)
    variable = start()
    optimizer.build([variable])

    @tf.function(input_signature=[tf.TensorSpec(None), tf.TensorSpec([None], tf.int64)])
    def step(values: Any, ids: Any) -> None:
        optimizer.apply([tf.IndexedSlices(values, ids)])

    for values in VALUES:
        step(tf.constant(values), tf.constant(IDS, tf.int64))
    expected = train("module", "adagrad", [rows(each) for each in VALUES], jit_compile=False)
    assert_same(state_of(optimizer), expected)


# --- what cannot be ------------------------------------------------------------------------------

PATHS: dict[str, tuple[str, dict[str, Any]]] = {
    "rows": ("adagrad", {}),
    "rows, clipped": ("adagrad", {"global_clipnorm": 0.5}),
    "written out": ("adam", {}),
    "lazy": ("lazy_adam", {}),
    "accumulated": ("adam", {"gradient_accumulation_steps": 2}),
    "accumulated, lazy": ("lazy_adam", {"gradient_accumulation_steps": 2}),
    "skip_nonfinite": ("adagrad", {"skip_nonfinite": True}),
}


def everything(optimizer: Any, variable: tf.Variable) -> list[Array]:
    saved = optimizer._saved.by_name.values()
    return [variable.numpy(), *(each.numpy() for each in saved)]


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("path", PATHS)
def test_ids_out_of_range_raise_and_change_nothing(kind: str, path: str) -> None:
    spec, options = PATHS[path]
    optimizer = CLASSES[kind](spec)(jit_compile=False, **options)
    variable, other = start(), start((2,))
    optimizer.build([variable, other])
    before = everything(optimizer, variable)
    for wrong in (-1, 6, 2**40):
        gradients = [rows(VALUES[0], [1, wrong, 1, 3, 2, 1]), tf.ones([2])]
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"ids in \[0, 6\)"):
            optimizer.apply(gradients, [variable, other])
        for one, after in zip(before, everything(optimizer, variable), strict=True):
            np.testing.assert_array_equal(one, after)
        np.testing.assert_array_equal(other.numpy(), start((2,)).numpy())


@pytest.mark.parametrize("path", PATHS)
def test_ids_out_of_range_inside_xla_touch_no_row(path: str) -> None:
    """Somebody's own XLA function cannot raise: such rows are dropped, and the others right."""
    spec, options = PATHS[path]
    results = []
    for ids in ([1, -1, 6, 3, 2**40, 1, -7], [1, 3, 1]):
        optimizer = CLASSES["keras"](spec)(**options)
        variable = start()
        optimizer.build([variable])
        fill_slots(optimizer)

        @tf.function(jit_compile=True)
        def step(values: Any, ids: Any, optimizer: Any, variable: Any) -> None:
            optimizer.apply([tf.IndexedSlices(values, ids)], [variable])

        for seed in range(2):
            values = binary((7, 4), seed)
            values = values if len(ids) == 7 else values[[0, 3, 5]]
            step(tf.constant(values), tf.constant(ids, tf.int64), optimizer, variable)
        results.append(state_of(optimizer))
    assert_same(*results)


@pytest.mark.parametrize("kind", CLASSES)
def test_rows_and_ids_must_be_as_many(kind: str) -> None:
    optimizer = CLASSES[kind]("adagrad")(jit_compile=False)
    variable = start()

    @tf.function(input_signature=[tf.TensorSpec([None, 4]), tf.TensorSpec([None], tf.int64)])
    def step(values: Any, ids: Any) -> None:
        optimizer.apply([tf.IndexedSlices(values, ids)], [variable])

    with pytest.raises(tf.errors.InvalidArgumentError, match="a row for each id"):
        step(tf.ones([3, 4]), tf.constant([1, 2], tf.int64))
    np.testing.assert_array_equal(variable.numpy(), start().numpy())


@pytest.mark.parametrize("kind", CLASSES)
def test_rows_must_have_the_shape_of_the_variable(kind: str) -> None:
    gradient = rows(np.ones((2, 3), np.float32), [1, 2])
    with pytest.raises(ValueError, match=r"has shape \(2, 3\), not \(None, 4\)"):
        CLASSES[kind]("adagrad")().apply([gradient], [start()])


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("mode", ["exact", "lazy"])
def test_no_ids_in_a_function_of_somebody_elses_that_xla_compiles(kind: str, mode: str) -> None:
    optimizer = CLASSES[kind]("adagrad")(sparse_mode=mode)
    variable = start()
    before = variable.numpy()
    step = tf.function(optimizer.apply, jit_compile=True, autograph=False)
    step([tf.IndexedSlices(tf.zeros([0, 4]), tf.zeros([0], tf.int64))], [variable])
    np.testing.assert_array_equal(variable.numpy(), before)
