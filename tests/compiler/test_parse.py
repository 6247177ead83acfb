"""From text to the surface tree, and syntax errors in a person's words."""

from __future__ import annotations

import pytest

from optdsl import resources, syntax
from optdsl.source import SourceFile, Span
from support.trees import HEAD, STEP, expr, grouped, tree

# --- what a specification says -------------------------------------------------------------------


@pytest.mark.parametrize("name", resources.spec_names())
def test_every_rule_of_the_library_parses(name: str) -> None:
    spec = tree(resources.spec_text(name))
    assert spec.members or spec.composed


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
        "    case matrix as matrix if rank == 2:\n"
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
    assert isinstance(matrix, syntax.CaseBlock)
    assert isinstance(rest, syntax.CaseBlock)
    assert isinstance(evaluation, syntax.EvalBlock)
    assert matrix.name.text == "matrix"
    assert matrix.as_matrix is not None
    assert matrix.as_matrix.text == "as matrix"
    assert matrix.condition is not None
    assert (rest.as_matrix, rest.condition) == (None, None)
    step = matrix.members[1]
    assert isinstance(step, syntax.StepBlock)
    repeat, regrad = step.body
    assert isinstance(repeat, syntax.Repeat)
    assert isinstance(regrad, syntax.Unsupported)
    assert regrad.what == "regrad"
    assert len(repeat.body) == 1
