"""How findings look, to the letter."""

from __future__ import annotations

import json

import pytest

from optdsl.diagnostics import (
    Diagnostic,
    Severity,
    SpecError,
    ordered,
    records,
    render_json,
    render_text,
)
from optdsl.source import Position, SourceFile, Span

AMSGRAD = (
    "\n" * 17 + "    v <- beta_3 * v + (1 - beta_3) * grad^2\n"
)  # as in the documentation, on line 18


def finding(
    start: int = 0,
    end: int = 0,
    message: str = "the message",
    notes: tuple[str, ...] = (),
    advice: str | None = None,
) -> Diagnostic:
    return Diagnostic("syntax", Severity.ERROR, message, Span(start, end), notes, advice)


def excerpt(text: str, part: str) -> tuple[str, str]:
    """The source line and the carets under `part`, without the margin."""
    start = text.index(part)
    rendered = render_text(SourceFile("a.opt", text), [finding(start, start + len(part))])
    line, carets = rendered.split("\n")[3:5]
    margin = line.index("|") + 2
    return line[margin:], carets[margin:]


def test_the_documented_example() -> None:
    source = SourceFile("specs/amsgrad.opt", AMSGRAD)
    start = AMSGRAD.index("beta_3")
    found = Diagnostic(
        "undefined-name",
        Severity.ERROR,
        "`beta_3` is not defined",
        Span(start, start + 6),
        (),
        "did you mean `beta_2`?",
    )
    assert render_text(source, [found]) == (
        "error[undefined-name]: `beta_3` is not defined\n"
        "  --> specs/amsgrad.opt:18:10\n"
        "   |\n"
        "18 |     v <- beta_3 * v + (1 - beta_3) * grad^2\n"
        "   |          ^^^^^^\n"
        "   = help: did you mean `beta_2`?\n"
    )


def test_notes_come_before_the_help() -> None:
    found = Diagnostic(
        "domain", Severity.WARNING, "`log` of 0", Span(4, 7), ("first", "second"), "do it"
    )
    assert render_text(SourceFile("a.opt", "x = log(0)"), [found]) == (
        "warning[domain]: `log` of 0\n"
        " --> a.opt:1:5\n"
        "  |\n"
        "1 | x = log(0)\n"
        "  |     ^^^\n"
        "  = note: first\n"
        "  = note: second\n"
        "  = help: do it\n"
    )


def test_the_margin_is_as_wide_as_the_line_number() -> None:
    text = "\n" * 999 + "abc"
    assert render_text(SourceFile("a.opt", text), [finding(999, 1002)]) == (
        "error[syntax]: the message\n    --> a.opt:1000:1\n     |\n1000 | abc\n     | ^^^\n"
    )


def test_nothing_to_say() -> None:
    assert render_text(SourceFile("a.opt", ""), []) == ""
    assert render_json(SourceFile("a.opt", ""), []) == "[]"


@pytest.mark.parametrize(
    ("text", "part", "shown", "carets"),
    [
        ("a = 日本 + b", "b", "a = 日本 + b", "           ^"),
        ("a = 日本 + b", "日本", "a = 日本 + b", "    ^^^^"),
        ("e\u0301 + b", "b", "e\u0301 + b", "    ^"),
        ("\ta = b", "b", "    a = b", "        ^"),
        ("a\tb", "\t", "a    b", " ^^^^"),
        ("a\x1b[31mb", "b", "a\\x1b[31mb", "         ^"),
        ("a\x1b[31mb", "\x1b", "a\\x1b[31mb", " ^^^^"),
        ("a\u202eb", "b", "a\\u{202e}b", "         ^"),
        ("a\u2028b", "b", "a\\u{2028}b", "         ^"),
        ("a\x9bb", "b", "a\\x9bb", "     ^"),
        ("a\ud800b", "b", "a\\u{d800}b", "         ^"),
        ("a\x00\x07\x7fb", "b", "a\\x00\\x07\\x7fb", "             ^"),
        ("a \u00a0b", "b", "a \u00a0b", "   ^"),
    ],
)
def test_carets_stand_under_what_is_shown(text: str, part: str, shown: str, carets: str) -> None:
    assert excerpt(text, part) == (shown, carets)


def test_a_place_without_length_gets_one_caret() -> None:
    rendered = render_text(SourceFile("a.opt", "abc\n"), [finding(3, 3)])
    assert rendered.split("\n")[3:5] == ["1 | abc", "  |    ^"]
    assert ":1:4\n" in rendered


def test_a_finding_over_several_lines_shows_the_first() -> None:
    rendered = render_text(SourceFile("a.opt", "x = (a\n + b)"), [finding(4, 12)])
    assert rendered.split("\n")[3:] == ["1 | x = (a", "  |     ^^", ""]


def test_places_past_the_end_are_at_the_end() -> None:
    assert ":2:2\n" in render_text(SourceFile("a.opt", "a\nb"), [finding(99, 120)])


@pytest.mark.parametrize("place", [0, 5000, 99_990])
def test_long_lines_are_cut_around_the_fault(place: int) -> None:
    text = "a" * place + "FAULT" + "b" * (99_995 - place)
    shown, carets = excerpt(text, "FAULT")
    assert len(shown) <= 170
    assert shown[carets.index("^") : len(carets)] == "FAULT"
    assert carets.count("^") == 5
    assert shown.startswith("…") == (place > 60)
    assert shown.endswith("…") == (place < 99_000)


def test_a_long_fault_is_cut_as_well() -> None:
    shown, carets = excerpt("x = " + "9" * 5000, "9" * 5000)
    assert len(shown) <= 170
    assert len(carets) <= len(shown)


def test_nothing_from_a_file_reaches_the_terminal_as_a_control_character() -> None:
    nasty = "".join(map(chr, range(0xA0))) + "\u2028\u2029\u202e\u200b\ufeff\ue000\U000e0001"
    found = finding(3, 9, f"`{nasty}`", (nasty,), nasty)
    rendered = render_text(SourceFile(nasty, nasty), [found])
    kept = {c for c in rendered if not c.isprintable()}
    assert kept == {"\n"}
    assert rendered.count("\n") == 7


def test_order_and_repetition() -> None:
    first, second = finding(1, 2, "a"), finding(1, 3, "a")
    third, fourth = finding(5, 6, "a"), finding(5, 6, "b")
    assert ordered([fourth, second, third, first, second, fourth]) == (
        *(first, second, third, fourth),
    )
    text = render_text(SourceFile("a.opt", "x" * 9), [third, first, third])
    assert text.count("error[") == 2
    assert text.index(":1:2\n") < text.index(":1:6\n")


def test_records_have_the_documented_fields() -> None:
    source = SourceFile("specs/é.opt", "ab\ncd\n")
    found = Diagnostic("domain", Severity.WARNING, "é\x1b", Span(1, 4), ("n",), None)
    expected = {
        "code": "domain",
        "severity": "warning",
        "message": "é\x1b",
        "file": "specs/é.opt",
        "line": 1,
        "column": 2,
        "end_line": 2,
        "end_column": 2,
        "notes": ["n"],
        "help": None,
    }
    assert records(source, [found]) == [expected]
    text = render_json(source, [found])
    assert text.isascii()
    assert text.replace("\n", " ").isprintable()
    assert json.loads(text) == [expected]


def test_the_exception_shows_the_findings() -> None:
    source = SourceFile("a.opt", "abc")
    problem = SpecError(source, (finding(0, 3),))
    assert str(problem) == render_text(source, problem.diagnostics)
    assert problem.source is source


def test_positions() -> None:
    source = SourceFile("a.opt", "ab\n\ncd")
    places = [source.position(offset) for offset in range(7)]
    assert places == [
        *(Position(1, 1), Position(1, 2), Position(1, 3)),
        *(Position(2, 1), Position(3, 1), Position(3, 2), Position(3, 3)),
    ]
    assert [source.line(number) for number in range(5)] == ["", "ab", "", "cd", ""]
