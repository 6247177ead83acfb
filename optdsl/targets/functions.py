"""IR -> the bodies of the functions that say what a rule is, as documents."""

from __future__ import annotations

from typing import assert_never

from optdsl import ir
from optdsl.analysis.sizes import sized_locals
from optdsl.ir import (
    Call,
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
from optdsl.passes.lowering import Lowered, Named
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
    opened,
    value,
    writer,
)
from optdsl.targets.text import WIDTH, spelled

_DIMS = ("rank", "rows", "cols", "size")
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

    @property
    def sees_whole(self) -> bool:
        """Whether the update looks at the whole variable: at dimensions, or over rows."""
        lowered = self.lowered
        sizes = (*lowered.sizes, *lowered.evaluation_sizes)
        bodies = (*lowered.body, *lowered.evaluation)
        return any(
            mixes_rows(part) or (isinstance(part, Ref) and part.role is Role.DIM)
            for expr in (*ir.expressions(bodies), *(size.value for size in sizes))
            for part in ir.parts(expr)
        )

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
        return _PARAMETERS | set(HELPERS) | set(self.target.reductions.values())

    def spelled(self, name: str) -> str:
        """A name of the specification in a generated function."""
        return spelled(name, self.taken)


HELPERS = ("axes", "expanded", "filled", "given", "reduced")
"""Functions of the runtime that generated code calls, besides reductions."""


# --- once a step ---------------------------------------------------------------------------------


def scalars(source: Source) -> list[Document]:
    """The body of the function that computes a step's scalars."""
    lowered = source.lowered
    parts = [part for scalar in lowered.scalars for part in ir.parts(scalar.value)]
    given = {hyper.name: f"hyper.{hyper.name}" for hyper in source.hypers}
    names = {one.name: _scalar_name(one, given, source) for one in lowered.scalars} | given
    referred = {part.name for part in parts if isinstance(part, Ref) and part.role is Role.LOCAL}
    here = Surroundings(
        source.target, source.helper_prefix, names, lowered.fixed, source.target.double
    )
    writes = writer(here)
    documents: list[Document] = []
    if any(map(_is_real_t, parts)):
        cast = call(source.target.cast, "t", source.target.double)
        documents.append((f"{T_AS_REAL} = ", cast))
    fields: list[Document] = []
    for scalar in lowered.scalars:
        name = scalar.name
        if scalar.equation or (name in referred and not isinstance(scalar.value, Ref)):
            documents += comment(scalar.equation)
            documents += assignment(f"{names[name]} = ", scalar.value, writes, 1)
            if name in lowered.fields:
                fields.append(f"{name}={names[name]}")
        elif name in lowered.fields:
            before, text = value(scalar.value, WIDTH - len(name) - 10, writes)
            documents += before
            fields.append((f"{name}=", text))
    return [*documents, ("return ", call("_Scalars", *fields))]


def _scalar_name(scalar: Named, given: dict[str, str], source: Source) -> str:
    """What a scalar is called among the others: a hyperparameter needs no name of its own."""
    match scalar.value:
        case Ref(hyper) if hyper in given and not scalar.equation:
            return given[hyper]
        case _:
            return source.spelled(scalar.name)


def _is_real_t(part: Expr) -> bool:
    match part:
        case Call("real", (Ref(_, Role.COUNTER),)):
            return True
        case _:
            return False


# --- hyperparameters that are computed ------------------------------------------------------------


def computed(source: Source) -> list[Document]:
    """The body of the function that computes the hyperparameters that are None."""
    target = source.target
    names = {hyper.name: f"hyper.{hyper.name}" for hyper in source.hypers}
    fixed = frozenset(hyper.name for hyper in source.hypers if hyper.kind is not Kind.REAL)
    here = Surroundings(target, source.helper_prefix, names, fixed, target.double)
    writes = writer(here)
    documents: list[Document] = []
    for hyper in source.hypers:
        if hyper.computed is None:
            continue
        before, text = value(hyper.computed, WIDTH - 16, writes)
        if here.is_static(hyper.computed):
            text = constant(text, Kind.REAL, here)
        given = call(here.helper("given"), names[hyper.name], text)
        documents += [*before, *comment(f"{hyper.name} = {hyper.written}")]
        documents.append(("hyper = ", call("hyper._replace", (f"{hyper.name}=", given))))
    return [*documents, "return hyper"]


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
    for slot in source.case.slots:
        form = _initial_form(slot, writes)
        room = WIDTH - len(slot.name) - len(flat(form(""))) - 10
        before, text = value(ir.rewrite(slot.initial, rounded), room, writes)
        documents += before
        fields.append((f"{slot.name}=", form(text)))
    return [*documents, ("return ", call("_Slots", *fields))]


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
        case SlotShape.ROW:
            like = call(here.helper("reduced"), "param", '"row"')
        case SlotShape.REDUCED:
            like = call(here.helper("reduced"), "param", str(slot.axis))
        case _:
            assert_never(slot.shape)
    if zero:
        return lambda _: call(f"{target.prefix}zeros_like", like)
    return lambda text: call(here.helper("filled"), like, text)


# --- the update ----------------------------------------------------------------------------------


def update(source: Source) -> list[Document]:
    """The body of the update function."""
    case, lowered = source.case, source.lowered
    names = _names(source)
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
    types = {"param": Type(Kind.REAL, Tensor()), **{slot.name: slot.type for slot in case.slots}}
    writes = writer(here, types)
    slots = [names[slot.name] for slot in case.slots]
    documents = _unpacked(source, slots)
    for named in lowered.sizes:
        documents += comment(named.equation)
        documents += assignment(f"{names[named.name]} = ", named.value, writes, 1)
    documents += [f"{old[name]} = {names[name]}" for name in types if name in old]
    documents = opened([*documents, *block(lowered.body, writes, 1)])
    return [*documents, ("return param, ", bracketed("_Slots(", slots, ")"))]


def evaluation(source: Source) -> list[Document]:
    """The body of the function that gives a variable its value for evaluation."""
    lowered = source.lowered
    names = _names(source) | {slot.name: f"slots.{slot.name}" for slot in source.case.slots}
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
    documents = opened([*documents, *block(lowered.evaluation, writes, 1, "param")])
    last = lowered.evaluation[-1:]
    returns = any(isinstance(one, ir.Set) for one in last)  # what `block` has made of it
    return documents if returns else [*documents, "return param"]


def _all_parts(lowered: Lowered) -> list[Expr]:
    return [part for expr in ir.expressions(lowered.body) for part in ir.parts(expr)]


def _unpacked(source: Source, slots: list[str]) -> list[Document]:
    """The slots by name."""
    if not slots:
        return []
    line = f"({slots[0]},) = slots" if len(slots) == 1 else f"{', '.join(slots)} = slots"
    if len(line) + 4 <= WIDTH:
        return [line]
    pairs = zip(slots, source.case.slots, strict=True)
    return [f"{name} = slots.{slot.name}" for name, slot in pairs]


def _names(source: Source) -> dict[str, str]:
    """How the update function spells every name that can occur in it."""
    lowered = source.lowered
    own = [*(slot.name for slot in source.case.slots), *ir.bound(lowered.body)]
    own += [*ir.bound(lowered.evaluation)]
    own += [named.name for named in (*lowered.sizes, *lowered.evaluation_sizes)]
    return {
        **{name: name for name in ("grad", "param")},
        **{name: f"whole.{name}" for name in _DIMS},
        **{name: source.spelled(name) for name in own},
        **{scalar.name: f"s.{scalar.name}" for scalar in lowered.scalars},
    }


def _old_names(read: list[str], names: dict[str, str]) -> dict[str, str]:
    """Names for what slots and `param` were when the step began, which nothing else has."""
    old: dict[str, str] = {}
    for name in dict.fromkeys(read):
        spelling = f"old_{names[name]}"
        while spelling in {*names.values(), *old.values()}:
            spelling += "_"
        old[name] = spelling
    return old
