"""What a rule does to rows whose gradient is zero: may a sparse step touch the other rows only?

It may where, with `grad = 0`, every update of a row is the identity, no row needs another, and no
state is shared between rows. Identity is decided on values: with the gradient 0 and the slots
within their invariants, sums, products and quotients are simplified, and what is left for a slot
must be the slot itself.
"""

from __future__ import annotations

from typing import assert_never

from optdsl import intervals as iv
from optdsl import ir
from optdsl.analysis.ranges import Ranges
from optdsl.analysis.values import Compute, Node
from optdsl.ops import OPS
from optdsl.records import record


@record
class Sparsity:
    """Which rows a sparse step has to touch.

    `touched_rows`: an exact step may leave the rows without a gradient alone. `row_local`: no row
    needs another. Both hold for variables of rank `min_rank` and above. `reasons` say why.
    """

    touched_rows: bool
    row_local: bool
    min_rank: int
    reasons: tuple[str, ...]


def sparsity(case: ir.Case, ranges: Ranges) -> Sparsity:
    """Decide how a step treats rows whose gradient is zero."""
    if case.needs_all_rows:
        return Sparsity(False, False, 1, ("the step is about a whole matrix",))
    ranks = [1]
    mixing, shared = [], []
    summed: dict[ir.Call, str] = {}
    for statement in ir.statements(case.step):
        for call in ir.parts(ir.expression(statement)):
            if isinstance(call, ir.Call) and OPS[call.op].totals:
                summed.setdefault(call, statement.equation)
            if not isinstance(call, ir.Call) or not OPS[call.op].reduces:
                continue
            rank = _local_rank(call.axis)
            if rank:
                ranks.append(rank)
            else:
                where = "the whole variable" if call.axis is None else "the leading axis"
                mixing.append(f"`{statement.equation}` mixes rows: `{call.op}` is over {where}")
    if ir.reads(case.step, ir.Role.FIRST):
        shared.append("`first` is one value for all rows, and the step updates it")
    slots = {slot.name: slot for slot in case.own_slots}
    for name in dict.fromkeys(ir.updated(case.step)):
        if name in slots:
            rank = _row_rank(slots[name])
            if rank:
                ranks.append(rank)
            else:
                shared.append(f"`{name}` is one value for several rows, and the step updates it")
    idle = _idle(ranges)
    changed, kept = _split(case, idle)
    changing = [f"`{equation}` can change a row whose gradient is zero" for equation in changed]
    counting = [
        f"`{equation}` adds up something of rows whose gradient is zero"
        for equation in _counting(summed, idle)
    ]
    reasons = tuple(dict.fromkeys([*changing, *mixing, *shared, *counting]))
    if reasons:
        return Sparsity(False, not mixing, max(ranks), reasons)
    listed = ", ".join(f"`{equation}`" for equation in kept)
    why = [f"every update is the identity where the gradient is zero: {listed}"]
    why.append("no row needs the values of another row")
    if max(ranks) > 1:
        why.append(f"that holds for variables of rank {max(ranks)} and above")
    return Sparsity(True, True, max(ranks), tuple(why))


# --- rows that need other rows -------------------------------------------------------------------


def _local_rank(axis: ir.Axis | None) -> int:
    """The smallest rank for which a reduction over `axis` stays inside a row; 0 where none does."""
    if axis is None or axis == 0:
        return 0
    if isinstance(axis, int):
        return 1 - axis if axis < 0 else 1
    return 1 if ir.kept(axis) == 0 else 0


def _row_rank(slot: ir.Slot) -> int:
    """The smallest rank for which a slot has its own values for each row; 0 where it never has."""
    match slot.shape:
        case ir.SlotShape.SCALAR | ir.SlotShape.SQUARE | ir.SlotShape.GLOBAL:
            return 0
        case ir.SlotShape.KEEP:
            return 1 if slot.axis == 0 else 0
        case ir.SlotShape.PARAM | ir.SlotShape.ROW:
            return 1
        case ir.SlotShape.REDUCED:
            return _local_rank(slot.axis)
        case _:
            assert_never(slot.shape)


# --- updates where the gradient is zero ----------------------------------------------------------


def _idle(ranges: Ranges) -> Ranges:
    """The values of a row whose gradient is zero; other rows and variables may have one."""
    others = Ranges(ranges.program, ranges.inputs, strict=True)
    still = {**ranges.inputs, "grad": iv.point(0.0)}
    return Ranges(ranges.program, still, strict=True, others=others)


def _counting(summed: dict[ir.Call, str], idle: Ranges) -> list[str]:
    """The equations with a total of something that need not be 0 for an idle row."""
    found = []
    for duty in idle.program.totals:
        (arg,) = duty.args
        value = idle.at(arg, duty.context)
        tensor = ir.is_tensor(idle.program.nodes[arg].type.shape)
        if tensor and value.point != 0 and not value.empty:
            found.append(summed[duty.call])
    return found


def _split(case: ir.Case, idle: Ranges) -> tuple[list[str], list[str]]:
    """The updates of rows that can change one without a gradient, and the others, as equations."""
    simple = _Simplifier(idle)
    same = {name: simple.kept(name) for name in idle.program.final}
    rows = {"param", *(slot.name for slot in case.own_slots if _row_rank(slot))}
    changed: list[str] = []
    kept: list[str] = []
    for statement in ir.statements(case.step):
        if isinstance(statement, ir.Set) and statement.target in rows:
            (kept if same[statement.target] else changed).append(statement.equation)
    return changed, kept


class _Simplifier:
    """Values up to algebra: two values with the same key are equal, whatever the inputs are."""

    def __init__(self, ranges: Ranges) -> None:
        self.program = ranges.program
        self.ranges = ranges
        self.numbers: dict[tuple[object, ...], int] = {}
        self.keys: list[dict[int, int]] = [{} for _ in self.program.contexts]
        for node in self.program.inputs.values():
            value = ranges.at(node).point
            key = ("input", node) if value is None else ("value", value)
            self.keys[0][node] = self.number(*key)
        for entry in self.program.tape:
            if isinstance(entry, Compute) and not ranges.dead[entry.context]:
                self.keys[entry.context][entry.node] = self.simplify(entry)

    def kept(self, name: str) -> bool:
        """Whether a slot, or `param`, is after the step what it was before."""
        return self.program.final[name] == self.program.inputs.get(name) or self.key(
            self.program.final[name], 0
        ) == self.key(self.program.inputs[name], 0)

    def number(self, *key: object) -> int:
        return self.numbers.setdefault(key, len(self.numbers))

    def key(self, node: int, context: int) -> int:
        """What a node is in a context."""
        where = context
        while where >= 0:
            if node in self.keys[where]:
                return self.keys[where][node]
            where = self.program.contexts[where].parent
        return self.number("unknown", node, context)

    def simplify(self, entry: Compute) -> int:
        node = self.program.nodes[entry.node]
        if node.op == "total":  # of all rows, which are not idle
            return self.number("total", entry.node, entry.context)
        value = self.ranges.at(entry.node, entry.context).point
        if value is not None:
            return self.number("value", value)
        args = tuple(
            self.key(arg, where) for arg, where in zip(node.args, entry.contexts, strict=True)
        )
        left = self.same_as(node, entry, args)
        return self.number(node.op, node.data, node.type, *args) if left is None else left

    def same_as(self, node: Node, entry: Compute, args: tuple[int, ...]) -> int | None:
        """The argument that a value is equal to, if it is equal to one."""
        ranges = [
            self.ranges.at(arg, where) for arg, where in zip(node.args, entry.contexts, strict=True)
        ]
        if node.op == "where":
            return self.branch(entry, args)
        op = OPS[node.op]
        if op.idempotent and args[0] == args[1]:
            return args[0]
        if op.neutral is not None and ranges[1].point == op.neutral:
            return args[0]
        if op.neutral is not None and op.commutative and ranges[0].point == op.neutral:
            return args[1]
        which = op.equals(*ranges) if op.equals else None
        return None if which is None else args[which]

    def branch(self, entry: Compute, args: tuple[int, ...]) -> int | None:
        """The branch that is always taken, or what both branches are."""
        yes, no = (self.ranges.dead[context] for context in entry.contexts[1:])
        if args[1] == args[2] or no:
            return args[1]
        return args[2] if yes else None
