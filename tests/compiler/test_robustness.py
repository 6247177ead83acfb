"""Whatever stands in a file, the compiler ends with findings or success, and soon."""

import random
import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from optdsl.compiler import compile_bytes
from optdsl.diagnostics import records, render_text
from optdsl.format import format_spec
from optdsl.parse import parse
from optdsl.source import SourceFile

ROOT = Path(__file__).parents[2]


def _texts(folder: str) -> list[str]:
    paths = sorted((ROOT / folder).glob("*.opt"))
    return [path.read_text(encoding="utf-8", errors="replace") for path in paths]


RULES, WRONG = _texts("specs"), _texts("tests/cases/invalid")
WORD = re.compile(r'"""[\s\S]*?"""|"[^"\n]*"|[A-Za-z_]\w*|[0-9.]+(?:e[+-]?\d+)?|<-|[<>=!]=|\n|\S')
NAME = re.compile(r"[A-Za-z_]\w*")
VALUE = re.compile(r"\b[A-Za-z_]\w*\b(?! *(<-|=[^=]|:|\())")
NAMES = """grad param t rank rows cols size first length inf pi true false abs sign sqrt exp log
    log1p expm1 tanh sin tan atan2 sigmoid softplus erf ceil round cbrt keep but column
    floor min max clip where is_finite sum mean norm amax amin any all old axis row scalar reduced
    total square global int bool m v learning_rate beta_1 epsilon f g""".split()
NUMBERS = "0 1 2 -1 0.5 1e-3 1e308 1e-308 1e999 7 64 9999999999999999999 0.999 3.0".split()
SIGNS = "+ - * / % @ ^ < <= > >= == != = <- ( ) [ ] , : and or not ! ** \" ' #".split()
ALIKE = ("+ - * / ^ %".split(), "< <= > >= == !=".split(), "and or".split(), "( [".split())
SNIPPETS = """
    hyper x = 0.5 in [0, 1)
    hyper n: int = 3
    hyper flag: bool = true "Doc."
    slot s: reduced(-1) = param^2 "Doc."
    slot a, b: scalar
    slot q: row = 1
    def f(a, b) = a / (b + 1)
    sparse lazy
    sparse exact
    step:
    eval:
    case matrix if rank == 2:
        when t == 1:
        when mean(grad) > 0 and rank >= 2:
        otherwise:
        repeat 3:
        regrad
        x = 7^7^7
        y = sqrt(grad) / log(t - 1)
        s <- old(s) + mean(grad^2, axis=-1)
        param <- param - 0.1 * where(grad > 0, grad, 1 / grad)
        z = f(f(grad, 2), f(1, grad))
""".split("\n")[1:-1]


def _word(rng: random.Random, like: str) -> str:
    """Another word, most often of the same kind, so that a good share still parses."""
    if rng.random() < 0.1:
        return rng.choice([*NAMES, *NUMBERS, *SIGNS, "\n", "    "])
    if NAME.fullmatch(like) or like[0].isdigit():
        return rng.choice([*NAMES, *NUMBERS])
    return rng.choice(next((same for same in ALIKE if like in same), SIGNS))


def _replace_word(rng: random.Random, text: str) -> str:
    words = [word for word in WORD.finditer(text) if word[0] != "\n"]
    if not words:
        return text
    one, other = rng.choice(words), rng.choice(words)
    new = _word(rng, one[0]) if rng.random() < 0.8 else other[0]
    return text[: one.start()] + new + text[one.end() :]


def _delete_word(rng: random.Random, text: str) -> str:
    words = list(WORD.finditer(text))
    if not words:
        return text
    one = rng.choice(words)
    return text[: one.start()] + text[one.end() :]


def _wrap_word(rng: random.Random, text: str) -> str:
    """A word as the argument of a function or of an operator."""
    words = list(VALUE.finditer(text, max(text.find("step:"), 0)))
    if not words:
        return text
    one = rng.choice(words)
    form = rng.choice(
        ("({})", "-{}", "sqrt({})", "log({})", "1 / {}", "({} - 1)", "{}^{}", "mean({}, axis=0)",
         "sum({})", "where({} > 0, {}, 0)", "max({}, {})", "old({})", "({} + {})", "{}^-2")
    )  # fmt: skip
    return text[: one.start()] + form.replace("{}", one[0]) + text[one.end() :]


def _lines(rng: random.Random, text: str) -> str:
    lines = text.split("\n")
    place = rng.randrange(len(lines))
    match rng.randrange(5):
        case 0:
            del lines[place]
        case 1:
            lines.insert(rng.randrange(len(lines)), lines[place])
        case 2:
            lines.insert(place, rng.choice(SNIPPETS))
        case 3:
            lines.insert(place, rng.choice(rng.choice(RULES).split("\n")))
        case _:
            lines[place] = rng.choice(["", " ", "    ", "\t"]) + lines[place]
    return "\n".join(lines)


def _nest(rng: random.Random, text: str) -> str:
    """A part of the text many times over."""
    start = rng.randrange(len(text) + 1)
    part = text[start : start + rng.randrange(1, 30)]
    return text[:start] + part * rng.choice([2, 3, 50, 400]) + text[start:]


def _bytes(rng: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 8])):
        place = rng.randrange(len(changed) + 1)
        match rng.randrange(4):
            case 0:
                changed[place:place] = rng.randbytes(rng.randrange(1, 4))
            case 1:
                del changed[place : place + rng.randrange(1, 10)]
            case 2 if place < len(changed):
                changed[place] ^= 1 << rng.randrange(8)
            case _:
                changed[place:place] = rng.choice(
                    [b"\r", b"\t", b"\0", b"\xef\xbb\xbf", b"\x1b[2J", "\u2028∞é".encode(), b'"""']
                )
    return bytes(changed)


def inputs(count: int, seed: int) -> Iterator[bytes]:
    """Random and mutated files: mostly a few words changed, sometimes nothing but noise."""
    rng = random.Random(seed)
    mutations = (_replace_word, _wrap_word, _lines, _delete_word, _nest)
    for _ in range(count):
        kind = rng.random()
        if kind < 0.03:
            yield rng.randbytes(rng.randrange(200))
            continue
        if kind < 0.06:
            words = rng.choices([*NAMES, *NUMBERS, *SIGNS, *SNIPPETS, "\n", "    "], k=40)
            yield " ".join(words).encode()
            continue
        text = rng.choice(RULES if rng.random() < 0.8 else WRONG)
        for _ in range(rng.choice([1, 1, 1, 2, 3, 5])):
            mutation = rng.choices(mutations, (6, 8, 4, 1, 1))[0]
            text = mutation(rng, text)
        data = text.encode()
        yield _bytes(rng, data) if kind > 0.9 else data


def _survive(data: bytes) -> str:
    """Compiles, renders and formats; how far the input came."""
    begin = time.process_time()
    compiled = compile_bytes(data, "fuzz.opt")
    assert time.process_time() - begin < 20, data  # a mutated RAdam: 6 s under coverage
    assert compiled.ok or compiled.diagnostics, data
    text = render_text(compiled.file, compiled.diagnostics)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", text), data
    records(compiled.file, compiled.diagnostics)
    if compiled.spec is None:
        return "not parsed"
    formatted = format_spec(compiled.spec)
    again, found = parse(SourceFile("again.opt", formatted))
    assert again is not None, (data, found)
    assert again == compiled.spec, data
    assert format_spec(again) == formatted, data
    assert Counter(comment.text for comment in again.comments) == Counter(
        comment.text for comment in compiled.spec.comments
    ), data
    return "compiled" if compiled.ok else "parsed"


def _fuzz(count: int, seed: int) -> Counter[str]:
    reached: Counter[str] = Counter()
    for number, data in enumerate(inputs(count, seed)):
        try:
            reached[_survive(data)] += 1
        except Exception as problem:
            problem.add_note(f"input {number} of seed {seed}: {data!r}")
            raise
    return reached


def test_random_and_mutated_files_end_in_findings_or_success() -> None:
    reached = _fuzz(1_000, seed=1)
    # The inputs have to reach every stage for the test to mean something.
    assert reached["not parsed"] > 100
    assert reached["parsed"] > 100
    assert reached["compiled"] > 100


@pytest.mark.slow
def test_a_hundred_thousand_files() -> None:
    reached = _fuzz(100_000, seed=2)
    print(f"100,000 inputs: {dict(reached)}")
