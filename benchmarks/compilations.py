"""How often XLA compiles when every step has another number of ids.

TensorFlow reports compilations in its log only, so the steps are taken in a process of their own
whose log is counted: `python -m benchmarks.compilations optdsl_now eager 200`.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
from typing import Any

from benchmarks.systems import system
from benchmarks.turns import ROOT, MeasurementError, environment

MARK = "Compilation of XLA executable time"
LOGGED = {"TF_CPP_VMODULE": "device_compiler=1", "TF_CPP_MIN_LOG_LEVEL": "0"}
STEPS = 200

COUNTED = (
    ("optdsl", "eager"),
    ("optdsl", "xla"),
    ("optdsl 0.1.0", "eager"),
    ("optdsl 0.1.0", "xla"),
    ("Keras", "xla"),
)
"""Systems, and how they are called: from Python, or in a function that XLA compiles."""


def count(steps: int, counted: tuple[tuple[str, str], ...] = COUNTED) -> dict[str, int]:
    """Number of compilations in sparse steps that have a different number of ids each.

    Args:
        steps: the number of steps.
        counted: the systems, and how they are called.

    Returns:
        A number for each of them, under `NAME, CALLED`.

    Raises:
        MeasurementError: the steps failed.
    """
    started = {
        f"{name}, {mode}": _start(system(name).module, mode, steps) for name, mode in counted
    }
    logs = {name: process.communicate()[1] for name, process in started.items()}
    for name, process in started.items():
        if process.returncode:
            raise MeasurementError(f"the sparse steps of {name} have failed:\n{logs[name][-2000:]}")
    return {name: log.count(MARK) for name, log in logs.items()}


def _start(module: str, mode: str, steps: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.compilations", module, mode, str(steps)],
        cwd=ROOT,
        env=environment() | LOGGED,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def take_steps(module: str, mode: str, steps: int) -> None:
    """Steps with 1 to about 4,096 ids, no number twice."""
    import keras  # only the process that takes the steps needs TensorFlow
    import tensorflow as tf

    table = keras.Variable(tf.zeros([10_000, 8]))
    optimizer: Any = importlib.import_module(f"benchmarks.peers.{module}").optimizer("lazy_adam")
    optimizer.build([table])

    def step(ids: tf.Tensor) -> None:
        values = tf.ones([tf.size(ids), 8])
        optimizer.apply([tf.IndexedSlices(values, ids, tf.constant([10_000, 8]))], [table])

    if mode == "xla":
        step = tf.function(step, autograph=False, jit_compile=True, reduce_retracing=True)
    for index in range(steps):
        step(tf.range(1 + index * 4096 // steps))


if __name__ == "__main__":
    take_steps(sys.argv[1], sys.argv[2], int(sys.argv[3]))
