"""Habits from other languages and from paper: what they are called here."""

from __future__ import annotations

from lark import Token

from optdsl.diagnostics import Diagnostic
from optdsl.parse.indentation import KEYWORDS, Line, error, span_of
from optdsl.source import Span

_Repair = tuple[str, str, str]
"""Type and text of the token that was meant, and the help line."""

_PAIRS: dict[tuple[str, str], _Repair] = {
    ("*", "*"): ("CARET", "^", "write `^` for a power"),
    ("&", "&"): ("AND", "and", "write `and`"),
    ("|", "|"): ("OR", "or", "write `or`"),
    (":", "="): ("EQUAL", "=", "write `=` to name a value, `<-` to update a slot or `param`"),
    ("=", ">"): ("COMPARISON", ">=", "write `>=`"),
    ("=", "<"): ("COMPARISON", "<=", "write `<=`"),
    ("<", ">"): ("COMPARISON", "!=", "write `!=`"),
    ("-", ">"): ("ARROW", "<-", "an update is written `name <- value`"),
    **{
        (sign, "="): ("ARROW", "<-", f"write `NAME <- NAME {sign} …`")
        for sign in ("+", "-", "*", "/", "%", "^", "@")
    },
}

_WORDS: dict[str, _Repair] = {
    "True": ("BOOLEAN", "true", "write `true`"),
    "False": ("BOOLEAN", "false", "write `false`"),
    "&": ("AND", "and", "write `and`"),
    "!": ("NOT", "not", "write `not`"),
    "~": ("NOT", "not", "write `not`"),
    "←": ("ARROW", "<-", "write `<-`"),
    "−": ("MINUS", "-", "write `-`"),
    "–": ("MINUS", "-", "write `-`"),
    "×": ("TIMES", "*", "write `*`"),
    "·": ("TIMES", "*", "write `*`"),
    "÷": ("TIMES", "/", "write `/`"),
    "≤": ("COMPARISON", "<=", "write `<=`"),
    "≥": ("COMPARISON", ">=", "write `>=`"),
    "≠": ("COMPARISON", "!=", "write `!=`"),
    "∞": ("NAME", "inf", "write `inf`"),
    "π": ("NAME", "pi", "write `pi`"),
}

_LINE_BEGINNINGS: dict[str, _Repair] = {
    "if": ("WHEN", "when", "write `when`"),
    "elif": ("WHEN", "when", "write `otherwise:`, and `when` inside it"),
    "else": ("OTHERWISE", "otherwise", "write `otherwise:`"),
}

_DECLARATIONS: dict[str, _Repair] = {
    **dict.fromkeys(("param", "hyperparameter"), ("HYPER", "hyper", "write `hyper`")),
    **dict.fromkeys(("state", "buffer"), ("SLOT", "slot", "write `slot`")),
    **dict.fromkeys(("update", "rule"), ("STEP", "step", "write `step:`")),
}
"""Words that open a line, and that a name or `:` follows."""

_LOOP = "an operation works on all elements at once; write `repeat N:` for a number of rounds"

_FOREIGN_LINES = {
    "for": _LOOP,
    "while": _LOOP,
    "return": "update `param` instead: `param <- value`",
    "let": "write `name = value`",
    "var": "write `name = value`",
    "import": "remove this line: everything there is, is there already",
    "from": "remove this line: everything there is, is there already",
    "class": "write `optimizer Name:`",
}

_CHARACTERS = {
    "'": "write texts in double quotes",
    "|": "write `or` between conditions, `abs(x)` for a magnitude",
    "“": 'write texts in straight quotes, `"`',
    "”": 'write texts in straight quotes, `"`',
    ";": "write one statement on each line",
    "\\": "a line goes on inside parentheses; no other sign is needed",
    "{": "write parentheses, or indent a block",
    "}": "write parentheses, or indent a block",
    "?": "write `where(condition, value, other)`",
    "$": "write the name alone",
    "√": "write `sqrt(x)`",
    "²": "write `^2`",
    "\u00a0": "this is a no-break space: type an ordinary one",
    "\r": "end lines with a line feed",
}

KEYWORDS_AS_WRITTEN = frozenset(word.lower() for word in KEYWORDS)
_LONGEST = 20  # longer words are no misspelt keywords
_LETTER = "names have the letters a to z, digits and `_`: spell it out, as in `beta`"


def tidy(line: Line, found: list[Diagnostic]) -> tuple[tuple[Token, ...], bool]:
    """Repairs what is written as in other languages, and says so in `found`.

    Returns:
        The tokens as they should have been, and whether the line is beyond repair.
    """
    advice = _foreign_line(line.tokens)
    if advice:
        found.append(_instead_of(span_of(line.tokens[0]), line.tokens[0], advice))
    if advice or line.broken:
        return line.tokens, True
    tokens: list[Token] = []
    index = 0
    while index < len(line.tokens):
        token = line.tokens[index]
        after = line.tokens[index + 1] if index + 1 < len(line.tokens) else None
        touching = after if after is not None and after.start_pos == token.end_pos else None
        pair = _PAIRS.get((token, touching)) if touching is not None else None
        repair = pair or _WORDS.get(token)
        if index == 0:
            repair = repair or _LINE_BEGINNINGS.get(token) or _misspelt(token, after)
        if repair:
            written = f"{token}{touching}" if pair else str(token)
            span = Span(span_of(token).start, span_of(token).start + len(written))
            advice = repair[2].replace("NAME", tokens[0] if tokens else "name")
            found.append(_instead_of(span, written, advice))
            tokens.append(Token.new_borrow_pos(repair[0], repair[1], token))
        elif problem := _beyond_repair(token, line.tokens[:index], touching):
            found.append(problem)
            return line.tokens, True
        else:
            tokens.append(token)
        index += 2 if pair else 1
    return tuple(tokens), False


def _foreign_line(tokens: tuple[Token, ...]) -> str | None:
    """What to do about a line that begins like one of another language; `var = …` is fine."""
    if tokens[0].type != "NAME" or (len(tokens) > 1 and tokens[1].type in ("EQUAL", "ARROW")):
        return None
    return _FOREIGN_LINES.get(tokens[0])


def _misspelt(word: Token, after: Token | None) -> _Repair | None:
    """The keyword that was probably meant by a word that opens a line."""
    if word.type != "NAME" or word in _FOREIGN_LINES or len(word) > _LONGEST:
        return None
    if after is None or after.type not in ("NAME", "COLON"):
        return None
    if (declared := _DECLARATIONS.get(word)) is not None:
        return declared if (declared[0] == "STEP") == (after.type == "COLON") else None
    from difflib import get_close_matches  # slow to import, and hardly ever needed

    meant = get_close_matches(word.lower(), sorted(KEYWORDS_AS_WRITTEN), 1, 0.7)
    return (meant[0].upper(), meant[0], f"did you mean `{meant[0]}`?") if meant else None


def _instead_of(span: Span, written: str, advice: str) -> Diagnostic:
    fact = "declares nothing" if written in ("param", "state") else "is not part of the language"
    return error("syntax", f"`{written}` {fact}", span, advice)


def _beyond_repair(
    token: Token, before: tuple[Token, ...], touching: Token | None
) -> Diagnostic | None:
    """What is wrong with a token that no rule of the grammar mentions."""
    span = span_of(token)
    match token.type:
        case "OPEN_TEXT" | "OPEN_LONG_TEXT":
            quotes = '"' if token.type == "OPEN_TEXT" else '"""'
            opening = Span(span.start, span.start + len(quotes))
            advice = f"end it with `{quotes}`" + (" on this line" if len(quotes) == 1 else "")
            return error("syntax", "this text has no closing quote", opening, advice)
        case "UNKNOWN" if token == ".":
            return _point(span, before[-1] if before else None, touching)
        case "UNKNOWN" if token == "_":
            return _underscore(span, before[-1] if before else None, touching)
        case "UNKNOWN":
            message = f"`{token}` is not part of the language"
            return error(
                "syntax",
                message,
                span,
                _LETTER if token.isalpha() else _CHARACTERS.get(token, "remove it"),
            )
        case "NUMBER" if touching is not None and touching.type == "NAME":
            written = f"{token}{touching}"
            advice = f"write `{token} * {touching}`"
            if touching[0] in "eE" and (len(touching) == 1 or touching[1:].isdigit()):
                advice = "write an exponent as in `1e-3`"
            elif touching[0] in "xXbBoOjJ" and touching[1:].isalnum():
                advice = "write numbers in decimal digits"
            message = f"`{written}` is neither a number nor a name"
            return error("syntax", message, span.to(span_of(touching)), advice)
        case "TIMES" if token == "/" and touching == "/":
            advice = "write `floor(a / b)`; a comment begins with `#`"
            return _instead_of(span.to(span_of(touching)), "//", advice)
        case _:
            return None


def _underscore(span: Span, before: Token | None, touching: Token | None) -> Diagnostic:
    if before is not None and before.type == "NUMBER" and before.end_pos == span.start:
        return error("syntax", "a number has no `_` in it", span, "write its digits only")
    if touching is not None and touching.type == "NAME":
        span = span.to(span_of(touching))
        return error("syntax", f"`_{touching}` is not a name", span, f"write `{touching}`")
    return error("syntax", "`_` is not a name", span, "a name begins with a letter")


def _point(span: Span, before: Token | None, touching: Token | None) -> Diagnostic:
    if touching is not None and touching.type == "NUMBER":
        advice = f"write `0.{touching}`"
        return error("syntax", "a number does not begin with a point", span, advice)
    if before is not None and before.type == "NUMBER" and before.end_pos == span.start:
        advice = f"write `{before}` or `{before}.0`"
        return error("syntax", "a number does not end with a point", span, advice)
    advice = "a name stands alone; the functions are listed in the language's documentation"
    return error("syntax", "`.` is only part of numbers", span, advice)
