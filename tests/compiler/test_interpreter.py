"""The reference: what it computes, and that its bound is tight enough to catch a wrong rule."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optdsl.interpreter import Reference, SparseGrad, State
from optdsl.interpreter.bounds import Bounded
from support.specs import FOLDER, SPECS, checked, optimizer
from support.strategies import SHAPES, gradient, gradients, hypers, row_ids


def run(text: str, param: Any, grad: Any, **given: Any) -> State:
    """One step of a specification that is written here."""
    reference = Reference(checked(text), given)
    return reference.step(reference.init(param, "float64"), grad)


def spec(*step: str, declarations: str = "") -> str:
    lines = "\n".join(f"        {line}" for line in step)
    return f"optimizer Test:\n    hyper rate = 0.5 in [0, 1]\n{declarations}\n    step:\n{lines}\n"


# --- what it computes ----------------------------------------------------------------------------


def test_a_name_read_after_an_update_is_the_new_value_and_old_the_one_before() -> None:
    state = run(
        spec(
            "s <- s + grad",
            "param <- param + 10 * s + 100 * old(s)",
            "param <- param - old(param) + rate",
            declarations="    slot s = 2",
        ),
        [1.0],
        [3.0],
    )
    assert state.slots["s"].value == [5.0]
    assert state.param.value == [1.0 + 50 + 200 - 1 + 0.5]
    assert state.t == 1


@pytest.mark.parametrize(
    ("shape", "row", "first", "last"),
    [
        ((), (), (), ()),
        ((3,), (3,), (1,), (1,)),
        ((6, 4), (6, 1), (1, 4), (6, 1)),
        ((2, 3, 4), (2, 1, 1), (1, 3, 4), (2, 3, 1)),
    ],
)
def test_shapes_of_slots(shape: Any, row: Any, first: Any, last: Any) -> None:
    declarations = "    slot r: row\n    slot a: reduced(0)\n    slot b: reduced(-1)\n"
    declarations += "    slot c: reduced(5)\n    slot s: scalar\n    slot p = param * rate"
    text = spec(
        "r <- r + sum(grad, axis=row)",
        "a <- a + sum(grad, axis=0)",
        "b <- b + sum(grad, axis=-1)",
        "c <- c + sum(grad, axis=5)",
        "s <- s + sum(grad) + rank + 10 * rows + 100 * cols + 1000 * size",
        "param <- param + p",
        declarations=declarations,
    )
    grad = np.random.default_rng(0).integers(-9, 9, size=shape).astype(float)
    state = run(text, np.ones(shape), grad)
    values = {name: slot.value for name, slot in state.slots.items()}
    later = tuple(range(1, len(shape)))
    assert {name: value.shape for name, value in values.items()} == {
        "r": row, "a": first, "b": last, "c": shape, "s": (), "p": shape
    }  # fmt: skip
    np.testing.assert_array_equal(values["r"], grad.sum(axis=later, keepdims=True))
    np.testing.assert_array_equal(values["a"], grad.sum(axis=0, keepdims=True) if shape else grad)
    np.testing.assert_array_equal(values["b"], grad.sum(axis=-1, keepdims=True) if shape else grad)
    np.testing.assert_array_equal(values["c"], grad)
    rows, cols = (1, 1, *shape)[-2:]
    assert values["s"] == grad.sum() + len(shape) + 10 * rows + 100 * cols + 1000 * grad.size
    np.testing.assert_array_equal(state.param.value, np.full(shape, 1.5))


def test_when_runs_one_branch_and_joins_locals() -> None:
    text = spec(
        "when t == 1:",
        "    s <- 7",
        "    x = rate",
        "otherwise:",
        "    x = sum(grad)",
        "when flag and n % 2 == 1:",
        "    param <- param + x",
        "otherwise:",
        "    param <- param",
        declarations="    slot s: scalar\n    hyper flag: bool = true\n    hyper n: int = 3",
    )
    reference = Reference(checked(text))
    first = reference.step(reference.init([1.0, 2.0], "float64"), [5.0, 6.0])
    second = reference.step(first, [5.0, 6.0])
    assert first.slots["s"].value == second.slots["s"].value == 7
    assert first.param.value.tolist() == [1.5, 2.5]
    assert second.param.value.tolist() == [12.5, 13.5]
    assert run(text, [1.0], [5.0], n=4).param.value == [1.0]
    assert run(text, [1.0], [5.0], flag=False).param.value == [1.0]


def test_an_undecided_condition_gives_the_union_of_both_branches() -> None:
    text = spec(
        "when sum(grad) * 0.1 > 0.1:",
        "    param <- param + 1",
        "otherwise:",
        "    param <- param",
        "    s <- 1",
        declarations="    slot s: scalar",
    )
    reference = Reference(checked(text))
    state = reference.step(reference.init([0.0], "float32"), [1.0])
    assert (state.param.low, state.param.high) == (0, 1)
    assert (state.slots["s"].low, state.slots["s"].high) == (0, 1)


# --- sparse gradients ----------------------------------------------------------------------------

LAZY = spec(
    "s <- s + 1",
    "r <- r + sum(grad, axis=row) + 1",
    "c <- c + sum(grad, axis=0) + 1",
    "n <- n + mean(grad) + rows",
    "param <- param - grad - rate",
    declarations="    slot s\n    slot r: row\n    slot c: reduced(0)\n    slot n: scalar\n"
    "    sparse lazy",
)
NO_IDS = SparseGrad([], np.zeros((0, 2)))


def test_lazy_runs_on_the_touched_rows_each_once() -> None:
    state = run(LAZY, np.zeros((4, 2)), SparseGrad([3, 1, 3], [[1, 2], [4, 8], [10, 20]]))
    slots = {name: slot.value.tolist() for name, slot in state.slots.items()}
    assert state.param.value.tolist() == [[0, 0], [-4.5, -8.5], [0, 0], [-11.5, -22.5]]
    assert slots["s"] == [[0, 0], [1, 1], [0, 0], [1, 1]]
    assert slots["r"] == [[0], [13], [0], [34]]
    assert slots["c"] == [[16, 31]]
    assert slots["n"] == (4 + 8 + 11 + 22) / 4 + 4


def test_exact_is_the_dense_rule_on_the_densified_gradient() -> None:
    sparse = SparseGrad([3, 1, 3], [[1, 2], [4, 8], [10, 20]])
    dense = np.array([[0.0, 0], [4, 8], [0, 0], [11, 22]])
    reference = Reference(checked(LAZY))
    start = reference.init(np.zeros((4, 2)), "float64")
    assert_same(reference.step(start, sparse, mode="exact"), reference.step(start, dense))


def test_exact_without_ids_is_a_step_with_zero_gradient() -> None:
    reference = Reference(checked(LAZY))
    start = reference.init(np.zeros((4, 2)), "float64")
    state = reference.step(start, NO_IDS, mode="exact")
    assert_same(state, reference.step(start, np.zeros((4, 2))))


def test_lazy_without_ids_counts_and_leaves_everything() -> None:
    """Slots that are for all rows, too: a reduction over no rows would say nothing of them."""
    reference = Reference(checked(LAZY))
    start = reference.step(reference.init(np.ones((4, 2)), "bfloat16"), SparseGrad([1], [[0.1, 1]]))
    state = reference.step(start, NO_IDS)
    assert (start.t, state.t) == (1, 2)
    assert_same(state, start)


@pytest.mark.parametrize("name", SPECS)
@settings(max_examples=10)
@given(data=st.data())
def test_sparse_exact_is_dense_for_every_specification(name: str, data: st.DataObject) -> None:
    shape = data.draw(st.sampled_from(SHAPES[1:]))
    reference = Reference(optimizer(name), data.draw(hypers(optimizer(name))))
    sparse = dense = reference.init(np.ones(shape), "float64")
    for _ in range(3):
        ids = data.draw(row_ids(shape[0]))
        values = data.draw(gradients((len(ids), *shape[1:])))
        summed = np.zeros(shape)
        np.add.at(summed, ids, values)
        dense = reference.step(dense, summed)
        sparse = reference.step(sparse, SparseGrad(ids, values), mode="exact")
        with np.errstate(all="ignore"):
            for one, other in zip(parts(sparse), parts(dense), strict=True):
                assert one.contains(other.value).all()


def parts(state: State) -> list[Bounded]:
    return [state.param, *state.slots.values()]


def assert_same(one: State, other: State) -> None:
    for a, b in zip(parts(one), parts(other), strict=True):
        np.testing.assert_array_equal(a.value, b.value)


def test_small_steps_of_a_16_bit_variable_add_up() -> None:
    reference = Reference(optimizer("gradient_descent"), {"learning_rate": 2.0**-10})
    state = reference.init([1.0], "bfloat16")
    seen = []
    for _ in range(8):
        state = reference.step(state, [-1.0])
        seen.append((state.param.low.item(), state.param.high.item()))
    above = 1 + 2.0**-7
    assert seen == [(1, 1)] * 3 + [(1, above)] + [(above, above)] * 4  # the 4th is half way
    assert state.unrounded.value == above


# --- hyperparameters and mistakes ----------------------------------------------------------------


def test_a_hyperparameter_may_depend_on_the_step() -> None:
    reference = Reference(optimizer("gradient_descent"), {"learning_rate": lambda i: 10.0**i})
    state = reference.init(np.zeros(1))
    for expected in (-1, -11, -111):
        state = reference.step(state, np.ones(1))
        assert state.param.value == expected


def test_values_outside_their_interval() -> None:
    with pytest.raises(ValueError, match=r"beta_1 must be in \[0, 1\), but it is 1.0"):
        Reference(optimizer("adam"), {"beta_1": 1.0})
    with pytest.raises(ValueError, match=r"epsilon must be in \(0, inf\), but it is nan"):
        Reference(optimizer("adam"), {"epsilon": float("nan")})
    with pytest.raises(ValueError, match="Adam has no hyperparameter beta_3"):
        Reference(optimizer("adam"), {"beta_3": 1.0})
    late = Reference(optimizer("adam"), {"learning_rate": lambda index: 0.5 - index})
    state = late.step(late.init(np.ones(1)), np.ones(1))
    with pytest.raises(ValueError, match=r"learning_rate must be in .*, but it is -0.5"):
        late.step(state, np.ones(1))


def test_gradients_that_do_not_fit() -> None:
    reference = Reference(optimizer("adam"))
    state = reference.init(np.ones((3, 2)))
    with pytest.raises(ValueError, match=r"gradient has shape \(2,\), the variable \(3, 2\)"):
        reference.step(state, np.ones(2))
    with pytest.raises(ValueError, match="ids must be from 0 to 2"):
        reference.step(state, SparseGrad([3], np.ones((1, 2))))
    with pytest.raises(ValueError, match="mode must be"):
        reference.step(state, np.ones((3, 2)), mode="eager")
    with pytest.raises(ValueError, match="rank 0"):
        reference.step(reference.init(1.0), SparseGrad([0], [1.0]))
    with pytest.raises(ValueError, match="dtype must be one of"):
        reference.init(1.0, "int32")


# --- the bound -----------------------------------------------------------------------------------


def adam_in(dtype: str, grads: list[Any], h: dict[str, float]) -> Iterator[Any]:
    """Adam by hand, each operation rounded to `dtype`; the compute format of 16 bits is float32."""
    real = np.float64 if dtype == "float64" else np.float32
    x, m, v = np.ones(grads[0].shape, real), real(0), real(0)
    for t, grad in enumerate(grads, start=1):
        g = grad.astype(real)
        m = real(h["beta_1"]) * m + real(1 - h["beta_1"]) * g
        v = real(h["beta_2"]) * v + real(1 - h["beta_2"]) * g * g
        m_hat, v_hat = m / real(1 - h["beta_1"] ** t), v / real(1 - h["beta_2"] ** t)
        change = real(h["learning_rate"]) * m_hat / (np.sqrt(v_hat) + real(h["epsilon"]))
        x = x - change
        yield x.astype(dtype)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@given(data=st.data())
def test_a_right_path_is_inside(dtype: str, data: st.DataObject) -> None:
    chosen = data.draw(hypers(optimizer("adam")))
    kinds = st.sampled_from(["ordinary", "zeros", "zero rows", "equal"])
    grads = [gradient(data.draw(kinds), (6, 4), seed).astype(dtype) for seed in range(4)]
    reference = Reference(optimizer("adam"), chosen)
    state = reference.init(np.ones((6, 4)), dtype)
    with np.errstate(all="ignore"):
        for g, x in zip(grads, adam_in(dtype, grads, chosen), strict=True):
            state = reference.step(state, g)
            assert state.param.contains(x).all()


@pytest.mark.parametrize(("dtype", "most"), [("float32", 1e-4), ("float64", 1e-12)])
def test_the_bound_is_tight(dtype: str, most: float) -> None:
    """After 5 ordinary steps of Adam, relative to what the steps have changed."""
    reference = Reference(optimizer("adam"))
    state = start = reference.init(np.zeros((6, 4)), dtype)
    for seed in range(5):
        state = reference.step(state, gradient("ordinary", (6, 4), seed))
    for name in ("m", "v"):
        slot = state.slots[name]
        assert ((slot.high - slot.low) / np.abs(slot.value).max() < most).all()
    change = np.abs(state.param.value - start.param.value).max()
    assert ((state.param.high - state.param.low) / change < most).all()


FAULTS = {
    "sign of the update": ("param <- param -", "param <- param +"),
    "beta_2 for 1 - beta_2": ("+ (1 - beta_2) * grad^2", "+ beta_2 * grad^2"),
    "epsilon inside the root": ("(sqrt(v_hat) + epsilon)", "sqrt(v_hat + epsilon)"),
    "no bias correction": ("m / (1 - beta_1^t)", "m"),
    "off by one step": ("v / (1 - beta_2^t)", "v / (1 - beta_2^(t + 1))"),
    "old value read": ("m_hat = m /", "m_hat = old(m) /"),
    "betas exchanged": ("m <- beta_1 * m + (1 - beta_1)", "m <- beta_2 * m + (1 - beta_2)"),
    "gradient not squared": ("(1 - beta_2) * grad^2", "(1 - beta_2) * abs(grad)"),
}


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_outside(fault: str, dtype: str) -> None:
    """A path with a fault, computed without any rounding error, is outside of the bound."""
    text = (FOLDER / "adam.opt").read_text()
    assert text.count(FAULTS[fault][0]) == 1
    # An epsilon and a step size that 8 bits of precision show.
    chosen = {"learning_rate": 0.1, "epsilon": 0.1}
    right = Reference(checked(text), chosen)
    wrong = Reference(checked(text.replace(*FAULTS[fault])), chosen)
    states = right.init(np.ones((6, 4)), dtype), wrong.init(np.ones((6, 4)), dtype)
    for seed in range(3):
        grad = gradient("ordinary", (6, 4), seed)
        states = right.step(states[0], grad), wrong.step(states[1], grad)
    inside = states[0].param.contains(states[1].param.value)
    assert inside.mean() < 0.5
