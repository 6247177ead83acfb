"""IR -> frozen view: everything that the templates print, as text or booleans.

The views are named tuples: nothing compares or changes them, and they are quick to define.
"""

from __future__ import annotations

from math import inf
from typing import NamedTuple

import optdsl
from optdsl.analysis import Facts
from optdsl.intervals import Interval
from optdsl.ir import Hyper, Kind, Optimizer, Slot, SlotShape
from optdsl.passes import lower
from optdsl.targets.rule import RuleView, rule
from optdsl.targets.text import docstring_text, filled, indented, spelled


class HyperView(NamedTuple):
    """A hyperparameter: in a constructor, in the functions of the rule, and as a descriptor."""

    name: str
    parameter: str
    annotation: str
    default: str
    descriptor: str


class SlotView(NamedTuple):
    """A slot, its declared shape, and the axis along which it has size 1, as Python has it."""

    name: str
    doc: str
    shape: str
    reduced: str


class View(NamedTuple):
    """One generated file."""

    version: str
    spec_path: str
    spec_hash: str
    name: str
    default_name: str
    exports: str
    documentation: str
    summary: str
    description: str
    argument_docs: tuple[str, ...]
    hypers: tuple[HyperView, ...]
    reals: tuple[HyperView, ...]
    fixed: tuple[HyperView, ...]
    class_hypers: tuple[HyperView, ...]
    learning_rate: HyperView | None
    has_learning_rate: bool
    owns_weight_decay: bool
    slots: tuple[SlotView, ...]
    rule: RuleView
    rows_suffice: bool
    rows_suffice_rank: int
    sparse_mode: str
    uses_math: bool
    keras: bool
    module: bool


def view(facts: Facts, *, spec_path: str, spec_hash: str, keras: bool, module: bool) -> View:
    """What the templates print for one checked optimizer."""
    optimizer = facts.optimizer
    hypers = {hyper.name: _hyper(hyper) for hyper in optimizer.hypers}
    kinds = {hyper.name: hyper.kind for hyper in optimizer.hypers}
    reals = tuple(hypers[name] for name in hypers if kinds[name] is Kind.REAL)
    fixed = tuple(hypers[name] for name in hypers if kinds[name] is not Kind.REAL)
    summary, description = _documentation(optimizer)
    (known,) = facts.cases
    case, sparse = known.case, known.sparsity
    lines = rule(case, optimizer.hypers, lower(case, optimizer.hypers))
    names = [optimizer.name] * keras + [f"{optimizer.name}Module"] * module
    return View(
        version=optdsl.__version__,
        spec_path=docstring_text(spec_path),
        spec_hash=spec_hash,
        name=optimizer.name,
        default_name=f'"{optimizer.name.lower()}"',
        exports=", ".join(f'"{name}"' for name in names),
        documentation=f"{summary}\n\n{description}\n" if description else summary,
        summary=summary,
        description=indented(description, "    "),
        argument_docs=tuple(line for hyper in optimizer.hypers for line in _argument(hyper)),
        hypers=tuple(hypers.values()),
        reals=reals,
        fixed=fixed,
        class_hypers=tuple(hypers[name] for name in hypers if name != "learning_rate"),
        learning_rate=hypers.get("learning_rate"),
        has_learning_rate="learning_rate" in hypers,
        owns_weight_decay="weight_decay" in hypers,
        slots=tuple(_slot(slot) for slot in case.slots),
        rule=lines,
        rows_suffice=sparse.touched_rows,
        rows_suffice_rank=sparse.min_rank,
        sparse_mode=case.sparse,
        uses_math=lines.uses_math or any("math." in each.descriptor for each in hypers.values()),
        keras=keras,
        module=module,
    )


# --- hyperparameters -----------------------------------------------------------------------------


def _hyper(hyper: Hyper) -> HyperView:
    interval = f'"{_interval_text(hyper)}"'
    test = f"lambda x: {_contains(hyper.interval)}"
    match hyper.kind:
        case Kind.REAL:
            annotation = "float | Callable[..., Any]"
            descriptor = f'_Hyper("{hyper.name}", {interval}, {test})'
        case Kind.INT:
            annotation = "int"
            descriptor = f'_Fixed("{hyper.name}", int, {interval}, {test})'
        case Kind.BOOL:
            annotation = "bool"
            descriptor = f'_Fixed("{hyper.name}", bool, {interval}, lambda x: x in (True, False))'
    parameter, default = spelled(hyper.name), repr(hyper.default)
    return HyperView(hyper.name, parameter, annotation, default, descriptor)


def _interval_text(hyper: Hyper) -> str:
    """An interval as messages show it."""
    if hyper.kind is Kind.BOOL:
        return "True or False"
    own = hyper.interval
    left = "(" if own.low_open or own.low == -inf else "["
    right = ")" if own.high_open or own.high == inf else "]"
    return f"{left}{_end(own.low)}, {_end(own.high)}{right}"


def _end(value: float) -> str:
    whole = isinstance(value, float) and value.is_integer()
    return str(int(value)) if whole and abs(value) < 1e16 else repr(value)


def _contains(interval: Interval) -> str:
    """The Python condition on `x` that says whether it is in an interval."""
    low = "-math.inf" if interval.low == -inf else _end(interval.low)
    high = "math.inf" if interval.high == inf else _end(interval.high)
    first = "<" if interval.low_open or interval.low == -inf else "<="
    second = "<" if interval.high_open or interval.high == inf else "<="
    return f"{low} {first} x {second} {high}"


def _argument(hyper: Hyper) -> list[str]:
    """The lines about a hyperparameter in a docstring's list of arguments."""
    doc = docstring_text(hyper.doc).rstrip(".")
    text = f"{hyper.name}: {doc or 'hyperparameter'}. {_interval_text(hyper).join(('In ', '.'))}"
    if hyper.kind is Kind.BOOL:
        text = f"{hyper.name}: {doc or 'option'}."
    return filled(text, " " * 8, " " * 12)


# --- slots and text ------------------------------------------------------------------------------


_REDUCED = {SlotShape.PARAM: "None", SlotShape.SCALAR: '"all"', SlotShape.ROW: '"row"'}


def _slot(slot: Slot) -> SlotView:
    text = f"{slot.name}: {docstring_text(slot.doc) or 'a slot.'}"
    axis = f"({slot.axis})" if slot.shape is SlotShape.REDUCED else ""
    return SlotView(
        name=slot.name,
        doc="\n".join(filled(text, " " * 8, " " * 12)),
        shape=f"{slot.shape.value}{axis}",
        reduced=_REDUCED.get(slot.shape, repr(slot.axis)),
    )


def _documentation(optimizer: Optimizer) -> tuple[str, str]:
    """The first line of the docstring, and the rest of it."""
    lines = [line.rstrip() for line in optimizer.doc.strip().split("\n")]
    summary = lines[0].strip() or f"The {optimizer.name} optimizer."
    return docstring_text(summary), docstring_text("\n".join(lines[1:]).strip("\n"))
