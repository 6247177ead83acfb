"""Word embeddings on two parameter servers, trained by two workers, equal those of one process.

    python examples/embedding_servers.py [--kill] [FOLDER]

`tf.distribute.ParameterServerStrategy` keeps variables on servers; here half of the table of word
vectors is on each. This process coordinates: it sends steps to workers, which read the rows that
they need and write them back. Servers and workers are processes on 127.0.0.1. `fit` of Keras 3 does
not know this strategy: the loop is one's own, and the optimizer a generated `tf.Module`.

Each step here waits for the last, so that the weights can be compared with one process's; then
both workers train at once, as one would. With `--kill`, a worker dies on the way: its steps go to
the other until it is started again. The state is saved in FOLDER, if one is given.
"""

from __future__ import annotations

import gc
import json
import random
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

SPECS = Path(__file__).parent.parent / "specs"
CLUSTER = {"worker": 2, "ps": 2}
BATCH = 32
STEPS = 50
# Cuts the table in two; leaves what is smaller whole.
PARTS = tf.distribute.experimental.partitioners.MinSizePartitioner(16 << 10, CLUSTER["ps"])


class Model(NamedTuple):
    """What is trained, and what trains it."""

    table: Any
    w: tf.Variable
    b: tf.Variable
    optimizer: Any

    def variables(self) -> list[tf.Variable]:
        """The variables; of a table in parts, the parts."""
        parts = self.table.variables if hasattr(self.table, "variables") else [self.table]
        return [*parts, self.w, self.b]

    def scores(self, ids: tf.Tensor) -> tf.Tensor:
        """A score for each label, from the mean of the words' vectors."""
        vectors = tf.nn.embedding_lookup(self.table, ids)
        return tf.reduce_mean(vectors, axis=1) @ self.w + self.b

    def step(self, ids: tf.Tensor, labels: tf.Tensor) -> None:
        """One step on one batch."""
        variables = self.variables()
        with tf.GradientTape() as tape:
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, self.scores(ids))
            loss = tf.reduce_mean(losses)
        self.optimizer.apply(tape.gradient(loss, variables), variables)

    def checkpoint(self) -> tf.train.Checkpoint:
        """What is saved."""
        return tf.train.Checkpoint(**self._asdict())


def make_model(words: int) -> Model:
    """The same each time. Made in a strategy's scope, it is on the servers."""
    table = tf.Variable(tf.random.stateless_normal([words, 16], [1, 0], stddev=0.1), name="table")
    w = tf.Variable(tf.random.stateless_normal([16, 6], [2, 0], stddev=0.25), name="w")
    b = tf.Variable(tf.zeros([6]), name="b")
    import optdsl  # not above: servers need TensorFlow only, and start sooner

    # With a generated file: `from generated.lazy_adam import LazyAdamModule`.
    optimizer = optdsl.load(SPECS / "lazy_adam.opt").LazyAdamModule(0.03, jit_compile=False)
    model = Model(table, w, b, optimizer)
    optimizer.build(model.variables())
    return model


def batch(texts: Any, step: int) -> tuple[tf.Tensor, tf.Tensor]:
    """A batch of the texts."""
    at = np.arange(BATCH * step, BATCH * (step + 1)) % len(texts.ids)
    return tf.constant(texts.ids[at]), tf.constant(texts.labels[at])


def free_address() -> str:
    """A port on this machine that nobody uses, and that nobody is given by chance."""
    while True:
        port = random.randrange(15_000, 30_000)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return f"127.0.0.1:{port}"


def serve(cluster: str, job: str, index: str) -> None:
    """What servers and workers do, until the process that started them ends."""
    _server = tf.distribute.Server(json.loads(cluster), job_name=job, task_index=int(index))
    sys.stdin.read()


class Member:
    """A server or a worker: a process that ends with this one."""

    def __init__(self, cluster: dict[str, list[str]], job: str, index: int) -> None:
        self.command = [sys.executable, __file__, "--serve", json.dumps(cluster), job, str(index)]
        self.start()

    def start(self) -> None:
        """Starts it; after it was killed, too, as what manages a cluster does."""
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE)

    def kill(self) -> None:
        """Kills it, as a machine that fails does."""
        self.process.kill()


def train(texts: Any, cluster: dict[str, list[str]], worker: Member | None, folder: str) -> list:
    """Trains on the cluster; `worker` dies on the way and comes back, unless it is None."""
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec(cluster), rpc_layer="grpc"
    )
    strategy = tf.distribute.ParameterServerStrategy(resolver, variable_partitioner=PARTS)
    coordinator = tf.distribute.coordinator.ClusterCoordinator(strategy)
    with strategy.scope():
        model = make_model(texts.words)

    @tf.function
    def step(ids: tf.Tensor, labels: tf.Tensor) -> None:
        strategy.run(model.step, (ids, labels))

    for number in range(STEPS):
        if worker is not None and number == STEPS // 2:
            worker.kill()
        coordinator.schedule(step, batch(texts, number))
        coordinator.join()
    model.checkpoint().write(f"{folder}/state")
    weights = [each.numpy() for each in model.variables()]
    if worker is not None:
        worker.start()

    for number in range(STEPS):  # both workers at once, each with its own view of the weights
        coordinator.schedule(step, batch(texts, STEPS + number))
    coordinator.join()
    print(f"steps: {model.optimizer.iterations.numpy()}")
    return weights


def main(folder: str, *, kill: bool) -> None:
    """Trains on a cluster, and in this process alone, from the same start."""
    from embedding_sparse import load_texts

    texts = load_texts()
    alone = make_model(texts.words)
    step = tf.function(alone.step)
    for number in range(STEPS):
        step(*batch(texts, number))
    expected = [each.numpy() for each in alone.variables()]  # while this process is alone

    cluster = {job: [free_address() for _ in range(n)] for job, n in CLUSTER.items()}
    members = [Member(cluster, job, index) for job, n in CLUSTER.items() for index in range(n)]
    parts = train(texts, cluster, members[0] if kill else None, folder)
    gc.collect()  # the coordinator: at the end of a process its destructor can wait for ever
    weights = [np.concatenate(parts[:-2]), *parts[-2:]]
    largest = max(np.max(np.abs(a - b)) for a, b in zip(weights, expected, strict=True))
    print(f"largest difference of weights, cluster and one process: {largest:.1e}")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--serve", *arguments]:
            serve(*arguments)
        case arguments:
            with tempfile.TemporaryDirectory() as temporary:
                folders = [each for each in arguments if each != "--kill"]
                main((folders or [temporary])[0], kill="--kill" in arguments)
