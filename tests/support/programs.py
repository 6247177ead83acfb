"""Random specifications that stay finite.

What can be drawn: every function, operator and shape of slot; several slots of a shape, under names
that generated code might have too; locals of every kind and size; copies between slots in any
order, and histories; sums over all variables, and global slots; `old` of everything; `int` and
`bool` hyperparameters, literals alone, and what folds, wherever a value or a question may stand;
branches on all of these, nested, with and without results, that join locals of different kinds and
sizes; the variable updated anywhere, and more than once.

What cannot: values that are not finite, and numbers so large or small that they nearly are not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from hypothesis import strategies as st

from support import words
from support.words import Size


class _Writer:
    """Draws a program line by line.

    `values` are the names of numbers that can be read, by size, `wholes` those of whole numbers,
    `questions` those of booleans; `tensors` are the ones that can be reduced. `globals` are the
    global slots that can still be given, `is_shared` says whether all variables get here.
    """

    def __init__(
        self, draw: st.DrawFn, slots: dict[str, Size], axis: str, globals_: tuple[str, ...] = ()
    ) -> None:
        self.draw, self.slots, self.axis, self.globals = draw, slots, axis, globals_
        self.is_shared = True
        taken = {*slots, *globals_}
        self.unused = (name for name in draw(st.permutations(words.NAMES)) if name not in taken)
        self.numbers = iter(range(1000))
        self.tensors: tuple[str, ...] = ("grad", "param", "old(param)")
        self.tensors += tuple(f for slot in self.of(Size.TENSOR) for f in (slot, f"old({slot})"))
        self.values: dict[Size, tuple[str, ...]] = {
            Size.LITERAL: words.LITERALS,
            Size.STEP: words.PER_STEP
            + tuple(form for name in globals_ for form in (name, f"old({name})")),
            Size.VARIABLE: words.DIMS,
            **dict.fromkeys((Size.ROW, Size.REDUCED, Size.KEEP), ()),
            Size.TENSOR: ("grad", "param", "old(param)"),
        }
        for slot, size in slots.items():
            self.values[size] += (slot, f"old({slot})")
        self.wholes = {
            Size.LITERAL: "0123",
            Size.STEP: words.WHOLE_PER_STEP,
            Size.VARIABLE: words.DIMS,
        }
        self.questions: dict[Size, tuple[str, ...]] = {
            **dict.fromkeys(Size, ()),
            Size.LITERAL: ("true", "false"),
            Size.STEP: ("flag", "off", "t > 2", "t % 2 == 0", "lr * t > 0.25"),
            Size.VARIABLE: ("rank >= 2", "rows > 3 or cols == 1", "first"),
        }

    # --- choices

    def pick(self, options: Iterable[str]) -> str:
        return self.draw(st.sampled_from(tuple(options)))

    def chance(self, one_in: int) -> bool:
        return self.draw(st.integers(1, one_in)) == one_in

    def of(self, *sizes: Size) -> list[str]:
        """The slots of some sizes."""
        return [name for name, size in self.slots.items() if size in sizes]

    def readable(self, size: Size, names: Mapping[Size, Sequence[str]]) -> str:
        """A name that fits a size: likely one of that size."""
        sizes = [each for each in Size if each.fits(size) and names.get(each)]
        return self.pick(names[self.draw(st.sampled_from([*sizes, *sizes[-1:] * 2]))])

    def name(self) -> str:
        """One for a local."""
        return next(self.unused, None) or f"x{next(self.numbers)}"

    # --- expressions

    def value(self, size: Size, depth: int) -> str:
        """A number."""
        match self.draw(st.integers(0, 11)) if depth > 0 else 0:
            case 0 | 1 | 2:
                return self.readable(size, self.values)
            case 3 | 4 | 5:
                return self.pick(words.ONE).format(self.value(size, depth - 1))
            case 6 | 7 if size >= Size.VARIABLE:
                return self.reduced(size, depth - 1)
            case 8:
                yes, no = self.value(size, depth - 1), self.value(size, depth - 1)
                return f"where({self.question(size, depth - 1)}, {yes}, {no})"
            case 9:
                return self.whole(size, depth - 1)
            case 10 if size > Size.LITERAL:
                return self.value(Size.LITERAL, depth)
            case _:
                parts = self.value(size, depth - 1), self.value(size, depth - 1)
                return self.pick(words.TWO).format(*parts)

    def whole(self, size: Size, depth: int) -> str:
        """A whole number."""
        if depth <= 0 or self.chance(3):
            return self.readable(size, self.wholes)
        parts = self.whole(size, depth - 1), self.whole(size, depth - 1)
        if self.chance(4):
            return f"where({self.question(size, 0)}, {parts[0]}, {parts[1]})"
        return self.pick(words.WHOLE_TWO).format(*parts)

    def axes(self, size: Size) -> tuple[str, ...]:
        """What a reduction may say, for its result to fit a size."""
        own = f", axis={self.axis}"
        match size:
            case Size.ROW:
                return ("", ", axis=row")
            case Size.REDUCED:
                return ("", own)
            case Size.KEEP:
                return ("", f", axis=but({self.axis})")
            case Size.TENSOR:
                several = (", axis=row", ", axis=column", ", axis=but(1)", ", axis=but(-2)")
                return ("", *several, ", axis=0", ", axis=1", ", axis=-1", ", axis=-2")
            case _:
                return ("",)

    def tensor(self, depth: int) -> str:
        """What is a tensor, whatever else is in it."""
        if depth > 0 and self.chance(4):
            axes = [self.pick(self.axes(Size.TENSOR)[1:]) for _ in range(2)]
            parts = [
                f"{self.pick(words.REDUCTIONS)}({self.pick(self.tensors)}{axis})" for axis in axes
            ]
            return self.pick(words.TWO[:5]).format(*parts)
        return f"{self.pick(self.tensors)} * {self.value(Size.TENSOR, depth)}"

    def reduced(self, size: Size, depth: int) -> str:
        """A reduction that fits a size."""
        inner = self.tensor(depth)
        return f"{self.pick(words.REDUCTIONS)}({inner}{self.pick(self.axes(size))})"

    def question(self, size: Size, depth: int) -> str:
        """A boolean."""
        match self.draw(st.integers(0, 6)):
            case 0:
                return self.readable(size, self.questions)
            case 1:
                return f"is_finite({self.value(size, depth)})"
            case 2 if depth > 0:
                parts = self.question(size, depth - 1), self.question(size, depth - 1)
                return self.pick(words.LOGIC).format(*parts)
            case 3 | 4 if size >= Size.VARIABLE:
                one = self.compared(self.tensor(depth - 1), self.value(size, 0))
                return f"{self.pick(('any', 'all'))}({one}{self.pick(self.axes(size))})"
            case _:
                return self.compared(self.value(size, depth), self.value(size, depth))

    def compared(self, left: str, right: str) -> str:
        return f"{left} {self.pick(words.COMPARISONS)} {right}"

    # --- statements

    def block(self, depth: int, least: int = 1) -> Iterator[str]:
        """A few statements."""
        for _ in range(self.draw(st.integers(least, least + 2))):
            if self.is_shared and self.chance(4):
                yield self.across()
            match self.draw(st.integers(0, 9 if depth else 6)):
                case 0:
                    yield from self.history()
                case 1 | 2:
                    yield self.copy()
                case 3:
                    yield self.updated_param()
                case 4:
                    yield self.local()
                case 5 | 6:
                    slot = self.pick(self.slots)
                    yield f"{slot} <- clip({self.value(self.slots[slot], 3)}, -8, 8)"
                case _:
                    yield from self.branches(depth - 1)

    def across(self) -> str:
        """A local with a sum over all variables, or a new value for a global slot."""
        if self.globals and self.chance(2):
            name, *left = self.draw(st.permutations(self.globals))
            self.globals = tuple(left)
            return f"{name} <- clip({self.value(Size.STEP, 2)}, -8, 8)"
        name, value = self.name(), self.total()
        self.bind(name, "number", Size.STEP)
        return f"{name} = {value}"

    def total(self) -> str:
        """A sum over all variables, of values of any size."""
        size = self.draw(st.sampled_from(Size))
        inner = self.tensor(2) if self.chance(2) else self.value(size, 1)
        return self.pick(words.TOTALS).format(inner)

    def copy(self) -> str:
        """A slot that gets what another one has, as it stands or by way of a choice."""
        slot = self.pick(self.slots)
        size = self.slots[slot]
        other = self.readable(size, {**self.values, Size.LITERAL: (), Size.STEP: ()})
        if self.chance(3):
            asked = self.question(self.draw(st.sampled_from([Size.LITERAL, Size.STEP, size])), 1)
            other = f"where({asked}, {other}, {self.pick([slot, *self.of(size)])})"
        return f"{slot} <- {other}"

    def history(self) -> Iterator[str]:
        """Slots that hand on what they have, in any order, and perhaps a new value for one."""
        size = self.slots[self.pick(self.slots)]
        slots = self.draw(st.permutations(self.of(size)))
        sources = [*slots[1:], self.pick((slots[0], f"clip({self.value(size, 1)}, -8, 8)"))]
        for slot, source in zip(slots, sources, strict=True):
            before = source in slots and self.chance(4)
            yield f"{slot} <- old({source})" if before else f"{slot} <- {source}"

    def updated_param(self) -> str:
        """A step, or what else may be done to the variable."""
        step = f"lr * clip({self.value(Size.TENSOR, 3)}, -1, 1)"
        others = (f"mixed(param, {self.pick(self.tensors)})", "old(param)", "param + grad * lr")
        return f"param <- {self.pick((f'param - {step}', f'param - {step}', *others))}"

    def local(self) -> str:
        """A local of any kind."""
        name, size = self.name(), self.draw(st.sampled_from(Size))
        kinds = ["number", "number", "whole", "question", *["tensor"] * (size is Size.TENSOR)]
        kind, value = self.bound(size, self.pick(kinds))
        self.bind(name, kind, size)
        return f"{name} = {value}"

    def bound(self, size: Size, kind: str) -> tuple[str, str]:
        """What a local is bound to: its kind, and the expression."""
        match kind:
            case "question":
                return kind, self.question(size, 2)
            case "whole":
                return "number", self.whole(size, 2)
            case "tensor":
                return kind, self.tensor(2)
            case _:
                return kind, self.value(size, 2)

    def bind(self, name: str, kind: str, size: Size) -> None:
        """From here on, a local can be read."""
        names = self.questions if kind == "question" else self.values
        names[size] += (name,)
        self.tensors += (name,) * (kind == "tensor")

    def branches(self, depth: int) -> Iterator[str]:
        """A `when`; locals that both branches bind can be read after it."""
        asked = self.draw(st.sampled_from([Size.LITERAL, Size.STEP, Size.STEP, Size.VARIABLE]))
        is_static = asked is Size.STEP and self.chance(2)
        condition = self.pick(words.STATIC) if is_static else self.question(asked, 2)
        if self.is_shared and self.chance(6):
            asked, condition = Size.STEP, self.compared(self.total(), "0.5")
        before, left = (self.is_shared, self.globals), set(self.globals)
        joins = [(self.name(), self.chance(4)) for _ in range(self.draw(st.integers(0, 2)))]
        ends: list[list[tuple[str, Size]]] = []
        two = bool(joins) or not self.chance(3)
        for head in (f"when {condition}:", "otherwise:")[: 1 + two]:
            yield head
            ends.append([])
            self.is_shared = before[0] and asked is not Size.VARIABLE
            self.globals = before[1]
            yield from self.inside(self.branch(joins, ends[-1], depth))
            left &= set(self.globals)
        self.is_shared, self.globals = before[0], tuple(sorted(left))
        for (name, _), (then, then_size), (orelse, else_size) in zip(joins, *ends, strict=False):
            kind = orelse if then == "number" else then
            self.bind(name, kind, asked.joined(then_size).joined(else_size))

    def branch(
        self, joins: list[tuple[str, bool]], bound: list[tuple[str, Size]], depth: int
    ) -> Iterator[str]:
        """A branch that binds locals; `bound` receives the kind and size of each."""
        for name, is_question in joins:
            size = self.draw(st.sampled_from(Size))
            kinds = ["number", "number", "whole", *["tensor"] * (size is Size.TENSOR)]
            kind, value = self.bound(size, "question" if is_question else self.pick(kinds))
            bound.append((kind, size))
            yield f"{name} = {value}"
        yield from self.quiet(2) if self.chance(3) else self.block(depth)

    def inside(self, lines: Iterator[str]) -> Iterator[str]:
        """Lines, indented, whose locals are not seen after them."""
        before = dict(self.values), dict(self.questions), self.tensors
        yield from (f"    {line}" for line in lines)
        self.values, self.questions, self.tensors = before

    def quiet(self, depth: int) -> Iterator[str]:
        """Statements that leave nothing: a branch of locals, or of slots that stay as they are."""
        match self.draw(st.integers(0, 3 if depth > 0 else 1)):
            case 0:
                slot = self.pick(self.slots)
                yield f"{slot} <- {slot}"
            case 1:
                yield self.local()
            case _:
                yield f"when {self.question(Size.VARIABLE, 1)}:"
                yield from self.inside(self.quiet(depth - 1))
                if self.chance(2):
                    yield "otherwise:"
                    yield from self.inside(self.quiet(depth - 1))

    def initial(self, size: Size) -> str:
        """The value of a slot before the first step, of hyperparameters and `param`."""
        start = _Writer(self.draw, {}, self.axis)
        start.tensors = ("param",)
        start.values |= {
            Size.STEP: words.HYPERS,
            Size.VARIABLE: ("norm(param)", "0"),
            Size.TENSOR: ("param", "0"),
        }
        start.wholes |= {Size.STEP: words.WHOLE, Size.VARIABLE: ()}
        start.questions |= {Size.STEP: ("flag", "off"), Size.VARIABLE: ("mean(param) > 0",)}
        return start.value(size, self.draw(st.integers(0, 2)))


def program(lines: Iterable[str], sparse: str = "exact", **given: str) -> str:
    """A specification with fixed slots; `given` are initial values, and the axis of `mean_of`."""
    slots = {"axis": "0", "a": "0", "b": "0", "one": "lr", "by_row": "0", "mean_of": "0.5", **given}
    axis = slots.pop("axis")
    sizes = [Size.TENSOR, Size.TENSOR, Size.VARIABLE, Size.ROW, Size.REDUCED]
    return _written(dict(zip(slots, sizes, strict=True)), slots, axis, sparse, lines)


def _written(
    slots: dict[str, Size], initial: dict[str, str], axis: str, sparse: str, lines: Iterable[str]
) -> str:
    """A whole specification."""
    declared = "".join(
        f"    slot {name}: global = {initial[name]}\n" for name in initial if name not in slots
    )
    declared += "".join(
        f"    slot {name}{words.SHAPES[size].format(axis=axis)} = {initial[name]}\n"
        for name, size in slots.items()
    )
    step = "".join(f"        {line}\n" for line in lines)
    return f"{words.HEAD}{declared}{words.MACROS}    sparse {sparse}\n    step:\n{step}"


@st.composite
def programs(draw: st.DrawFn) -> str:
    """A specification that is valid for every variable."""
    axis = draw(st.sampled_from(["0", "1", "-1", "-2"]))
    some = st.sampled_from([*words.SHAPES, Size.TENSOR])
    sizes = [Size.TENSOR, Size.TENSOR, *draw(st.lists(some, min_size=1, max_size=4))]
    names = draw(st.permutations(words.NAMES))
    slots = dict(zip(names, sizes, strict=False))
    globals_ = tuple(names[len(sizes) : len(sizes) + draw(st.integers(0, 2))])
    writer = _Writer(draw, slots, axis, globals_)
    initial = {name: writer.initial(size) for name, size in slots.items()}
    initial |= {name: writer.initial(Size.STEP) for name in globals_}
    lines = [*writer.block(2, least=2), writer.updated_param()]
    if writer.chance(2):
        lines += writer.block(2)
    return _written(slots, initial, axis, draw(st.sampled_from(["exact", "lazy"])), lines)


hypers = st.fixed_dictionaries(
    {
        "lr": st.sampled_from([0.125, 0.5, 0.1, 1.0]),
        "decay": st.sampled_from([0.5, 0.9, 0.0]),
        "k": st.integers(1, 5),
        "n": st.integers(-2, 2),
        "flag": st.booleans(),
        "off": st.booleans(),
    }
)
"""Their values."""
