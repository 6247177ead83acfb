"""Saved state: what it consists of, under which names, and what is refused."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import tensorflow as tf

from optdsl.runtime.tensorflow.evaluation import Aside
from optdsl.runtime.tensorflow.naming import Matched, listed, matched
from optdsl.runtime.tensorflow.replicas import write_everywhere
from optdsl.runtime.tensorflow.rule import Rule

LOSS_SUM = "accumulated-loss"
"""The sum of losses, of a rule that reads the loss, where gradients accumulate."""


@dataclass(frozen=True)
class Contents:
    """What state consists of.

    Attributes:
        variables: dtype and shape of each variable, and of all that is kept for it.
        accumulation: number of gradients that make one update, or None.
        fixed: the hyperparameters that are fixed at construction.
        globals: dtype and shape of what is kept for all variables together, by name.
    """

    variables: dict[str, tuple[str, dict[str, str]]]
    accumulation: int | None
    fixed: dict[str, Any]
    globals: dict[str, str]

    @property
    def state(self) -> dict[str, str]:
        """Dtype and shape of all that is kept, by name: `dense/kernel/m`, …"""
        return self.globals | {
            f"{name}/{what}": about
            for name, (_, kept) in self.variables.items()
            for what, about in kept.items()
        }


@dataclass(frozen=True)
class Found:
    """Saved state as it was read.

    Attributes:
        layout: what `Saved.describe` gave when it was saved.
        values: by name.
        positions: where TensorFlow notes what of a checkpoint was restored, by name.
    """

    layout: dict[str, Any]
    values: dict[str, Any]
    positions: dict[str, Any]


class Plan(NamedTuple):
    """What is to be written: saved names by ours, and how the variables matched."""

    names: dict[str, str]
    variables: Matched


class Layout(tf.train.experimental.PythonState):
    """What the state consists of, saved in a checkpoint beside it.

    TensorFlow restores this before any variable, so nothing is written if it raises.
    """

    def __init__(self, saved: Saved) -> None:
        super().__init__()
        self.saved = saved

    def serialize(self) -> str:
        """What a checkpoint holds.

        Raises:
            ValueError: restored state still waits for its variables.
            RuntimeError: the variables hold their evaluation weights.
        """
        if self.saved.aside is not None:
            self.saved.aside.check("saving")
        if self.saved.pending is not None:
            raise ValueError(
                "restored state still waits for its variables: call `build` with them "
                "before saving"
            )
        return json.dumps(self.saved.describe())

    def deserialize(self, string_value: str | bytes) -> None:
        """Takes over what a checkpoint holds, now or when the optimizer is built."""
        positions = self.saved.kept.positions()
        with tf.init_scope():
            values = {name: _value(each) for name, each in positions.items()}
            self.saved.take(Found(parsed(string_value), values, positions))


def _value(position: Any) -> Any:
    """What a checkpoint holds for one variable."""
    (tensor,) = position.value_tensors().values()
    return tensor.numpy()


def parsed(text: str | bytes) -> dict[str, Any]:
    """A layout from its text.

    Raises:
        ValueError: the text is damaged.
    """
    try:
        layout = json.loads(text)
        return {**layout, "rule": dict(layout["rule"]), "state": layout["state"]}
    except (ValueError, TypeError, KeyError):
        raise ValueError(_DAMAGED) from None


def described(text: Any) -> tuple[dict[str, Any], list[str]]:
    """A layout and the names of all values, from an array of bytes in a Keras file.

    Raises:
        ValueError: it is damaged.
    """
    try:
        layout, names = json.loads(text.tobytes())
        return parsed(layout), [str(name) for name in names]
    except (ValueError, TypeError):
        raise ValueError(_DAMAGED) from None


_DAMAGED = "the file is damaged: it does not say what the saved state consists of"


class Kept(tf.Module):
    """The variables by name, as the children of a node in a checkpoint.

    TensorFlow would restore a child at once, by its name; which saved name is which of
    ours is known only when all have been seen. So it finds none, and notes them all.
    """

    def __init__(self, by_name: dict[str, tf.Variable]) -> None:
        super().__init__()
        self.by_name = by_name

    def _trackable_children(self, *_: Any, **__: Any) -> dict[str, Any]:
        return dict(self.by_name)

    def _lookup_dependency(self, *_: Any, **__: Any) -> None:
        return None

    def positions(self) -> dict[str, Any]:
        """Takes what the last restored checkpoint has, by name."""
        noted = self._deferred_dependencies
        found = [(name, each) for name, all_ in noted.items() for each in all_]
        noted.clear()
        last = max((each.restore_uid for _, each in found), default=None)
        return {name: each for name, each in found if each.restore_uid == last}


class Saved(tf.Module):
    """What is saved, by name: `iterations`, `beta_1`, `dense/kernel/m`, …"""

    def __init__(
        self,
        rule: Rule,
        iterations: tf.Variable,
        restored: Callable[[Matched], None],
    ) -> None:
        super().__init__()
        self.rule = rule
        self.by_name: dict[str, tf.Variable] = {"iterations": iterations}
        self.kept = Kept(self.by_name)
        self.layout = Layout(self)
        self.contents: Contents | None = None  # None until the optimizer is built
        self.pending: Found | None = None  # read, and waits for `build`
        self.restored = restored  # called when state has been written
        self.aside: Aside | None = None  # of a rule that has evaluation weights

    def _trackable_children(self, *_: Any, **__: Any) -> dict[str, Any]:
        return {"layout": self.layout, "by_name": self.kept}

    def describe(self) -> dict[str, Any]:
        """What the state consists of, as it is saved beside it."""
        own = self.contents or Contents({}, None, {}, {})
        return {
            "rule": self.rule.signature,
            "meaning": self.rule.meaning,
            "fixed": own.fixed,
            "accumulation": own.accumulation,
            "variables": {name: about for name, (about, _) in own.variables.items()},
            "state": None if self.contents is None else own.state,
        }

    def values(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """What is saved in a file: a layout, and values by name.

        State that was loaded and still waits for its variables is saved as it came.
        """
        values = {name: each.numpy() for name, each in self.by_name.items()}
        if self.pending is None:
            return self.describe(), values
        kept = self.pending.layout["state"].keys() | {LOSS_SUM}
        waiting = kept & self.pending.values.keys()
        return self.pending.layout, values | {
            name: self.pending.values[name] for name in sorted(waiting)
        }

    # --- restoring ------------------------------------------------------------------

    def take(self, found: Found) -> None:
        """Takes over saved state: all of it, or nothing if it raises.

        What is kept for variables waits until there are some.

        Raises:
            ValueError: the state is another rule's, or other variables'.
        """
        self._check_rule(found)
        _check_values(found)
        waits = self.contents is None and found.layout["state"] is not None
        plan = None if self.contents is None else self.plan(found, self.contents)
        kept = found.layout["state"] or {}
        if self.aside is not None:
            self.aside.forget()
        for name in self.by_name.keys() & found.values.keys() - kept.keys():
            self._write(name, name, found)
        self.pending = found if waits else None
        if plan is not None:
            self.carry_out(plan, found)

    def _check_rule(self, found: Found) -> None:
        layout, rule = found.layout, self.rule
        if layout["rule"] != rule.signature:
            what = f"that of {layout['rule']}, not {rule.signature}"
            raise ValueError(f"the saved state is {what}")
        if layout.get("meaning", rule.meaning) != rule.meaning:
            raise ValueError(
                f"the saved state is that of another rule called {rule.name}: its "
                f"meaning is {layout['meaning']}, and here it is {rule.meaning}"
            )
        kept = (layout["state"] or {}).keys() | {"iterations", LOSS_SUM}
        hypers = found.values.keys() - kept
        own = self.by_name.keys() & set(rule.hyper_names)
        missing = own - hypers - {"learning_rate"} if "meaning" not in layout else set()
        if other := sorted(hypers - set(rule.hyper_names) | missing):
            raise ValueError(
                f"the saved state is that of another rule called {rule.name}: "
                f"{listed(other)} are hyperparameters of one of them only"
            )

    def plan(self, found: Found, own: Contents) -> Plan | None:
        """What of saved state goes where; None if it was saved before `build`.

        Raises:
            ValueError: the state is that of other variables or options.
        """
        layout = found.layout
        if layout["state"] is None and self.by_name["iterations"].numpy() == 0:
            return None
        state = layout["state"] or {}
        earlier = "meaning" not in layout
        steps = layout.get("accumulation", own.accumulation)
        if state and steps != own.accumulation:
            raise ValueError(
                f"the state was saved with gradient_accumulation_steps={steps}, and "
                f"here it is {own.accumulation}"
            )
        of_each = {name: state[name] for name in state if name not in own.globals}
        theirs = _by_variable(of_each, layout.get("variables", {}))
        ours = {
            name: (None if earlier else about, kept)
            for name, (about, kept) in own.variables.items()
            if kept
        }
        try:
            found_out = matched(theirs, ours, renumbered=earlier)
        except ValueError as error:
            there, here = set(state.items()), set(own.state.items())
            raise ValueError(
                f"{error}; only saved: {sorted(there - here)}; only here: "
                f"{sorted(here - there)}{_RENUMBERED if earlier else ''}"
            ) from None
        names = {
            f"{name}/{what}": f"{saved}/{what}"
            for name, saved in found_out.saved.items()
            for what in ours[name][1]
        }
        names |= {name: name for name in own.globals if name in state}
        read = {name: at for name, at in names.items() if at in found.values}
        return Plan(read, found_out)

    def carry_out(self, plan: Plan, found: Found) -> None:
        """Writes what was planned, and says what was left out."""
        for name, saved in plan.names.items():
            self._write(name, saved, found)
        if LOSS_SUM in self.by_name.keys() & found.values.keys():
            self._write(LOSS_SUM, LOSS_SUM, found)
        self.pending = None
        self.restored(plan.variables)
        own = {} if self.contents is None else self.contents.fixed
        for name, value in found.layout.get("fixed", {}).items():
            if own.get(name, value) != value:
                here = f"{name}={value}, and here it is {own[name]}"
                warnings.warn(f"the state was saved with {here}", stacklevel=2)
        if dropped := plan.variables.dropped:
            what = f"the saved state of {listed(dropped)} is dropped"
            warnings.warn(f"{what}: there are no such variables here", stacklevel=2)
        if fresh := plan.variables.fresh:
            what = f"there is no saved state of {listed(fresh)}"
            warnings.warn(f"{what}: it starts fresh", stacklevel=2)

    def _write(self, name: str, saved: str, found: Found) -> None:
        variable = self.by_name[name]
        write_everywhere(variable, found.values[saved])
        if (position := found.positions.get(saved)) is not None:
            position.bind_object(variable)
            variable._update_uid = position.restore_uid


_RENUMBERED = (
    "; optdsl 0.1.0 saved it, with the numbers in names counted from the least one: "
    "name the layers as they are named there"
)


def _check_values(found: Found) -> None:
    """Compares shapes of values with what was said about them when they were saved.

    Raises:
        ValueError: they are others.
    """
    state = found.layout["state"] or {}
    for name, value in found.values.items():
        shape = str(tuple(value.shape))
        said = state[name].partition(" ")[2] if name in state else "()"
        if shape != said:
            what = f"the saved {name} has the shape {shape}, and should have {said}"
            raise ValueError(f"{what}: the file is damaged")


def _by_variable(
    state: Mapping[str, str], variables: Mapping[str, str]
) -> dict[str, tuple[str | None, dict[str, str]]]:
    """What is known of each variable and of all that is kept for it."""
    known: dict[str, tuple[str | None, dict[str, str]]] = {}
    for name, about in state.items():
        variable, _, what = name.rpartition("/")
        kept = known.setdefault(variable, (variables.get(variable), {}))[1]
        kept[what] = about
    return known
