"""Syntax errors in a person's words."""

from __future__ import annotations

import pytest

from optdsl.compiler import compile_source
from optdsl.parse import read
from optdsl.source import SourceFile, Span
from support.trees import HEAD, STEP, errors, the_error, tree

# --- mistakes ------------------------------------------------------------------------------------

SEVERAL_AXES = (
    "reduce over one after the other, or write `row`, `column` or `but(k)`; "
    "without `axis`, it is over all"
)

# What stands in `step:`, the part that is at fault, the message, the help.
STATEMENTS = [
    ("x = grad**2", "**", "`**` is not part of the language", "write `^` for a power"),
    ("x := 3", ":=", "`:=` is not part of the language",
     "write `=` to name a value, `<-` to update a slot or `param`"),
    ("x += 3", "+=", "`+=` is not part of the language", "write `x <- x + …`"),
    ("x == 3", "==", "`==` compares two values",
     "write `x = …` to name a value, `x <- …` to update a slot or `param`"),
    ("x = a => b", "=>", "`=>` is not part of the language", "write `>=`"),
    ("x = a && b", "&&", "`&&` is not part of the language", "write `and`"),
    ("x = a || b", "||", "`||` is not part of the language", "write `or`"),
    ("x = !a", "!", "`!` is not part of the language", "write `not`"),
    ("x = True", "True", "`True` is not part of the language", "write `true`"),
    ("x = False", "False", "`False` is not part of the language", "write `false`"),
    ("x ← 3", "←", "`←` is not part of the language", "write `<-`"),
    ("x = a × b", "×", "`×` is not part of the language", "write `*`"),
    ("x = a − b", "−", "`−` is not part of the language", "write `-`"),
    ("x = β", "β", "`β` is not part of the language",
     "names have the letters a to z, digits and `_`: spell it out, as in `beta`"),
    ("x = 'a'", "'", "`'` is not part of the language", "write texts in double quotes"),
    ("x = 1;", ";", "`;` is not part of the language", "write one statement on each line"),
    ("x = a \\", "\\", "`\\` is not part of the language",
     "a line goes on inside parentheses; no other sign is needed"),
    ("x = a\u00a0+ b", "\u00a0", "`\u00a0` is not part of the language",
     "this is a no-break space: type an ordinary one"),
    ("x = a // b", "//", "`//` is not part of the language",
     "write `floor(a / b)`; a comment begins with `#`"),
    ("x = .5", ".", "a number does not begin with a point", "write `0.5`"),
    ("x = 5. * a", ".", "a number does not end with a point", "write `5` or `5.0`"),
    ("x = a.b", ".", "`.` is only part of numbers",
     "a name stands alone; the functions are listed in the language's documentation"),
    ("x = 1_000", "_", "a number has no `_` in it", "write its digits only"),
    ("x = 2a", "2a", "`2a` is neither a number nor a name", "write `2 * a`"),
    ("x = 1Ex", "1Ex", "`1Ex` is neither a number nor a name", "write `1 * Ex`"),
    ("x = 1e", "1e", "`1e` is neither a number nor a name", "write an exponent as in `1e-3`"),
    ("x = 0x1F", "0x1F", "`0x1F` is neither a number nor a name",
     "write numbers in decimal digits"),
    ("_x = 1", "_x", "`_x` is not a name", "write `x`"),
    ("x = 1 < a < 2", "< 2", "comparisons do not chain", "write `a < b and b < c`"),
    ("x = a <- b", "<-", "`<-` stands inside an expression",
     "to compare with a negative value, write `< -`"),
    ("x = y = 3", "= 3", "`=` stands inside an expression", "to compare, write `==`"),
    ("x = (a + b", "(", "this `(` is never closed", "add a `)`"),
    ("x = a + b)", ")", "this `)` closes nothing", "remove it, or add a `(` before"),
    ("x = (a + b]", "]", "a `(` is closed by `]`", "write `)`"),
    ("x = a[0]", "[", "`[` only begins an interval", "write `(`"),
    ("x = a b", "b", "expected an operator or the end of the line, found `b`",
     "write `a * …` to multiply, `a(…)` to call a function"),
    ("x = 2 b", "b", "expected an operator or the end of the line, found `b`",
     "to multiply, write `*`"),
    ("x = |a|", "|", "`|` is not part of the language",
     "write `or` between conditions, `abs(x)` for a magnitude"),
    ("x < - a", "<", "expected `=` or `<-` after the name, found `<`",
     "the two signs of `<-` stand together"),
    ("return a", "return", "`return` is not part of the language",
     "update `param` instead: `param <- value`"),
    ("x = 1 if a", "if", "`if` stands inside an expression",
     "write `where(condition, value, other)`"),
    ("x = mean(axis=0, grad)", "grad",
     "the argument `grad` follows one that is given by name", "write `axis=…` last"),
    ("x", "", "expected `=` or `<-` after the name, found the end of the line",
     "write `x = …` to name a value, `x <- …` to update"),
    ("x = a +", "", "expected a value after `+`, found the end of the line",
     "complete it; what goes on in the next line stands in parentheses"),
    ("x = max(a, )", ")", "expected a value after `,`, found `)`",
     "complete it; what goes on in the next line stands in parentheses"),
    ("x = a +\n        b", "b", "the line before goes on here, outside of parentheses",
     "write `(` before the expression and `)` after it"),
    ("x = a\n            - b", "-", "the line before goes on here, outside of parentheses",
     "write `(` before the expression and `)` after it"),
    ("x = sum(a, axis=(0, 1))", ", 1", "`axis` takes one axis",
     SEVERAL_AXES),
    ("3 = x", "3", "a statement begins with a name, not with `3`",
     "write `name = value`, or `name <- value` to update"),
    ("slot m", "slot", "`slot` cannot stand inside a block of statements",
     "move it out of the block"),
    ('x = 1 "Doc."', '"Doc."', "a description cannot stand here", "write a comment with `#`"),
    ("x = \"Doc.", '"', "this text has no closing quote", 'end it with `"` on this line'),
    ("when t == 1", "", "expected `:` at the end of `when`, found the end of the line",
     "write `when …:`"),
    ("when t == 1: x = 1", "x", "a block begins on a new line",
     "put it on the next line, indented"),
    ("otherwise:", "otherwise", "this `otherwise` has no `when`",
     "indent it like the `when` that it belongs to"),
]  # fmt: skip

# A line among the declarations, likewise.
DECLARATIONS = [
    ("hyper b = 0.9 Decay", "Decay",
     "expected the end of the line or a description, found `Decay`",
     "put the description in double quotes"),
    ("hyper b = 1 /", "", "expected a value after `/`, found the end of the line",
     "complete it; what goes on in the next line stands in parentheses"),
    ("hyper b", "", "expected `=` and a default value, found the end of the line",
     "every hyperparameter has a default: write `hyper name = 0.9`"),
    ("hyper = 3", "hyper", "a statement stands outside `step:`", "move it into the block `step:`"),
    ("hyper b = 1 in 0, 1", "0", "expected `(` or `[`, found `0`",
     "write an interval as `[0, 1)`: `)` where the end is not included"),
    ("hyper b: 0.9", "0.9", "expected `int` or `bool` after `:`, found `0.9`",
     "a default value stands after `=`"),
    ("hyper b = 1, c = 2", ",",
     "expected a description in double quotes or `in` or the end of the line, found `,`",
     'write `hyper name = 0.9 in [0, 1) "Doc."`, each on a line of its own'),
    ("slots m, v", "slots", "`slots` is not part of the language", "did you mean `slot`?"),
    ("Hyper b = 1", "Hyper", "`Hyper` is not part of the language", "did you mean `hyper`?"),
    ("slot m =", "", "expected a value after `=`, found the end of the line",
     "complete it; what goes on in the next line stands in parentheses"),
    ("slot m: ", "", "expected a shape after `:`, found the end of the line",
     "the shapes are `param`, `scalar`, `row`, `reduced(k)` and `keep(k)`"),
    ("param b = 1", "param", "`param` declares nothing", "write `hyper`"),
    ("state m", "state", "`state` declares nothing", "write `slot`"),
    ("def f(a): a", ":", "expected `=` and the macro's value, found `:`",
     "write `def name(a, b) = value`"),
    ("slot", "", "expected the slot's name, found the end of the line", "write `slot name`"),
    ('slot m """Doc."""', '"""Doc."""', "a description here stands in one quote",
     'write `"` on both sides'),
    ("sparse", "", "expected `exact` or `lazy`, found the end of the line",
     "write `sparse exact` or `sparse lazy`"),
    ("def f = 3", "=", "expected `(` and the macro's arguments, found `=`",
     "write `def name(a, b) = value`"),
    ("x <- 3", "x", "a statement stands outside `step:`", "move it into the block `step:`"),
    ('"Doc."', '"Doc."', "an optimizer's description stands in three quotes",
     'write `"""` on both sides'),
    ("3", "3", "expected `hyper`, `slot`, `def`, `sparse` or `step:`, found `3`",
     "begin the line with one of these words"),
]  # fmt: skip


def _check(text: str, line: str, part: str, message: str, advice: str | None) -> None:
    found = the_error(text)
    assert (found.code, found.message, found.help) == ("syntax", message, advice)
    start = text.index(line) + (len(line.rstrip()) if part == "" else line.index(part))
    if part in ("< 2", "= 3", ", 1"):  # written so that the second of two is found
        part = part[0]
    assert found.span == Span(start, start + len(part))


@pytest.mark.parametrize(("line", "part", "message", "advice"), STATEMENTS)
def test_mistakes_in_a_statement(line: str, part: str, message: str, advice: str | None) -> None:
    _check(f"{STEP}        {line}\n        z = 1\n", line, part, message, advice)


@pytest.mark.parametrize(("line", "part", "message", "advice"), DECLARATIONS)
def test_mistakes_in_a_declaration(line: str, part: str, message: str, advice: str | None) -> None:
    _check(f"{HEAD}    {line}\n    step:\n        z = 1\n", line, part, message, advice)


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("", (1, 1), "the file has no optimizer"),
        ("# nothing\n\n", (3, 1), "the file has no optimizer"),
        ("hyper b = 1\n", (1, 1), "a specification begins with `optimizer Name:`"),
        ("import a\n" + STEP + "        x = 1\n", (1, 1), "`import` is not part of the language"),
        (
            "Optimizer A:\n    step:\n        x = 1\n",
            (1, 1),
            "`Optimizer` is not part of the language",
        ),
        ("optimizer\n", (1, 10), "expected the optimizer's name, found the end of the line"),
        (
            "optimizer A\n    step:\n        x = 1\n",
            (1, 12),
            "expected `:` after the optimizer's name, found the end of the line",
        ),
        ("optimizer A:\n", (1, 1), "an indented block is missing under `optimizer`"),
        ('optimizer A:\n    """Doc."""\n', (1, 1), "the optimizer has no `step:`"),
        (HEAD + "    step:\n", (2, 5), "an indented block is missing under `step`"),
        (
            HEAD + "    step\n        x = 1\n",
            (2, 9),
            "expected `:` after `step`, found the end of the line",
        ),
        (STEP + "        x = 1\nhyper b = 1\n", (4, 1), "this line is outside the optimizer"),
        (STEP + "        x = 1\n" + STEP, (4, 1), "a file holds one optimizer only"),
        (
            STEP + "        x = 1\n          y = 2\n",
            (4, 1),
            "this line is indented, and no block begins here",
        ),
        (STEP + "        x = 1\n      y = 2\n", (4, 1), "this indentation fits no line above"),
        (HEAD + "\tstep:\n\t\tx = 1\n", (2, 1), "a tab stands in the indentation"),
        (STEP + "        x\t= 1\n        y = \t2\n", (3, 10), "a tab stands between words"),
        (
            HEAD + '    """Doc.\n    step:\n        x = 1\n',
            (2, 5),
            "this text has no closing quote",
        ),
        (
            STEP + "        if t == 1:\n            x = 1\n",
            (3, 9),
            "`if` is not part of the language",
        ),
        (
            STEP + "        when t == 1:\n            x = 1\n        else:\n            x = 2\n",
            (5, 9),
            "`else` is not part of the language",
        ),
    ],
)
def test_mistakes_in_the_structure(text: str, place: tuple[int, int], message: str) -> None:
    found = the_error(text)
    position = SourceFile("a.opt", text).position(found.span.start)
    assert (found.code, found.message) == ("syntax", message)
    assert (position.line, position.column) == place
    assert found.help


def test_all_errors_of_a_file_are_found_in_one_run() -> None:
    text = (
        "optimizer A\n"  # no colon
        "    hyper b\n"  # no default
        "    slot m = (1 + 2\n"  # not closed
        "    step\n"  # no colon
        "        x = 1 < 2 < 3\n"  # chained
        "        y = 1\n"
        "        if x ** 2:\n"  # two mistakes
        "            z = = 1\n"
        "        else:\n"
        "            z = 1 +\n"
        "        param <- y\n"
        "      q = 1\n"  # indentation
        "    when 1:\n"  # not in a step
        "        w = )\n"
        "optimizer B:\n"
        "    step:\n"
    )
    source = SourceFile("a.opt", text)
    lines = [source.position(found.span.start).line for found in errors(text)]
    assert lines == [1, 2, 3, 4, 5, 7, 7, 8, 9, 10, 12, 13, 14, 15]


def test_the_lines_without_fault_are_checked_too() -> None:
    text = (
        f"{HEAD}"
        "    hyper beta_1 0.9\n"  # no `=`
        "    hyper beta_2 = 0.9\n"
        "    slot m\n"
        "    step:\n"
        "        q = beta_1 * m\n"  # not to be blamed
        "        m <- beta_9 * m + q\n"  # not defined
        "        v = = 3\n"  # a syntax error
        "        w = v + 1\n"  # not to be blamed
        "        when w > beta_3\n"  # no colon, and not defined
        "            m <- 0\n"
    )
    source = SourceFile("a.opt", text)
    assert [
        (found.code, source.position(found.span.start).line)
        for found in compile_source(source).diagnostics
    ] == [
        ("syntax", 2),
        ("undefined-name", 7),
        ("syntax", 8),
        ("undefined-name", 10),
        ("syntax", 10),
    ]


@pytest.mark.parametrize("line", ["x = = 3", "m = 3 +", "x = (1", "m <- $", "1 = m"])
def test_a_faulty_line_leaves_the_others_as_they_are(line: str) -> None:
    """A line is read twice by the parser when the one after it has a fault."""
    text = f"{HEAD}    slot m\n    step:\n        a = 1\n        {line}\n        b = 2\n"
    rest = read(SourceFile("a.opt", text)).rest
    assert rest == tree(text.replace(f"        {line}\n", ""))


def test_an_unclosed_parenthesis_spoils_one_line_only() -> None:
    text = (
        f"{HEAD}    hyper b = 1 in [0, 1\n    step:\n        x = (1\n        y = max(1, 2\n"
        "        z = 1\n"
    )
    assert [found.message for found in errors(text)] == [
        "this `[` is never closed",
        "this `(` is never closed",
        "this `(` is never closed",
    ]
