"""Any value of the compiler as text that a person can read: trees, records, tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any

from optdsl.intervals import Interval
from optdsl.source import Span
from optdsl.targets.document import Document, bracketed, layout

_WIDTH = 100


def dump(value: object) -> str:
    """The text of a value, with places in the source left out."""
    return layout(_document(value), _WIDTH)


def _document(value: object) -> Document:
    match value:
        case Enum():
            return value.name
        case Interval():
            return str(value)
        case Mapping():
            items = [(f"{key}: ", _document(one)) for key, one in value.items()]
            return bracketed("{", items, "}")
        case frozenset():
            return bracketed("{", [_document(one) for one in sorted(value, key=str)], "}")
        case tuple() | list() if not hasattr(value, "_fields"):
            return bracketed("[", [_document(one) for one in value], "]")
        case _ if names := list(_fields(value)):
            items = [(f"{name}=", _document(getattr(value, name))) for name in names]
            return bracketed(f"{type(value).__name__}(", items, ")")
        case _:
            return repr(value)


def _fields(value: Any) -> Iterator[str]:
    """The fields of a record or a named tuple."""
    names: tuple[str, ...] = getattr(value, "_fields", ())
    for name in names or getattr(type(value), "__match_args__", ()):
        if not isinstance(getattr(value, name), Span):
            yield name
