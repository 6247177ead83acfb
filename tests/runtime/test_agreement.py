"""Generated code against the reference: every result lies inside the reference's enclosure.

Each specification is compiled once for a list of variables of several shapes and dtypes; then many
hyperparameters, gradients and starting points are tried on it, since all of those are run-time
values. Both classes take the same steps, and must agree with each other to the bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import cache
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import Phase, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from optdsl import ir
from optdsl.interpreter import Reference, SparseGrad, State
from optdsl.interpreter.bounds import Bounded
from support.specs import SPECS, keras_class, module_class, optimizer
from support.steps import tensors
from support.strategies import GRADIENT_KINDS, SHAPES, gradient, hypers, row_ids, some

CLASSES: dict[str, Callable[[str], Any]] = {"keras": keras_class, "module": module_class}
VARIABLES = [(shape, dtype) for shape in SHAPES for dtype in ("float32", "float64")]
VARIABLES += [((6, 4), "bfloat16"), ((3,), "float16")]
WITH_ROWS = {
    "exact": (((3,), "float64"), ((6, 4), "float32"), ((2, 3, 4), "float64")),
    "lazy": (((3,), "float64"), ((6, 4), "float32")),  # each takes a compilation of its own
}
STEPS = 3

Hypers = Mapping[str, Any]
Variables = tuple[tuple[tuple[int, ...], str], ...]


class Subject:
    """An optimizer that was built once, with its variables; its state can be set anew."""

    def __init__(self, cls: Any, spec: str, variables: Variables, **options: Any) -> None:
        self.spec = spec
        self.variables = [tf.Variable(tf.zeros(shape, dtype)) for shape, dtype in variables]
        self.optimizer = cls(**options)
        self.optimizer.build(self.variables)
        self.states = self.optimizer._core.states
        self.slots = [state.slots._asdict() for state in self.states]

    def reset(self, chosen: Hypers, states: Iterable[State]) -> None:
        """As if it were built anew with these hyperparameters on these variables."""
        for hyper in optimizer(self.spec).hypers:
            if hyper.kind is ir.Kind.REAL:
                setattr(self.optimizer, hyper.name, chosen[hyper.name])
        self.optimizer._core.iterations.assign(0)
        for own, slots, state in zip(self.states, self.slots, states, strict=True):
            assign(own.param, state.param)
            if own.unrounded is not None:
                assign(own.unrounded, state.param)
            for name, slot in slots.items():
                assign(slot, state.slots[name])

    def step(self, grads: Iterable[Any]) -> None:
        given = [tensors(g, v.dtype) for g, v in zip(grads, self.variables, strict=True)]
        self.optimizer.apply(given, self.variables)

    def results(self) -> list[dict[str, NDArray[Any]]]:
        """For each variable: its value under "param", and its slots."""
        return [
            {"param": variable.numpy(), **{name: slot.numpy() for name, slot in slots.items()}}
            for variable, slots in zip(self.variables, self.slots, strict=True)
        ]


def assign(variable: tf.Variable, value: Bounded) -> None:
    variable.assign(tf.cast(tf.constant(value.value, tf.float64), variable.dtype))


def representable(values: Any, dtype: str) -> NDArray[np.float64]:
    """The nearest numbers that a dtype has."""
    return np.asarray(tensors(values, tf.as_dtype(dtype)).numpy(), dtype=np.float64)


def assert_inside(states: Iterable[State], subject: Subject, context: Any) -> None:
    """Every variable and slot of `subject` is what a right path may give."""
    for (shape, _), state, result in zip(
        shapes_of(subject), states, subject.results(), strict=True
    ):
        for name, bound in {"param": state.param, **state.slots}.items():
            actual = result[name].astype(np.float64)
            outside = ~bound.contains(actual)
            assert not outside.any(), (
                f"{subject.spec}: {name} of a {state.dtype} {shape} after step {state.t}:\n"
                f"{actual[outside]} is not in [{bound.low[outside]}, {bound.high[outside]}], "
                f"around {bound.value[outside]}\n{context}"
            )


def shapes_of(subject: Subject) -> list[tuple[tuple[int, ...], str]]:
    return [(tuple(v.shape), v.dtype.name) for v in subject.variables]


def fixed_part(spec: str, chosen: Hypers) -> tuple[tuple[str, Any], ...]:
    """The hyperparameters that are set at construction."""
    kinds = {hyper.name: hyper.kind for hyper in optimizer(spec).hypers}
    return tuple((n, v) for n, v in chosen.items() if kinds[n] is not ir.Kind.REAL)


@cache
def subjects(
    spec: str, variables: Variables, options: tuple[tuple[str, Any], ...]
) -> list[Subject]:
    return [Subject(of(spec), spec, variables, **dict(options)) for of in CLASSES.values()]


def compare(
    spec: str,
    variables: Variables,
    chosen: Hypers,
    steps: list[list[Any]],
    mode: str | None = None,
    starts: int = 0,
) -> None:
    """Takes the same steps with both classes and the reference."""
    options = fixed_part(spec, chosen)
    built = subjects(spec, variables, (*options, ("sparse_mode", mode)))
    reference = Reference(optimizer(spec), chosen)
    params = [representable(gradient("ordinary", s, starts), dtype) for s, dtype in variables]
    states = [reference.init(p, d) for p, (_, d) in zip(params, variables, strict=True)]
    for subject in built:
        subject.reset(chosen, states)
    for grads in steps:
        pairs = zip(states, grads, strict=True)
        states = [reference.step(state, grad, mode=mode) for state, grad in pairs]
        for subject in built:
            subject.step(grads)
            assert_inside(states, subject, (chosen, grads))
    one, other = built
    for a, b in zip(one.results(), other.results(), strict=True):
        for name, value in a.items():
            same = np.array_equal(value.astype(float), b[name].astype(float), equal_nan=True)
            assert same, f"{name}: the classes differ\n{value}\n{b[name]}\n{chosen}"


# --- what Hypothesis draws -----------------------------------------------------------------------


def dense_steps(data: st.DataObject) -> list[list[Any]]:
    """Gradients of VARIABLES; a shape's gradient is the same in all dtypes, up to rounding."""
    one = st.tuples(st.sampled_from(GRADIENT_KINDS), st.integers(0, 99))
    steps = []
    for _ in range(STEPS):
        drawn = {shape: data.draw(one) for shape in SHAPES}
        grads = {shape: gradient(kind, shape, seed) for shape, (kind, seed) in drawn.items()}
        steps.append([representable(grads[shape], dtype) for shape, dtype in VARIABLES])
    return steps


def sparse_steps(data: st.DataObject, variables: Variables) -> list[list[Any]]:
    """Rows of variables."""
    one = st.tuples(st.sampled_from(GRADIENT_KINDS), st.integers(0, 99))
    steps: list[list[Any]] = []
    for _ in range(STEPS):
        steps.append([])
        for shape, dtype in variables:
            ids = data.draw(row_ids(shape[0]))
            kind, seed = data.draw(one)
            values = gradient(kind, (len(ids), *shape[1:]), seed)
            steps[-1].append(SparseGrad(ids, representable(values, dtype)))
    return steps


def agree_on_dense(spec: str, data: st.DataObject) -> None:
    chosen = data.draw(hypers(optimizer(spec)))
    compare(spec, tuple(VARIABLES), chosen, dense_steps(data), starts=data.draw(st.integers(0, 99)))


def agree_on_sparse(spec: str, data: st.DataObject, mode: str, variables: Variables) -> None:
    chosen = data.draw(hypers(optimizer(spec)))
    compare(spec, variables, chosen, sparse_steps(data, variables), mode)


@pytest.mark.parametrize("spec", SPECS)
@some(12)
@given(data=st.data())
def test_dense(spec: str, data: st.DataObject) -> None:
    agree_on_dense(spec, data)


@pytest.mark.parametrize("mode", ["exact", "lazy"])
@pytest.mark.parametrize("spec", SPECS)
@some(8)
@given(data=st.data())
def test_sparse(spec: str, mode: str, data: st.DataObject) -> None:
    agree_on_sparse(spec, data, mode, WITH_ROWS[mode])


# --- other ways to run the same step -------------------------------------------------------------


@contextmanager
def functions_run_eagerly() -> Iterator[None]:
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(False)


@pytest.mark.parametrize("path", ["no XLA", "in a function", "in XLA", "functions run eagerly"])
@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize(
    "spec", ["adam", "adafactor_lite", "novograd", "rmsprop", "rowwise_adagrad", "sgd_clipnorm"]
)
def test_paths(spec: str, kind: str, path: str) -> None:
    """A dense step, one on rows, and one more; rmsprop with its options."""
    variables: Variables = (((6, 4), "float32"),)
    chosen = {hyper.name: hyper.default for hyper in optimizer(spec).hypers}
    chosen["learning_rate"] = 0.125
    if spec == "rmsprop":
        chosen |= {"centered": True, "momentum": 0.5}
    options = dict(fixed_part(spec, chosen), jit_compile=path != "no XLA")
    subject = Subject(CLASSES[kind](spec), spec, variables, **options)
    reference = Reference(optimizer(spec), chosen)
    state = reference.init(gradient("ordinary", (6, 4), 1))
    subject.reset(chosen, [state])
    take = subject.optimizer.apply
    if path in {"in a function", "in XLA"}:
        take = tf.function(take, jit_compile=path == "in XLA", autograph=False)
    rows = SparseGrad([1, 1, 1, 3, 2, 1], gradient("ordinary", (6, 4), 3))
    with functions_run_eagerly() if path == "functions run eagerly" else nullcontext():
        for grad in (gradient("mixed", (6, 4), 2), rows, gradient("ordinary", (6, 4), 4)):
            take([tensors(grad, tf.float32)], subject.variables)
            state = reference.step(state, grad)
            assert_inside([state], subject, path)


# --- at length -----------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("spec", SPECS)
@some(500, Phase.shrink)
@given(data=st.data())
def test_dense_at_length(spec: str, data: st.DataObject) -> None:
    agree_on_dense(spec, data)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["exact", "lazy"])
@pytest.mark.parametrize("spec", SPECS)
@some(200, Phase.shrink)
@given(data=st.data())
def test_sparse_at_length(spec: str, mode: str, data: st.DataObject) -> None:
    agree_on_sparse(spec, data, mode, tuple(v for v in VARIABLES if v[0]))
