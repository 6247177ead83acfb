"""`loss` as a value of the step: from `minimize`, from `apply` and in `fit`; both classes alike."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from optdsl.interpreter import Reference
from support.specs import keras_class, module_class
from support.steps import Array, binary, state_of
from support.trials import PATHS, loaded

TEXT = """optimizer Polyak:
    hyper learning_rate = 0.5 in (0, inf)
    hyper least         = 0.0

    slot best: scalar = 1e30

    step:
        best  <- min(best, loss)
        gap   = max(loss - min(least, best), 0)
        size_ = sum(grad^2) + 1e-6
        param <- param - min(learning_rate, gap / size_) * grad
"""

CLASSES = ("Polyak", "PolyakModule")
LOSSES = (0.75, 0.5, 2.0, -0.25)


def made(name: str, **options: Any) -> Any:
    return getattr(loaded(TEXT)[1], name)(**options)


def quadratic(variables: list[tf.Variable]) -> tf.Tensor:
    """A loss whose gradient is exact."""
    return tf.add_n([tf.reduce_sum(tf.square(each - 0.25)) for each in variables])


def two() -> list[tf.Variable]:
    return [tf.Variable(binary((3, 2), 1)), tf.Variable(binary((4,), 2))]


def assert_same(one: list[Any], other: list[Any]) -> None:
    for first, second in zip(one, other, strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("path", ["eager", "XLA"])
@pytest.mark.parametrize("name", CLASSES)
def test_apply_with_a_loss_is_what_the_reference_says(name: str, path: str) -> None:
    optimizer, variable = made(name), tf.Variable(binary((3, 2), 0), dtype=tf.float64)
    reference = Reference(loaded(TEXT)[0])
    state = reference.init(variable.numpy(), "float64")
    optimizer.build([variable])
    step = PATHS[path](lambda grad, loss: optimizer.apply([grad], [variable], loss=loss))
    for t, loss in enumerate(LOSSES, start=1):
        grad = binary((3, 2), t).astype(np.float64)
        step(tf.constant(grad), tf.constant(loss))
        state = reference.step(state, grad, loss=loss)
        for kept, bound in {"param": state.param, **state.slots}.items():
            assert bound.contains(state_of(optimizer)[kept]).all(), (kept, t)


@pytest.mark.parametrize("options", [{}, {"loss_scale_factor": 4.0}])
@pytest.mark.parametrize("name", CLASSES)
def test_minimize_takes_gradients_and_gives_the_loss(name: str, options: dict[str, Any]) -> None:
    """`loss` is that without the scale, whose gradients these are."""
    one, other = two(), two()
    minimizes, applies = made(name, **options), made(name)
    minimizes.build(one)
    for number in range(3):
        given = () if number else (one,)
        loss = minimizes.minimize(lambda: quadratic(one), *given)
        with tf.GradientTape() as tape:
            expected = quadratic(other)
        applies.apply(tape.gradient(expected, other), other, loss=expected)
        assert float(loss) == float(expected)
    assert_same(one, other)
    assert int(minimizes.iterations) == 3


@pytest.mark.parametrize("name", CLASSES)
def test_minimize_in_a_function(name: str) -> None:
    eager, compiled = two(), two()
    optimizers = made(name), made(name)
    optimizers[1].build(compiled)
    step = tf.function(lambda: optimizers[1].minimize(lambda: quadratic(compiled), compiled))
    for _ in range(3):
        loss = optimizers[0].minimize(lambda: quadratic(eager), eager)
        assert float(step()) == float(loss)
    assert_same(eager, compiled)


@pytest.mark.parametrize("make", [keras_class, module_class])
def test_a_rule_that_reads_no_loss_can_be_minimized_too(make: Any) -> None:
    one, other = two(), two()
    optimizers = [make("adam")(0.125) for _ in (1, 2)]
    optimizers[0].minimize(lambda: quadratic(one), one)
    with tf.GradientTape() as tape:
        loss = quadratic(other)
    pairs = zip(tape.gradient(loss, other), other, strict=True)
    optimizers[1].apply_gradients(pairs, loss=loss)  # which nothing reads
    assert_same(one, other)


@pytest.mark.parametrize("name", CLASSES)
def test_micro_batches_have_a_mean(name: str, tmp_path: Path) -> None:
    """The state that is saved between them has the sum so far."""
    whole, parts = made(name), made(name, gradient_accumulation_steps=2)
    one, other = tf.Variable([1.0, -1.0]), tf.Variable([1.0, -1.0])
    grads = [tf.constant([0.5, 0.25]), tf.constant([0.25, -0.5])]
    for losses in ((1.0, 0.5), (0.25, 2.0)):
        whole.apply([(grads[0] + grads[1]) / 2], [one], loss=sum(losses) / 2)
        parts.apply([grads[0]], [other], loss=losses[0])
        path = tf.train.Checkpoint(optimizer=parts).save(str(tmp_path / "between"))
        parts = made(name, gradient_accumulation_steps=2)
        if losses[0] == 1:  # restored before there are variables, and after
            parts.build([other])
        tf.train.Checkpoint(optimizer=parts).restore(path)
        parts.build([other])
        parts.apply([grads[1]], [other], loss=losses[1])
        np.testing.assert_array_equal(one, other)
        assert float(whole.slots["best"][0]) == float(parts.slots["best"][0])


@pytest.mark.parametrize("name", CLASSES)
def test_a_loss_that_is_not_finite_can_be_skipped(name: str) -> None:
    optimizer, variable = made(name, skip_nonfinite=True), tf.Variable([1.0])
    optimizer.apply([tf.ones([1])], [variable], loss=float("nan"))
    assert (float(variable[0]), int(optimizer.iterations)) == (1, 0)
    optimizer.apply([tf.ones([1])], [variable], loss=1.0)
    assert int(optimizer.iterations) == 1


@pytest.mark.parametrize("name", CLASSES)
def test_what_is_refused(name: str) -> None:
    optimizer, variable = made(name), tf.Variable([1.0])
    match = r"Polyak reads the loss, and this step has none: call `minimize\(loss_fn, variables\)`"
    with pytest.raises(ValueError, match=match):
        optimizer.apply([tf.ones([1])], [variable])
    for loss, got in (
        (tf.ones([3]), r"float32 of shape \(3,\)"),
        (tf.constant(1 + 2j), r"complex128 of shape \(\)"),
        ("small", "'small'"),
        (True, "True"),
    ):
        with pytest.raises(ValueError, match=f"the loss must be one real number, got {got}"):
            optimizer.apply([tf.ones([1])], [variable], loss=loss)
    with pytest.raises(ValueError, match="that computes the loss, not EagerTensor"):
        optimizer.minimize(tf.ones([]), [variable])
    with pytest.raises(ValueError, match="call `build` with them first"):
        made(name).minimize(lambda: tf.ones([]))
    with pytest.raises(ValueError, match=r"none of the variables has a gradient|No gradients"):
        optimizer.minimize(lambda: tf.ones([]), [variable])
    assert (float(variable[0]), int(optimizer.iterations)) == (1, 0)


# --- fit -----------------------------------------------------------------------------------------

X = np.random.default_rng(0).normal(size=(32, 3)).astype(np.float32)
Y = X.sum(axis=1, keepdims=True)


def network() -> keras.Model:
    keras.utils.clear_session()
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(2), keras.layers.Dense(1)])


@cache
def looped() -> list[Array]:
    """Two epochs in a loop of one's own."""
    model, optimizer = network(), made("PolyakModule")
    for _ in range(2):
        for at in range(0, 32, 8):
            x, y = X[at : at + 8], Y[at : at + 8]
            optimizer.minimize(
                lambda x=x, y=y: tf.reduce_mean(tf.square(model(x) - y)),
                model.trainable_variables,
            )
    weights: list[Array] = model.get_weights()
    return weights


@pytest.mark.parametrize(
    "compiled",
    [
        {"jit_compile": True},
        {"jit_compile": False, "steps_per_execution": 2},
        {"run_eagerly": True},
    ],
    ids=["XLA", "several steps in one", "eager"],
)
def test_fit_hands_it_over(compiled: dict[str, Any]) -> None:
    options = {"loss_scale_factor": 8.0} if compiled.get("run_eagerly") else {}
    model = network()
    model.compile(made("Polyak", **options), "mse", **compiled)
    model.fit(X, Y, 8, epochs=2, shuffle=False, verbose=0)
    for one, other in zip(model.get_weights(), looped(), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-5)


def test_fit_cannot_hand_it_over_through_a_loss_scale() -> None:
    model = network()
    model.compile(keras.optimizers.LossScaleOptimizer(made("Polyak")), "mse", jit_compile=False)
    with pytest.raises(ValueError, match="compile with `auto_scale_loss=False`"):
        model.fit(X, Y, 8, verbose=0)


def test_the_reference_needs_it() -> None:
    reference = Reference(loaded(TEXT)[0])
    with pytest.raises(ValueError, match="Polyak reads the loss: give `loss`"):
        reference.step(reference.init(1.0), 1.0)
