"""What the runtime knows of a rule: one record in every generated file."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, NamedTuple

import tensorflow as tf

API = 1
"""The contract between generated files and this runtime."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """Slots and an update for some variables.

    Attributes:
        name: the name of the case; empty where a rule has only one.
        when: `(whole, hypers)` to whether it takes a variable that no case before it
            took; None for all of them.
        slots: a named tuple, one field for each slot.
        shapes: for each slot "param", "scalar", "row", "reduced(k)", "keep(k)" or
            "square(k)", k an axis.
        initial: `(param, hypers)` to the slots before the first step.
        update: `(grad, param, slots, scalars)` to the new `param` and the new slots;
            takes a `Whole`, too, where `sees_whole` says so.
        evaluate: `(param, slots, scalars)` to what `param` is for evaluation, where the
            rule says that; takes a `Whole`, too, where `sees_whole` says so.
        sees_whole: whether the update looks beyond the rows that it is given.
        reads_first: whether the update asks if it is the variable's first.
        sparse: what an `IndexedSlices` gradient does, "exact" or "lazy".
        rows_suffice: the least rank of variables of which a row without a gradient
            stays as it is; None where there is none.
        as_matrix: whether `initial` and `update` get a variable with all axes but the
            last folded into one.
        most_rank: the largest rank of variables that it can take; None for any.
    """

    name: str = ""
    when: Callable[[Whole, Any], bool] | None = None
    slots: type[tuple[Any, ...]]
    shapes: Sequence[str]
    initial: Callable[..., Any]
    update: Callable[..., tuple[tf.Tensor, Any]]
    evaluate: Callable[..., tf.Tensor] | None = None
    sees_whole: bool = False
    reads_first: bool = False
    sparse: str = "exact"
    rows_suffice: int | None = None
    as_matrix: bool = False
    most_rank: int | None = None

    @property
    def slot_names(self) -> tuple[str, ...]:
        """The names of the slots, in their order."""
        names: tuple[str, ...] = getattr(self.slots, "_fields")  # noqa: B009
        return names

    def held_by_row(self, param: tf.Variable) -> tuple[bool, ...]:
        """Which slots have one row per row of a variable; others are for all rows."""
        rank = param.shape.rank
        for_all = ("scalar", "reduced(0)", f"reduced({-rank})")
        by_row = ("keep(0)", f"keep({-rank})")
        return tuple(
            shape in by_row if shape.startswith("keep") else shape not in for_all
            for shape in self.shapes
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Rule:
    """An update rule, as a generated file states it.

    Attributes:
        api: the contract of the runtime that the file was generated for.
        spec: the file that the rule was generated from.
        name: the optimizer's name.
        meaning: hash of hyperparameters, slots and step.
        hypers: a named tuple, one field for each hyperparameter.
        scalars: `(t, hypers)` to what a step computes once for all variables; takes the
            loss, too, where `reads_loss` says so.
        computed: hyperparameters to the same, where some may be computed from others.
        reads_loss: whether a step needs the loss.
        cases: the first that takes a variable updates it; where there are none, the
            other fields say of all variables what `Case` says of some.
        sums: a named tuple, one field for each sum over all variables.
        measures: what is added up before the update, in phases.
        global_slots: a named tuple, one field for each slot of all variables together.
        initial_globals: hypers to these slots before the first step.
        new_globals: `(t, hypers, known)` to the same after a step.

    Where there are sums, or such slots, all that takes hypers in a step takes what is
    `Known`, too, after the loss if it takes that; and there are no cases.

    Raises:
        ImportError: the file was generated for another runtime.
    """

    api: int
    spec: str
    name: str
    meaning: str
    hypers: type[tuple[Any, ...]]
    scalars: Callable[..., Any]
    computed: Callable[..., Any] | None = None
    reads_loss: bool = False
    cases: Sequence[Case] = ()
    slots: type[tuple[Any, ...]] = tuple
    shapes: Sequence[str] = ()
    initial: Callable[..., Any] | None = None
    update: Callable[..., tuple[tf.Tensor, Any]] | None = None
    evaluate: Callable[..., tf.Tensor] | None = None
    sees_whole: bool = False
    reads_first: bool = False
    sparse: str = "exact"
    rows_suffice: int | None = None
    as_matrix: bool = False
    most_rank: int | None = None
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

    @cached_property
    def by_name(self) -> dict[str, Case]:
        """The cases by name, in their order: a single one without a name if need be."""
        if self.cases:
            return {case.name: case for case in self.cases}
        about = [field.name for field in fields(Case)][2:]  # but for name and `when`
        return {"": Case(**{name: getattr(self, name) for name in about})}

    @property
    def slot_names(self) -> tuple[str, ...]:
        """The names of the slots, in their order; cases may share some."""
        names = [name for case in self.by_name.values() for name in case.slot_names]
        return tuple(dict.fromkeys(names))

    @property
    def evaluates(self) -> bool:
        """Whether variables have other weights while a model is evaluated."""
        return any(case.evaluate is not None for case in self.by_name.values())

    @property
    def own_sparse_mode(self) -> str | None:
        """What an `IndexedSlices` gradient does; None where each case has its own."""
        return None if self.cases else self.sparse

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

    def values(self, hypers: dict[str, Any]) -> Any:
        """The hyperparameters in one step, those that are computed included."""
        own = self.hypers(**hypers)
        return own if self.computed is None else self.computed(own)

    @property
    def owns_weight_decay(self) -> bool:
        """Whether weight decay is a part of the rule."""
        return "weight_decay" in self.hyper_names

    @property
    def signature(self) -> dict[str, str]:
        """The rule and its slots: saved state with another one is not restored."""
        shapes = {
            f"{case.name}.{slot}" if case.name else slot: shape
            for case in self.by_name.values()
            for slot, shape in zip(case.slot_names, case.shapes, strict=True)
        }
        of_all = dict.fromkeys(self.global_names, "global")
        return {"optimizer": self.name, **shapes, **of_all}


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
        first: whether no step has updated the variable yet, where the rule asks.
    """

    shape: tuple[int, ...]
    mask: tf.Tensor | None
    first: tf.Tensor | None = None

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

    def length(self, axis: int) -> int:
        """Size of an axis, or 1."""
        return self.shape[axis] if -self.rank <= axis < self.rank else 1
