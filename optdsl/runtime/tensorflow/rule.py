"""What the runtime knows of a rule: one record in every generated file."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import tensorflow as tf

API = 1
"""The contract between generated files and this runtime."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Rule:
    """An update rule, as a generated file states it.

    Attributes:
        api: the contract of the runtime that the file was generated for.
        spec: the file that the rule was generated from.
        name: the optimizer's name.
        meaning: hash of hyperparameters, slots and step.
        hypers: a named tuple, one field for each hyperparameter.
        slots: a named tuple, one field for each slot.
        shapes: for each slot "param", "scalar", "row" or "reduced(k)", k an axis.
        scalars: `(t, hypers)` to what a step computes once for all variables.
        initial: `(param, hypers)` to the slots before the first step.
        update: `(grad, param, slots, scalars)` to the new `param` and the new slots;
            takes a `Whole`, too, where `sees_whole` says so.
        sees_whole: whether the update looks beyond the rows that it is given.
        sparse: what an `IndexedSlices` gradient does, "exact" or "lazy".
        rows_suffice: the least rank of variables of which a row without a gradient
            stays as it is; None where there is none.
        sums: a named tuple, one field for each sum over all variables.
        measures: what is added up before the update, in phases.
        global_slots: a named tuple, one field for each slot of all variables together.
        initial_globals: hypers to these slots before the first step.
        new_globals: `(t, hypers, known)` to the same after a step.

    Where there are sums, or such slots, `scalars` takes what is `Known`, too.

    Raises:
        ImportError: the file was generated for another runtime.
    """

    api: int
    spec: str
    name: str
    meaning: str
    hypers: type[tuple[Any, ...]]
    slots: type[tuple[Any, ...]]
    shapes: Sequence[str]
    scalars: Callable[..., Any]
    initial: Callable[..., Any]
    update: Callable[..., tuple[tf.Tensor, Any]]
    sees_whole: bool = False
    sparse: str = "exact"
    rows_suffice: int | None = None
    sums: type[tuple[Any, ...]] | None = None
    measures: Sequence[Measure] = ()
    global_slots: type[tuple[Any, ...]] | None = None
    initial_globals: Callable[..., Any] | None = None
    new_globals: Callable[..., Any] | None = None

    def __new__(cls, *, api: int = API, spec: str = "", **_: Any) -> Rule:
        """Refuses another contract first: its fields may be others, too."""
        if api != API:
            raise ImportError(
                f"the code for {spec} was generated for version {api} of optdsl's "
                f"runtime, and this is version {API}: run `optdsl build {spec}` again"
            )
        return super().__new__(cls)

    @property
    def slot_names(self) -> tuple[str, ...]:
        """The names of the slots, in their order."""
        names: tuple[str, ...] = getattr(self.slots, "_fields")  # noqa: B009
        return names

    @property
    def global_names(self) -> tuple[str, ...]:
        """The names of the slots of all variables together."""
        names: tuple[str, ...] = getattr(self.global_slots, "_fields", ())
        return names

    @property
    def sum_names(self) -> tuple[str, ...]:
        """The names of the sums over all variables."""
        names: tuple[str, ...] = getattr(self.sums, "_fields", ())
        return names

    @property
    def sees_others(self) -> bool:
        """Whether the update of a variable depends on others."""
        return bool(self.measures or self.global_slots)

    @property
    def hyper_names(self) -> tuple[str, ...]:
        """The names of the hyperparameters, in their order."""
        names: tuple[str, ...] = getattr(self.hypers, "_fields")  # noqa: B009
        return names

    @property
    def owns_weight_decay(self) -> bool:
        """Whether weight decay is a part of the rule."""
        return "weight_decay" in self.hyper_names

    @property
    def signature(self) -> dict[str, str]:
        """The rule and its slots: saved state with another one is not restored."""
        shapes = zip(self.slot_names, self.shapes, strict=True)
        of_all = dict.fromkeys(self.global_names, "global")
        return {"optimizer": self.name, **dict(shapes), **of_all}

    def held_by_row(self, param: tf.Variable) -> tuple[bool, ...]:
        """Which slots have one row per row of a variable; others are for all rows."""
        rank = param.shape.rank
        for_all = ("scalar", "reduced(0)", f"reduced({-rank})")
        return tuple(shape not in for_all for shape in self.shapes)


class Measure(NamedTuple):
    """A phase of a step in which something is added up over all variables.

    Attributes:
        scalars: `(t, hypers, known)` to what it computes once for all variables.
        measure: `(grad, param, slots, scalars)` to what one variable adds to the sums;
            takes a `Whole`, too, where `sees_whole` says so.
        sees_whole: whether that looks beyond the rows that it is given.
        new_globals: `(t, hypers, known)` to what is known already of global slots,
            where the phase reads new ones.
    """

    scalars: Callable[..., Any]
    measure: Callable[..., Any]
    sees_whole: bool = False
    new_globals: Callable[..., Any] | None = None


class Known(NamedTuple):
    """What is known of all variables together at one point of a step.

    Attributes:
        old: the global slots as they were when the step began.
        sums: the sums over all variables, in float64; None for those to come.
        new: what the global slots become.
    """

    old: Any
    sums: Any
    new: Any


class Whole(NamedTuple):
    """What an update may see of its variable beyond the rows that it is given.

    Attributes:
        shape: the shape of the whole variable.
        mask: which of the given rows count, in a shape that broadcasts; None for all.
    """

    shape: tuple[int, ...]
    mask: tf.Tensor | None

    @property
    def rank(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def rows(self) -> int:
        """Size of the last axis but one, or 1."""
        return self.shape[-2] if len(self.shape) > 1 else 1

    @property
    def cols(self) -> int:
        """Size of the last axis, or 1."""
        return self.shape[-1] if self.shape else 1

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)
