"""Saved state: what it consists of, under which names, and what is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

import tensorflow as tf

from optdsl.runtime.tensorflow.rule import Rule


class Layout(tf.train.experimental.PythonState):
    """What the state consists of, saved beside it: what differs is not restored."""

    def __init__(self, rule: Rule, iterations: tf.Variable) -> None:
        super().__init__()
        self.signature = rule.signature
        self.iterations = iterations
        self.own: dict[str, str] | None = None  # None until the optimizer is built
        self.restored: dict[str, str] | None = None

    def serialize(self) -> str:
        """What a checkpoint holds."""
        return json.dumps({"rule": self.signature, "state": self.own})

    def deserialize(self, string_value: str | bytes) -> None:
        """Compares with what a checkpoint holds, now or when the optimizer is built."""
        self.restored = self.read(string_value)
        if self.own is not None:
            self.compare(self.restored)

    def read(self, text: str | bytes) -> Any:
        """What a saved state consists of; None if it was saved before `build`.

        Raises:
            ValueError: the state is another rule's.
        """
        saved = json.loads(text)
        rule = saved["rule"]
        if rule != self.signature:
            raise ValueError(f"the saved state is that of {rule}, not {self.signature}")
        return saved["state"]

    def set(self, own: dict[str, str]) -> None:
        """Says what the state consists of; compares it with what was restored."""
        self.own = own
        if self.restored is not None:
            self.compare(self.restored)

    def compare(self, saved: dict[str, str] | None) -> None:
        """Compares a saved state with this one.

        Raises:
            ValueError: they differ, and not only because this one is to be filled.
        """
        if saved is None and self.iterations.numpy() == 0:
            return
        there = set((saved or {}).items())
        here = set((self.own or {}).items())
        if there != here:
            raise ValueError(
                "the saved state is that of other variables or options; "
                f"only saved: {sorted(there - here)}; only here: {sorted(here - there)}"
            )


class Saved(tf.Module):
    """What a checkpoint holds, by name: `iterations`, `beta_1`, `dense/kernel/m`, …"""

    def __init__(self, rule: Rule, iterations: tf.Variable) -> None:
        super().__init__()
        self.layout = Layout(rule, iterations)
        self.by_name: dict[str, tf.Variable] = {"iterations": iterations}


def state_names(variables: Sequence[Any]) -> list[str]:
    """A name for each variable: its path, numbered where several have the same.

    Keras numbers what has no name of its own through a whole process: `dense_7` and
    `dense_8` here may be `dense` and `dense_1` where the state was saved. So numbers
    count from the least one of their kind.
    """
    plain = [each.name.split(":")[0] for each in variables]
    named = zip(variables, plain, strict=True)
    paths = [getattr(each, "path", None) or name for each, name in named]
    parts = {part for path in paths for part in path.split("/")}
    least = dict.fromkeys(parts, 0)
    for kind, number in map(_kind_and_number, parts):
        least[kind] = min(least.get(kind, number), number)

    def renumbered(part: str) -> str:
        kind, number = _kind_and_number(part)
        number -= least[kind]
        return f"{kind}_{number}" if number else kind

    return _numbered("/".join(map(renumbered, path.split("/"))) for path in paths)


def _kind_and_number(part: str) -> tuple[str, int]:
    """`dense` and 7 for `dense_7`; a name without a number has 0."""
    found = re.fullmatch(r"(.+)_([1-9]\d*)", part)
    return (found[1], int(found[2])) if found else (part, 0)


def _numbered(names: Iterable[str]) -> list[str]:
    """The names, with a number after each that has been there before."""
    seen: dict[str, int] = {}
    numbered = []
    for name in names:
        number = seen[name] = seen.get(name, 0) + 1
        numbered.append(name if number == 1 else f"{name}#{number}")
    return numbered


def renamed(saved: list[str], own: list[str]) -> list[str]:
    """Saved names as they are called here.

    When Keras loads a model it drops outer scopes from paths. Where names differ, a
    layer, its variable and a slot say which is which; among equals, it is their order.
    """
    if set(saved) == set(own):
        return saved

    def short(names: list[str]) -> list[str]:
        parts = [[part.split("#")[0] for part in name.split("/")] for name in names]
        return _numbered("/".join(each[-3:]) for each in parts)

    here = dict(zip(short(own), own, strict=True))
    pairs = zip(short(saved), saved, strict=True)
    return [here.get(key, name) for key, name in pairs]
