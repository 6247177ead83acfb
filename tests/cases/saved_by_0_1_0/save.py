"""What optdsl 0.1.0 saved: run with that version, in the folder where the files are to be.

`python save.py` trains three small models, and writes for each of them what it is named after
and `NAME.json`: its slots, by variable in their order.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import optdsl

ADAM = optdsl.load(Path(optdsl.__file__).parents[1] / "specs" / "adam.opt")
FEATURES = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)


def write(name: str, optimizer: Any) -> None:
    values: dict[str, list[Any]] = {"m": [], "v": []}
    for path, variable in optimizer._saved.by_name.items():
        if "/" in path:
            values[path.rpartition("/")[2]].append(variable.numpy().tolist())
    Path(f"{name}.json").write_text(json.dumps(values) + "\n", encoding="utf-8")


def trained(*names: str | None) -> keras.Model:
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(size, name=name) for size, name in zip((3, 1), names, strict=True)]
    model = keras.Sequential([keras.Input((3,)), *layers])
    model.compile(ADAM.Adam(0.125), "mse", jit_compile=False)
    model.fit(FEATURES, FEATURES[:, :1], batch_size=4, epochs=2, shuffle=False, verbose=0)
    return model


unused = keras.layers.Dense(1)  # so that the layers below have numbers
made_up = trained(None, None)
made_up.save("made_up.keras")
made_up.save_weights("made_up.weights.h5")
tf.train.Checkpoint(model=made_up).write("made_up")
write("made_up", made_up.optimizer)

blocks = trained("block_2", "block_3")
tf.train.Checkpoint(model=blocks).write("blocks")
write("blocks", blocks.optimizer)

variables = [tf.Variable(tf.ones([2, 2]), name=name) for name in ("table", "head")]
module = ADAM.AdamModule(0.125, jit_compile=False)
for number in range(3):
    module.apply([tf.fill([2, 2], 0.5 + number), tf.fill([2, 2], -0.25)], variables)
tf.train.Checkpoint(module=module).write("module")
write("module", module)
