"""Training: `fit` in each of its modes, loops of one's own, replicas; both classes alike."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import optdsl
from support.processes import outputs
from support.specs import SPECS, keras_class, module_class
from support.steps import CLASSES, IDS, Array, assert_same, binary, dense, rows, start, state_of

GENERATOR = np.random.default_rng(0)
WORDS = GENERATOR.integers(0, 40, size=(64, 5)).astype(np.int32)
FEATURES = GENERATOR.normal(size=(64, 5)).astype(np.float32)
TARGETS = (WORDS.sum(axis=1, keepdims=True) / 100).astype(np.float32)

MODES: dict[str, dict[str, Any]] = {
    "xla": {"jit_compile": True},
    "graph": {"jit_compile": False},
    "auto": {"jit_compile": "auto"},
    "eager": {"run_eagerly": True, "jit_compile": False},
}


def network(kind: str, *, built: bool = True) -> keras.Model:
    """A small model, the same each time. Unless `built`, `fit` makes its variables."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(0)
    layers: list[Any] = [keras.layers.Dense(8, activation="tanh"), keras.layers.Dense(1)]
    if kind == "embedding":
        layers = [keras.layers.Embedding(40, 4), keras.layers.Flatten(), *layers]
    if built:
        layers = [keras.Input((5,), dtype="int32" if kind == "embedding" else None), *layers]
    return keras.Sequential(layers)


def inputs(kind: str) -> Array:
    return WORDS if kind == "embedding" else FEATURES


def trained(kind: str, optimizer: Any, mode: str, *, built: bool = True) -> list[Array]:
    """The weights after two epochs of four batches; the loss must have gone down."""
    model = network(kind, built=built)
    model.compile(optimizer, "mse", **MODES[mode])
    fitted = model.fit(inputs(kind), TARGETS, 16, epochs=2, shuffle=False, verbose=0)
    first, last = fitted.history["loss"]
    assert last < first
    weights: list[Array] = model.get_weights()
    return weights


def loop(kind: str, optimizer: Any, wrapped: Callable[[Any], Any]) -> list[Array]:
    """The same training in a loop of one's own."""
    model = network(kind)
    optimizer.build(model.trainable_variables)

    @wrapped
    def step(x: Any, y: Any) -> None:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(model(x, training=True) - y))
        gradients = tape.gradient(loss, [each.value for each in model.trainable_variables])
        optimizer.apply(gradients, model.trainable_variables)

    for _ in range(2):
        for at in range(0, 64, 16):
            batch = slice(at, at + 16)
            step(tf.constant(inputs(kind)[batch]), tf.constant(TARGETS[batch]))
    weights: list[Array] = model.get_weights()
    return weights


def assert_close(one: list[Array], other: list[Array]) -> None:
    """Equal up to the order of sums, which XLA is free to change."""
    for first, second in zip(one, other, strict=True):
        np.testing.assert_allclose(first, second, rtol=0, atol=2e-5)


@pytest.mark.parametrize(
    ("spec", "kind", "built"),
    [("amsgrad", "dense", True), ("lazy_adam", "embedding", True), ("adagrad", "embedding", False)],
)
def test_fit_in_every_mode(spec: str, kind: str, built: bool) -> None:
    """All modes give the same weights, and the same as a loop with the module.

    A model without an input layer has no variables before its first step is traced.
    """
    rate = 2.0**-5
    expected = loop(kind, module_class(spec)(rate, epsilon=1e-3), tf.function)
    for mode in MODES:
        weights = trained(kind, keras_class(spec)(rate, epsilon=1e-3), mode, built=built)
        assert_close(weights, expected)


FROM_PARAM = '''optimizer FromParam:
    """Steps from a point that starts at the variable."""

    hyper learning_rate = 0.125 in [0, inf) "Step size."

    slot z = param "The point."

    step:
        z     <- z - learning_rate * grad
        param <- z
'''


@pytest.mark.parametrize("mode", MODES)
def test_slots_that_start_at_a_variable_that_fit_makes(tmp_path: Path, mode: str) -> None:
    (tmp_path / "from_param.opt").write_text(FROM_PARAM)
    optimizer = optdsl.load(tmp_path / "from_param.opt").FromParam(0.0)
    model = network("dense", built=False)
    model.compile(optimizer, "mse", **MODES[mode])
    model.fit(FEATURES, TARGETS, 16, shuffle=False, verbose=0)
    before = network("dense").get_weights()
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("mode", ["xla", "graph"])
def test_fit_with_every_option(mode: str) -> None:
    """Averages, accumulation, both decays and clipping; the end overwrites the variables."""
    options: dict[str, Any] = {
        "use_ema": True,
        "gradient_accumulation_steps": 2,
        "global_clipnorm": 0.5,
        "weight_decay": 0.01,
        "loss_scale_factor": 8.0,
        "skip_nonfinite": True,
    }
    optimizer = keras_class("lazy_adam")(2.0**-5, **options)
    weights = trained("embedding", optimizer, mode)
    assert int(optimizer.iterations) == 4
    for index, value in enumerate(weights):
        np.testing.assert_array_equal(value, state_of(optimizer, index)["moving average"])


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "bfloat16"])
def test_fit_in_16_bits(policy: str) -> None:
    """Keras wraps the optimizer in one that scales the loss under mixed_float16."""
    keras.config.set_dtype_policy(policy)
    try:
        trained("embedding", keras_class("adam")(2.0**-5), "graph")
    finally:
        keras.config.set_dtype_policy("float32")


def test_step_sizes_from_a_callback() -> None:
    """`fit` has compiled its step before the callback assigns: the step size 0 must count."""
    model = network("dense")
    model.compile(keras_class("gradient_descent")(0.125), "mse", jit_compile=True)
    weights: list[list[Array]] = [model.get_weights()]

    recorder = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda *_: weights.append(model.get_weights())
    )
    rates = [0.125, 0.0, 0.0]
    scheduler = keras.callbacks.LearningRateScheduler(rates.__getitem__)
    model.fit(FEATURES, TARGETS, epochs=3, verbose=0, callbacks=[scheduler, recorder])
    for before, first, second, third in zip(*weights, strict=True):
        assert (before != first).any()
        np.testing.assert_array_equal(first, second)
        np.testing.assert_array_equal(first, third)


def test_several_steps_in_one_call() -> None:
    results = []
    for steps in (1, 4):
        model = network("embedding")
        model.compile(
            keras_class("adagrad")(0.125), "mse", jit_compile=False, steps_per_execution=steps
        )
        model.fit(WORDS, TARGETS, 16, epochs=2, shuffle=False, verbose=0)
        results.append(model.get_weights())
    assert_close(*results)


# --- both classes --------------------------------------------------------------------------------

WRAPPED: dict[str, Callable[[Any], Any]] = {
    "eager": lambda step: step,
    "function": tf.function,
    "xla": tf.function(jit_compile=True),
}
OPTIONS: dict[str, Any] = {
    "use_ema": True,
    "ema_overwrite_frequency": 2,
    "gradient_accumulation_steps": 2,
    "global_clipnorm": 0.5,
    "loss_scale_factor": 4.0,
}


def steps_of(kind: str, spec: str, wrapped: str, dtype: str, **options: Any) -> list[Any]:
    """Four steps of two variables, one with a sparse gradient, with arbitrary numbers."""
    optimizer = CLASSES[kind](spec)(2.0**-6, **options)
    variables = [start(dtype=dtype), start((3, 5), dtype)]
    optimizer.build(variables)

    @WRAPPED[wrapped]
    def step(values: Any, ids: Any, gradient: Any) -> None:
        optimizer.apply([tf.IndexedSlices(values, ids), gradient], variables)

    for seed in range(4):
        generator = np.random.default_rng(seed)
        drawn = [tf.cast(generator.normal(size=shape), dtype) for shape in ((6, 4), (3, 5))]
        step(drawn[0], tf.constant(IDS, tf.int64), drawn[1])
    return [state_of(optimizer, index) for index in range(2)]


@pytest.mark.parametrize("wrapped", WRAPPED)
@pytest.mark.parametrize(
    ("spec", "dtype", "options"),
    [("amsgrad", "float32", {}), ("adagrad", "float64", {}), ("lazy_adam", "bfloat16", OPTIONS)],
    ids=["amsgrad", "adagrad", "lazy_adam"],
)
def test_the_classes_agree_to_the_bit(
    spec: str, dtype: str, options: dict[str, Any], wrapped: str
) -> None:
    results = [steps_of(kind, spec, wrapped, dtype, **options) for kind in CLASSES]
    for one, other in zip(*results, strict=True):
        assert_same(one, other)


@pytest.mark.parametrize("spec", SPECS)
def test_the_classes_agree_to_the_bit_for_every_rule(spec: str) -> None:
    results = [steps_of(kind, spec, "function", "float32", jit_compile=False) for kind in CLASSES]
    for one, other in zip(*results, strict=True):
        assert_same(one, other)


@pytest.mark.parametrize("spec", ["adam", "adagrad", "lazy_adam", "rowwise_adagrad"])
def test_sparse_steps_inside_somebodys_xla(spec: str) -> None:
    """The dense gradient gives the same there; under `lazy`, with the other rows as before."""
    results = []
    for gradient in (rows, dense):
        optimizer, variable = keras_class(spec)(2.0**-6, sparse_mode="exact"), start()
        optimizer.build([variable])

        @tf.function(jit_compile=True)
        def step(gradient: Any, optimizer: Any, variable: Any) -> None:
            optimizer.apply([gradient], [variable])

        for seed in range(3):
            step(gradient(binary((6, 4), seed)), optimizer, variable)
        results.append(state_of(optimizer))
    assert_same(*results)


# --- replicas ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mirrored() -> str:
    """What support/replicas.py printed: TensorFlow splits the CPU only when it starts."""
    (printed,) = outputs([(["-m", "support.replicas"], {})])
    return printed


@pytest.mark.parametrize(
    "case",
    [
        "keras: dense",
        "keras: sparse, exact",
        "keras: sparse, lazy",
        "keras: sums",
        "keras: sums, lazy",
        "keras: every option",
        "module: dense",
        "module: sparse, exact",
        "module: sparse, lazy",
        "module: sums",
        "module: sums, lazy",
        "module: every option",
        "keras: evaluated",
        "module: evaluated",
        "keras: losses",
        "module: losses",
        "fit",
        "checkpoint",
    ],
)
def test_two_replicas_are_one(mirrored: str, case: str) -> None:
    assert f"{case}: equal\n" in mirrored


@pytest.mark.parametrize("kind", CLASSES)
def test_a_step_of_one_replica_alone_is_refused(mirrored: str, kind: str) -> None:
    assert f"{kind}: outside: refused\n" in mirrored


@pytest.mark.parametrize("case", [*CLASSES, "fit"])
def test_an_optimizer_from_outside_the_scope_is_refused(mirrored: str, case: str) -> None:
    """0.1.0 updated one replica of two, in silence."""
    assert f"{case}: elsewhere: refused\n" in mirrored


@pytest.mark.parametrize("kind", CLASSES)
def test_build_finds_its_scope(mirrored: str, kind: str) -> None:
    """Under 0.1.0 the first step failed, far from the reason."""
    assert f"{kind}: built outside: mirrored\n" in mirrored
