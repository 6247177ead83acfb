"""IR -> the functions of a generated file that say what the rule is, as lines."""

from __future__ import annotations

from math import inf
from typing import NamedTuple, assert_never

from optdsl import ir
from optdsl.ir import Call, Case, Const, Expr, Hyper, Kind, Ref, Role, Slot, SlotShape
from optdsl.ops import OPS
from optdsl.passes import Lowered, is_static
from optdsl.printer import Scope, mixes_rows, reduction
from optdsl.targets.body import comment, names_of, update_body, used_static
from optdsl.targets.lines import Writer, part_names
from optdsl.targets.text import WIDTH, call, spelled


class Field(NamedTuple):
    """A value under a name: a line `name=value,` of a call."""

    name: str
    value: str


class ReductionView(NamedTuple):
    """A reduction that leaves rows out; `neutral` stands in for their elements."""

    name: str
    reduced: str
    neutral: str
    is_mean: bool
    is_extreme: bool


class RuleView(NamedTuple):
    """The rule: scalars of a step, initial slots, the update, and the helpers they call."""

    scalars: tuple[Field, ...]
    scalar_lines: tuple[str, ...]
    scalar_fixed: tuple[str, ...]
    scalar_parameters: str
    scalar_options: str
    initial: tuple[Field, ...]
    initial_parameters: str
    initial_fixed: tuple[str, ...]
    initial_lines: tuple[str, ...]
    starts_at_param: bool
    update_lines: tuple[str, ...]
    update_fixed: tuple[str, ...]
    uses_mask: bool
    uses_shape: bool
    uses_filled: bool
    uses_reduced: bool
    uses_axes: bool
    uses_math: bool
    reductions: tuple[ReductionView, ...]


def rule(case: Case, hypers: tuple[Hyper, ...], lowered: Lowered) -> RuleView:
    """The functions of a rule, and which helpers they call."""
    calls = [
        part for part in ir.all_parts(lowered.body) if isinstance(part, Call) and mixes_rows(part)
    ]
    scalars, scalar_lines, scalar_static = _scalars(hypers, lowered)
    initial, initial_lines = _initial(case, hypers, lowered)
    update_lines, used = _update(case, lowered, masked=bool(calls))
    text = "\n".join([*scalar_lines, *initial_lines, *update_lines])
    text += "\n".join(field.value for field in (*scalars, *initial))
    fixed = [hyper.name for hyper in hypers if hyper.kind is not Kind.REAL]
    scalar_fixed = tuple(name for name in fixed if name in scalar_static)
    initials = [part for slot in case.slots for part in ir.parts(slot.initial)]
    read_at_start = {part.name for part in initials if isinstance(part, Ref)}
    starts = tuple(name for name in fixed if name in read_at_start)
    return RuleView(
        scalars=scalars,
        scalar_lines=scalar_lines,
        scalar_fixed=scalar_fixed,
        scalar_parameters=_parameters("t: tf.Tensor, hyper: _Hypers", hypers, scalar_fixed),
        scalar_options="".join(f", options.{name}" for name in scalar_fixed),
        initial=initial,
        initial_parameters=_parameters("param: tf.Tensor, hyper: _Hypers", hypers, starts),
        initial_fixed=starts,
        initial_lines=initial_lines,
        starts_at_param="param" in read_at_start,
        update_lines=update_lines,
        update_fixed=tuple(name for name in fixed if name in used),
        uses_mask=bool(calls),
        uses_shape=bool(used & {"rank", "rows", "cols", "size"}),
        uses_filled="_filled(" in text,
        uses_reduced="_reduced(" in text,
        uses_axes=bool(calls) or "_axes(" in text or "_reduced(" in text,
        uses_math="math." in text.replace("tf.math.", ""),
        reductions=tuple(_reduction(name) for name in sorted({call.op for call in calls})),
    )


def _parameters(given: str, hypers: tuple[Hyper, ...], names: tuple[str, ...]) -> str:
    """A function's parameters: those that every rule has, and int and bool hyperparameters."""
    kinds = {hyper.name: hyper.kind.value for hyper in hypers}
    own = [f"{spelled(name)}: {kinds[name]}" for name in names]
    return (
        given
        if not own
        else "".join(f"\n    {each}," for each in (*given.split(", "), *own)) + "\n"
    )


# --- once a step ---------------------------------------------------------------------------------


def _scalars(
    hypers: tuple[Hyper, ...], lowered: Lowered
) -> tuple[tuple[Field, ...], tuple[str, ...], frozenset[str]]:
    """The fields of a step's scalars, the lines before them, and the names that are read."""
    static, parts = used_static(lowered, [scalar.value for scalar in lowered.scalars])
    read = {part.name for part in parts if isinstance(part, Ref)}
    own = {named.name: spelled(named.name) for named in (*static, *lowered.scalars)}
    given = {
        hyper.name: f"hyper.{hyper.name}" if hyper.kind is Kind.REAL else spelled(hyper.name)
        for hyper in hypers
    }
    scope = Scope({**own, **given}, {}, lowered.fixed, "tf.float64")
    writer = Writer(scope, part_names(scope.names))
    lines = ["t_real = tf.cast(t, tf.float64)"] if any(map(_is_real_t, parts)) else []
    for named in static:
        lines += writer.assignment(own[named.name], named.value, 4)
    referred = {part.name for part in parts if isinstance(part, Ref) and part.role is Role.LOCAL}
    wanted = {part.name for part in ir.all_parts(lowered.body) if isinstance(part, Ref)}
    fields = []
    for scalar in lowered.scalars:
        if scalar.equation or scalar.name in referred:
            lines += comment(scalar.equation, 4)
            lines += writer.assignment(own[scalar.name], scalar.value, 4)
            if scalar.name in wanted:
                fields.append(Field(scalar.name, own[scalar.name]))
        elif scalar.name in wanted:
            before, text = writer.value(scalar.value, WIDTH - len(scalar.name) - 10, 4)
            lines += before
            fields.append(Field(scalar.name, text))
    return tuple(fields), tuple(lines), frozenset(read)


def _is_real_t(part: Expr) -> bool:
    match part:
        case Call("real", (Ref(_, Role.COUNTER),)):
            return True
        case _:
            return False


# --- before the first step -----------------------------------------------------------------------


def _initial(
    case: Case, hypers: tuple[Hyper, ...], lowered: Lowered
) -> tuple[tuple[Field, ...], tuple[str, ...]]:
    """The slots' initial values, and the lines before them."""
    names = {"param": "param"}
    for hyper in hypers:
        real = f"tf.cast(hyper.{hyper.name}, param.dtype)"
        names[hyper.name] = real if hyper.kind is Kind.REAL else spelled(hyper.name)
    scope = Scope(names, {}, lowered.fixed, "param.dtype", like="param")
    writer = Writer(scope, part_names(names))
    fields, lines = [], []
    for slot in case.slots:
        form = _initial_form(slot, static=is_static(slot.initial, lowered.fixed))
        before, text = writer.value(slot.initial, WIDTH - len(slot.name) - len(form) - 10, 4)
        lines += before
        fields.append(Field(slot.name, form.format(text)))
    return tuple(fields), tuple(lines)


def _initial_form(slot: Slot, *, static: bool) -> str:
    """How an initial value gets the shape of its slot; `{}` stands for the value."""
    zero = isinstance(slot.initial, Const) and slot.initial.value == 0
    match slot.shape:
        case SlotShape.SCALAR if zero:
            return "tf.zeros([], param.dtype)"
        case SlotShape.SCALAR:
            return "tf.constant({}, param.dtype)" if static else "{}"
        case SlotShape.PARAM if isinstance(slot.initial, Ref) and slot.initial.name == "param":
            return "{}"
        case SlotShape.PARAM:
            like = "param"
        case SlotShape.ROW:
            like = '_reduced(param, "row")'
        case SlotShape.REDUCED:
            like = f"_reduced(param, {slot.axis})"
        case _:
            assert_never(slot.shape)
    if zero:
        return f"tf.zeros_like({like})"
    return f"_filled({like}, {{}})"


# --- the update ----------------------------------------------------------------------------------


def _update(
    case: Case, lowered: Lowered, *, masked: bool
) -> tuple[tuple[str, ...], frozenset[str]]:
    """The whole body of the update function, and the names that it reads."""
    body = update_body(case, lowered, masked=masked)
    names = names_of(case, lowered)
    slots = [names[slot.name] for slot in case.slots]
    unpack = f"({slots[0]},) = slots" if len(slots) == 1 else f"{', '.join(slots)} = slots"
    opening = [unpack]
    if len(unpack) + 4 > WIDTH:
        opening = [f"{names[slot.name]} = slots.{slot.name}" for slot in case.slots]
    ending = call("return param, _Slots", slots, "", 4)
    return (*(opening if slots else ()), *body.lines, *ending), body.used


_EXTREMES: dict[object, str] = {-inf: "x.dtype.min", inf: "x.dtype.max"}


def _reduction(name: str) -> ReductionView:
    left_out = OPS[name].left_out
    reduced = reduction(name, "x", ", axis=axes, keepdims=keep")
    return ReductionView(
        name=name,
        reduced=reduced,
        neutral=_EXTREMES.get(left_out, repr(left_out)),
        is_mean=OPS[name].averages,
        is_extreme=left_out in _EXTREMES,
    )
