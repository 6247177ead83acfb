"""IR -> frozen view: the fields of the named tuples in a generated file."""

from __future__ import annotations

from typing import NamedTuple

from optdsl.ir import Kind
from optdsl.passes.lowering import Lowered
from optdsl.targets import Target
from optdsl.targets.document import fill
from optdsl.targets.text import WIDTH, comment_text


class Field(NamedTuple):
    """A field of a named tuple: its line, and the comment above that if it is long."""

    above: tuple[str, ...]
    line: str


def scalar_fields(lowered: Lowered, target: Target) -> tuple[Field, ...]:
    """The fields of what is computed once per step."""
    kinds = {scalar.name: scalar.value.type.kind for scalar in lowered.scalars}
    python = {Kind.REAL: "float", Kind.INT: "int", Kind.BOOL: "bool"}
    return tuple(
        field(name, python[kinds[name]] if name in lowered.fixed else target.tensor, "")
        for name in lowered.fields
    )


def field(name: str, annotation: str, doc: str) -> Field:
    """A field with what is said about it, behind it where it fits, else above."""
    line, text = f"{name}: {annotation}", comment_text(doc).rstrip(".")
    if not text:
        return Field((), line)
    if len(f"    {line}  # {text}") <= WIDTH:
        return Field((), f"{line}  # {text}")
    return Field(tuple(fill(text, "# ", "# ", WIDTH - 4)), line)
