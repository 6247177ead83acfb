"""Text of a specification inside Python: literals, docstrings, lines that stay short."""

from __future__ import annotations

import re

WIDTH = 88
"""The longest line of generated code: what `ruff format` and `black` allow unasked."""

_PARAMETERS = re.compile("(hyper|mask|s|shape|t_real)_*")


def spelled(name: str) -> str:
    """A name of a specification inside the functions of a rule, which have parameters of their own.

    Those that would meet a parameter get one `_` more, so that different names stay different.
    """
    return f"{name}_" if _PARAMETERS.fullmatch(name) else name


def docstring_text(text: str) -> str:
    """`text` so that it can stand between triple quotes and says the same there.

    Backslashes and quotes that could end the docstring are escaped, and so is everything that is
    not printable, but for newlines.
    """
    escaped = text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    if escaped.endswith('"'):
        escaped = escaped[:-1] + '\\"'
    return "".join(c if c == "\n" or c.isprintable() else _escape(c) for c in escaped)


def _escape(character: str) -> str:
    code = ord(character)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def indented(text: str, indent: str) -> str:
    """`text` with its lines, but for empty ones, moved to the right."""
    return "\n".join(indent + line if line.strip() else "" for line in text.split("\n"))


def filled(text: str, indent: str, hanging: str, width: int = WIDTH) -> list[str]:
    """The words of `text` as lines of at most `width` characters."""
    lines, current = [], indent
    for word in text.split():
        if current not in (indent, hanging) and len(current) + 1 + len(word) > width:
            lines.append(current)
            current = hanging
        current += word if current in (indent, hanging) else f" {word}"
    return [*lines, current]


def assigned(target: str, text: str, indent: int) -> list[str]:
    """`target = text`, without parentheses around it all, as lines to be indented by `indent`."""
    while text.startswith("(") and _arguments(text[1:]):
        text = text[1:-1]
    return _opened(f"{target} = ", text, indent)


def _opened(start: str, text: str, indent: int) -> list[str]:
    """`start`, then `text`: in one line where it fits, else a call with one argument a line."""
    head, opening, inside = text.partition("(")
    arguments = _arguments(inside)
    if indent + len(start + text) <= WIDTH or not opening or arguments is None:
        return [start + text]
    lines = [line for each in arguments for line in _opened("", f"{each},", indent + 4)]
    return [f"{start}{head}(", *(f"    {line}" for line in lines), inside[inside.rindex(")") :]]


def _arguments(inside: str) -> list[str] | None:
    """What a call is given, from the text after its `(`; None if that goes on after its `)`."""
    depth, arguments = 1, [""]
    for letter in inside:
        if depth == 0 and letter != ",":
            return None
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(letter, 0)
        if depth == 1 and letter == ",":
            arguments.append("")
        elif depth:
            arguments[-1] += letter
    return [argument.strip() for argument in arguments]


def returned(values: list[str], indent: int) -> list[str]:
    """`return a, b`, in parentheses where that does not fit into one line."""
    line = f"return {', '.join(values)}"
    return [line] if indent + len(line) <= WIDTH else call("return ", values, "", indent)


def call(head: str, arguments: list[str], tail: str, indent: int) -> list[str]:
    """`head(arguments)tail` in one line where it fits, else one argument a line."""
    line = f"{head}({', '.join(arguments)}){tail}"
    if indent + len(line) <= WIDTH:
        return [line]
    return [f"{head}(", *(f"    {argument}," for argument in arguments), f"){tail}"]
