"""From text to the surface tree, and syntax errors in a person's words."""

from __future__ import annotations

import pytest

from optdsl import resources, syntax
from optdsl.compiler import compile_source
from optdsl.diagnostics import Diagnostic, Severity
from optdsl.parse import MAX_BYTES, MAX_DEPTH, decode, parse, read
from optdsl.parse.layout import MAX_NESTING, MAX_TOKENS
from optdsl.parse.lines import MAX_ERRORS
from optdsl.source import SourceFile, Span

HEAD = "optimizer A:\n"
STEP = HEAD + "    step:\n"


def tree(text: str) -> syntax.Spec:
    spec, found = parse(SourceFile("a.opt", text))
    assert found == ()
    assert spec is not None
    return spec


def errors(text: str) -> tuple[Diagnostic, ...]:
    spec, found = parse(SourceFile("a.opt", text))
    assert spec is None
    assert found
    assert {one.severity for one in found} == {Severity.ERROR}
    return found


def the_error(text: str) -> Diagnostic:
    (found,) = errors(text)
    return found


def expr(text: str) -> syntax.Expr:
    """The tree of an expression on its own."""
    (step,) = tree(f"{STEP}        x = {text}\n").members
    assert isinstance(step, syntax.StepBlock)
    (statement,) = step.body
    assert isinstance(statement, syntax.Assign)
    return statement.value


def grouped(tree: syntax.Expr) -> str:
    """An expression with every operation in brackets."""
    match tree:
        case syntax.Binary(symbol, left, right):
            return f"[{grouped(left)} {symbol} {grouped(right)}]"
        case syntax.Unary(symbol, operand):
            return f"[{symbol} {grouped(operand)}]"
        case syntax.CallExpr():
            parts = [grouped(arg) for arg in tree.args]
            parts += [f"{key.name.text}={grouped(key.value)}" for key in tree.keywords]
            return f"{tree.function.text}({', '.join(parts)})"
        case syntax.Boolean():
            return str(tree.value)
        case syntax.Number() | syntax.Name():
            return tree.text


# --- what a specification says -------------------------------------------------------------------


@pytest.mark.parametrize("name", resources.spec_names())
def test_every_rule_of_the_library_parses(name: str) -> None:
    assert tree(resources.spec_text(name)).members


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("a + b - c", "[[a + b] - c]"),
        ("a - b * c", "[a - [b * c]]"),
        ("a / b * c % d @ e", "[[[[a / b] * c] % d] @ e]"),
        ("-x^2", "[- [x ^ 2]]"),
        ("(-x)^2", "[[- x] ^ 2]"),
        ("2^-t", "[2 ^ [- t]]"),
        ("2^-t^3", "[2 ^ [- [t ^ 3]]]"),
        ("a^b^c", "[a ^ [b ^ c]]"),
        ("-a * b", "[[- a] * b]"),
        ("a * -b", "[a * [- b]]"),
        ("a - -b", "[a - [- b]]"),
        ("--a", "[- [- a]]"),
        ("a + b < c - d", "[[a + b] < [c - d]]"),
        ("a != b or c == d and not e > f", "[[a != b] or [[c == d] and [not [e > f]]]]"),
        ("not not a", "[not [not a]]"),
        ("not a == b", "[not [a == b]]"),
        ("a or b or c", "[[a or b] or c]"),
        ("max(a, (b + c) * d)", "max(a, [[b + c] * d])"),
        ("mean(x, axis=-1)", "mean(x, axis=[- 1])"),
        ("mean(x, axis=row)", "mean(x, axis=row)"),
        ("f()", "f()"),
        ("where(true, 1e-3, 0.5)", "where(True, 1e-3, 0.5)"),
        ("(((a)))", "a"),
        ("pi", "pi"),
    ],
)
def test_precedence(text: str, meaning: str) -> None:
    assert grouped(expr(text)) == meaning


def test_spans_cover_what_was_written() -> None:
    text = (
        "optimizer Foo:\n"
        '    """Doc."""\n'
        '    hyper b: int = -3 in (-inf, 4] "Text."\n'
        '    slot m, v: reduced(-1) = b + 1 "More."\n'
        "    def f(a, b) = a * b\n"
        "    sparse lazy\n"
        "    step:\n"
        "        x = (b + 1) * f(2, b)\n"
        "        when not (x > 1):\n"
        "            m <- -x^2\n"
        "        otherwise:\n"
        "            m <- mean(v, axis=row)\n"
    )
    source = SourceFile("a.opt", text)
    spec = tree(text)

    def said(node: object) -> str:
        span = node if isinstance(node, Span) else getattr(node, "span")  # noqa: B009
        return source.slice(span)

    hyper, slot, macro, sparse, step = spec.members
    assert said(spec) == "optimizer Foo"
    assert said(spec.name) == "Foo"
    assert said(spec.doc) == '"""Doc."""'
    assert isinstance(hyper, syntax.HyperDecl)
    assert said(hyper) == 'hyper b: int = -3 in (-inf, 4] "Text."'
    assert [said(part) for part in (hyper.name, hyper.kind, hyper.default)] == ["b", "int", "-3"]
    assert hyper.interval is not None
    assert said(hyper.interval) == "(-inf, 4]"
    assert (hyper.interval.low_open, hyper.interval.high_open) == (True, False)
    assert said(hyper.interval.low) == "-inf"
    assert said(hyper.doc) == '"Text."'
    assert isinstance(slot, syntax.SlotDecl)
    assert [said(name) for name in slot.names] == ["m", "v"]
    assert slot.shape is not None
    assert said(slot.shape) == "reduced(-1)"
    assert said(slot.shape.axis) == "-1"
    assert said(slot.initial) == "b + 1"
    assert isinstance(macro, syntax.DefDecl)
    assert said(macro) == "def f(a, b) = a * b"
    assert [said(param) for param in macro.params] == ["a", "b"]
    assert said(sparse) == "sparse lazy"
    assert isinstance(step, syntax.StepBlock)
    assert said(step) == "step"
    assign, when = step.body
    assert isinstance(assign, syntax.Assign)
    assert said(assign) == "x = (b + 1) * f(2, b)"
    assert isinstance(assign.value, syntax.Binary)
    assert said(assign.value) == "(b + 1) * f(2, b)"
    assert said(assign.value.right) == "f(2, b)"
    assert isinstance(when, syntax.When)
    assert said(when) == "when not (x > 1)"
    assert said(when.otherwise_span) == "otherwise"
    (update,) = when.body
    assert said(update) == "m <- -x^2"
    (other,) = when.otherwise
    assert isinstance(other, syntax.Update)
    assert isinstance(other.value, syntax.CallExpr)
    assert said(other.value.keywords[0]) == "axis=row"
    assert said(other.value.function) == "mean"


def test_spans_do_not_take_part_in_equality() -> None:
    assert tree(STEP + "        a = 1 + 2\n") == tree(STEP + "\n        a  =  (1 +  2)  # 3\n")
    assert tree(STEP + "        a = 1 + 2\n") != tree(STEP + "        a = 1 - 2\n")


def test_numbers_keep_their_text() -> None:
    for text in ("1e-3", "0.10", "007", "1e+5", "12"):
        assert expr(text) == syntax.Number(text, Span(0, 0))


@pytest.mark.parametrize(
    "value",
    ["(a +\n b)", "(\n\n  a\n# comment\n+ b)", "(a + b\n)", "(\na +\nb\n        )"],
)
def test_a_newline_inside_parentheses_does_not_end_a_statement(value: str) -> None:
    assert grouped(expr(value)) == "[a + b]"


def test_a_keyword_argument_may_open_a_line() -> None:
    assert grouped(expr("mean(x,\naxis=-1)")) == "mean(x, axis=[- 1])"


@pytest.mark.parametrize("word", ["step", "slot", "when", "regrad", "optimizer", "def", "eval"])
def test_keywords_are_names_where_no_line_begins_with_them(word: str) -> None:
    text = f"{HEAD}    slot {word}\n    step:\n        {word} <- {word} + 1\n        x = {word}\n"
    slot, step = tree(text).members
    assert isinstance(slot, syntax.SlotDecl)
    assert slot.names[0].text == word
    assert isinstance(step, syntax.StepBlock)
    assert isinstance(step.body[0], syntax.Update)
    assert step.body[0].target.text == word


@pytest.mark.parametrize("word", ["let", "var", "steps", "hypers", "case_", "ifs"])
def test_words_of_other_languages_are_names(word: str) -> None:
    tree(f"{STEP}        {word} = 1\n        x = {word}\n        {word} <- x\n")


def test_texts_have_no_escapes() -> None:
    spec = tree(HEAD + '    slot m "a\\n\\"\n    slot v ""\n    step:\n        m <- 1\n')
    docs = [
        member.doc.text
        for member in spec.members[:2]
        if isinstance(member, syntax.SlotDecl) and member.doc
    ]
    assert docs == ["a\\n\\", ""]


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ('"""One line."""', "One line."),
        ('"""  One line.  """', "One line."),
        ('"""A.\n\n    B.\n    """', "A.\n\nB."),
        ('"""\n    A.\n      B.\n    """', "A.\n  B."),
        ('"""A.\n      B.\n    """', "A.\n  B."),
        ('"""A.\n      B."""', "A.\nB."),
        ('"""A\n\tB  \n    """', "A\n\tB"),
        ('"""Say "hi"\\."""', 'Say "hi"\\.'),
        ('"""a\u2028b"""', "a\u2028b"),
        ('""""""', ""),
    ],
)
def test_the_description_loses_its_indentation(written: str, text: str) -> None:
    doc = tree(f"{HEAD}    {written}\n    step:\n        a = 1\n").doc
    assert doc is not None
    assert doc.text == text


def test_comments_and_empty_lines_are_kept_beside_the_tree() -> None:
    text = f"# top\n{STEP}        # own\n        a = 1  # end\n\n    # out\n#last"
    spec = tree(text)
    assert [(c.text, c.own_line, c.own_line and c.depth) for c in spec.comments] == [
        ("# top", True, 0),
        ("# own", True, 2),
        ("# end", False, False),
        ("# out", True, 1),
        ("#last", True, 0),
    ]
    assert [text[blank - 1 : blank + 1] for blank in spec.blanks] == ["\n\n"]


def test_what_is_not_built_yet_parses() -> None:
    text = (
        f"{HEAD}"
        "    slot g: global\n"
        "    slot q: square(-1)\n"
        "    case matrix if rank == 2:\n"
        "        slot m\n"
        "        step:\n"
        "            repeat 5:\n"
        "                m <- m @ m\n"
        "            regrad\n"
        "    case rest:\n"
        "        step:\n"
        "            param <- grad\n"
        "    eval:\n"
        "        param <- grad\n"
    )
    *_, matrix, rest, evaluation = tree(text).members
    assert isinstance(matrix, syntax.UnsupportedBlock)
    assert isinstance(rest, syntax.UnsupportedBlock)
    assert isinstance(evaluation, syntax.UnsupportedBlock)
    assert (matrix.what, rest.what, evaluation.what) == ("case", "case", "eval")
    assert matrix.name is not None
    assert matrix.name.text == "matrix"
    assert matrix.condition is not None
    assert rest.condition is None
    step = matrix.body[1]
    assert isinstance(step, syntax.StepBlock)
    repeat, regrad = step.body
    assert isinstance(repeat, syntax.Unsupported)
    assert isinstance(regrad, syntax.Unsupported)
    assert (repeat.what, regrad.what) == ("repeat", "regrad")
    assert len(repeat.body) == 1


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


# --- mistakes ------------------------------------------------------------------------------------

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
    ("x = 1E5", "1E5", "`1E5` is neither a number nor a name", "write an exponent as in `1e-3`"),
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
    ("x = a +", "", "expected a value after `+`, found the end of the line", None),
    ("x = max(a, )", ")", "expected a value after `,`, found `)`", None),
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
    ("hyper b = 1 / 3", "/", "a default value is a literal, not an expression",
     "compute it in `step:`"),
    ("hyper b = c", "c", "expected a number, `true` or `false`, found `c`",
     "a default value is a literal, not an expression"),
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
    ("slot m =", "", "expected a value after `=`, found the end of the line", None),
    ("slot m: ", "", "expected a shape after `:`, found the end of the line",
     "the shapes are `param`, `scalar`, `row` and `reduced(k)`"),
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
    ("3", "3", "expected `hyper`, `slot`, `def`, `sparse` or `step:`, found `3`", None),
]  # fmt: skip


def _check(text: str, line: str, part: str, message: str, advice: str | None) -> None:
    found = the_error(text)
    assert (found.code, found.message, found.help) == ("syntax", message, advice)
    start = text.index(line) + (len(line.rstrip()) if part == "" else line.index(part))
    if part in ("< 2", "= 3"):  # written so that the second of two is found
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
