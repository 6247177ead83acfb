"""State in the files of Keras: by name, with a layout that says what it consists of."""

from __future__ import annotations

import json
import warnings
from typing import Any

import keras
import tensorflow as tf

from optdsl.runtime.tensorflow.naming import listed
from optdsl.runtime.tensorflow.rule import Rule
from optdsl.runtime.tensorflow.saving import Found, described


class KerasFiles:
    """How an optimizer is written to a Keras file, and read from one."""

    _core: Any
    _saved: Any
    _rule: Rule
    name: Any

    def save_own_variables(self, store: Any) -> None:
        """Writes the state to a Keras file, with its layout.

        With evaluation weights from `EvaluationWeights`, it writes nothing.

        Raises:
            RuntimeError: the variables hold their evaluation weights otherwise.
        """
        if self._core.aside is not None and self._core.aside.leaves_state_out():
            return
        layout, values = self._saved.values()
        text = json.dumps([json.dumps(layout), list(values)])
        store["layout"] = tf.io.decode_raw(text, tf.uint8).numpy()
        for index, value in enumerate(values.values()):
            store[str(index)] = value

    def load_own_variables(self, store: Any) -> None:
        """Reads the state from a Keras file by name; waits for `build` where necessary.

        Raises:
            ValueError: the state is another rule's, or other variables', or damaged;
                then nothing has changed.
        """
        keys = set(store.keys())
        if not keys:
            warnings.warn(f"the file holds no state for {self.name}", stacklevel=2)
            if self._core.aside is not None:
                self._core.aside.forget()
            return
        if "layout" not in keys:
            raise ValueError(
                f"the state in the file was not saved by {self._rule.name}"
            )
        layout, names = described(keras.ops.convert_to_numpy(store["layout"]))
        places = {name: str(index) for index, name in enumerate(names)}
        there = [name for name in places if places[name] in keys]
        kept = layout["state"] or {}
        if missing := [name for name in {**places, **kept} if name not in there]:
            raise ValueError(f"the file is damaged: it lacks {listed(missing)}")
        read = keras.ops.convert_to_numpy
        values = {name: read(store[place]) for name, place in places.items()}
        self._saved.take(Found(layout, values, {}))
