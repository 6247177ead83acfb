"""IR -> the bodies of the functions that say what a rule is, as documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import assert_never

from optdsl import ir
from optdsl.analysis.sizes import sized_locals
from optdsl.ir import (
    Case,
    Const,
    Expr,
    Hyper,
    Kind,
    PerStep,
    Ref,
    Role,
    Slot,
    SlotShape,
    Tensor,
    Type,
)
from optdsl.passes.lowering import Lowered
from optdsl.records import record, replace
from optdsl.targets import Target
from optdsl.targets.document import Document, bracketed, flat
from optdsl.targets.expressions import (
    T_AS_REAL,
    Surroundings,
    call,
    constant,
    mixes_rows,
)
from optdsl.targets.statements import (
    Form,
    Writer,
    assignment,
    block,
    comment,
    value,
    writer,
)
from optdsl.targets.text import WIDTH, spelled

_OF_WHOLE = ("rank", "rows", "cols", "size", "first")
_CONSTANT = 40  # characters for what hyperparameters decide, in an initial value
_PARAMETERS = frozenset({"hyper", "s", "whole", "rt", T_AS_REAL})


@record
class Source:
    """What the functions of a rule are printed from, and how names of the runtime begin."""

    case: Case
    hypers: tuple[Hyper, ...]
    lowered: Lowered
    target: Target
    helper_prefix: str
    known: Mapping[str, str]
    """How totals and global slots are spelled, by name."""

    @property
    def slots_class(self) -> str:
        """The name of the class of the case's slots."""
        words = self.case.name.split("_")
        return f"_{''.join(word[:1].upper() + word[1:] for word in words)}Slots"

    def function(self, what: str) -> str:
        """The name of a function of the case."""
        return f"_{what}_{self.case.name}" if self.case.name else f"_{what}"

    @property
    def sees_whole(self) -> bool:
        """Whether a function looks at the whole variable: at dimensions, or over rows."""
        lowered = self.lowered
        sizes = (*lowered.sizes, *lowered.evaluation_sizes)
        bodies = (*lowered.body, *lowered.evaluation)
        return any(
            mixes_rows(part) or (isinstance(part, Ref) and part.role in (Role.DIM, Role.FIRST))
            for expr in (*ir.expressions(bodies), *(size.value for size in sizes))
            for part in ir.parts(expr)
        )

    @property
    def reads_first(self) -> bool:
        """Whether the step, or what a total of it adds up, asks if it is the variable's first."""
        return ir.reads(self.case.step, Role.FIRST)

    @property
    def reads_loss(self) -> bool:
        """Whether a step needs the loss."""
        return ir.reads(self.case.step, Role.LOSS)

    @property
    def computes(self) -> bool:
        """Whether a hyperparameter may be computed from others."""
        return any(hyper.computed for hyper in self.hypers)

    @property
    def taken(self) -> frozenset[str]:
        """Names that a generated function has, which no name of a specification can be."""
        target = self.target
        known = {"known"} if self.known else set()
        helpers = {*HELPERS, *target.carried, *target.reductions.values()}
        return _PARAMETERS | known | helpers | set(target.matrices.values())

    def spelled(self, name: str) -> str:
        """A name of the specification in a generated function."""
        return spelled(name, self.taken)


HELPERS = ("axes", "blank_matrix", "expanded", "filled", "given", "reduced")
"""Functions of the runtime that generated code calls, besides reductions."""


# --- before the first step -----------------------------------------------------------------------


def initial(source: Source) -> list[Document]:
    """The body of the function that gives the slots' initial values."""
    target, fixed = source.target, source.lowered.fixed
    hypers = {hyper.name: f"hyper.{hyper.name}" for hyper in source.hypers}
    names = {"param": "param", **hypers}
    here = Surroundings(target, source.helper_prefix, names, fixed, "param.dtype", like="param")
    writes = writer(here)
    once = replace(writes, here=replace(here, names=hypers, dtype=target.double))
    documents: list[Document] = []

    def rounded(part: Expr) -> Expr | None:
        """A name for what hyperparameters alone decide: computed in float64, then rounded."""
        if not isinstance(part.type.shape, PerStep) or here.is_static(part):
            return None
        before, text = value(part, _CONSTANT, once)
        documents.extend(before)
        real = part.type.kind is Kind.REAL
        name = f"{len(names)}th name"  # which nobody else can have
        names[name] = flat(call(target.cast, text, here.dtype) if real else text)
        return Ref(name, Role.LOCAL, part.type, part.span)

    fields: list[Document] = []
    for slot in source.case.own_slots:
        form = _initial_form(slot, writes)
        room = WIDTH - len(slot.name) - len(flat(form(""))) - 10
        before, text = value(ir.rewrite(slot.initial, rounded), room, writes)
        documents += before
        fields.append((f"{slot.name}=", form(text)))
    return [*documents, ("return ", call(source.slots_class, *fields))]


# --- which variables -----------------------------------------------------------------------------


def condition(source: Source) -> list[Document]:
    """The body of the function that says which variables a case takes; none if it takes all."""
    if source.case.condition is None:
        return []
    given = {hyper.name: f"hyper.{hyper.name}" for hyper in source.hypers}
    parts = (part for part in ir.parts(source.case.condition) if isinstance(part, Ref))
    names = {part.name: f"whole.{part.name}" for part in parts if part.role is Role.DIM} | given
    fixed = frozenset(hyper.name for hyper in source.hypers if hyper.kind is not Kind.REAL)
    here = Surroundings(source.target, source.helper_prefix, names, fixed, source.target.double)
    return assignment("return ", source.case.condition, writer(here), 1)


def _initial_form(slot: Slot, writes: Writer) -> Form:
    """How an initial value gets the shape of its slot."""
    here, target = writes.here, writes.here.target
    zero = isinstance(slot.initial, Const) and slot.initial.value == 0
    match slot.shape:
        case SlotShape.SCALAR if zero:
            return lambda _: call(f"{target.prefix}zeros", "[]", here.dtype)
        case SlotShape.SCALAR if here.is_static(slot.initial):
            return lambda text: constant(text, Kind.REAL, here)
        case SlotShape.SCALAR:
            return lambda text: text
        case SlotShape.PARAM if isinstance(slot.initial, Ref) and slot.initial.name == "param":
            return lambda text: text
        case SlotShape.PARAM:
            like: Document = "param"
        case SlotShape.SQUARE if slot.initial.type == slot.type:
            return lambda text: text
        case SlotShape.SQUARE:
            axis = str(slot.axis)
            like = call(here.helper("blank_matrix"), "param", axis, axis)
        case SlotShape.ROW:
            like = call(here.helper("reduced"), "param", '"row"')
        case SlotShape.REDUCED:
            like = call(here.helper("reduced"), "param", str(slot.axis))
        case SlotShape.KEEP:
            like = call(here.helper("reduced"), "param", f'"but({slot.axis})"')
        case SlotShape.GLOBAL:
            raise AssertionError(f"{slot.name} is not one of each variable")
        case _:
            assert_never(slot.shape)
    if zero:
        return lambda _: call(f"{target.prefix}zeros_like", like)
    return lambda text: call(here.helper("filled"), like, text)


# --- the update ----------------------------------------------------------------------------------


def update(source: Source) -> list[Document]:
    """The body of the update function."""
    case, names = source.case, _names(source)
    slots = [names[slot.name] for slot in case.own_slots]
    documents = [*_unpacked(source, slots), *_of_variable(source, names)]
    kept = bracketed(f"{source.slots_class}(", slots, ")")
    return [*documents, ("return param, ", kept)]


def measure(source: Source, totals: Sequence[str]) -> list[Document]:
    """The body of the function that gives what is summed over all variables."""
    names = _names(source)
    parts = [part for part in _all_parts(source.lowered) if isinstance(part, (Ref, ir.Old))]
    read = {part.name for part in parts}
    for statement in source.lowered.body:
        if isinstance(statement, ir.If | ir.Repeat):  # they are given what they update
            read.update(ir.updated((statement,)))
    slots = [slot.name for slot in source.case.own_slots if slot.name in read]
    documents: list[Document] = [f"{names[name]} = slots.{name}" for name in slots]
    documents += _of_variable(source, names)
    sums = [f"{name}={names[name]}" for name in totals]
    return [*documents, ("return ", call("_Sums", *sums))]


def _of_variable(source: Source, names: dict[str, str]) -> list[Document]:
    """The statements of a function of one variable."""
    case, lowered = source.case, source.lowered
    read = [part.name for part in _all_parts(lowered) if isinstance(part, ir.Old)]
    old = _old_names(read, names)
    here = Surroundings(
        source.target,
        source.helper_prefix,
        names,
        lowered.fixed,
        "grad.dtype",
        old=old,
        sized=sized_locals(lowered.body),
        whole=source.sees_whole,
    )
    types = {name: Type(Kind.REAL, Tensor()) for name in ("param", "grad")}
    types |= {slot.name: slot.type for slot in case.own_slots}
    types |= _changing(lowered.body)
    writes = writer(here, types)
    documents: list[Document] = []
    for named in lowered.sizes:
        documents += comment(named.equation)
        documents += assignment(f"{names[named.name]} = ", named.value, writes, 1)
    documents += [f"{old[name]} = {names[name]}" for name in types if name in old]
    return [*documents, *block(lowered.body, writes, 1)]


def _changing(body: tuple[ir.Stmt, ...]) -> dict[str, Type]:
    """The types of the locals that a `repeat` changes."""
    names = ir.changing(body)
    lets = (each for each in ir.statements(body) if isinstance(each, ir.Let))
    return {let.name: let.value.type for let in lets if let.name in names}


def evaluation(source: Source) -> list[Document]:
    """The body of the function that gives a variable its value for evaluation."""
    lowered, slots = source.lowered, [slot.name for slot in source.case.own_slots]
    names = _names(source) | {name: f"slots.{name}" for name in slots}
    here = Surroundings(
        source.target,
        source.helper_prefix,
        names,
        lowered.fixed,
        "param.dtype",
        like="param",
        sized=sized_locals(lowered.evaluation),
        whole=source.sees_whole,
    )
    writes = writer(here, {"param": Type(Kind.REAL, Tensor())})
    documents: list[Document] = []
    for named in lowered.evaluation_sizes:
        documents += comment(named.equation)
        documents += assignment(f"{names[named.name]} = ", named.value, writes, 1)
    ends = isinstance(lowered.evaluation[-1], ir.Set) if lowered.evaluation else False
    documents += block(lowered.evaluation, writes, 1, "param" if ends else None)
    return documents if ends else [*documents, "return param"]


def _all_parts(lowered: Lowered) -> list[Expr]:
    return [part for expr in ir.expressions(lowered.body) for part in ir.parts(expr)]


def _unpacked(source: Source, slots: list[str]) -> list[Document]:
    """The slots by name."""
    if not slots:
        return []
    line = f"({slots[0]},) = slots" if len(slots) == 1 else f"{', '.join(slots)} = slots"
    if len(line) + 4 <= WIDTH:
        return [line]
    pairs = zip(slots, source.case.own_slots, strict=True)
    return [f"{name} = slots.{slot.name}" for name, slot in pairs]


def _names(source: Source) -> dict[str, str]:
    """How the update function spells every name that can occur in it."""
    lowered = source.lowered
    own = [*(slot.name for slot in source.case.own_slots), *ir.bound(lowered.body)]
    own += [*ir.bound(lowered.evaluation)]
    own += [named.name for named in (*lowered.sizes, *lowered.evaluation_sizes)]
    return {
        **{name: name for name in ("grad", "param")},
        **{name: f"whole.{name}" for name in (*_OF_WHOLE, *_lengths(lowered))},
        **{name: source.spelled(name) for name in own},
        **{scalar.name: f"s.{scalar.name}" for scalar in lowered.scalars},
    }


def _lengths(lowered: Lowered) -> list[str]:
    """The `length(k)` that are read, as they are written."""
    exprs = (*ir.expressions(lowered.body), *(size.value for size in lowered.sizes))
    read = [name for expr in exprs for name in ir.names(expr)]
    return [name for name in dict.fromkeys(read) if name.startswith("length(")]


def _old_names(read: list[str], names: dict[str, str]) -> dict[str, str]:
    """Names for what slots and `param` were when the step began, which nothing else has."""
    old: dict[str, str] = {}
    for name in dict.fromkeys(read):
        spelling = f"old_{names[name]}"
        while spelling in {*names.values(), *old.values()}:
            spelling += "_"
        old[name] = spelling
    return old
