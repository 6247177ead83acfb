"""The one layout: parsing it gives the same tree, formatting it changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optdsl import syntax
from optdsl.format import format_expr, format_spec, format_statement
from optdsl.parse import parse
from optdsl.source import SourceFile, Span

SPECS = sorted((Path(__file__).parents[2] / "specs").glob("*.opt"))
AT = Span(0, 0)


def tree(text: str) -> syntax.Spec:
    spec, found = parse(SourceFile("a.opt", text))
    assert spec is not None, found
    return spec


def formatted(text: str) -> str:
    result = format_spec(tree(text))
    again = tree(result)
    assert again == tree(text)
    assert format_spec(again) == result
    return result


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_the_library_has_the_one_layout(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert formatted(text) == text


# --- random trees --------------------------------------------------------------------------------

NAMES = st.sampled_from(["grad", "param", "m", "beta_1", "step", "slot", "x2", "pi"])
IDENTS = NAMES.map(lambda text: syntax.Ident(text, AT))
NUMBERS = st.sampled_from(["0", "1", "007", "1e-3", "2.50", "1e+9"])
TEXTS = st.text(st.characters(exclude_characters='"\n', exclude_categories=["Cs"]), max_size=20)
INFIX = "or and < <= > >= == != + - * / % @ ^".split()


def _binary(symbol: str, left: syntax.Expr, right: syntax.Expr) -> syntax.Expr:
    return syntax.Binary(symbol, left, right, AT)


def _calls(exprs: st.SearchStrategy[syntax.Expr]) -> st.SearchStrategy[syntax.Expr]:
    keywords = st.builds(syntax.Keyword, IDENTS, exprs, st.just(AT))
    return st.builds(
        syntax.CallExpr,
        IDENTS,
        st.lists(exprs, max_size=3).map(tuple),
        st.lists(keywords, max_size=2).map(tuple),
        st.just(AT),
    )


ATOMS: st.SearchStrategy[syntax.Expr] = st.one_of(
    NUMBERS.map(lambda text: syntax.Number(text, AT)),
    st.booleans().map(lambda value: syntax.Boolean(value, AT)),
    NAMES.map(lambda text: syntax.Name(text, AT)),
)
EXPRS = st.recursive(
    ATOMS,
    lambda exprs: st.one_of(
        st.builds(_binary, st.sampled_from(INFIX), exprs, exprs),
        st.builds(syntax.Unary, st.sampled_from(["-", "not"]), exprs, st.just(AT)),
        _calls(exprs),
    ),
    max_leaves=12,
)
SIMPLE: st.SearchStrategy[syntax.Stmt] = st.one_of(
    st.builds(syntax.Assign, IDENTS, EXPRS, st.just(AT)),
    st.builds(syntax.Update, IDENTS, EXPRS, st.just(AT)),
    st.just(syntax.Unsupported("regrad", AT)),
)


def _blocks(stmts: st.SearchStrategy[syntax.Stmt]) -> st.SearchStrategy[syntax.Stmt]:
    body = st.lists(stmts, min_size=1, max_size=3).map(tuple)
    return st.one_of(
        st.builds(syntax.When, EXPRS, body, st.one_of(st.just(()), body), st.just(AT)),
        st.builds(syntax.Repeat, EXPRS, body, st.just(AT)),
    )


STATEMENTS = st.recursive(SIMPLE, _blocks, max_leaves=5)
BODIES = st.lists(STATEMENTS, min_size=1, max_size=4).map(tuple)
DOCS = st.none() | TEXTS.map(lambda text: syntax.Docstring(text, AT))
LITERALS = NUMBERS.map(lambda text: syntax.Number(text, AT))
SIGNED = LITERALS | LITERALS.map(lambda number: syntax.Unary("-", number, AT))
BOUNDS = SIGNED | st.just(syntax.Name("inf", AT))
INTERVALS = st.builds(
    syntax.IntervalExpr, BOUNDS, BOUNDS, st.booleans(), st.booleans(), st.just(AT)
)
SHAPES = st.builds(syntax.ShapeExpr, IDENTS, st.none() | EXPRS, st.just(AT))
IDENT_LISTS = st.lists(IDENTS, min_size=1, max_size=3).map(tuple)
DECLARATIONS: st.SearchStrategy[syntax.Member] = st.one_of(
    st.builds(
        syntax.HyperDecl,
        IDENTS,
        st.none() | IDENTS,
        EXPRS,
        st.none() | INTERVALS,
        DOCS,
        st.just(AT),
    ),
    st.builds(
        syntax.SlotDecl, IDENT_LISTS, st.none() | SHAPES, st.none() | EXPRS, DOCS, st.just(AT)
    ),
    st.builds(syntax.DefDecl, IDENTS, st.just(()) | IDENT_LISTS, EXPRS, st.just(AT)),
    st.builds(syntax.SparseDecl, IDENTS, st.just(AT)),
    st.builds(syntax.StepBlock, BODIES, st.just(AT)),
    st.builds(syntax.EvalBlock, BODIES, st.just(AT)),
)
MEMBERS = st.lists(
    DECLARATIONS
    | st.builds(
        syntax.CaseBlock,
        IDENTS,
        st.none() | st.just(syntax.Ident("as matrix", AT)),
        st.none() | EXPRS,
        st.lists(DECLARATIONS, min_size=1, max_size=3).map(tuple),
        st.just(AT),
    ),
    min_size=1,
    max_size=6,
).map(tuple)
ABOUT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40).filter(
    lambda text: '"""' not in text
)


@settings(max_examples=150)
@given(EXPRS)
def test_an_expression_means_the_same_when_it_is_parsed_again(expr: syntax.Expr) -> None:
    text = format_expr(expr)
    (step,) = tree(f"optimizer A:\n    step:\n        x = {text}\n").members
    assert isinstance(step, syntax.StepBlock)
    (statement,) = step.body
    assert isinstance(statement, syntax.Assign)
    assert statement.value == expr


@settings(max_examples=150)
@given(IDENTS, MEMBERS)
def test_a_specification_means_the_same_when_it_is_parsed_again(
    name: syntax.Ident, members: tuple[syntax.Member, ...]
) -> None:
    spec = syntax.Spec(name, None, members, AT)
    text = format_spec(spec)
    again = tree(text)
    assert again == spec
    assert format_spec(again) == text


@settings(max_examples=100)
@given(ABOUT)
def test_a_description_survives(text: str) -> None:
    written = f'optimizer A:\n    """{text}"""\n    step:\n        x = 1\n'
    spec, _ = parse(SourceFile("a.opt", written))
    if spec is not None:  # a quote at the end makes it four
        formatted(written)


@settings(max_examples=100)
@given(st.data())
def test_comments_are_never_lost(data: st.DataObject) -> None:
    """Comments and empty lines anywhere between the lines of a specification, or at their ends."""
    source = data.draw(st.sampled_from(SPECS)).read_text(encoding="utf-8")
    before, quotes, rest = source.partition('"""')
    doc, _, rest = rest.partition('"""')
    lines = [*before.split("\n")[:-1], f'    """{doc}"""', *rest.split("\n")[1:]]
    result = []
    count = 0
    for line in lines:
        match data.draw(st.integers(0, 7)):
            case 0:
                indent = " " * data.draw(st.integers(0, 14))
                result += [f"{indent}# c{count}", line]
                count += 1
            case 1 if line:
                result.append(f"{line} #c{count}")
                count += 1
            case 2:
                result += ["", line]
            case _:
                result.append(line)
    assert quotes
    text = formatted("\n".join(result))
    assert [f"c{number}" in text for number in range(count)] == [True] * count
    assert len(tree(text).comments) == count


# --- examples ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("((a))+(b*c)", "a + b * c"),
        ("(a+b)*c", "(a + b) * c"),
        ("a-(b-c)", "a - (b - c)"),
        ("(a-b)-c", "a - b - c"),
        ("a/(b*c)", "a / (b * c)"),
        ("(a^b)^c", "(a^b)^c"),
        ("a^(b^c)", "a^b^c"),
        ("(-a)^2", "(-a)^2"),
        ("-(a^2)", "-a^2"),
        ("2^(-t)", "2^-t"),
        ("a^(b+c)", "a^(b + c)"),
        ("2^-(a*b)", "2^-(a * b)"),
        ("-(a*b)", "-(a * b)"),
        ("(-a)*b", "-a * b"),
        ("a-(-b)", "a - -b"),
        ("not (a==b)", "not a == b"),
        ("(not a)==b", "(not a) == b"),
        ("(a or b) and c", "(a or b) and c"),
        ("a or (b and c)", "a or b and c"),
        ("(a<b)==c", "(a < b) == c"),
        ("mean( x ,axis = -1 )", "mean(x, axis=-1)"),
    ],
)
def test_parentheses_stand_where_they_are_needed(written: str, text: str) -> None:
    (step,) = tree(f"optimizer A:\n    step:\n        x = {written}\n").members
    assert isinstance(step, syntax.StepBlock)
    assert format_statement(step.body[0]) == f"x = {text}"


def test_statements_on_one_line() -> None:
    text = "optimizer A:\n  step:\n    m<-a\n    when t==1:\n      x=1\n    repeat 3:\n      y=1\n"
    (step,) = tree(text).members
    assert isinstance(step, syntax.StepBlock)
    assert [format_statement(stmt) for stmt in step.body] == [
        "m <- a",
        "when t == 1:",
        "repeat 3:",
    ]


MESSY = """\
# A rule.
optimizer   Messy :   # the head
  # first
  \"\"\"What it
  does.\"\"\"
  hyper lr=1e-3 in [0,inf) "Step size."  # lr
  hyper long_name  = 0.5
  # about n
  hyper n:int=3 "Count."


  hyper flag : bool = true
  slot a,b :reduced( -1 )=lr "Doc."
  slot cc "Other."
  def f( a,b )=( a+b )
  sparse   lazy
  step :
      # in step

      a<-( grad  # why
        + 1 )  # because
      cc <- 2
      x=1


      param <- x   # end
      when  (t == 1) :  # first step
         a<-1
         # end of when
      # before otherwise
      otherwise :   # later

         param<-2
      # end of step
  # end of body
# end
"""

CLEAN = """\
# A rule.
optimizer Messy:  # the head
    # first
    \"\"\"What it
    does.
    \"\"\"

    hyper lr        = 1e-3 in [0, inf) "Step size."  # lr
    hyper long_name = 0.5
    # about n
    hyper n: int = 3 "Count."

    hyper flag: bool = true

    slot a, b: reduced(-1) = lr "Doc."
    slot cc                     "Other."

    def f(a, b) = a + b

    sparse lazy

    step:
        # in step

        # why
        a  <- grad + 1  # because
        cc <- 2
        x = 1

        param <- x  # end
        when t == 1:  # first step
            a <- 1
            # end of when
        # before otherwise
        otherwise:  # later
            param <- 2
        # end of step
    # end of body
# end
"""


def test_the_layout() -> None:
    assert formatted(MESSY) == CLEAN


def test_the_blocks_that_are_not_built_yet_have_a_layout_too() -> None:
    text = (
        "optimizer A:\n"
        "    slot g: global\n"
        "\n"
        "    case matrix as matrix if rank == 2:\n"
        "        slot m\n"
        "\n"
        "        step:\n"
        "            repeat 5:\n"
        "                m <- m @ m\n"
        "            regrad\n"
        "\n"
        "    case rest:\n"
        "        step:\n"
        "            param <- grad\n"
        "\n"
        "    eval:\n"
        "        param <- grad\n"
    )
    assert formatted(text) == text


@pytest.mark.parametrize(
    ("doc", "lines"),
    [
        ("One.", ['    """One."""']),
        ('Say "hi"', ['    """Say "hi"', '    """']),
        ("A\nB", ['    """A', "    B", '    """']),
        ("", ['    """"""']),
        ("\\", ['    """\\"""']),
    ],
)
def test_descriptions(doc: str, lines: list[str]) -> None:
    spec = tree("optimizer A:\n    step:\n        x = 1\n")
    spec = syntax.Spec(spec.name, syntax.Docstring(doc, Span(13, 13)), spec.members, spec.span)
    assert format_spec(spec).split("\n")[1 : 1 + len(lines)] == lines
