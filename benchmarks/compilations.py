"""How often XLA compiles when every step has another number of ids.

TensorFlow reports compilations in its log only, so the steps are taken in a process of their own
whose log is counted: `python -m benchmarks.compilations optdsl 100`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).parent.parent
MARK = "Compilation of XLA executable time"

Candidate = Literal["optdsl", "Keras"]


def count(candidate: Candidate, steps: int) -> int:
    """Number of compilations in sparse steps that have a different number of ids each.

    Args:
        candidate: `lazy_adam` stepped eagerly, which compiles itself, or Keras's Adam in a
            function compiled with XLA, as `fit` does.
        steps: the number of steps.

    Raises:
        subprocess.CalledProcessError: the steps failed.
    """
    result = subprocess.run(
        [sys.executable, "-m", "benchmarks.compilations", candidate, str(steps)],
        cwd=ROOT,
        env=os.environ | {"TF_CPP_VMODULE": "device_compiler=1", "TF_CPP_MIN_LOG_LEVEL": "0"},
        capture_output=True,
        text=True,
        check=True,
    )
    return result.stderr.count(MARK)


def take_steps(candidate: str, steps: int) -> None:
    """Steps with 1 to about 4,096 ids, no number twice."""
    import keras  # only the process that takes the steps needs TensorFlow
    import tensorflow as tf

    from benchmarks import optimizers

    table = keras.Variable(tf.zeros([10_000, 8]))
    if candidate == "optdsl":
        optimizer = optimizers.generated("lazy_adam")()
    else:
        optimizer = keras.optimizers.Adam()
    optimizer.build([table])

    def step(ids: tf.Tensor) -> None:
        values = tf.ones([tf.size(ids), 8])
        optimizer.apply([tf.IndexedSlices(values, ids, tf.constant([10_000, 8]))], [table])

    if candidate == "Keras":
        step = tf.function(step, autograph=False, jit_compile=True, reduce_retracing=True)
    for index in range(steps):
        step(tf.range(1 + index * 4096 // steps))


if __name__ == "__main__":
    take_steps(sys.argv[1], int(sys.argv[2]))
