"""Training on two replicas against training on one; tests run this and read what it says.

TensorFlow splits the CPU into devices only before anything else, hence a process of its own. With
`TF_CONFIG`, the replicas are two processes that run this, each with one. The gradients are
multiples of 1/64: they add up exactly, whatever the order.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import optdsl
from support.specs import keras_class
from support.steps import CLASSES, IDS, Array, binary, start


def two_replicas() -> tf.distribute.Strategy:
    if "TF_CONFIG" in os.environ:
        return tf.distribute.MultiWorkerMirroredStrategy()
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


STRATEGY = two_replicas()

OPTIONS: dict[str, Any] = {
    "use_ema": True,
    "ema_overwrite_frequency": 2,
    "gradient_accumulation_steps": 2,
    "global_clipnorm": 0.5,
    "weight_decay": 0.125,
    "skip_nonfinite": True,
}


VALUES = np.stack([[binary((6, 4), 2 * seed + replica) for replica in (0, 1)] for seed in (0, 1)])


def gradient(seed: Any, replica: Any, *, sparse: bool) -> Any:
    """What one replica contributes."""
    values = tf.gather(tf.gather(VALUES, seed), replica)
    if not sparse:
        return values
    ids = tf.gather(tf.constant([IDS, [0, 4, 4, 4, 0, 0]], tf.int64), replica)
    return tf.IndexedSlices(values, ids)


def results(optimizer: Any, variables: list[tf.Variable]) -> list[Array]:
    """The variables and the state, on each replica."""
    kept = [*variables, *optimizer._saved.by_name.values()]
    locals_ = [STRATEGY.experimental_local_results(each) for each in kept]
    for parts in locals_:
        for part in parts[1:]:
            np.testing.assert_array_equal(part.numpy(), parts[0].numpy())
    return [parts[0].numpy() for parts in locals_]


def evaluated(optimizer: Any, variables: list[tf.Variable]) -> list[Array]:
    """The same while the variables hold their evaluation weights; these are exchanged again."""
    before = results(optimizer, variables)
    optimizer.swap_to_eval()
    held = results(optimizer, variables)
    optimizer.swap_to_train()
    after = results(optimizer, variables)
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other)
    return [*held, *after]


def on_two(
    make: Callable[[], Any], steps: int, *, sparse: bool, look: Any = results
) -> list[Array]:
    with STRATEGY.scope():
        variables, optimizer = [start()], make()

    @tf.function
    def step(seed: Any) -> None:
        def replica() -> None:
            number = tf.distribute.get_replica_context().replica_id_in_sync_group
            optimizer.apply([gradient(seed, number, sparse=sparse)], variables)

        STRATEGY.run(replica)

    for number in range(steps):
        step(tf.constant(number % 2))
    return look(optimizer, variables)


def on_one(
    make: Callable[[], Any], steps: int, *, sparse: bool, look: Any = results
) -> list[Array]:
    variables, optimizer = [start()], make()
    for number in range(steps):
        parts = [gradient(number % 2, replica, sparse=sparse) for replica in (0, 1)]
        total: Any = parts[0] + parts[1] if not sparse else None
        if sparse:
            values = tf.concat([part.values for part in parts], 0)
            total = tf.IndexedSlices(values, tf.concat([part.indices for part in parts], 0))
        optimizer.apply([total], variables)
    return look(optimizer, variables)


def compare(case: str, one: list[Array], two: list[Array]) -> None:
    same = len(one) == len(two) and all(map(np.array_equal, one, two))
    print(f"{case}: {'equal' if same else 'DIFFERENT'}", flush=True)


def training(kind: str) -> None:
    cases: dict[str, tuple[str, bool, dict[str, Any]]] = {
        "dense": ("amsgrad", False, {}),
        "sparse, exact": ("adagrad", True, {}),
        "sparse, lazy": ("lazy_adam", True, {}),
        "sums": ("prodigy", False, {}),
        "sums, lazy": ("prodigy", True, {"sparse_mode": "lazy"}),
        "every option": ("lazy_adam", True, OPTIONS),
        "evaluated": ("schedule_free_adamw", False, {}),
    }
    for case, (spec, sparse, options) in cases.items():

        def make(spec: str = spec, options: Any = options) -> Any:
            return CLASSES[kind](spec)(0.125, jit_compile=False, **options)

        look = evaluated if case == "evaluated" else results
        taken = [run(make, 4, sparse=sparse, look=look) for run in (on_one, on_two)]
        compare(f"{kind}: {case}", *taken)


POLYAK = """optimizer Polyak:
    slot level: scalar

    step:
        level <- 0.5 * level + 0.5 * loss
        param <- param - min(0.5, max(loss, 0)) * grad - level * 0.125
"""


def losses(kind: str) -> None:
    """Two losses of two replicas are one, as their gradients are."""
    name = "Polyak" if kind == "keras" else "PolyakModule"

    def make() -> Any:
        made = getattr(optdsl.load(POLYAK), name)
        return made(jit_compile=False, gradient_accumulation_steps=2)

    with STRATEGY.scope():
        variables, optimizer = [start()], make()

    @tf.function
    def step(seed: Any) -> None:
        def replica() -> None:
            number = tf.distribute.get_replica_context().replica_id_in_sync_group
            grad = gradient(seed, number, sparse=False)
            optimizer.apply([grad], variables, loss=tf.reduce_sum(grad))

        STRATEGY.run(replica)

    alone, whole = [start()], make()
    for number in range(4):
        step(tf.constant(number % 2))
        total = sum(gradient(number % 2, replica, sparse=False) for replica in (0, 1))
        whole.apply([total], alone, loss=tf.reduce_sum(total))
    compare(f"{kind}: losses", results(whole, alone), results(optimizer, variables))


def network(**options: Any) -> keras.Model:
    keras.utils.set_random_seed(0)
    layers = [
        keras.layers.Embedding(6, 4, name="table"),
        keras.layers.Flatten(),
        keras.layers.Dense(1, name="out"),
    ]
    model = keras.Sequential([keras.Input((2,), dtype="int32"), *layers], name="network")
    optimizer = keras_class("lazy_adam")(2.0**-5, epsilon=1e-3, **options)
    model.compile(optimizer, "mse", jit_compile=False)
    return model


def outside(kind: str) -> None:
    """A step that would reach one replica only is refused, in the scope and out of it."""
    with STRATEGY.scope():
        optimizer, variable = CLASSES[kind]("adam")(), start()
        optimizer.build([variable])
    refused = 0
    for scope in (STRATEGY.scope, contextlib.nullcontext):
        with scope():
            try:
                optimizer.apply([tf.ones([6, 4])], [variable])
            except RuntimeError as error:
                refused += "inside `strategy.run`" in str(error)
    print(f"{kind}: outside: {'refused' if refused == 2 else 'ACCEPTED'}", flush=True)


def elsewhere(kind: str) -> None:
    """An optimizer that was made outside the scope of its variables, or inside without them."""
    refused = 0
    for inside in (False, True):
        scopes = [STRATEGY.scope(), contextlib.nullcontext()]
        with scopes[inside]:
            variable = start()
        with scopes[not inside]:
            optimizer = CLASSES[kind]("adam")()

        def step(variable: Any = variable, optimizer: Any = optimizer) -> None:
            optimizer.apply([tf.ones([6, 4])], [variable])

        def build(variable: Any = variable, optimizer: Any = optimizer) -> None:
            optimizer.build([variable])

        for attempt in (build, lambda step=step: STRATEGY.run(tf.function(step))):
            try:
                attempt()
            except ValueError as error:
                refused += "outside `strategy.scope()`" in str(error)
    print(f"{kind}: elsewhere: {'refused' if refused == 4 else 'ACCEPTED'}", flush=True)


def built_outside(kind: str) -> None:
    """Its state is made in the scope all the same; nobody has to call `build` there."""
    with STRATEGY.scope():
        optimizer, variable = CLASSES[kind]("adam")(), start()
    optimizer.build([variable])
    replicas = len(STRATEGY.experimental_local_results(variable))
    kept = [len(STRATEGY.experimental_local_results(slot)) for (slot,) in optimizer.slots.values()]
    same = all(STRATEGY.extended.variable_created_in_scope(s) for (s,) in optimizer.slots.values())
    good = same and set(kept) == {replicas}
    print(f"{kind}: built outside: {'mirrored' if good else 'ALONE'}", flush=True)


def fitting_from_outside() -> None:
    with STRATEGY.scope():
        model = network()
    model.compile(keras_class("adam")(), "mse", jit_compile=False)
    try:
        model.fit(np.zeros((4, 2), np.int32), np.zeros((4, 1)), verbose=0)
    except ValueError as error:
        refused = "outside `strategy.scope()`" in str(error)
        print(f"fit: elsewhere: {'refused' if refused else error}", flush=True)


def fitting() -> None:
    """Sums over a batch and over its halves are not in the same order: equal up to that."""
    generator = np.random.default_rng(0)
    words = generator.integers(0, 6, size=(32, 2)).astype(np.int32)
    targets = words.sum(axis=1, keepdims=True).astype(np.float32) / 8
    with STRATEGY.scope():
        two = network(use_ema=True)
    models = [network(use_ema=True), two]
    for model in models:
        model.fit(words, targets, 8, epochs=2, shuffle=False, verbose=0)
    weights = [model.get_weights() for model in models]
    close = all(np.allclose(a, b, rtol=0, atol=1e-5) for a, b in zip(*weights, strict=True))
    print(f"fit: {'equal' if close else 'DIFFERENT'}", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        path = tf.train.Checkpoint(model=two).save(f"{folder}/state")
        with STRATEGY.scope():
            other = network(use_ema=True)
            tf.train.Checkpoint(model=other).restore(path)
        for model in (two, other):
            model.fit(words, targets, 8, shuffle=False, verbose=0)
    compare("checkpoint", two.get_weights(), other.get_weights())


for kind in CLASSES:
    training(kind)
    losses(kind)
    outside(kind)
    elsewhere(kind)
    built_outside(kind)
if "TF_CONFIG" not in os.environ:  # Keras's `fit` does not work with several workers
    fitting()
    fitting_from_outside()
