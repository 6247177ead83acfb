"""`eval`: weights for evaluation, and back to the bit; both classes alike."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import optdsl
from optdsl.interpreter import Reference, SparseGrad
from support.specs import keras_class, module_class
from support.steps import tensors
from support.trials import Trial, loaded, trial

TEXT = """optimizer Averaged:
    hyper learning_rate = 0.125  in [0, inf)
    hyper decay         = 0.75   in [0, 1)
    hyper weight_decay  = 0.0625 in [0, inf)
    hyper scaled: bool  = true

    slot average = param
    slot seen: scalar

    step:
        param   <- param - learning_rate * (grad + weight_decay * param)
        average <- decay * average + (1 - decay) * param
        seen    <- seen + 1

    eval:
        gone = 1 - decay^t
        when seen > 2:
            by = norm(param)
        otherwise:
            by = abs(param)
        when scaled:
            share = 1 / (size + 1)
        otherwise:
            share = 0.5
        param <- average + gone * share * by + weight_decay * seen
"""

CLASSES = ("Averaged", "AveragedModule")


def made(name: str, **options: Any) -> Any:
    return getattr(loaded(TEXT)[1], name)(**options)


def pair(name: str, **options: Any) -> tuple[Any, tf.Variable]:
    """An optimizer that has taken a step, and its variable."""
    optimizer, variable = made(name, **options), tf.Variable([1.0, -2.0])
    optimizer.build([variable])
    optimizer.apply([tf.constant([0.5, 0.25])], [variable])
    return optimizer, variable


def assert_evaluated(optimizer: Any, variables: Any, reference: Reference, states: Any) -> None:
    """The evaluation weights are those of the reference, and the others come back to the bit."""
    before = [variable.numpy().tobytes() for variable in variables]
    optimizer.swap_to_eval()
    for variable, state in zip(variables, states, strict=True):
        held = tf.cast(variable, tf.float64).numpy()
        assert np.all(reference.evaluated(state).contains(held))
    optimizer.swap_to_train()
    assert [variable.numpy().tobytes() for variable in variables] == before


# --- values --------------------------------------------------------------------------------------

KINDS: dict[str, tuple[list[Trial], dict[str, Any]]] = {
    "dense": ([trial((3, 2)), trial((4,), "float64", seed=1), trial((), seed=2)], {}),
    "16 bits": ([trial((3, 2), "bfloat16"), trial((4,), "float16", seed=1)], {}),
    "rows": ([trial((4, 2), kind="rows, then none")], {"sparse_mode": "lazy"}),
    "without XLA": ([trial((3, 2))], {"jit_compile": False, "scaled": False, "decay": 0.5}),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", CLASSES)
def test_they_are_what_the_reference_says(name: str, kind: str) -> None:
    """Before the first step, and after each."""
    trials, options = KINDS[kind]
    optimizer = made(name, **options)
    hypers = {key: options[key] for key in options.keys() & {"scaled", "decay"}}
    reference = Reference(loaded(TEXT)[0], hypers)
    variables = [tf.Variable(tensors(each.start, each.dtype)) for each in trials]
    states = [reference.init(each.start, each.dtype) for each in trials]
    optimizer.build(variables)
    assert_evaluated(optimizer, variables, reference, states)
    for grads in zip(*(each.grads for each in trials), strict=True):
        pairs = list(zip(grads, trials, strict=True))
        optimizer.apply([tensors(grad, each.dtype) for grad, each in pairs], variables)
        mode = options.get("sparse_mode")
        states = [
            reference.step(state, grad, mode=mode)
            for state, grad in zip(states, grads, strict=True)
        ]
        assert_evaluated(optimizer, variables, reference, states)


@pytest.mark.parametrize("name", CLASSES)
def test_a_row_that_was_never_touched_is_evaluated_too(name: str) -> None:
    optimizer = made(name, sparse_mode="lazy", weight_decay=0.0)
    table = tf.Variable(np.arange(8.0).reshape(4, 2) - 3, dtype=tf.float64)
    reference = Reference(loaded(TEXT)[0], {"weight_decay": 0.0})
    state = reference.init(table.numpy(), "float64")
    for _ in range(3):
        grad = SparseGrad([2], np.ones((1, 2)))
        optimizer.apply([tensors(grad, "float64")], [table])
        state = reference.step(state, grad, mode="lazy")
    assert_evaluated(optimizer, [table], reference, [state])


@pytest.mark.parametrize("name", CLASSES)
def test_a_variable_without_weight_decay_is_evaluated_without(name: str) -> None:
    optimizer = made(name)
    free, other = tf.Variable([1.0]), tf.Variable([1.0])
    optimizer.exclude_from_weight_decay(var_list=[free])
    optimizer.build([free, other])
    optimizer.apply([tf.zeros([1]), tf.zeros([1])], [free, other])
    with optimizer.evaluating():
        assert float(free[0]) == 1 + 0.25 * 0.5
        average = 0.75 + 0.25 * (1 - 0.125 / 16)
        expected = average + 0.125 * (1 - 0.125 / 16) + 1 / 16
        assert float(other[0]) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("name", CLASSES)
def test_t_counts_updates_under_accumulation(name: str) -> None:
    """`gone` is that of the last update, and of the first before it."""
    variable = tf.Variable([2.0])
    optimizer = made(name, gradient_accumulation_steps=2, weight_decay=0.0, learning_rate=0.0)
    optimizer.build([variable])
    found = []
    for _ in range(5):
        with optimizer.evaluating():
            found.append(float(variable[0]) - 2)
        optimizer.apply([tf.ones([1])], [variable])
    assert found == [1 - 0.75**t for t in (1, 1, 1, 1, 2)]


@pytest.mark.parametrize("name", CLASSES)
def test_the_way_back_keeps_every_bit(name: str) -> None:
    odd = np.array([-0.0, np.nan, np.inf, 1e-45, 3.0], np.float32)
    half = np.array([-0.0, np.nan, 6e-8, 1.0], np.float16)
    variables = [tf.Variable(odd), tf.Variable(half)]
    optimizer = made(name)
    optimizer.build(variables)
    optimizer.swap_to_eval()
    assert variables[0].numpy()[4] != 3
    optimizer.swap_to_eval()  # once more changes nothing
    optimizer.swap_to_train()
    optimizer.swap_to_train()
    assert variables[0].numpy().tobytes() == odd.tobytes()
    assert variables[1].numpy().tobytes() == half.tobytes()


@pytest.mark.parametrize("name", CLASSES)
def test_small_steps_of_16_bits_still_add_up(name: str) -> None:
    """What is kept before rounding stays through an evaluation."""
    variables = [tf.Variable([1.0], dtype=tf.bfloat16) for _ in range(2)]
    for variable, evaluates in zip(variables, (True, False), strict=True):
        optimizer = made(name, weight_decay=0.0, learning_rate=2.0**-12)
        for _ in range(32):
            optimizer.apply([tf.ones([1], tf.bfloat16)], [variable])
            if evaluates:
                with optimizer.evaluating():
                    pass
    assert variables[0].numpy() == variables[1].numpy() < 1


# --- what is refused meanwhile --------------------------------------------------------------------

BEFORE_A_STEP = r"evaluation weights: call `swap_to_train\(\)` before a step"


@pytest.mark.parametrize("name", CLASSES)
def test_a_step_is_refused(name: str) -> None:
    """Eagerly, and in a function that was compiled before."""
    optimizer, variable = pair(name)
    step = tf.function(lambda: optimizer.apply([tf.ones([2])], [variable]))
    step()
    optimizer.swap_to_eval()
    before = variable.numpy()
    with pytest.raises(RuntimeError, match=BEFORE_A_STEP):
        optimizer.apply([tf.ones([2])], [variable])
    with pytest.raises(tf.errors.InvalidArgumentError, match=BEFORE_A_STEP):
        step()
    np.testing.assert_array_equal(variable, before)
    optimizer.swap_to_train()
    step()
    assert int(optimizer.iterations) == 3


@pytest.mark.parametrize("name", CLASSES)
def test_an_xla_function_leaves_the_step_out(name: str) -> None:
    """Nothing can raise there; the end of `fit` says it."""
    optimizer, variable = pair(name)
    step = tf.function(lambda: optimizer.apply([tf.ones([2])], [variable]), jit_compile=True)
    step()
    trained, steps = variable.numpy(), int(optimizer.iterations)
    optimizer.swap_to_eval()
    step()
    if name == "Averaged":
        match = "before training; the steps since then have changed nothing"
        with pytest.raises(RuntimeError, match=match):
            optimizer.finalize_variable_values([variable])
        optimizer.finalize_variable_values([variable])
    optimizer.swap_to_train()
    np.testing.assert_array_equal(variable, trained)
    assert int(optimizer.iterations) == steps
    step()
    assert int(optimizer.iterations) == steps + 1


@pytest.mark.parametrize("name", CLASSES)
def test_saving_is_refused_and_loading_puts_an_end_to_it(name: str, tmp_path: Path) -> None:
    optimizer, variable = pair(name)
    checkpoint = tf.train.Checkpoint(optimizer=optimizer, variable=variable)
    path = checkpoint.save(str(tmp_path / "saved"))
    saved = variable.numpy()
    optimizer.apply([tf.ones([2])], [variable])
    optimizer.swap_to_eval()
    with pytest.raises(RuntimeError, match=r"call `swap_to_train\(\)` before saving"):
        checkpoint.save(str(tmp_path / "other"))
    if name == "Averaged":
        with pytest.raises(RuntimeError, match=r"call `swap_to_train\(\)` before saving"):
            optimizer.save_own_variables({})
    checkpoint.restore(path)
    optimizer.swap_to_train()
    np.testing.assert_array_equal(variable, saved)
    optimizer.apply([tf.ones([2])], [variable])
    assert int(optimizer.iterations) == 2


@pytest.mark.parametrize("name", CLASSES)
def test_evaluating_leaves_as_it_came(name: str) -> None:
    optimizer, variable = pair(name)
    trained = variable.numpy()

    def fail() -> None:
        with optimizer.evaluating():
            assert (variable.numpy() != trained).any()
            with optimizer.evaluating():
                pass
            assert (variable.numpy() != trained).any()
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    np.testing.assert_array_equal(variable, trained)


@pytest.mark.parametrize("name", CLASSES)
def test_what_cannot_be_evaluated(name: str) -> None:
    with pytest.raises(ValueError, match="use_ema is not for Averaged, which has evaluation wei"):
        made(name, use_ema=True)
    optimizer = made(name)
    with pytest.raises(ValueError, match="use_ema is not for Averaged"):
        optimizer.use_ema = True
    with pytest.raises(ValueError, match="call `build` with them first"):
        optimizer.swap_to_eval()
    optimizer, _ = pair(name)
    with pytest.raises(RuntimeError, match="call it outside of compiled functions"):
        tf.function(optimizer.swap_to_eval)()


@pytest.mark.parametrize("make", [keras_class, module_class])
def test_a_rule_without_evaluation_weights(make: Any) -> None:
    optimizer = make("adam")()
    optimizer.build([tf.Variable(1.0)])
    for call in (optimizer.swap_to_eval, optimizer.swap_to_train, optimizer.evaluating().__enter__):
        with pytest.raises(RuntimeError, match=r"Adam has no evaluation weights: .* no `eval:`"):
            call()


# --- elsewhere -----------------------------------------------------------------------------------


def test_a_standalone_file_has_it_all(monkeypatch: pytest.MonkeyPatch) -> None:
    source = optdsl.compile(TEXT).source(standalone=True)
    module = ModuleType("a_standalone_file")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(source, module.__name__, "exec"), module.__dict__)
    assert issubclass(module.EvaluationWeights, tf.keras.callbacks.Callback)
    variables = []
    for own in (module, loaded(TEXT)[1]):
        variables.append(tf.Variable([1.0, -2.0]))
        optimizer = own.AveragedModule()
        optimizer.apply([tf.constant([0.5, 0.25])], [variables[-1]])
        optimizer.swap_to_eval()
    np.testing.assert_array_equal(*variables)
    alone = optdsl.compile(TEXT).source("module", standalone=True)
    assert "EvaluationWeights" not in alone
