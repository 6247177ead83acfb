"""Warnings about what has no use, and silence about what has."""

from __future__ import annotations

import pytest

from optdsl import parse
from optdsl.analysis.unused import unused
from optdsl.check import check
from optdsl.source import SourceFile

OTHERWISE = "        otherwise:\n            param <- param"


def warnings(text: str) -> list[tuple[str, str]]:
    """Code and marked text of each warning."""
    source = SourceFile("example.opt", f"optimizer Example:\n{text}")
    spec, _ = parse.parse(source)
    assert spec is not None
    optimizer, errors = check(spec)
    assert errors == ()
    assert optimizer is not None
    return [(found.code, source.slice(found.span)) for found in unused(optimizer)]


@pytest.mark.parametrize(
    ("declaration", "statements"),
    [
        ("hyper a = 1", "param <- param - a * grad"),
        ("hyper a = 1\n    slot m = a", "m <- m + grad\n        param <- param - m"),
        (
            "hyper a: bool = true",
            f"when a:\n            param <- param - grad\n{OTHERWISE}",
        ),
        ("hyper a = 1\n    def f(x) = a * x", "param <- param - f(grad)"),
        ("slot m", "param <- param - m\n        m <- m + grad"),
        ("slot m", "param <- param - grad\n        m <- m + param\n    eval:\n        param <- m"),
        ("hyper a = 1", "param <- param - grad\n    eval:\n        param <- param - a"),
        ("slot m", "param <- param - old(m)\n        m <- grad"),
        (
            "slot m, n",
            "n <- m\n        m <- grad\n        param <- param - n",
        ),
        (
            "slot m: scalar",
            f"m <- norm(grad)\n        when m > 1:\n            param <- param - grad\n{OTHERWISE}",
        ),
        ("slot start = param", "param <- start - grad"),
        (
            "slot m",
            """when t > 1:
            a = m
        otherwise:
            a = grad
        m <- grad
        param <- param - a""",
        ),
    ],
)
def test_what_is_used_gets_no_warning(declaration: str, statements: str) -> None:
    assert warnings(f"    {declaration}\n    step:\n        {statements}\n") == []


@pytest.mark.parametrize(
    ("declaration", "statements", "expected"),
    [
        ("hyper a = 1", "", [("unused-hyper", "a")]),
        ("hyper a = 1\n    def f(x) = a * x", "", [("unused-hyper", "a")]),
        ("slot m", "", [("unused-slot", "m")]),
        ("slot m, n", "n <- m + grad", [("unused-slot", "m"), ("unused-slot", "n")]),
        ("slot m", "m <- m + grad", [("unused-slot", "m")]),
        ("slot m", "param <- param - m", [("unused-slot", "m")]),
        (
            "slot m",
            "a = m\n        m <- grad",
            [("unused-slot", "m"), ("unused-local", "a")],
        ),
        ("sparse lazy", "a = grad", [("unused-local", "a")]),
        (
            "sparse lazy",
            "when t > 1:\n            a = 1\n        otherwise:\n            a = 2",
            [("unused-local", "a")],
        ),
    ],
)
def test_what_is_not_used_gets_one(
    declaration: str, statements: str, expected: list[tuple[str, str]]
) -> None:
    step = f"        {statements}\n        param <- param - grad\n"
    assert warnings(f"    {declaration}\n    step:\n{step}") == expected
