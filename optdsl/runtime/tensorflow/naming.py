"""Names of variables: under which state is saved, and which saved ones are ours."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import keras


class Matched(NamedTuple):
    """Which saved variables are which of ours.

    Attributes:
        saved: the saved name for each name of ours that has one.
        dropped: the saved names that are none of ours.
        fresh: our names for which nothing is saved.
    """

    saved: dict[str, str]
    dropped: tuple[str, ...]
    fresh: tuple[str, ...]


class Renaming(NamedTuple):
    """A saved name for each of ours, and the kinds of layers whose numbers differ."""

    saved: dict[str, str]
    moved: frozenset[str]


def state_names(variables: Iterable[Any], taken: Iterable[str] = ()) -> list[str]:
    """A name for each variable: its path, numbered where several have the same.

    Args:
        variables: the variables.
        taken: names that other variables have already.
    """
    used = set(taken)
    names = []
    for each in variables:
        path = getattr(each, "path", None) or each.name.split(":")[0]
        number = 1
        while (name := path if number == 1 else f"{path}#{number}") in used:
            number += 1
        used.add(name)
        names.append(name)
    return names


def matched(
    saved: Mapping[str, Any], own: Mapping[str, Any], *, renumbered: bool = False
) -> Matched:
    """Says which saved variables are which of ours, where their names prove it.

    A name matches itself. Layers without a name of their own are numbered by Keras
    through a whole process, and `load_model` drops a model's name from paths; so one
    renaming counts, too, if it takes all saved names to all of ours, in their order.
    Where both could be meant, nothing matches.

    Args:
        saved: what is known of each saved variable, by name: shapes and dtypes.
        own: the same of ours.
        renumbered: whether numbers in saved names do not count, as in files of 0.1.0;
            then only the whole set can match.

    Raises:
        ValueError: nothing matches, or it cannot be known what does.
    """
    kinds = _layer_names()
    same = _same(saved, own, kinds)
    if same is not None and len(saved) == len(own) == len(same):
        return Matched(same, (), ())
    renaming = _renaming(saved, own, kinds, renumbered)
    if renaming is None:
        in_order = _in_order(saved, kinds), _in_order(own, kinds)
        renaming = _renaming(*in_order, kinds, renumbered)
    if renumbered:
        same = None
    if same is not None and renaming is not None:
        kept = {_kind_and_number(part, kinds)[0] for part in _common_parts(same)}
        if renaming.moved & kept:
            raise ValueError(
                f"Keras made up the names of {listed(own)}, and it cannot be known "
                f"which of {listed(saved)} they were when the state was saved: give "
                "the layers names of their own"
            )
    if renaming is not None:
        return Matched(renaming.saved, (), ())
    if same is None:
        raise ValueError("the saved state is that of other variables or options")
    taken = set(same.values())
    dropped = tuple(name for name in saved if name not in taken)
    return Matched(same, dropped, tuple(name for name in own if name not in same))


def listed(names: Iterable[str]) -> str:
    """Some names, for a message."""
    shown = list(names)
    more = f" and {len(shown) - 4} more" if len(shown) > 4 else ""
    return ", ".join(f"`{name}`" for name in shown[:4]) + more


def _same(
    saved: Mapping[str, Any], own: Mapping[str, Any], kinds: frozenset[str]
) -> dict[str, str] | None:
    """The saved name for each of ours that is the same but for the name of a model.

    None if there are none, or one of them is of another shape or dtype, or if it is
    one of several variables of the same path, and not all of those are on both sides.
    """
    theirs, ours = ({name: name for name in names} for names in (saved, own))
    (model, inner), (own_model, own_inner) = map(_without_model, (saved, own))
    kind, own_kind = (_kind_and_number(each, kinds)[0] for each in (model, own_model))
    readings = [(theirs, ours), (inner, ours), (theirs, own_inner)]
    if kind == own_kind:
        readings.append((inner, own_inner))
    for there, here in readings:
        pairs = {here[name]: there[name] for name in here if name in there}
        if pairs:
            alike = all(own[name] == saved[pairs[name]] for name in pairs)
            numbers = (Counter(map(_path, names)) for names in (there, here))
            alike = alike and not _differ(*numbers)
            return pairs if alike else None
    return None


def _common_parts(pairs: Mapping[str, str]) -> Iterator[str]:
    """The parts of paths, without the variable's own name, that are equal in a pair."""
    for pair in pairs.items():
        ours, theirs = (reversed(name.split("/")[:-1]) for name in pair)
        yield from (
            part for part, other in zip(ours, theirs, strict=False) if part == other
        )


def _path(name: str) -> str:
    return name.partition("#")[0]


def _differ(there: Mapping[str, int], here: Mapping[str, int]) -> bool:
    return any(there[path] != here[path] for path in there.keys() & here.keys())


def _without_model(names: Iterable[str]) -> tuple[str, dict[str, str]]:
    """An outer scope that all names have, and the names by what is left without it."""
    parted = {name: name.partition("/") for name in names}
    scopes = {scope for scope, _, _ in parted.values()}
    inner = {rest: name for name, (_, _, rest) in parted.items()}
    if len(scopes) == 1 and all("/" in rest for rest in inner):
        return scopes.pop(), inner
    return "", {}


def _renaming(
    saved: Mapping[str, Any],
    own: Mapping[str, Any],
    kinds: frozenset[str],
    renumbered: bool,
) -> Renaming | None:
    """The renaming of all saved variables to all of ours, in their order.

    Either scopes are dropped, by `load_model`, which keeps the names of layers; or
    numbers differ, and then those of scopes that Keras named, too.
    """
    if len(saved) != len(own):
        return None
    shifts: dict[str, int] = {}
    longer = set()
    for theirs, ours in zip(saved, own, strict=True):
        there, here = (_path(name).split("/") for name in (theirs, ours))
        if saved[theirs] != own[ours] or not _shifted(there, here, kinds, shifts):
            return None
        if not renumbered and _holds_still(there, here, kinds):
            return None
        longer.add((len(there) > len(here)) - (len(there) < len(here)))
    if {-1, 1} <= longer:
        return None
    moved = frozenset(kind for kind, shift in shifts.items() if shift)
    if moved and longer != {0} and not renumbered:
        return None
    return Renaming(dict(zip(own, saved, strict=True)), moved)


def _in_order(names: Mapping[str, Any], kinds: frozenset[str]) -> dict[str, Any]:
    """Names in alphabetical order, but for the numbers that Keras gave.

    Variables come in another order where layers were frozen meanwhile.
    """

    def key(name: str) -> tuple[list[tuple[str, int]], str]:
        parts = _path(name).split("/")
        return [_kind_and_number(part, kinds) for part in parts], name

    return {name: names[name] for name in sorted(names, key=key)}


def _shifted(
    there: Sequence[str],
    here: Sequence[str],
    kinds: frozenset[str],
    shifts: dict[str, int],
) -> bool:
    """Whether a path is another but for outer scopes and for numbers that Keras gave.

    The numbers of one kind of layer differ by the same in all paths: see `shifts`.
    """
    common = min(len(there), len(here))
    if there[-1] != here[-1] or (common < 2 and len(there) != len(here)):
        return False
    for theirs, ours in zip(there[-common:-1], here[-common:-1], strict=True):
        kind, number = _kind_and_number(theirs, kinds)
        own_kind, own_number = _kind_and_number(ours, kinds)
        shift = own_number - number
        if kind != own_kind or shifts.setdefault(kind, shift) != shift:
            return False
    return True


def _holds_still(
    there: Sequence[str], here: Sequence[str], kinds: frozenset[str]
) -> bool:
    """Whether a layer has another number in a scope that Keras named as before.

    A model that is made again has another number, too: these are two layers of one.
    """
    still = False
    for theirs, ours in zip(there, here, strict=False):
        if still and theirs != ours:
            return True
        still = still or (theirs == ours and _kind_and_number(ours, kinds)[0] in kinds)
    return False


def _kind_and_number(part: str, kinds: frozenset[str]) -> tuple[str, int]:
    """`dense` and 7 for `dense_7`; a name that Keras did not make up has 0."""
    found = re.fullmatch(r"(.+)_([1-9]\d*)", part)
    return (found[1], int(found[2])) if found and found[1] in kinds else (part, 0)


def _layer_names() -> frozenset[str]:
    """What Keras calls layers that were given no name, without the number."""
    found: set[type] = set()
    waiting: list[type] = [keras.layers.Layer]
    while waiting:
        new: set[type] = set(waiting.pop().__subclasses__()) - found
        found |= new
        waiting += new
    return frozenset(_snake_case(cls.__name__) for cls in found)


def _snake_case(name: str) -> str:
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", name))
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()
