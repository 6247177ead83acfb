"""What a file may be: bytes, sizes, depths."""

from __future__ import annotations

import pytest

from optdsl.parse import MAX_BYTES, MAX_DEPTH, decode
from optdsl.parse.indentation import MAX_NESTING, MAX_TOKENS
from optdsl.parse.lines import MAX_ERRORS
from optdsl.source import SourceFile
from support.trees import STEP, errors, expr, the_error, tree

# --- bytes ---------------------------------------------------------------------------------------


def test_byte_order_mark_and_crlf_simply_work() -> None:
    text = STEP + "        a = 1\n"
    source, found = decode(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode(), "a.opt")
    assert found == ()
    assert source == SourceFile("a.opt", text)


@pytest.mark.parametrize(
    ("data", "column", "message"),
    [
        (b"# \xe4 caf\xe9\n", 3, "the byte 0xe4 here is not UTF-8"),
        ("# é".encode() + b"\xff", 4, "the byte 0xff here is not UTF-8"),
        (b"ab\0c", 3, "a NUL character stands here"),
        ("optimizer A:".encode("utf-16"), 1, "the byte 0xff here is not UTF-8"),
        (b"# \xed\xa0\x80", 3, "the byte 0xed here is not UTF-8"),
    ],
)
def test_bytes_that_are_not_text(data: bytes, column: int, message: str) -> None:
    source, (found,) = decode(data, "a.opt")
    assert found.code == "encoding"
    assert found.message == message
    assert source.position(found.span.start).column == column


def test_the_place_of_a_bad_byte_counts_lines_as_the_text_does() -> None:
    source, (found,) = decode(b"a\r\nb\r\nc\xff", "a.opt")
    assert (source.position(found.span.start).line, found.span.start) == (3, 5)


def test_size() -> None:
    filler = b"#" * (MAX_BYTES - 1) + b"\n"
    assert decode(filler, "a.opt")[1] == ()
    assert [found.code for found in decode(filler + b"\n", "a.opt")[1]] == ["limit"]


# --- limits --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        "(" * (MAX_NESTING + 1) + "1" + ")" * (MAX_NESTING + 1),
        "abs(" * 5000 + "1" + ")" * 5000,
        "(" * 10_000,
        "-" * 5000 + "1",
        "not " * 5000 + "true",
        "^".join("2" * 5000),
        "2^" + "-" * 5000 + "2",
        " + ".join(["grad"] * 5000),
        " * ".join(["grad"] * (MAX_DEPTH + 1)),
        " - ".join(["grad"] * (MAX_TOKENS // 2)),
        "max(" + ", ".join("1" * MAX_TOKENS) + ")",
    ],
    ids=lambda value: f"{value[:6]}…{len(value)}",
)
def test_bombs_are_limited(value: str) -> None:
    assert the_error(f"{STEP}        x = {value}\n").code == "limit"


@pytest.mark.parametrize(
    "value",
    [
        "(" * MAX_NESTING + "1" + ")" * MAX_NESTING,
        " + ".join(["grad"] * MAX_DEPTH),
        "^".join("2" * 60),
    ],
    ids=["parentheses", "sum", "powers"],
)
def test_what_is_within_the_limits_parses(value: str) -> None:
    assert expr(value)


def test_blocks_are_limited() -> None:
    def nested(depth: int) -> str:
        lines = [" " * level + "when t > 1:\n" for level in range(2, depth)]
        return "optimizer A:\n step:\n" + "".join(lines) + " " * depth + "a = 1\n"

    assert tree(nested(MAX_NESTING - 1))
    assert the_error(nested(MAX_NESTING)).code == "limit"


def test_errors_are_limited() -> None:
    assert len(errors(STEP + "        x = = 3\n" * 1000)) == MAX_ERRORS
