"""Intervals of all values of a program, given those of its inputs."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf

from optdsl import intervals as iv
from optdsl.analysis.sums import bounds
from optdsl.analysis.values import Compute, Enter, Node, Program
from optdsl.intervals import Interval
from optdsl.ops import OPS

_DEEPEST = 6  # how far an assumption is followed into its operands
_MOST_EFFORT = 48  # and how much work one assumption may be
_MOST_WORK = 20_000  # and all assumptions of a program together

UNDEFINED = Interval()
"""What an operation outside its domain gives, and whatever is computed from that: known by `is`."""


class Ranges:
    """The interval of every node of a program in every context.

    With `strict`, the result of an operation that may leave its domain is UNDEFINED; without, it is
    what the operation gives inside its domain, so that one fault is not reported many times.
    `others` says what totals are, where `inputs` speaks of some elements only.
    """

    def __init__(
        self,
        program: Program,
        inputs: Mapping[str, Interval],
        strict: bool = False,
        others: Ranges | None = None,
    ) -> None:
        self.program = program
        self.inputs = inputs
        self.strict = strict
        self.others = others
        self.tables: list[dict[int, Interval]] = [{} for _ in program.contexts]
        self.dead = [False] * len(program.contexts)
        self.work = _MOST_WORK
        for name, node in program.inputs.items():
            self.tables[0][node] = inputs[name]
        for entry in program.tape:
            match entry:
                case Compute(context, node, contexts):
                    if not self.dead[context]:
                        self._compute(context, node, contexts)
                case Enter(context):
                    self._enter(context)

    def at(self, node: int, context: int = 0) -> Interval:
        """The interval of a node in a context; EMPTY where nothing gets there."""
        if self.dead[context]:
            return iv.EMPTY
        while context >= 0:
            found = self.tables[context].get(node)
            if found is not None:
                return found
            context = self.program.contexts[context].parent
        return iv.ALL

    def _compute(self, context: int, node: int, contexts: tuple[int, ...]) -> None:
        known = self.program.nodes[node]
        if self.others and known.op == "total":
            self.tables[context][node] = self.others.at(node, context)
            return
        args = [self.at(arg, where) for arg, where in zip(known.args, contexts, strict=True)]
        result = self._transfer(known, args)
        if result is not UNDEFINED and (relation := self.program.relations.get((context, node))):
            related = bounds(relation, lambda atom: self.at(atom, context))
            result = iv.intersection(result, related)
        if result is UNDEFINED:
            self.tables[context][node] = result
            return
        assumed = self.tables[context].get(node)
        if assumed is None and context:
            assumed = self.at(node, self.program.contexts[context].parent)
        self.tables[context][node] = result if assumed is None else iv.intersection(result, assumed)

    def _transfer(self, node: Node, args: list[Interval]) -> Interval:
        if node.op == "const":
            assert isinstance(node.data, (int, float))
            return iv.point(float(node.data))
        operation = OPS[node.op]
        if self.strict and (
            any(arg is UNDEFINED for arg in args)
            or any(fault.possible(*args) for fault in operation.domain)
        ):
            return UNDEFINED
        result = operation.interval(*args)
        related = self._relation(node, args)
        return result if related is None else iv.intersection(result, related)

    def _relation(self, node: Node, args: list[Interval]) -> Interval | None:
        """What is known because the operands are related: `x * x`, `x - x`, a weighted mean."""
        if len(node.args) != 2 or args[0].empty or args[1].empty:
            return None
        of_same = OPS[node.op].of_same
        if of_same and node.args[0] == node.args[1]:
            return of_same(args[0])
        return self._mean(node) if node.op == "add" else None

    def _mean(self, node: Node) -> Interval | None:
        """`w * x + (1 - w) * y` lies between `x` and `y` for `w` in [0, 1]."""
        nodes = self.program.nodes
        left, right = (nodes[arg] for arg in node.args)
        if left.op != "mul" or right.op != "mul":
            return None
        for i in (0, 1):
            for j in (0, 1):
                weight, rest = left.args[i], right.args[j]
                if not (self._complement(rest, weight) or self._complement(weight, rest)):
                    continue
                x, y = self.tables[0].get(left.args[1 - i]), self.tables[0].get(right.args[1 - j])
                share = self.tables[0].get(weight)
                if x and y and share and share.within(iv.of(0, 1)):
                    return iv.mean(iv.union(x, y))
        return None

    def _complement(self, node: int, of: int) -> bool:
        """Whether a node is `1 - of`."""
        known = self.program.nodes[node]
        if known.op != "sub" or known.args[1] != of:
            return False
        one = self.program.nodes[known.args[0]]
        return one.op == "const" and one.data == 1

    # --- assumptions -----------------------------------------------------------------------------

    def _enter(self, context: int) -> None:
        own = self.program.contexts[context]
        self.dead[context] = self.dead[own.parent]
        if self.dead[context]:
            return
        assumed = _Assumed(self, own.parent, min(_MOST_EFFORT, self.work))
        assumed.assume(own.condition, own.truth, 0)
        self.work -= assumed.used
        self.tables[context] = assumed.known
        self.dead[context] = any(value.empty for value in assumed.known.values())


class _Assumed:
    """What follows for single nodes when a condition is assumed."""

    def __init__(self, ranges: Ranges, context: int, effort: int) -> None:
        self.ranges = ranges
        self.context = context
        self.effort = effort
        self.used = 0
        self.known: dict[int, Interval] = {}

    def at(self, node: int) -> Interval:
        known = self.known.get(node)
        return self.ranges.at(node, self.context) if known is None else known

    def assume(self, node: int, truth: bool, depth: int) -> None:
        """A bool is true, or false."""
        self.known[node] = iv.intersection(self.at(node), iv.TRUE if truth else iv.FALSE)
        if depth > _DEEPEST or self.used >= self.effort:
            return
        self.used += 1
        known = self.ranges.program.nodes[node]
        match known.op, truth:
            case "not", _:
                self.assume(known.args[0], not truth, depth + 1)
            case ("and", True) | ("or", False):
                for arg in known.args:
                    self.assume(arg, truth, depth + 1)
            case ("and", False) | ("or", True):
                self._one_of(known.args[0], known.args[1], truth, depth + 1)
            case ("all", True) | ("any", False):
                self.assume(known.args[0], truth, depth + 1)
            case _ if known.op in OPS and (negation := OPS[known.op].negation):
                op = known.op if truth else negation
                self._compare(op, known.args[0], known.args[1], depth + 1)
            case _:
                pass

    def _one_of(self, left: int, right: int, truth: bool, depth: int) -> None:
        """At least one of two bools is `truth`: what follows from either of them."""
        sides = []
        for side in (left, right):
            assumed = _Assumed(self.ranges, self.context, self.effort - self.used)
            assumed.known = dict(self.known)
            assumed.assume(side, truth, depth)
            self.used += assumed.used
            if not any(value.empty for value in assumed.known.values()):
                sides.append(assumed.known)
        if not sides:
            self.known[left] = iv.EMPTY
        elif len(sides) == 1:
            self.known = sides[0]
        else:
            for node in sides[0].keys() & sides[1].keys():
                self.known[node] = iv.union(sides[0][node], sides[1][node])

    def _compare(self, op: str, left: int, right: int, depth: int) -> None:
        if op in ("gt", "ge"):
            op, left, right = ("lt" if op == "gt" else "le"), right, left
        x, y = self.at(left), self.at(right)
        match op:
            case "eq":
                self.narrow(left, y, depth)
                self.narrow(right, x, depth)
            case "ne":
                if y.point is not None:
                    self._replace(left, iv.without(x, y.point), depth)
                if x.point is not None:
                    self._replace(right, iv.without(y, x.point), depth)
            case _:
                self.narrow(left, iv.of(-inf, y.high, True, y.high_open or op == "lt"), depth)
                self.narrow(right, iv.of(x.low, inf, x.low_open or op == "lt"), depth)

    def narrow(self, node: int, to: Interval, depth: int) -> None:
        """A number lies in `to`."""
        self._replace(node, iv.intersection(self.at(node), to), depth)

    def _replace(self, node: int, new: Interval, depth: int) -> None:
        """Note what is known of a node, and what follows for its operands."""
        if new == self.at(node):
            return
        self.known[node] = new
        if depth > _DEEPEST or self.used >= self.effort:
            return
        self.used += 1
        known = self.ranges.program.nodes[node]
        op = OPS.get(known.op)
        if op and op.inverse:
            args = [self.at(arg) for arg in known.args]
            for arg, to in zip(known.args, op.inverse(new, *args), strict=False):
                self.narrow(arg, to, depth + 1)
