"""Other hyperparameters for some variables: what is replaced, what is multiplied."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from optdsl.runtime.tensorflow.hypers import Followed, Real, float64
from optdsl.runtime.tensorflow.kinds import Interval, Kind, NotAcceptedError
from optdsl.runtime.tensorflow.naming import listed
from optdsl.runtime.tensorflow.replicas import variable_name
from optdsl.runtime.tensorflow.rule import Rule

WAYS = ("overrides", "multipliers")


class Group(NamedTuple):
    """What a variable has instead of the optimizer's hyperparameters.

    Attributes:
        decays: whether it takes part in weight decay.
        overrides: hyperparameters, each with the pattern whose value it has.
        multipliers: hyperparameters, each with the pattern whose value multiplies it.
    """

    decays: bool = True
    overrides: tuple[tuple[str, str], ...] = ()
    multipliers: tuple[tuple[str, str], ...] = ()


class PerVariable:
    """Values for the variables whose paths match: hyperparameters by patterns.

    `optimizer.overrides["head"]["learning_rate"] = 1e-3` takes effect on the next step,
    in compiled functions too. Patterns and names are fixed at construction.
    """

    def __init__(self, given: Mapping[str, Mapping[str, Any]]) -> None:
        self.given = {pattern: dict(values) for pattern, values in given.items()}
        self.by_pattern: dict[str, Values] = {}

    def bind(self, way: str, optimizer: Any) -> None:
        """Takes the values over for an optimizer; `way` is one of `WAYS`.

        Raises:
            ValueError: there is no such hyperparameter, or it cannot be that.
        """
        self.by_pattern = {
            pattern: Values(way, pattern, values, optimizer)
            for pattern, values in self.given.items()
        }

    def copy(self) -> PerVariable:
        """The same values for another optimizer."""
        now = {pattern: own.plain() for pattern, own in self.items()}
        return PerVariable(now or self.given)

    def config(self) -> dict[str, dict[str, Any]]:
        """What `get_config` holds."""
        serialize = keras.saving.serialize_keras_object
        return {
            pattern: {
                name: serialize(value) if callable(value) else value
                for name, value in own.plain().items()
            }
            for pattern, own in self.items()
        }

    def __getitem__(self, pattern: str) -> Values:
        return self.by_pattern[pattern]

    def __iter__(self) -> Iterator[str]:
        return iter(self.by_pattern)

    def __len__(self) -> int:
        return len(self.by_pattern)

    def __repr__(self) -> str:
        return repr({pattern: dict(values) for pattern, values in self.items()})

    def items(self) -> Iterable[tuple[str, Values]]:
        """The patterns, each with what it gives."""
        return self.by_pattern.items()

    def values(self) -> Iterable[Values]:
        """What the patterns give."""
        return self.by_pattern.values()

    def matching(self, path: str) -> tuple[tuple[str, str], ...]:
        """The hyperparameters of a variable, each with the last pattern that has it."""
        found: dict[str, str] = {}
        for pattern, values in self.items():
            if re.search(pattern, path):
                found |= dict.fromkeys(values, pattern)
        return tuple(sorted(found.items()))


class Values:
    """What one pattern gives: values of hyperparameters, which can be assigned."""

    def __init__(
        self, way: str, pattern: str, given: Mapping[str, Any], optimizer: Any
    ) -> None:
        self.way = way
        self.where = f"{way}[{pattern!r}]"
        self.optimizer = optimizer
        self.kinds = {name: self._kind(name) for name in given}
        self.kept: dict[str, Any] = {}
        for name, value in given.items():
            self[name] = value

    def _kind(self, name: str) -> Real:
        """What values of a hyperparameter can be."""
        rule, owner = self.optimizer._rule, type(self.optimizer)
        own = getattr(owner, name, None) if name in rule.hyper_names else None
        if name == "weight_decay" and own is None:
            own = Real("[0, inf)")  # the option
        if not isinstance(own, Real):
            real = [n for n in rule.hyper_names if isinstance(getattr(owner, n), Real)]
            raise ValueError(
                f"{self.where} names {name!r}, which is no real hyperparameter of "
                f"{rule.name}: it has {listed(real)}"
            )
        kind = Real(own.interval if self.way == "overrides" else "[0, inf)")
        kind.name = f"{self.where}[{name!r}]"
        return kind

    def __getitem__(self, name: str) -> Any:
        value = self.kept[name]
        number = isinstance(value, tf.Variable) and tf.executing_eagerly()
        return float(value.numpy()) if number else value

    def __setitem__(self, name: str, value: Any) -> None:
        if name not in self.kinds:
            raise KeyError(f"{self.where} has no {name!r}: give it at construction")
        value, old = self.kinds[name].checked(value), self.kept.get(name)
        self.optimizer._core.check_kind(self.kinds[name].name, old, value)
        if callable(value):
            self.kept[name] = value
        elif isinstance(old, tf.Variable):
            old.assign(float64(value))
        else:
            self.kept[name] = tf.Variable(
                float64(value),
                trainable=False,
                aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
            )

    def __iter__(self) -> Iterator[str]:
        return iter(self.kinds)

    def keys(self) -> Iterable[str]:
        """The hyperparameters."""
        return self.kinds.keys()

    def plain(self) -> dict[str, Any]:
        """The values as they can be given: numbers, schedules and callables."""
        now = {name: self[name] for name in self}
        return {
            name: float(value().numpy()) if isinstance(value, Followed) else value
            for name, value in now.items()
        }

    def value(self, name: str) -> tf.Tensor:
        """A value in this step, in float64."""
        return self.kinds[name].now(self.kept[name], self.optimizer._core.iterations)


def per_variable(optimizer: Any) -> dict[str, PerVariable]:
    """What is given for some variables: `overrides`, then `multipliers`."""
    return {way: getattr(optimizer, way) or PerVariable({}) for way in WAYS}


def by_pattern() -> Kind:
    """Dictionaries of patterns to dictionaries of hyperparameters."""

    def accept(value: Any) -> PerVariable:
        if isinstance(value, PerVariable):
            return value.copy()
        if not isinstance(value, Mapping):
            raise NotAcceptedError
        for pattern, values in value.items():
            if not isinstance(pattern, str) or not isinstance(values, Mapping):
                raise NotAcceptedError
            try:
                re.compile(pattern)
            except re.error as error:
                why = f"a dict of regular expressions, and {pattern!r} is none: {error}"
                raise NotAcceptedError(why) from None
        return PerVariable(value)

    return Kind("a dict such as {'encoder/.*': {'learning_rate': 1e-5}}", accept)


def grouped(
    optimizer: Any, variables: Sequence[Any], decays: Sequence[bool]
) -> list[Group]:
    """The groups of variables, by their paths.

    Args:
        optimizer: whose options say which values there are.
        variables: those of `build`.
        decays: whether each takes part in weight decay.

    Raises:
        ValueError: a pattern matches none, or a product leaves its interval.
    """
    paths = [variable_name(each) for each in variables]
    known = optimizer._core.initial  # by name, of an earlier `build`
    ways = per_variable(optimizer)
    for way, own in ways.items():
        for pattern in own:
            if not any(re.search(pattern, path) for path in (*paths, *known)):
                raise ValueError(
                    f"{way} has the pattern {pattern!r}, which matches none of the "
                    f"variables: {listed(paths)}"
                )
    groups = [
        Group(decay, *(own.matching(path) for own in ways.values()))
        for path, decay in zip(paths, decays, strict=True)
    ]
    for group in dict.fromkeys(groups):
        _check_products(optimizer, group)
    return groups


def _check_products(optimizer: Any, group: Group) -> None:
    """Refuses a multiplier that takes a number out of its interval."""
    if not group.multipliers or not tf.executing_eagerly():
        return
    given = given_values(optimizer)
    values = values_of(group, given)
    for name, pattern in group.multipliers:
        kind = getattr(type(optimizer), name)
        number, interval = float(values[name]), getattr(kind, "interval", "[0, inf)")
        if not Interval.parse(interval).includes(number):
            raise ValueError(
                f"multipliers[{pattern!r}] makes {name} {number:g}, and it must be in "
                f"{interval}"
            )


def variables_of(optimizer: Any) -> dict[str, tf.Variable]:
    """The variables of numbers that are given for some variables, by a name each."""
    return {
        f"{way}_{index}_{name}": value
        for way, given in per_variable(optimizer).items()
        for index, own in enumerate(given.values())
        for name, value in own.kept.items()
        if isinstance(value, tf.Variable)
    }


def given_values(optimizer: Any) -> dict[str, tf.Tensor]:
    """All real values that a step needs, by name, in float64.

    They are the hyperparameters, and for some variables what replaces or multiplies
    them, by way, pattern and name.
    """
    kind = type(optimizer)
    given = {
        name: getattr(kind, name).value(optimizer)
        for name in optimizer._rule.hyper_names
        if name not in optimizer._core.fixed
    }
    for way, other in per_variable(optimizer).items():
        for pattern, own in other.items():
            given |= {_key(way, pattern, name): own.value(name) for name in own}
    if not optimizer._rule.owns_weight_decay and decays(vars(optimizer)["_settings"]):
        given["weight_decay"] = float64(optimizer.weight_decay or 0)
    return given


def decays(options: Mapping[str, Any]) -> bool:
    """Whether some variable decays by the option `weight_decay`, or may."""
    overrides = options["overrides"] or PerVariable({})
    overridden = any("weight_decay" in own.kinds for own in overrides.values())
    return overridden or options["weight_decay"] is not None


def values_now(optimizer: Any, variable: Any) -> dict[str, float]:
    """The real hyperparameters of a variable now.

    Raises:
        ValueError: `build` was not called, or was for other variables.
    """
    (place,) = optimizer._core.indices([variable])
    group = optimizer._core.states[place].group
    values = values_of(group, given_values(optimizer))
    return {name: float(value) for name, value in values.items()}


def values_of(group: Group, given: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """The real hyperparameters of the variables of a group."""
    values = {name: value for name, value in given.items() if _BAR not in name}
    for name, pattern in group.overrides:
        values[name] = given[_key("overrides", pattern, name)]
    for name, pattern in group.multipliers:
        values[name] = values[name] * given[_key("multipliers", pattern, name)]
    if not group.decays:
        values |= {n: tf.zeros_like(values[n]) for n in values if "weight_decay" in n}
    return values


def hypers_of(
    rule: Rule, fixed: dict[str, Any], group: Group, given: dict[str, tf.Tensor]
) -> Any:
    """The rule's tuple of hyperparameters for the variables of a group."""
    values = values_of(group, given)
    own = {name: values[name] for name in rule.hyper_names if name in values}
    return rule.values({**fixed, **own})


_BAR = "|"


def _key(way: str, pattern: str, name: str) -> str:
    return _BAR.join((way, pattern, name))
