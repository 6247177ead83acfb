"""Immutable records: `@record` does what `@dataclass(frozen=True, slots=True)` does, but faster.

There are some seventy of them, and `dataclass` compiles seven functions for each, which on
Python 3.11 took a quarter of a run. Here a constructor is compiled for each, and the rest is
shared. Type checkers treat a record as the frozen dataclass it replaces.
"""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from operator import attrgetter
from typing import Annotated, Any, NoReturn, TypeVar, dataclass_transform

T = TypeVar("T")

Aside = Annotated[T, "left out of comparisons"]
"""The type of a field that says where a record comes from, not what it is: a span, a comment."""


@dataclass_transform(frozen_default=True)
def record(cls: type[T]) -> type[T]:
    """Makes a class of annotated names an immutable record, compared by the values of its fields.

    A field may have a plain default; one of type `Aside[…]` is left out of comparisons. Annotations
    are text, as `from __future__ import annotations` makes them. Records do not inherit from one
    another.
    """
    names = tuple(cls.__annotations__)
    defaults = {name: cls.__dict__[name] for name in names if name in cls.__dict__}
    compared = [name for name in names if not cls.__annotations__[name].startswith("Aside[")]
    body = {
        name: value
        for name, value in cls.__dict__.items()
        if name not in defaults and name not in ("__dict__", "__weakref__")
    }
    made: type[T] = type(
        cls.__name__,
        cls.__bases__,
        {
            "__init__": _constructor(names, defaults),
            "__repr__": _repr,
            "__eq__": _eq,
            "__hash__": _hash,
            "__setattr__": _frozen,
            "__delattr__": _frozen,
            "__reduce__": _reduce,
            **body,
            "__qualname__": cls.__qualname__,
            "__slots__": names,
            "__match_args__": names,
            "_compared": _getter(compared),
        },
    )
    return made


def replace(old: T, **changes: Any) -> T:
    """A record with some fields changed.

    Raises:
        TypeError: there is no such field.
    """
    return type(old)(**{name: getattr(old, name) for name in _names(old)} | changes)


def _constructor(names: tuple[str, ...], defaults: dict[str, Any]) -> Any:
    """An `__init__` that takes the fields by position or by name."""
    taken = ", ".join(f"{name}=defaults['{name}']" if name in defaults else name for name in names)
    sets = "".join(f"\n    set(self, '{name}', {name})" for name in names) or " pass"
    scope: dict[str, Any] = {"set": object.__setattr__, "defaults": defaults}
    exec(f"def __init__(self{', ' * bool(names)}{taken}):{sets}", scope)
    return scope["__init__"]


def _getter(names: list[str]) -> Any:
    """What gives the values of the fields `names`, as one value that can be compared."""
    return staticmethod(attrgetter(*names) if names else lambda _: ())


def _names(self: Any) -> tuple[str, ...]:
    names: tuple[str, ...] = type(self).__match_args__
    return names


def _repr(self: Any) -> str:
    values = ", ".join(f"{name}={getattr(self, name)!r}" for name in _names(self))
    return f"{type(self).__name__}({values})"


def _eq(self: Any, other: Any) -> Any:
    if type(other) is not type(self):
        return NotImplemented
    return self._compared(self) == self._compared(other)


def _hash(self: Any) -> int:
    return hash(self._compared(self))


def _frozen(self: Any, name: str, _: object = None) -> NoReturn:
    raise FrozenInstanceError(f"cannot assign to field {name!r} of {type(self).__name__}")


def _reduce(self: Any) -> Any:
    return type(self), tuple(getattr(self, name) for name in _names(self))
