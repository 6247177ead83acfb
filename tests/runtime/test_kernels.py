"""100 steps against code that shares nothing with this project: TensorFlow's kernels, the papers.

The independent side runs in float64. In float32 it would be the worse one: `ResourceApplyAdam`
forms 1 - beta_2 in the variable's dtype, which for 0.999 is off by 3e-5. What we generate is
compared with it in float64, and in float32 by way of the reference's enclosure, which must contain
both.

The tolerance in float64: both sides do the same mathematics with at most `ROUNDINGS` roundings a
step in the change of an element, and one in adding it. A relative error in a running mean stays in
it, so errors add up at most linearly with the number of steps, and a second error of relative size
1 / (1 - beta) comes from forming 1 - beta^t. With u = 2^-53, a variable of magnitude X, and changes
of magnitude D a step:

    |difference| <= 2 sides * steps * u * (X + ROUNDINGS * D / (1 - beta))
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from optdsl.interpreter import Reference
from support.specs import OF_PEERS, SPECS, keras_class, module_class, optimizer

Array = NDArray[np.float64]
Hypers = Mapping[str, Any]
Rule = Callable[[Hypers, Array, list[Array]], Iterator[Array]]

STEPS = 100
ROUNDINGS = 40
SHAPE = (6, 4)


def tolerance(trajectory: Array, slowest: float) -> float:
    """See above; `slowest` is the decay rate that is closest to 1."""
    largest = np.abs(trajectory).max()
    change = np.abs(np.diff(trajectory, axis=0)).max()
    return float(2 * STEPS * 2.0**-53 * (largest + ROUNDINGS * change / (1 - slowest)))


def read(variable: tf.Variable) -> Array:
    return np.array(variable.numpy())


def start() -> Array:
    return np.random.default_rng(1).normal(size=SHAPE)


def gradients() -> list[Array]:
    """Of several magnitudes, and some zero: rows that see none, and steps without any."""
    generator = np.random.default_rng(2)
    grads = generator.normal(size=(STEPS, *SHAPE)) * 10.0 ** generator.integers(-3, 3, size=(6, 1))
    grads[:, 4, 1] = 0
    grads[7] = 0
    return list(grads)


# --- TensorFlow's kernels ------------------------------------------------------------------------


def _variables(param: Array, count: int, initial: float = 0.0) -> list[tf.Variable]:
    slots = [tf.Variable(np.full_like(param, initial)) for _ in range(count)]
    return [tf.Variable(param), *slots]


def _apply(kernel: Any, variables: Mapping[str, tf.Variable], **values: Any) -> Array:
    """The variable after a kernel; its numbers go in as float64, and flags as they are."""
    handles = {name: variable.handle for name, variable in variables.items()}
    numbers = {k: v if isinstance(v, bool) else np.float64(v) for k, v in values.items()}
    kernel(**handles, **numbers)
    return read(variables["var"])


def kernel_gradient_descent(h: Hypers, param: Array, grads: list[Array]) -> Iterator[Array]:
    (var,) = _variables(param, 0)
    kernel = tf.raw_ops.ResourceApplyGradientDescent
    for g in grads:
        yield _apply(kernel, {"var": var}, alpha=h["learning_rate"], delta=g)


def kernel_adam(
    h: Hypers, param: Array, grads: list[Array], amsgrad: bool = False
) -> Iterator[Array]:
    """The kernel's epsilon is the paper's "epsilon hat", outside of the second bias correction.

    m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + e), multiplied above and below with
    sqrt(1 - b2^t), is the kernel's form with e * sqrt(1 - b2^t) for epsilon.
    """
    names = ["var", "m", "v", "vhat"] if amsgrad else ["var", "m", "v"]
    variables = dict(zip(names, _variables(param, len(names) - 1), strict=True))
    raw = tf.raw_ops
    kernel = raw.ResourceApplyAdamWithAmsgrad if amsgrad else raw.ResourceApplyAdam
    for t, g in enumerate(grads, start=1):
        b1, b2 = h["beta_1"], h["beta_2"]
        yield _apply(
            kernel,
            variables,
            beta1_power=b1**t,
            beta2_power=b2**t,
            lr=h["learning_rate"],
            beta1=b1,
            beta2=b2,
            epsilon=h["epsilon"] * np.sqrt(1 - b2**t),
            grad=g,
        )


def kernel_amsgrad(h: Hypers, param: Array, grads: list[Array]) -> Iterator[Array]:
    return kernel_adam(h, param, grads, amsgrad=True)


def kernel_amsgrad_clipped(h: Hypers, param: Array, grads: list[Array]) -> Iterator[Array]:
    clipped = [np.clip(g, -h["clip_value"], h["clip_value"]) for g in grads]
    return kernel_adam(h, param, clipped, amsgrad=True)


def kernel_adagrad(h: Hypers, param: Array, grads: list[Array]) -> Iterator[Array]:
    """`ResourceApplyAdagrad` has no epsilon: compared with one too small to be seen."""
    var, accum = _variables(param, 1, h["initial"])
    for g in grads:
        yield _apply(
            tf.raw_ops.ResourceApplyAdagrad,
            {"var": var, "accum": accum},
            lr=h["learning_rate"],
            grad=g,
        )


def kernel_adagrad_v2(h: Hypers, param: Array, grads: list[Array]) -> Iterator[Array]:
    var, accum = _variables(param, 1, h["initial"])
    for g in grads:
        yield _apply(
            tf.raw_ops.ResourceApplyAdagradV2,
            {"var": var, "accum": accum},
            lr=h["learning_rate"],
            epsilon=h["epsilon"],
            grad=g,
        )


def kernel_rmsprop(h: Hypers, param: Array, grads: list[Array]) -> Iterator[Array]:
    names = ["var", "mg", "ms", "mom"] if h["centered"] else ["var", "ms", "mom"]
    variables = dict(zip(names, _variables(param, len(names) - 1), strict=True))
    raw = tf.raw_ops
    kernel = raw.ResourceApplyCenteredRMSProp if h["centered"] else raw.ResourceApplyRMSProp
    for g in grads:
        yield _apply(
            kernel,
            variables,
            lr=h["learning_rate"],
            rho=h["rho"],
            momentum=h["momentum"],
            epsilon=h["epsilon"],
            grad=g,
        )


def kernel_momentum(
    h: Hypers, param: Array, grads: list[Array], nesterov: bool = False
) -> Iterator[Array]:
    """The step size is outside of the kernel's accumulator: the same while it is constant."""
    var, accum = _variables(param, 1)
    for g in grads:
        yield _apply(
            tf.raw_ops.ResourceApplyMomentum,
            {"var": var, "accum": accum},
            lr=h["learning_rate"],
            grad=g,
            momentum=h["momentum"],
            use_nesterov=nesterov,
        )


def kernel_nesterov(h: Hypers, param: Array, grads: list[Array]) -> Iterator[Array]:
    return kernel_momentum(h, param, grads, nesterov=True)


def kernel_keras_momentum(
    h: Hypers, param: Array, grads: list[Array], nesterov: bool = False
) -> Iterator[Array]:
    """accum = momentum * accum - lr * grad: the velocity with its sign as it is added."""
    var, accum = _variables(param, 1)
    momentum = h["beta"] if "beta" in h else h["momentum"]
    for g in grads:
        yield _apply(
            tf.raw_ops.ResourceApplyKerasMomentum,
            {"var": var, "accum": accum},
            lr=h["learning_rate"],
            grad=g,
            momentum=momentum,
            use_nesterov=nesterov,
        )


def kernel_keras_nesterov(h: Hypers, param: Array, grads: list[Array]) -> Iterator[Array]:
    return kernel_keras_momentum(h, param, grads, nesterov=True)


# --- the papers, by hand -------------------------------------------------------------------------


def paper_decaying_sgd(h: Hypers, param: Array, grads: list[Array]) -> Iterator[Array]:
    x, size = param, h["learning_rate"]
    for g in grads:
        size = size * h["rate"]
        x = x - size * g
        yield x


def paper_sgd_clipnorm(h: Hypers, param: Array, grads: list[Array]) -> Iterator[Array]:
    """Pascanu et al., algorithm 1: where |g| >= threshold, g becomes threshold * g / |g|."""
    x = param
    for g in grads:
        length = np.sqrt((g * g).sum())
        clipped = g / length * h["max_norm"] if length >= h["max_norm"] else g
        x = x - h["learning_rate"] * clipped
        yield x


def paper_nesterov(h: Hypers, param: Array, grads: list[Array]) -> Iterator[Array]:
    """In Sutskever's two sequences: theta, and the point looked up, theta + momentum * velocity.

    The gradient is taken at the point looked up, which is what the optimizer's variable holds.
    """
    mu, rate = h["momentum"], h["learning_rate"]
    theta, velocity = param, np.zeros_like(param)
    for g in grads:
        velocity = mu * velocity - rate * g
        theta = theta + velocity
        yield theta + mu * velocity


def paper_adam(h: Hypers, param: Array, grads: list[Array]) -> Iterator[Array]:
    """Kingma and Ba, algorithm 1, with weight decay as in Loshchilov and Hutter, algorithm 2.

    The moments by their closed form, (1 - b) * sum over i of b^(t - i) g_i.
    """
    x, b1, b2 = param, h["beta_1"], h["beta_2"]
    history: list[Array] = []
    for t, g in enumerate(grads, start=1):
        history.append(g)
        age = np.arange(t - 1, -1, -1.0)
        past = np.array(history)
        m = (1 - b1) * np.tensordot(b1**age, past, 1) / (1 - b1**t)
        v = (1 - b2) * np.tensordot(b2**age, past * past, 1) / (1 - b2**t)
        decay = h.get("weight_decay", 0.0)
        x = x - h["learning_rate"] * (m / (np.sqrt(v) + h["epsilon"]) + decay * x)
        yield x


def paper_novograd(h: Hypers, param: Array, grads: list[Array]) -> Iterator[Array]:
    """Ginsburg et al., algorithm 1: v_1 = |g_1|^2 and m_1 = g_1 / sqrt(v_1) + d w."""
    x, b1, b2 = param, h["beta_1"], h["beta_2"]
    v = np.dot(grads[0].ravel(), grads[0].ravel())
    m = grads[0] / (np.sqrt(v) + h["epsilon"]) + h["weight_decay"] * x
    x = x - h["learning_rate"] * m
    yield x
    for g in grads[1:]:
        v = b2 * v + (1 - b2) * np.dot(g.ravel(), g.ravel())
        m = b1 * m + (g / (np.sqrt(v) + h["epsilon"]) + h["weight_decay"] * x)
        x = x - h["learning_rate"] * m
        yield x


def paper_adafactor(h: Hypers, param: Array, grads: list[Array]) -> Iterator[Array]:
    """Shazeer and Stern, algorithm 4, with sums of rows and columns, V = R C / (1^T R)."""
    x, rows, cols = param, np.zeros(SHAPE[0]), np.zeros(SHAPE[1])
    for t, g in enumerate(grads, start=1):
        decay = 1 - t ** -h["decay"]
        squared = g * g + h["epsilon"]
        rows = decay * rows + (1 - decay) * squared.sum(axis=1)
        cols = decay * cols + (1 - decay) * squared.sum(axis=0)
        update = g / np.sqrt(np.outer(rows, cols) / rows.sum())
        rms = np.sqrt((update * update).mean())
        x = x - h["learning_rate"] * update / max(1.0, rms / h["clip_threshold"])
        yield x


def paper_rowwise_adagrad(h: Hypers, param: Array, grads: list[Array]) -> Iterator[Array]:
    x, sums = param.copy(), np.zeros(SHAPE[0])
    for g in grads:
        for row in range(SHAPE[0]):
            sums[row] += np.dot(g[row], g[row]) / SHAPE[1]
            x[row] -= h["learning_rate"] * g[row] / (np.sqrt(sums[row]) + h["epsilon"])
        yield x.copy()


ADAM = {"learning_rate": 1e-2, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}
RMS = {"learning_rate": 1e-3, "rho": 0.9, "momentum": 0.5, "epsilon": 1e-7, "centered": False}
CASES: list[tuple[str, Rule, dict[str, Any], float]] = [
    # specification, independent code, hyperparameters, decay rate that is closest to 1
    ("gradient_descent", kernel_gradient_descent, {"learning_rate": 0.01}, 0.0),
    ("adam", kernel_adam, ADAM, 0.999),
    ("adam", paper_adam, ADAM, 0.999),
    ("adam", paper_adam, ADAM | {"epsilon": 0.1}, 0.999),
    ("lazy_adam", kernel_adam, ADAM | {"epsilon": 0.1}, 0.999),
    ("adamw", paper_adam, ADAM | {"weight_decay": 0.01}, 0.999),
    ("amsgrad", kernel_amsgrad, ADAM, 0.999),
    ("amsgrad_clipped", kernel_amsgrad_clipped, ADAM | {"clip_value": 2.0}, 0.999),
    ("adagrad", kernel_adagrad, {"learning_rate": 0.1, "initial": 0.1, "epsilon": 1e-30}, 0.0),
    ("adagrad", kernel_adagrad_v2, {"learning_rate": 0.1, "initial": 0.1, "epsilon": 1e-3}, 0.0),
    ("rmsprop", kernel_rmsprop, RMS, 0.9),
    ("rmsprop", kernel_rmsprop, RMS | {"centered": True}, 0.9),
    ("momentum", kernel_momentum, {"learning_rate": 0.01, "momentum": 0.9}, 0.9),
    ("momentum", kernel_keras_momentum, {"learning_rate": 0.01, "momentum": 0.9}, 0.9),
    ("momentum_ema", kernel_keras_momentum, {"learning_rate": 0.01, "beta": 0.9}, 0.9),
    ("nesterov", kernel_nesterov, {"learning_rate": 0.01, "momentum": 0.9}, 0.9),
    ("nesterov", kernel_keras_nesterov, {"learning_rate": 0.01, "momentum": 0.9}, 0.9),
    ("nesterov", paper_nesterov, {"learning_rate": 0.01, "momentum": 0.9}, 0.9),
    ("decaying_sgd", paper_decaying_sgd, {"learning_rate": 0.1, "rate": 0.99}, 0.0),
    ("sgd_clipnorm", paper_sgd_clipnorm, {"learning_rate": 0.1, "max_norm": 1.5}, 0.0),
    (
        "novograd",
        paper_novograd,
        {"learning_rate": 0.01, "beta_1": 0.95, "beta_2": 0.98, "weight_decay": 0.1}
        | {"epsilon": 1e-7},
        0.98,
    ),
    (
        "adafactor_lite",
        paper_adafactor,
        {"learning_rate": 0.01, "decay": 0.8, "epsilon": 1e-30, "clip_threshold": 0.9},
        0.0,
    ),
    ("rowwise_adagrad", paper_rowwise_adagrad, {"learning_rate": 0.1, "epsilon": 1e-7}, 0.0),
]
IDS = [f"{spec}-{rule.__name__}-{number}" for number, (spec, rule, _, _) in enumerate(CASES)]


def by_reference(spec: str, hypers: Hypers, param: Array, grads: list[Array]) -> Iterator[Array]:
    reference = Reference(optimizer(spec), hypers)
    state = reference.init(param, "float64")
    for g in grads:
        state = reference.step(state, g)
        yield state.param.value


def by_class(cls: Any, hypers: Hypers, param: Array, grads: list[Array]) -> Iterator[Array]:
    """Steps of a generated class, in the dtype of `param`."""
    variable, subject = tf.Variable(param), cls(**hypers)
    subject.build([variable])
    for g in grads:
        subject.apply([tf.constant(g, variable.dtype)], [variable])
        yield read(variable)


def by_keras(spec: str, hypers: Hypers, param: Array, grads: list[Array]) -> Iterator[Array]:
    return by_class(keras_class(spec), hypers, param, grads)


def by_module(spec: str, hypers: Hypers, param: Array, grads: list[Array]) -> Iterator[Array]:
    return by_class(module_class(spec), hypers, param, grads)


def stored(hypers: Hypers) -> dict[str, Any]:
    """Keras stores the learning rate in float32."""
    return {**hypers, "learning_rate": float(np.float32(hypers["learning_rate"]))}


@pytest.mark.parametrize("subject", [by_reference, by_keras, by_module])
@pytest.mark.parametrize(("spec", "rule", "hypers", "slowest"), CASES, ids=IDS)
def test_100_steps(
    spec: str, rule: Rule, hypers: dict[str, Any], slowest: float, subject: Any
) -> None:
    hypers = stored(hypers)
    expected = np.array([start(), *rule(hypers, start(), gradients())])
    actual = np.array([start(), *subject(spec, hypers, start(), gradients())])
    assert np.abs(np.diff(expected, axis=0)).max() > 0
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance(expected, slowest))


@pytest.mark.parametrize(("spec", "rule", "hypers"), [case[:3] for case in CASES], ids=IDS)
def test_100_steps_in_float32(spec: str, rule: Rule, hypers: dict[str, Any]) -> None:
    hypers = stored(hypers)
    param = start().astype(np.float32)
    grads = [g.astype(np.float32) for g in gradients()]
    wide = [g.astype(np.float64) for g in grads]
    expected = list(rule(hypers, param.astype(np.float64), wide))
    actual = list(by_class(module_class(spec), hypers, param, grads))
    reference = Reference(optimizer(spec), hypers)
    state = reference.init(param)
    for step, g in enumerate(grads):
        state = reference.step(state, g)
        assert state.param.contains(expected[step]).all()
        assert state.param.contains(actual[step]).all()


def test_every_specification_has_independent_code() -> None:
    assert {spec for spec, *_ in CASES} == set(SPECS) - OF_PEERS
