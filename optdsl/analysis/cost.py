"""What a rule costs: memory for its slots, and tensors that a step reads and writes."""

from __future__ import annotations

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
    needed = {below for node in final.values() for below in program.below(node)}
    names = {str(program.nodes[node].data) for node in needed if program.nodes[node].op == "input"}
    unchanged = full - written
    read = (names & (full | {"grad"})) - unchanged
    return Cost(
        tuple((slot.name, size(slot)) for slot in case.slots),
        FLOAT32_BYTES * (len(full) - 1),
        tuple(slot.name for slot in case.slots if slot.name not in full),
        len(read),
        len(written),
    )


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
        case _:
            assert_never(slot.shape)
