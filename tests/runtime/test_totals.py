"""Sums over all variables, and slots of which there is one: on every path, with every option."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from optdsl.interpreter import Reference, SparseGrad
from support.programs import program
from support.specs import checked
from support.steps import assert_same, binary, dense, rows, state_of
from support.trials import Trial, agree, loaded, trial

# Keras says so of every variable without a gradient.
pytestmark = pytest.mark.filterwarnings("ignore:Gradients do not exist")

CLASSES = ("Drawn", "DrawnModule")

ADDING = """\
optimizer Drawn:
    hyper learning_rate = 0.25  in [0, inf) "Step size."
    hyper weight_decay  = 0.5   in [0, inf) "What a variable counts."
    hyper first         = 8.0   in [0, inf) "What the slot starts at."
    slot m                 "Sum of gradients."
    slot d: global = first "Sum of all totals."
    step:
        d     <- d + total(WHAT)
        m     <- m + grad
        param <- param - learning_rate * m / (1 + abs(d))
"""


def adding(what: str) -> str:
    """A rule whose global slot adds up totals of something."""
    return ADDING.replace("WHAT", what).replace("first", "start_d")


def made(what: str, kind: str = "Drawn", **options: Any) -> Any:
    _, module = loaded(adding(what))
    return getattr(module, kind)(**{"jit_compile": False, **options})


def given(optimizer: Any) -> float:
    """What the totals came to so far."""
    (variable,) = optimizer.slots["d"]
    assert variable.dtype == tf.float64
    return float(variable.numpy()) - 8


# --- what the reference says ---------------------------------------------------------------------

RULES = {
    "one barrier": [
        "x = total(grad * param)",
        "a <- a + tanh(x) * grad",
        "one <- norm(grad)",
        "by_row <- by_row + total(one) / total(size) * decay",
        "mean_of <- total(mean(grad, axis=0)) / total(amax(abs(grad), axis=row) + 1)",
    ],
    "two barriers": [
        "a <- a + grad / (1 + global_norm(grad))",
        "one <- tanh(total(a * param))",
        "when total(norm(a)) > 4:",
        "    by_row <- by_row + total(1)",
    ],
    "in branches": [
        "when t % 2 == 0:",
        "    b <- grad * decay",
        "    x = total(abs(b) + rank)",
        "otherwise:",
        "    x = 1.0",
        "one <- x / (1 + x)",
        "when flag:",
        "    by_row <- tanh(total(grad))",
        "otherwise:",
        "    by_row <- tanh(total(param) + k)",
    ],
}
VARIABLES = (((6, 4), "float32", "dense"), ((6, 4), "float32", "rows"), ((5,), "float64", "dense"))
LEFT = (
    ((6, 4), "float32", "rows, then none"),
    ((), "bfloat16", "dense"),
    ((2, 3), "float32", "dense"),
)


def trials(*variables: tuple[tuple[int, ...], str, str]) -> list[Trial]:
    return [trial(*each, seed=seed) for seed, each in enumerate(variables)]


def some_missing(found: list[Trial]) -> list[Trial]:
    """The same, where in each step but the first one variable has no gradient."""
    return [
        each._replace(grads=[None if 0 < step == place else g for step, g in enumerate(each.grads)])
        for place, each in enumerate(found)
    ]


@pytest.mark.parametrize("rule", RULES)
def test_what_the_reference_says(rule: str) -> None:
    text = program(
        [*RULES[rule], "param <- param - lr * tanh(one + by_row + mean_of) * (grad + a)"]
    )
    for variables, mode in (VARIABLES, "exact"), (LEFT, "lazy"):
        agree(text, some_missing(trials(*variables)), jit_compile=False, k=2, sparse_mode=mode)


@pytest.mark.parametrize("path", ["eager", "XLA"])
def test_compiled(path: str) -> None:
    text = program([*RULES["two barriers"], "param <- param - lr * (one + 1) * (grad + a)"])
    agree(text, trials(*VARIABLES[:2]), path, k=2)


# --- each sentence of the language ---------------------------------------------------------------


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("size", 26),
        ("1", 2),
        ("rank", 3),
        ("grad", 26 / 4),
        ("0 * grad + 1", 26),
        ("norm(grad)", None),
    ],
)
def test_each_element_counts_once(kind: str, what: str, expected: float | None) -> None:
    optimizer = made(what, kind)
    variables = [tf.Variable(tf.ones(shape)) for shape in ((6, 4), (2,), (3,))]
    optimizer.build(variables)
    optimizer.apply([tf.fill([6, 4], 0.25), tf.fill([2], 0.25), None], variables)
    norms = 0.25 * (np.sqrt(24) + np.sqrt(2))
    assert given(optimizer) == pytest.approx(norms if expected is None else expected, abs=1e-6)


def test_the_sum_over_variables_has_64_bits() -> None:
    """In float32, 1 added to 2^24 is lost."""
    optimizer = made("grad")
    variables = [tf.Variable([0.0]) for _ in range(3)]
    optimizer.build(variables)
    optimizer.apply([tf.constant([g]) for g in (2.0**24, 1.0, 2.0**-20)], variables)
    assert given(optimizer) == 2.0**24 + 1 + 2.0**-20


def test_a_variable_without_gradient_is_not_stepped_and_not_counted() -> None:
    optimizer = made("1")
    variables = [tf.Variable([1.0]), tf.Variable([1.0])]
    optimizer.build(variables)
    for expected, grads in ((1, [tf.ones([1]), None]), (3, [tf.ones([1])] * 2)):
        optimizer.apply(grads, variables)
        assert given(optimizer) == expected
    assert [slot.numpy().item() for slot in optimizer.slots["m"]] == [2, 1]


@pytest.mark.parametrize(("mode", "expected"), [("exact", [24, 48, 72]), ("lazy", [12, 12, 24])])
def test_which_rows_count(mode: str, expected: list[float]) -> None:
    """Three rows of six, then none: a lazy step of no row leaves the global slot."""
    optimizer = made("0 * param + 1", sparse_mode=mode)
    variable = tf.Variable(tf.ones([6, 4]))
    optimizer.build([variable])
    found = []
    for values, ids in ((binary((6, 4), 1), [1, 1, 1, 3, 2, 1]), (np.zeros((0, 4), "f"), [])) * 2:
        optimizer.apply([rows(values, ids)], [variable])
        found.append(given(optimizer))
    assert found[:3] == expected


@pytest.mark.parametrize("mode", ["exact", "lazy"])
def test_a_variable_of_which_no_row_is_touched(mode: str) -> None:
    """It is in the step under `exact`, by its size too; under `lazy` it is not."""
    optimizer = made("size", sparse_mode=mode)
    variables = [tf.Variable(tf.ones([6, 4])), tf.Variable(tf.ones([2]))]
    optimizer.build(variables)
    optimizer.apply([rows(np.zeros((0, 4), "f"), []), tf.ones([2])], variables)
    assert given(optimizer) == (26 if mode == "exact" else 2)


def test_rows_suffice_where_the_others_add_nothing() -> None:
    """Only touched rows are read and written, and the total is that of the dense gradient."""
    _, module = loaded(adding("grad^2").replace("* m /", "* grad /"))
    assert module._RULE.rows_suffice == 1
    found = []
    for gradient in (rows(binary((6, 4), 1)), dense(binary((6, 4), 1))):
        optimizer, variable = module.Drawn(jit_compile=False), tf.Variable(tf.ones([6, 4]))
        optimizer.build([variable])
        optimizer.apply([gradient], [variable])
        found.append(state_of(optimizer))
    assert_same(*found)


# --- options -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", CLASSES)
def test_excluded_from_weight_decay(kind: str) -> None:
    """What such a variable adds is computed without; a global slot reads the rule's own."""
    optimizer = made("weight_decay + 0 * norm(grad)", kind)
    variables = [tf.Variable([1.0]), tf.Variable([1.0])]
    optimizer.exclude_from_weight_decay([variables[1]])
    optimizer.build(variables)
    optimizer.apply([tf.ones([1])] * 2, variables)
    assert given(optimizer) == 0.5


def test_decoupled_weight_decay_comes_first() -> None:
    """The option takes it off the variable before the rule sees that, in every phase."""
    text = adding("param").replace("weight_decay", "other")
    _, module = loaded(text)
    optimizer, variable = module.Drawn(weight_decay=0.5, jit_compile=False), tf.Variable([4.0])
    optimizer.build([variable])
    optimizer.apply([tf.zeros([1])], [variable])
    assert given(optimizer) == 4 - 4 * 0.5 * 0.25


def test_clipping_comes_first() -> None:
    for option, expected in (("clipvalue", 2), ("clipnorm", 2), ("global_clipnorm", np.sqrt(2))):
        optimizer = made("grad", **{option: 1.0})
        variables = [tf.Variable([1.0]), tf.Variable([1.0])]
        optimizer.build(variables)
        optimizer.apply([tf.constant([8.0])] * 2, variables)
        assert given(optimizer) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("mode", ["exact", "lazy"])
def test_micro_batches_are_one_batch(kind: str, mode: str) -> None:
    """Rows that one of them touches count once, and no others do under `lazy`."""
    found = []
    for steps in (None, 2):
        optimizer = made("grad + size", kind, gradient_accumulation_steps=steps, sparse_mode=mode)
        variables = [tf.Variable(tf.ones([6, 4])), tf.Variable(tf.ones([2]))]
        optimizer.build(variables)
        parts = [(rows(binary((2, 4), n), [n, n + 1]), tf.fill([2], n / 2)) for n in (1, 2)]
        if steps is None:
            values = tf.concat([part[0].values / 2 for part in parts], 0)
            ids = tf.concat([part[0].indices for part in parts], 0)
            parts = [(tf.IndexedSlices(values, ids), (parts[0][1] + parts[1][1]) / 2)]
        for part in parts:
            optimizer.apply(part, variables)
        found.append(state_of(optimizer))
    assert_same(*found)


@pytest.mark.parametrize("kind", CLASSES)
def test_a_skipped_step_leaves_global_slots(kind: str) -> None:
    optimizer = made("grad", kind, skip_nonfinite=True)
    variable = tf.Variable([1.0, 1.0])
    optimizer.build([variable])
    for grad, expected in (
        ([1.0, 2.0], 3),
        ([1.0, np.inf], 3),
        ([np.nan, 1.0], 3),
        ([1.0, 1.0], 5),
    ):
        optimizer.apply([tf.constant(grad)], [variable])
        assert given(optimizer) == expected


@pytest.mark.parametrize("kind", CLASSES)
def test_inside_somebodys_xla(kind: str) -> None:
    """The same as eagerly, with rows too."""
    found = []
    for jit in (False, True):
        optimizer = made("grad * param", kind, sparse_mode="lazy")
        variables = [tf.Variable(tf.ones([6, 4])), tf.Variable(tf.ones([2]))]
        optimizer.build(variables)

        def step(grads: list[Any], optimizer: Any = optimizer, variables: Any = variables) -> None:
            optimizer.apply(grads, variables)

        take = tf.function(step, jit_compile=True, autograph=False) if jit else step
        for seed in range(2):
            take([rows(binary((6, 4), seed)), tf.constant(binary((2,), seed))])
        found.append(state_of(optimizer))
    for name, value in found[0].items():
        np.testing.assert_allclose(found[1][name], value, rtol=1e-6)


# --- state ---------------------------------------------------------------------------------------


def trained(optimizer: Any, variables: list[tf.Variable], seeds: range) -> dict[str, Any]:
    for seed in seeds:
        optimizer.apply([tf.constant(binary(v.shape, seed)) for v in variables], variables)
    return state_of(optimizer)


@pytest.mark.parametrize("kind", CLASSES)
def test_it_is_saved_by_name(kind: str, tmp_path: Path) -> None:
    """A step after restoring is the step that would have come; also into what is not built yet."""
    variables = [tf.Variable(tf.ones([3]), name="v"), tf.Variable(tf.ones([2]), name="global")]
    first = made("grad * param", kind)
    first.build(variables)
    trained(first, variables, range(2))
    path = tf.train.Checkpoint(optimizer=first, variables=variables).save(str(tmp_path / "c"))
    assert "global/d" in first._saved.by_name
    assert "global#2/m" in first._saved.by_name
    expected = trained(first, variables, range(2, 4))
    for is_built in (True, False):
        second = made("grad * param", kind)
        if is_built:
            second.build(variables)
        tf.train.Checkpoint(optimizer=second, variables=variables).restore(path)
        second.build(variables)
        assert_same(trained(second, variables, range(2, 4)), expected)


def test_it_is_in_a_keras_file(tmp_path: Path) -> None:
    _, module = loaded(adding("grad * param"))
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.layers.Input([3]), keras.layers.Dense(2, name="one")])
    model.compile(module.Drawn(jit_compile=False), "mse")
    inputs = binary((8, 3), 0)
    model.fit(inputs, binary((8, 2), 1), verbose=0)
    model.save(tmp_path / "model.keras")
    with keras.saving.custom_object_scope(
        {keras.saving.get_registered_name(module.Drawn): module.Drawn}
    ):
        again = keras.saving.load_model(tmp_path / "model.keras")
    assert given(again.optimizer) == given(model.optimizer) != 0
    for one in (model, again):
        one.fit(inputs, binary((8, 2), 1), verbose=0, shuffle=False)
    assert given(again.optimizer) == given(model.optimizer)


def test_state_of_other_variables_is_refused(tmp_path: Path) -> None:
    """The global slots alone prove nothing."""
    first, second = made("grad"), made("grad")
    first.build([tf.Variable(tf.ones([3]), name="a")])
    second.build([tf.Variable(tf.ones([2]), name="b")])
    path = tf.train.Checkpoint(optimizer=first).save(str(tmp_path / "c"))
    with pytest.raises(ValueError, match="other variables"):
        tf.train.Checkpoint(optimizer=second).restore(path)


def test_variables_that_come_later_find_it() -> None:
    optimizer = made("1")
    variables = [tf.Variable([1.0], name="a"), tf.Variable([1.0], name="b")]
    optimizer.build(variables[:1])
    optimizer.apply([tf.ones([1])], variables[:1])
    optimizer.build(variables)
    optimizer.apply([tf.ones([1])] * 2, variables)
    assert given(optimizer) == 3


def test_it_starts_from_hyperparameters() -> None:
    _, module = loaded(adding("grad"))
    optimizer = module.DrawnModule(start_d=0.1)
    optimizer.build([tf.Variable([1.0])])
    assert [float(each) for each in optimizer.slots["d"]] == [0.1]


def test_the_reference_steps_all_variables_at_once() -> None:
    reference = Reference(checked(adding("grad")))
    states = [reference.init([1.0, 2.0]), reference.init([[1.0]])]
    states = reference.steps(states, [[1.0, 2.0], None])
    states = reference.steps(states, [None, SparseGrad([0], [[4.0]])])
    assert [state.slots["d"].value for state in states] == [15.0, 15.0]
    assert [state.t for state in states] == [2, 2]
    assert states[0].slots["m"].value.tolist() == [1.0, 2.0]


@pytest.mark.parametrize("mode", ["exact", "lazy"])
def test_a_table_without_rows_adds_nothing(mode: str) -> None:
    optimizer = made("size", sparse_mode=mode)
    variable = tf.Variable(tf.ones([0, 4]))
    optimizer.build([variable])
    optimizer.apply([rows(np.zeros((0, 4), "f"), [])], [variable])
    assert given(optimizer) == 0
