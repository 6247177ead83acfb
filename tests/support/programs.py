"""Random specifications that stay finite: every kind of statement, slot and shape, in any order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hypothesis import strategies as st

_HEAD = """\
optimizer Drawn:
    hyper lr         = 0.125 in [0, 1]
    hyper decay      = 0.5 in [0, 1)
    hyper k: int     = 2 in [1, 5]
    hyper flag: bool = true
    slot a                        = {a}
    slot b
    slot one: scalar              = {one}
    slot by_row: row              = {by_row}
    slot mean_of: reduced({axis}) = {mean_of}
    def mixed(x, y) = x * decay + y * (1 - decay)
    sparse {sparse}
    step:
"""
_TENSORS = ("grad", "param", "a", "b", "old(a)", "old(param)")
_SMALLER = ("one", "by_row", "mean_of", "old(one)", "old(by_row)", "old(mean_of)")
_NUMBERS = ("lr", "decay", "t", "2", "0.1", "0.5", "pi", "k", "rank", "rows", "cols", "size")
_WHOLE = ("t - k", "-k % 3", "max(t, rows)", "min(k, 2)", "sign(t - 2)", "abs(k - size)")
_INITIAL_ONE = ("0", "0.1", "k", "lr * decay", "where(flag, lr, 1)", "0.3 / k", "norm(param)")
_ONE = (
    "-{}",
    "abs({})",
    "sign({})",
    "floor({})",
    "tanh({})",
    "sqrt(abs({}))",
    "log(abs({}) + 1)",
    "log1p(abs({}))",
    "exp(-abs({}))",
    "expm1(-abs({}))",
    "abs({})^k",
    "tanh({})^2",
    "(abs({}) + 1)^-decay",
    "clip({}, -2, 2)",
    "(t % 3) * {}",
    "(1 - decay^t) * {}",
)
_TWO = (
    "({} + {})",
    "({} - {})",
    "({} * {})",
    "{} / (abs({}) + 1)",
    "{} % (abs({}) + 1)",
    "min({}, {})",
    "max({}, {})",
    "mixed({}, {})",
    "clip({}, {}, 0.3)",
    "clip(decay, {}, {})",
)
_REDUCTIONS = ("sum", "mean", "norm", "amax", "amin")
_AXES = ("", ", axis=0", ", axis=1", ", axis=-1", ", axis=-2", ", axis=row")
_STATIC = ("flag", "rank >= 2", "k > 2 and not flag", "rows > 3 or cols == 1")
_PER_STEP = ("t > 2", "t % 2 == 0", "lr * t > 0.25")


class _Writer:
    """Draws a program line by line; `values` can be read, and `tensors` be reduced."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.values = (*_TENSORS, *_TENSORS, *_SMALLER, *_NUMBERS, *_WHOLE)
        self.tensors = _TENSORS
        self.names = (f"x{number}" for number in range(1000))

    def pick(self, options: tuple[str, ...]) -> str:
        return self.draw(st.sampled_from(options))

    def value(self, depth: int) -> str:
        """An expression that is a tensor or less."""
        kind = self.draw(st.integers(0, 9)) if depth else 0
        match kind:
            case 0 | 1:
                return self.pick(self.values)
            case 2 | 3 | 4:
                return self.pick(_ONE).format(self.value(depth - 1))
            case 5:
                return self.reduced(depth - 1, self.pick(_AXES))
            case 6:
                chosen = f"{self.value(depth - 1)}, {self.value(depth - 1)}"
                return f"where({self.question(depth - 1)}, {chosen})"
            case _:
                return self.pick(_TWO).format(self.value(depth - 1), self.value(depth - 1))

    def reduced(self, depth: int, axis: str) -> str:
        """A reduction of a tensor."""
        tensor = f"{self.pick(self.tensors)} * {self.value(depth)}"
        if depth and self.draw(st.integers(0, 3)) == 0:
            parts = [self.reduced(0, self.pick(_AXES[1:])) for _ in range(2)]
            tensor = self.pick(_TWO[:5]).format(*parts)
        return f"{self.pick(_REDUCTIONS)}({tensor}{axis})"

    def question(self, depth: int) -> str:
        """What a `where` may ask: one answer for an element, or fewer."""
        one = f"{self.value(depth)} > {self.value(depth)}"
        finite = f"not ({one} and is_finite({self.value(0)}))"
        axis = self.pick(_AXES)
        some = f"{self.pick(('any', 'all'))}({self.pick(_TENSORS)} < {self.value(0)}{axis})"
        return self.pick((one, one, finite, some, *_STATIC, *_PER_STEP))

    def condition(self) -> str:
        """What a `when` may ask: one answer for a variable."""
        tensor = f"{self.pick(_TENSORS)} * {self.value(1)}"
        per_variable = (f"any({tensor} > 0.5)", f"all({tensor} != 1)", f"mean({tensor}) < one")
        return self.pick((*_STATIC, *_PER_STEP, *per_variable))

    def block(self, depth: int, axis: str) -> Iterator[str]:
        """One to three statements."""
        for _ in range(self.draw(st.integers(1, 3))):
            match self.draw(st.integers(0, 7 if depth else 5)):
                case 0:
                    yield f"one <- {self.reduced(2, '')} * {self.pick(('lr', 'decay', 'one'))}"
                case 1:
                    yield f"by_row <- {self.reduced(2, ', axis=row')}"
                case 2:
                    yield f"mean_of <- {self.reduced(2, f', axis={axis}')}"
                case 3:
                    name = next(self.names)
                    yield f"{name} = {self.value(3)}"
                    self.values += (name,)
                case 4 | 5:
                    slot = self.pick(("a", "b"))
                    yield f"{slot} <- clip({self.value(3)}, -8, 8)"
                case _:
                    yield from self.branches(depth - 1, axis)

    def branches(self, depth: int, axis: str) -> Iterator[str]:
        """A `when`; a local that both branches bind can be read after it."""
        name, outside = next(self.names), (self.values, self.tensors)
        is_tensor = self.draw(st.booleans())
        for head in (f"when {self.condition()}:", "otherwise:"):
            yield head
            value = self.reduced(1, self.pick(_AXES[1:])) if is_tensor else self.value(2)
            yield f"    {name} = {value}"
            yield from (f"    {line}" for line in self.block(depth, axis))
            self.values, self.tensors = outside
        self.values += (name,)
        self.tensors += (name,) * is_tensor


def program(lines: Iterable[str], sparse: str = "exact", **given: str) -> str:
    """A whole specification; `given` are initial values of slots and the axis of `mean_of`."""
    slots = {"axis": "0", "a": "0", "one": "lr", "by_row": "0", "mean_of": "0.5", **given}
    step = "".join(f"        {line}\n" for line in lines)
    return _HEAD.format(sparse=sparse, **slots) + step


@st.composite
def programs(draw: st.DrawFn) -> str:
    """A specification that is valid for every variable."""
    writer = _Writer(draw)
    axis = writer.pick(("0", "1", "-1", "-2"))
    one, row = writer.pick(_INITIAL_ONE), writer.pick((*_INITIAL_ONE, "amax(param, axis=row)"))
    whole = writer.pick((*_INITIAL_ONE, "param", "where(flag, param, lr)", "tanh(param) * decay"))
    along = writer.pick((*_INITIAL_ONE, f"mean(param * decay, axis={axis})"))
    lines = [*writer.block(2, axis), f"param <- param - lr * clip({writer.value(3)}, -1, 1)"]
    sparse = writer.pick(("exact", "lazy"))
    return program(lines, sparse, axis=axis, a=whole, one=one, by_row=row, mean_of=along)
