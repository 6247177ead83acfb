"""Text of a specification inside Python: names, and docstrings."""

from __future__ import annotations

import re

WIDTH = 88
"""The longest line of generated code: what `ruff format` and `black` allow unasked."""


def spelled(name: str, taken: frozenset[str]) -> str:
    """A name of a specification inside a generated function, which has names of its own.

    Those that would meet one that is `taken` get one `_` more, so that different names stay
    different.
    """
    return f"{name}_" if name.rstrip("_") in taken else name


def docstring_text(text: str) -> str:
    """`text` so that it can stand between triple quotes and says the same there.

    Backslashes and quotes that could end the docstring are escaped, and so is everything that is
    not printable, but for newlines.
    """
    escaped = text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    if escaped.endswith('"'):
        escaped = escaped[:-1] + '\\"'
    return "".join(c if c == "\n" or c.isprintable() else _escape(c) for c in escaped)


def comment_text(text: str) -> str:
    """`text` on one line, for a comment; nothing in it can end that."""
    return " ".join(re.sub(r"\s+", " ", docstring_text(text)).split())


def _escape(character: str) -> str:
    code = ord(character)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def indented(text: str, indent: str) -> str:
    """`text` with its lines, but for empty ones, moved to the right."""
    return "\n".join(indent + line if line.strip() else "" for line in text.split("\n"))
