"""Distribution strategies: they train what one process trains; what would not is refused."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from support.processes import free_address, outputs
from support.steps import CLASSES, start

EXAMPLES = Path(__file__).parents[2] / "examples"


def run_example(name: str, *arguments: str) -> str:
    """What `python examples/<name>.py` prints."""
    (printed,) = outputs([([str(EXAMPLES / f"{name}.py"), *arguments], {})])
    return printed


def assert_no_difference(printed: str) -> None:
    """The example's last line; replicas and one process round sums in different orders."""
    found = re.fullmatch(r"largest difference of weights, .*: (\S+)", printed.splitlines()[-1])
    assert found is not None, printed
    assert float(found[1]) < 1e-6


# --- MirroredStrategy ----------------------------------------------------------------------------


def test_fit_on_two_devices_is_fit_on_one() -> None:
    """0.1.0 had no example of it."""
    printed = run_example("digits_mirrored")
    assert_no_difference(printed)
    accuracy = re.search(r"accuracy on the test set: (\S+)%", printed)
    assert accuracy is not None
    assert float(accuracy[1]) > 95


# --- MultiWorkerMirroredStrategy -----------------------------------------------------------------


@pytest.fixture(scope="module")
def workers() -> list[str]:
    """What support/replicas.py printed in each of two processes that are one replica each."""
    cluster = {"worker": [free_address(), free_address()]}
    tasks = [
        json.dumps({"cluster": cluster, "task": {"type": "worker", "index": i}}) for i in (0, 1)
    ]
    return outputs([(["-m", "support.replicas"], {"TF_CONFIG": task}) for task in tasks])


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize(
    "case", ["dense", "sparse, exact", "sparse, lazy", "every option", "evaluated", "losses"]
)
def test_two_processes_are_one(workers: list[str], kind: str, case: str) -> None:
    """To the bit: the gradients are numbers whose sums are exact."""
    for printed in workers:
        assert f"{kind}: {case}: equal\n" in printed


@pytest.mark.parametrize("kind", CLASSES)
def test_workers_that_would_drift_apart_are_refused(workers: list[str], kind: str) -> None:
    """0.1.0 took a step outside `strategy.run` in one process alone, in silence."""
    for printed in workers:
        assert f"{kind}: outside: refused\n" in printed
        assert f"{kind}: elsewhere: refused\n" in printed
        assert f"{kind}: built outside: mirrored\n" in printed


def test_workers_go_on_from_their_checkpoint() -> None:
    """One is killed in mid-training: the other ends with an error, and both start again."""
    printed = run_example("digits_workers", "--kill")
    assert "killed a worker: the processes ended with [1, -9]; starting both again" in printed
    assert_no_difference(printed)


# --- ParameterServerStrategy ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """What examples/embedding_servers.py printed, and where it left its state; a worker died."""
    folder = str(tmp_path_factory.mktemp("servers"))
    return run_example("embedding_servers", "--kill", folder), f"{folder}/state"


def embeddings() -> dict[str, Any]:
    """What the example defines."""
    return runpy.run_path(str(EXAMPLES / "embedding_servers.py"))


def test_servers_train_what_one_process_trains(servers: tuple[str, str]) -> None:
    """Under 0.1.0 every step failed: XLA cannot reach variables on a server."""
    printed, _ = servers
    assert_no_difference(printed)
    assert "steps: 100\n" in printed


def saved_table(path: str) -> Any:
    return tf.train.load_variable(path, "table/.ATTRIBUTES/VARIABLE_VALUE")


def test_weights_on_servers_move_to_one_process(servers: tuple[str, str]) -> None:
    saved = saved_table(servers[1])
    model = embeddings()["make_model"](len(saved))
    restored = tf.train.Checkpoint(table=model.table, w=model.w, b=model.b)
    restored.read(servers[1]).assert_existing_objects_matched().expect_partial()
    np.testing.assert_array_equal(model.table.numpy(), saved)


def test_state_on_servers_does_not_move_to_a_whole_table(servers: tuple[str, str]) -> None:
    model = embeddings()["make_model"](len(saved_table(servers[1])))
    with pytest.warns(UserWarning, match="saved state of") as said:
        tf.train.Checkpoint(optimizer=model.optimizer).read(servers[1])
    dropped, fresh = (str(each.message) for each in said)
    assert "state of `table/part_0`, `table/part_1` is dropped" in dropped
    assert "no saved state of `table`: it starts fresh" in fresh


def test_state_on_servers_moves_to_a_table_in_as_many_parts(servers: tuple[str, str]) -> None:
    words = len(saved_table(servers[1]))
    rows = [words - words // 2, words // 2]
    whole = embeddings()["make_model"](words)
    parts = [tf.Variable(tf.zeros([n, 16]), name=f"table/part_{i}") for i, n in enumerate(rows)]
    optimizer = type(whole.optimizer)(0.03)
    optimizer.build([*parts, whole.w, whole.b])
    checkpoint = tf.train.Checkpoint(optimizer=optimizer)
    checkpoint.read(servers[1]).assert_existing_objects_matched().expect_partial()
    assert optimizer.iterations.numpy() == 50
    assert all(np.abs(moment.numpy()).max() > 0 for moment in optimizer.slots["m"])


@pytest.mark.parametrize("kind", CLASSES)
def test_a_whole_variable_in_parts_is_refused(kind: str) -> None:
    """0.1.0 ended in an AttributeError."""
    whole = tf.__internal__.distribute.ShardedVariable([start(), start()])
    optimizer = CLASSES[kind]("adam")()
    with pytest.raises(ValueError, match="pass its `variables`"):
        optimizer.build([whole])
    with pytest.raises(ValueError, match="pass its `variables`"):
        optimizer.apply([tf.ones([12, 4])], [whole])
    optimizer.build(whole.variables)
    with pytest.raises(ValueError, match="pass its `variables`"):
        optimizer.apply([tf.ones([12, 4])], [whole])
