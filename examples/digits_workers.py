"""Handwritten digits, trained by two processes, as on two machines, equal those of one process.

    python examples/digits_workers.py [--kill]

`tf.distribute.MultiWorkerMirroredStrategy` keeps all variables in every process; each takes its
share of a batch, and the gradients are added up over the network, here 127.0.0.1. `fit` of Keras 3
does not work under this strategy; the Keras optimizer does, in a loop of one's own.

When a worker dies, TensorFlow ends the step of the others with an `UnavailableError`. All are then
started again, and go on from the last checkpoint; with `--kill`, that happens here.
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits

import optdsl

SPECS = Path(__file__).parent.parent / "specs"
WORKERS = 2
BATCH = 64  # of all workers together
STEPS = 100
SAVE_EVERY = 20
PATIENCE = 300  # seconds


def batches(context: tf.distribute.InputContext) -> tf.data.Dataset:
    """One worker's share of the batches: every other image."""
    images, digits = load_digits(return_X_y=True)
    data = tf.data.Dataset.from_tensor_slices((images.astype("float32") / 16, digits))
    data = data.take(len(digits) // BATCH * BATCH).repeat()
    data = data.shard(context.num_input_pipelines, context.input_pipeline_id)
    return data.batch(context.get_per_replica_batch_size(BATCH))


def train(strategy: tf.distribute.Strategy, folder: str, kill_at: int | None = None) -> list:
    """Trains, from the last checkpoint in the folder if there is one; returns the weights."""
    keras.utils.set_random_seed(0)
    with strategy.scope():
        layers = [keras.layers.Dense(64, activation="tanh"), keras.layers.Dense(10)]
        model = keras.Sequential([keras.Input((64,)), *layers])
        # With a generated file: `from generated.amsgrad import AMSGrad`.
        optimizer = optdsl.load(SPECS / "amsgrad.opt").AMSGrad(3e-3, epsilon=1e-3)
        optimizer.build(model.trainable_variables)

    @tf.function
    def train_step(iterator: tf.distribute.DistributedIterator) -> None:
        def on_replica(images: tf.Tensor, digits: tf.Tensor) -> None:
            with tf.GradientTape() as tape:
                losses = tf.nn.sparse_softmax_cross_entropy_with_logits(digits, model(images))
                # The optimizer adds up what the replicas give, so each gives its part of a mean.
                loss = tf.reduce_sum(losses) / BATCH
            variables = model.trainable_variables
            optimizer.apply(tape.gradient(loss, [v.value for v in variables]), variables)

        strategy.run(on_replica, next(iterator))

    checkpoint = tf.train.Checkpoint(model=model, optimizer=optimizer)
    # Every worker must save; only what the first one writes is kept.
    first = strategy.cluster_resolver is None or strategy.cluster_resolver.task_id == 0
    saved = Path(folder) / "checkpoints"
    with tempfile.TemporaryDirectory() as elsewhere:
        manager = tf.train.CheckpointManager(checkpoint, saved if first else elsewhere, 2)
        if (latest := tf.train.latest_checkpoint(saved)) is not None:
            checkpoint.restore(latest).assert_consumed()
        iterator = iter(strategy.distribute_datasets_from_function(batches))
        done = int(optimizer.iterations.numpy())
        for _ in range(done):
            next(iterator)
        for step in range(done, STEPS):
            if step == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
            train_step(iterator)
            if (step + 1) % SAVE_EVERY == 0:
                manager.save()
    return model.get_weights()


def free_address() -> str:
    """A port on this machine that nobody uses, and that nobody is given by chance."""
    while True:
        port = random.randrange(15_000, 30_000)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return f"127.0.0.1:{port}"


def run_workers(folder: str, *, kill: bool) -> list[int]:
    """Starts all workers and waits for them; returns how they ended."""
    workers = [free_address() for _ in range(WORKERS)]
    processes = []
    try:
        for index in range(WORKERS):
            task = {"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}}
            environment = {**os.environ, "TF_CONFIG": json.dumps(task)}
            command = [sys.executable, __file__, "--worker", folder]
            kill_at = ["50"] if kill and index > 0 else []
            processes.append(subprocess.Popen(command + kill_at, env=environment))
        return [process.wait(PATIENCE) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()


def worker(folder: str, kill_at: str | None = None) -> None:
    """What each process does; the first one leaves the weights in the folder."""
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    weights = train(strategy, folder, None if kill_at is None else int(kill_at))
    if strategy.cluster_resolver.task_id == 0:
        np.savez(f"{folder}/weights.npz", *weights)


def main(*, kill: bool) -> None:
    """Trains with two processes, and with this one alone, from the same start."""
    with tempfile.TemporaryDirectory() as folder:
        codes = run_workers(folder, kill=kill)
        if kill:
            print(f"killed a worker: the processes ended with {codes}; starting both again")
            codes = run_workers(folder, kill=False)
        if any(codes):
            sys.exit(f"the processes ended with {codes}")
        with np.load(f"{folder}/weights.npz") as stored:
            two = list(stored.values())
    with tempfile.TemporaryDirectory() as folder:
        one = train(tf.distribute.get_strategy(), folder)
    largest = max(np.max(np.abs(a - b)) for a, b in zip(two, one, strict=True))
    print(f"largest difference of weights, two processes and one: {largest:.1e}")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--worker", *arguments]:
            worker(*arguments)
        case arguments:
            main(kill=arguments == ["--kill"])
