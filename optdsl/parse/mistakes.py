"""Syntax errors in a person's words: what was probably meant, and what to write."""

from __future__ import annotations

from lark import Token

from optdsl.diagnostics import Diagnostic
from optdsl.parse.indentation import KEYWORDS, Line, error, span_of
from optdsl.source import Span

_ADD_STEP = "add a block `step:` with `param <- …`"


def empty_file(length: int) -> Diagnostic:
    """The file holds nothing but comments and empty lines."""
    advice = "begin with `optimizer Name:`, or see `optdsl new`"
    return error("syntax", "the file has no optimizer", Span(length, length), advice)


def only_docstring(header: Line) -> Diagnostic:
    """There is nothing in the optimizer but its description."""
    return error("syntax", "the optimizer has no `step:`", _extent(header.tokens), _ADD_STEP)


def no_colon(last: Token) -> Diagnostic:
    """A composition is followed by a block."""
    message = "expected `:` after the composition: an indented block follows"
    return error("syntax", message, span_of(last), "write `optimizer Name = wrapper(rule):`")


def no_block(header: Line) -> Diagnostic:
    """Nothing is indented under a line that ends in `:`."""
    message = f"an indented block is missing under `{header.tokens[0]}`"
    return error("syntax", message, _extent(header.tokens), "indent the lines that belong to it")


def _extent(tokens: tuple[Token, ...]) -> Span:
    return span_of(tokens[0]).to(span_of(tokens[-1]))


# --- what the parser did not expect --------------------------------------------------------------

_SHOWN = {
    "NAME": "a name",
    "TEXT": "a description in double quotes",
    "COLON": "`:`",
    "EQUAL": "`=`",
    "ARROW": "`<-`",
    "LPAR": "`(`",
    "RPAR": "`)`",
    "LSQB": "`[`",
    "RSQB": "`]`",
    "COMMA": "`,`",
    "IN": "`in`",
    "_NEWLINE": "the end of the line",
}

_INFIX = frozenset("PLUS MINUS TIMES CARET COMPARISON AND OR".split())

_PARTS = {
    ("OPTIMIZER", "NAME"): ("the optimizer's name", "write `optimizer Name:`"),
    ("OPTIMIZER", "COLON"): ("`:` after the optimizer's name", "write `optimizer Name:`"),
    ("WRAPPER", "NAME"): ("the wrapper's name", "write `wrapper Name:`"),
    ("WRAPPER", "COLON"): ("`:` after the wrapper's name", "write `wrapper Name:`"),
    ("FIX", "NAME"): ("the hyperparameter's name", "write `fix name = 0.9`"),
    ("FIX", "EQUAL"): ("`=` and a value", "write `fix name = 0.9`"),
    ("FIX", "NUMBER"): ("a number, `true` or `false`", "a value is a literal, not an expression"),
    ("HYPER", "NAME"): ("the hyperparameter's name", "write `hyper name = 0.9`"),
    ("HYPER", "EQUAL"): (
        "`=` and a default value",
        "every hyperparameter has a default: write `hyper name = 0.9`",
    ),
    ("SLOT", "NAME"): ("the slot's name", "write `slot name`"),
    ("DEF", "NAME"): ("a name", "write `def name(a, b) = value`"),
    ("DEF", "EQUAL"): ("`=` and the macro's value", "write `def name(a, b) = value`"),
    ("DEF", "LPAR"): ("`(` and the macro's arguments", "write `def name(a, b) = value`"),
    ("SPARSE", "NAME"): ("`exact` or `lazy`", "write `sparse exact` or `sparse lazy`"),
    ("STEP", "COLON"): ("`:` after `step`", "write `step:`"),
    ("EVAL", "COLON"): ("`:` after `eval`", "write `eval:`"),
    ("OTHERWISE", "COLON"): (
        "`:` after `otherwise`",
        "write `otherwise:`; a condition stands in a `when` inside it",
    ),
    ("CASE", "NAME"): ("the case's name", "write `case name if condition:`"),
    ("CASE", "COLON"): ("`:` at the end", "write `case name if condition:`"),
}


def explain(tokens: tuple[Token, ...], index: int, accepts: set[str]) -> Diagnostic:
    """Why the parser stopped at `tokens[index]` (or at the end) where it `accepts` other tokens."""
    token = tokens[index] if index < len(tokens) else None
    end = span_of(tokens[-1]).end
    span = Span(end, end) if token is None else span_of(token)
    if index == 0:
        message, advice = _misplaced(tokens, accepts)
        return error("syntax", message, span, advice)
    special = _special(tokens, index, token, accepts) if token else None
    if special:
        return error("syntax", special[0], span, special[1])
    if accepts == {"EQUAL"} and tokens[0].type != "DEF":
        message = f"the argument `{tokens[index - 1]}` follows one that is given by name"
        return error("syntax", message, span_of(tokens[index - 1]), "write `axis=…` last")
    wanted, advice = _wanted(tokens, tokens[index - 1], accepts)
    seen = "found the end of the line" if token is None else f"found {_seen(token)}"
    return error("syntax", f"expected {wanted}, {seen}", span, advice)


def _misplaced(tokens: tuple[Token, ...], accepts: set[str]) -> tuple[str, str | None]:
    """The line as a whole cannot stand where it does."""
    first = tokens[0]
    if "OPTIMIZER" in accepts:
        return "a specification begins with `optimizer Name:`", "write that before this line"
    if accepts <= {"$END"}:
        if first.type in ("OPTIMIZER", "WRAPPER"):
            return "a file holds one optimizer only", "move this one to a file of its own"
        return "this line is outside the optimizer", "indent it, or remove it"
    if first.type == "OTHERWISE":
        return "this `otherwise` has no `when`", "indent it like the `when` that it belongs to"
    if first.type in ("TEXT", "LONG_TEXT"):
        if first.type == "TEXT" and "LONG_TEXT" in accepts:
            return "an optimizer's description stands in three quotes", 'write `"""` on both sides'
        return "a description cannot stand here", "write comments with `#`"
    if "STEP" in accepts:  # among declarations
        if first.type in ("NAME", "WHEN", "REPEAT", "REGRAD", "INNER"):
            return "a statement stands outside `step:`", "move it into the block `step:`"
        wanted = "`hyper`, `slot`, `def`, `sparse` or `step:`"
        return f"expected {wanted}, found {_seen(first)}", "begin the line with one of these words"
    if first.type in KEYWORDS:
        return f"`{first}` cannot stand inside a block of statements", "move it out of the block"
    return f"a statement begins with a name, not with {_seen(first)}", (
        "write `name = value`, or `name <- value` to update"
    )


def _special(
    tokens: tuple[Token, ...], index: int, token: Token, accepts: set[str]
) -> tuple[str, str | None] | None:
    """Mistakes with an explanation of their own."""
    first, before = tokens[0], tokens[index - 1]
    if token.type == "COMPARISON" and index == 1 and first.type == "NAME" and token == "==":
        return "`==` compares two values", (
            f"write `{first} = …` to name a value, `{first} <- …` to update a slot or `param`"
        )
    if token == "<" and index == 1 and first.type == "NAME":
        return f"expected `=` or `<-` after the name, found {_seen(token)}", (
            "the two signs of `<-` stand together"
        )
    if token.type == "COMPARISON" and "AND" in accepts:
        return "comparisons do not chain", "write `a < b and b < c`"
    if token.type == "ARROW" and "COMPARISON" in accepts:
        return "`<-` stands inside an expression", "to compare with a negative value, write `< -`"
    if token.type == "EQUAL" and "COMPARISON" in accepts:
        return "`=` stands inside an expression", "to compare, write `==`"
    if token.type == "RPAR" and "_NEWLINE" in accepts:
        return "this `)` closes nothing", "remove it, or add a `(` before"
    if token.type == "RSQB" and "RPAR" in accepts and first.type != "HYPER":
        return "a `(` is closed by `]`", "write `)`"
    if _gives_several_axes(tokens, index):
        return "`axis` takes one axis", (
            "reduce over one after the other, or write `row`, `column` or `but(k)`; "
            "without `axis`, it is over all"
        )
    if token.type == "LSQB":
        return "`[` only begins an interval", "write `(`"
    if before.type == "COLON" and accepts == {"_NEWLINE"}:
        return "a block begins on a new line", "put it on the next line, indented"
    if first.type in ("HYPER", "SLOT") and "TEXT" in accepts and token.type == "NAME":
        return f"expected the end of the line or a description, found {_seen(token)}", (
            "put the description in double quotes"
        )
    if token.type in ("TEXT", "LONG_TEXT"):
        if "TEXT" in accepts:
            return "a description here stands in one quote", 'write `"` on both sides'
        return "a description cannot stand here", "write a comment with `#`"
    if token.type == "IF":
        return "`if` stands inside an expression", "write `where(condition, value, other)`"
    return None


def _gives_several_axes(tokens: tuple[Token, ...], index: int) -> bool:
    """Whether `axis=(0, 1)` or `axis=[0, 1]` stands here."""
    begun = index if tokens[index].type == "LSQB" else index - 2
    if begun > 2 and tokens[begun].type == "MINUS":
        begun -= 1
    opening = tokens[index].type in ("LSQB", "COMMA") and tokens[begun].type in ("LSQB", "LPAR")
    return opening and tokens[begun - 2] == "axis" and tokens[begun - 1] == "="


def _wanted(tokens: tuple[Token, ...], before: Token, accepts: set[str]) -> tuple[str, str | None]:
    """What could have stood here, and how the whole is written."""
    first = tokens[0].type
    if before.type == "COLON" and first == "HYPER":
        return "`int` or `bool` after `:`", "a default value stands after `=`"
    if before.type == "COLON" and first == "SLOT":
        return (
            "a shape after `:`",
            "the shapes are `param`, `scalar`, `row`, `reduced(k)` and `keep(k)`",
        )
    for wanted in ("EQUAL", "COLON", "NUMBER", "LPAR", "NAME"):
        part = _PARTS.get((first, wanted)) if wanted in accepts else None
        if part and not (wanted in ("NUMBER", "NAME") and {"NUMBER", "NAME"} <= accepts):
            return part
    if first == "NAME" and {"EQUAL", "ARROW"} <= accepts:
        advice = f"write `{tokens[0]} = …` to name a value, `{tokens[0]} <- …` to update"
        return "`=` or `<-` after the name", advice
    if first in ("WHEN", "REPEAT") and "COLON" in accepts:
        return f"`:` at the end of `{tokens[0]}`", f"write `{tokens[0]} …:`"
    if "NUMBER" in accepts:
        return f"a value after {_seen(before)}", _COMPLETE
    if first == "HYPER" and accepts & {"LSQB", "COMMA", "RSQB"}:
        return _listed(accepts), "write an interval as `[0, 1)`: `)` where the end is not included"
    if first in ("HYPER", "SLOT") and "TEXT" in accepts and not accepts >= _INFIX:
        whole = (
            'hyper name = 0.9 in [0, 1) "Doc."' if first == "HYPER" else 'slot name: shape "Doc."'
        )
        return _listed(accepts), f"write `{whole}`, each on a line of its own"
    if accepts >= _INFIX and before.type == "NAME":
        return f"an operator or {_listed(accepts - {'LPAR'})}", (
            f"write `{before} * …` to multiply, `{before}(…)` to call a function"
        )
    if accepts >= _INFIX and before.type in ("NAME", "NUMBER", "RPAR"):
        return f"an operator or {_listed(accepts - {'LPAR'})}", "to multiply, write `*`"
    return _listed(accepts), "write that, or take back what stands before it"


_COMPLETE = "complete it; what goes on in the next line stands in parentheses"


def _listed(accepts: set[str]) -> str:
    return " or ".join(shown for kind, shown in _SHOWN.items() if kind in accepts)


def _seen(token: Token) -> str:
    if token.type in ("TEXT", "LONG_TEXT"):
        return "a text"
    return f"`{token}`" if len(token) <= 40 else f"`{token[:40]}…`"
