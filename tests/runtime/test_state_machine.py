"""Any order of training, freezing, saving and loading: each slot is where it was, or it is said.

The state that a variable should have is kept here by the variable itself, whatever it is called:
the default machine runs a few times, the `slow` one 300 times. The two layers that Keras names are
frozen together: which of them was saved, their names alone do not say.
"""

from __future__ import annotations

import copy
import itertools
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from support.saving import made, network, recompiled, slots_of
from support.steps import Array, binary

Slots = list[Array]
NAMES = ("block_1", "block_2", "block_3", None, None)
"""Of layers of one size; Keras makes up the last two."""


class Snapshot(NamedTuple):
    """What was saved: weights, slots by layer, steps, and which layers have which names."""

    path: str
    slots: dict[int, Slots]
    steps: int
    names: tuple[str, ...]


class Files(RuleBasedStateMachine):
    """A model with an optimizer, and what became of it."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.numbers = itertools.count()

    def teardown(self) -> None:
        self.folder.cleanup()

    @initialize()
    def start(self) -> None:
        self.model = network(*NAMES)
        self.slots: dict[int, Slots] = {}  # by layer: of its kernel
        self.steps = 0
        self.weights: Snapshot | None = None
        self.file: Snapshot | None = None
        self.checkpoint: Snapshot | None = None

    # --- what the model has ----------------------------------------------------------------------

    @property
    def optimizer(self) -> Any:
        return self.model.optimizer

    def trained(self) -> list[int]:
        return [i for i, layer in enumerate(self.model.layers) if layer.trainable]

    def found(self) -> dict[int, Slots]:
        places = self.optimizer._core.places
        kernels = [layer.kernel for layer in self.model.layers]
        there = [i for i, kernel in enumerate(kernels) if kernel.value.ref() in places]
        return {i: slots_of(self.optimizer, kernels[i]) for i in there}

    def new_path(self, suffix: str) -> str:
        return str(Path(self.folder.name) / f"{next(self.numbers)}{suffix}")

    def snapshot(self, path: str) -> Snapshot:
        names = tuple(layer.name for layer in self.model.layers)
        return Snapshot(path, copy.deepcopy(self.slots), self.steps, names)

    def attempt(self, saved: Snapshot, load: Callable[[], Any]) -> None:
        """Loads; what is expected then follows from who was saved and who is trained.

        A slot is as saved, or fresh and that was said; or all is as before, and that was said.
        """
        before, steps = copy.deepcopy(self.found()), self.steps
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                load()
                built = self.found() if self.optimizer.built else None
                self.optimizer.build(self.model.trainable_variables)
            except ValueError as error:
                assert "only saved" in str(error)  # noqa: PT017
                assert self.optimizer._saved.pending is None or not before
                if self.optimizer._saved.pending is not None:  # what it loaded, it keeps
                    self.renew()
                    return
                self.slots, self.steps = before, steps
                return
        said = " ".join(str(each.message) for each in caught)
        self.steps = saved.steps
        known = self.found()
        there = known if built is None else built  # when the state came
        for index in known:
            fresh = [np.zeros_like(each) for each in known[index]]
            taken = index in saved.slots and index in there
            if taken and index >= 3 and "no saved state of" in said:  # perhaps one of those
                taken = all(map(np.array_equal, known[index], saved.slots[index]))
            assert taken or not saved.slots or index not in there or "no saved state of" in said
            self.slots[index] = saved.slots[index] if taken else fresh
        assert saved.slots.keys() <= there.keys() or "is dropped" in said
        self.slots = {index: self.slots[index] for index in known}

    def renew(self) -> None:
        """Another optimizer for the same model: it knows nothing."""
        recompiled(self.model, made("keras"))
        self.slots, self.steps = {}, 0

    # --- actions ---------------------------------------------------------------------------------

    @rule(seed=st.integers(0, 99))
    def train(self, seed: int) -> None:
        """One step, with gradients that differ from layer to layer."""
        trained = self.model.trainable_variables
        if not trained:
            return
        before = copy.deepcopy(self.found())
        grads = [tf.constant(binary(each.shape, seed + i)) for i, each in enumerate(trained)]
        try:
            self.optimizer.apply(grads, trained)
        except ValueError as error:  # none of them was there before
            assert "Unknown variable" in str(error)  # noqa: PT017
            self.optimizer.build(trained)
            self.optimizer.apply(grads, trained)
        self.steps += 1
        after = self.found()
        for index, slots in after.items():
            moved = index in self.trained()
            old = before.get(index, [np.zeros_like(each) for each in slots])
            grad = binary(slots[0].shape, seed + 2 * self.trained().index(index)) if moved else 0
            expected = np.float32(0.9) * old[0] + np.float32(0.1) * grad if moved else old[0]
            np.testing.assert_allclose(slots[0], expected, rtol=1e-5, atol=1e-7)
        self.slots = after

    @rule(index=st.integers(0, 3))
    def freeze(self, index: int) -> None:
        self.set_trainable(index, False)

    @rule(index=st.integers(0, 3))
    def unfreeze(self, index: int) -> None:
        self.set_trainable(index, True)

    def set_trainable(self, index: int, value: bool) -> None:
        for layer in self.model.layers[index : None if index == 3 else index + 1]:
            layer.trainable = value

    @rule(same=st.booleans())
    def recompile(self, same: bool) -> None:
        if same:
            recompiled(self.model, self.optimizer)
        else:
            self.renew()

    @rule()
    def rebuild(self) -> None:
        """The same model once more in the process, with nothing learned."""
        trainable = [layer.trainable for layer in self.model.layers]
        self.model = network(*NAMES)
        for layer, flag in zip(self.model.layers, trainable, strict=True):
            layer.trainable = flag
        self.slots, self.steps = {}, 0

    @rule()
    def rename(self) -> None:
        """The same model, but `block_1`, `block_2`, `block_3` are `block_2`, `block_3`, `x`."""
        self.rebuild()
        names = ("block_2", "block_3", "x", None, None)
        trainable = [layer.trainable for layer in self.model.layers]
        self.model = network(*names)
        for layer, flag in zip(self.model.layers, trainable, strict=True):
            layer.trainable = flag

    @rule()
    def clone(self) -> None:
        """The same weights and configuration, no state."""
        config = self.optimizer.get_config()
        self.model = keras.models.clone_model(self.model)
        recompiled(self.model, type(made("keras")).from_config(config))
        self.slots, self.steps = {}, 0

    @rule()
    def save_weights(self) -> None:
        path = self.new_path(".weights.h5")
        self.model.save_weights(path)
        self.weights = self.snapshot(path)

    @precondition(lambda self: self.weights is not None)
    @rule()
    def load_weights(self) -> None:
        assert self.weights is not None
        saved = self.weights
        self.attempt_named(saved, lambda: self.model.load_weights(saved.path))

    @rule()
    def save(self) -> None:
        path = self.new_path(".keras")
        self.model.save(path)
        self.file = self.snapshot(path)

    @precondition(lambda self: self.file is not None)
    @rule()
    def load(self) -> None:
        assert self.file is not None
        saved = self.file

        def load() -> None:
            self.model = keras.models.load_model(saved.path)

        self.attempt(saved, load)
        recompiled(self.model, self.optimizer)

    @rule()
    def write_checkpoint(self) -> None:
        path = tf.train.Checkpoint(model=self.model).write(self.new_path("-checkpoint"))
        self.checkpoint = self.snapshot(path)

    @precondition(lambda self: self.checkpoint is not None)
    @rule()
    def restore(self) -> None:
        assert self.checkpoint is not None
        saved = self.checkpoint
        self.attempt_named(saved, lambda: tf.train.Checkpoint(model=self.model).read(saved.path))

    def attempt_named(self, saved: Snapshot, load: Callable[[], Any]) -> None:
        """Loads into layers that may be called otherwise: names count, not places."""
        here = [layer.name for layer in self.model.layers]
        moved = {}
        for index, slots in saved.slots.items():
            name = saved.names[index]
            if name not in (*NAMES, "x"):  # made up
                moved[index] = slots
            else:
                moved[here.index(name) if name in here else -1 - index] = slots
        self.attempt(saved._replace(slots=moved), load)

    # --- always ----------------------------------------------------------------------------------

    @invariant()
    def every_slot_is_where_it_was(self) -> None:
        found = self.found()
        assert found.keys() == self.slots.keys()
        for index, slots in found.items():
            for one, other in zip(slots, self.slots[index], strict=True):
                np.testing.assert_array_equal(one, other)
        assert int(self.optimizer.iterations.numpy()) == self.steps


def run(examples: int) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=12,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


Files.TestCase.settings = run(15)
TestFiles = Files.TestCase


class ManyFiles(Files):
    """The same, often."""


ManyFiles.TestCase.settings = run(300)
TestManyFiles = pytest.mark.slow(ManyFiles.TestCase)
