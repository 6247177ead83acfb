"""What a rule costs: memory for its slots, and tensors that a step reads and writes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

from optdsl import ir
from optdsl.analysis.values import Program
from optdsl.records import record

FLOAT32_BYTES = 4


@record
class Cost:
    """Memory and traffic of a float32 variable.

    `slots` says for each slot what it holds; `bytes_per_parameter` counts those as large as the
    variable. `reads` and `writes` are numbers of tensors as large as the variable in a dense step.
    """

    slots: tuple[tuple[str, str], ...]
    bytes_per_parameter: int
    smaller: tuple[str, ...]
    reads: int
    writes: int


def cost(case: ir.Case, program: Program) -> Cost:
    """Count the slots of a case and what a dense step moves."""
    full = {slot.name for slot in case.slots if slot.shape is ir.SlotShape.PARAM} | {"param"}
    inputs, final = program.inputs, program.final
    written = {name for name, node in final.items() if name in full and node != inputs[name]}
    unchanged = full - written
    read = (_names(program, final.values()) & (full | {"grad"})) - unchanged
    return Cost(
        tuple((slot.name, size(slot)) for slot in case.slots),
        FLOAT32_BYTES * (len(full) - 1),
        tuple(slot.name for slot in case.slots if slot.name not in full),
        len(read) + _read_for_totals(program, full | {"grad"}),
        len(written),
    )


def _names(program: Program, nodes: Iterable[int]) -> set[str]:
    """The inputs that values of one variable are computed from, totals apart."""
    found: set[str] = set()
    seen: set[int] = set()
    todo = list(nodes)
    while todo:
        number = todo.pop()
        node = program.nodes[number]
        if node.op == "input":
            found.add(str(node.data))
        if number not in seen and node.op != "total":
            todo += node.args
        seen.add(number)
    return found


def _read_for_totals(program: Program, full: set[str]) -> int:
    """How many tensors are read before the last phase, for sums over all variables."""
    levels = program.levels()
    phases: dict[int, set[int]] = {}
    for duty in program.totals:
        phases.setdefault(max(levels[arg] for arg in duty.args), set()).update(duty.args)
    return sum(len(_names(program, nodes) & full) for nodes in phases.values())


def size(slot: ir.Slot) -> str:
    """How large a slot is, in words."""
    match slot.shape:
        case ir.SlotShape.PARAM:
            return "as large as the variable"
        case ir.SlotShape.SCALAR:
            return "one number per variable"
        case ir.SlotShape.ROW:
            return "one number per row"
        case ir.SlotShape.REDUCED:
            return f"the variable's size divided by its axis {slot.axis}"
        case ir.SlotShape.KEEP:
            return f"one number per index of axis {slot.axis}"
        case ir.SlotShape.SQUARE:
            return "rows × rows numbers" if slot.axis == -2 else "cols × cols numbers"
        case ir.SlotShape.GLOBAL:
            return "one number for all variables"
        case _:
            assert_never(slot.shape)
