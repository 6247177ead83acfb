"""A step as a list of values: every expression numbered, names resolved, branches joined.

The analyses work on this, not on the tree: a name stands for different values before and after an
update, and equal expressions are one value wherever they stand. The tape lists what is computed in
which context; a context is what a branch of `when` or `where` may assume.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from optdsl import ir
from optdsl.analysis.sums import Relation
from optdsl.ops import OPS
from optdsl.records import record, replace

_MOST_REFRESHED = 2_000  # values computed again under an assumption, in one program
_DEEPEST_REFRESH = 16  # how far below a name an assumption is followed


@record
class Node:
    """One value: `op` is an operation of `OPS`, "const" or "input".

    `data` is the literal of a const, the name of an input, the axis of a reduction. Inputs are what
    a step starts from: hyperparameters, `t`, dimensions, `grad`, `param` and the slots.
    """

    op: str
    args: tuple[int, ...]
    data: float | int | bool | str | ir.But | None
    type: ir.Type


@record
class Context:
    """What holds in a branch: the condition (a node) is `truth`, and whatever holds in `parent`."""

    parent: int
    condition: int
    truth: bool


@record
class Enter:
    """From here on the context may be computed in."""

    context: int


@record
class Compute:
    """A node is computed in a context, its arguments in `contexts`, one each."""

    context: int
    node: int
    contexts: tuple[int, ...]


@record
class Duty:
    """An operation, where it is written, that must stay in its domain: `args` are nodes."""

    call: ir.Call
    args: tuple[int, ...]
    context: int


@record
class Carried:
    """An input that a `repeat` carries from round to round.

    `before` is its node before the first round, `outside`; `after` that after one, `inside`.
    """

    name: str
    before: int
    after: int
    outside: int
    inside: int


@record
class Program:
    """A step, flat. Context 0 assumes nothing.

    `totals` are the sums over all variables, with the contexts in which these are added up.
    `initial` and `final` give the nodes of the slots (and of `param`) before the first step and
    after a step; `inputs` the node of each name as the step begins, and of what is `carried` as a
    round does. `relations` are by context and node.
    """

    nodes: tuple[Node, ...]
    contexts: tuple[Context, ...]
    tape: tuple[Enter | Compute, ...]
    duties: tuple[Duty, ...]
    totals: tuple[Duty, ...]
    inputs: dict[str, int]
    initial: dict[str, int]
    final: dict[str, int]
    carried: tuple[Carried, ...]
    relations: dict[tuple[int, int], Relation]

    @property
    def lengths(self) -> tuple[str, ...]:
        """The dimensions that a step reads by their axis, `length(k)`."""
        return tuple(name for name in self.inputs if name.startswith("length("))

    def below(self, node: int) -> Iterator[int]:
        """A node and everything it is computed from, each once."""
        seen, todo = {node}, [node]
        while todo:
            number = todo.pop()
            yield number
            fresh = [arg for arg in self.nodes[number].args if arg not in seen]
            seen.update(fresh)
            todo.extend(fresh)

    def levels(self) -> list[int]:
        """For each node, how many sums over all variables have to come one after the other."""
        levels: list[int] = []
        for node in self.nodes:  # what a node is computed from comes before it
            below = max((levels[arg] for arg in node.args), default=0)
            levels.append(below + (node.op == "total"))
        return levels


def flatten(case: ir.Case, hypers: tuple[ir.Hyper, ...] = ()) -> Program:
    """A step, the initial values of its slots and computed defaults, as values."""
    return _Builder().build(case, hypers)


class _Builder:
    """The tables that a program is built up in."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.numbers: dict[Node, int] = {}
        self.contexts = [Context(-1, -1, True)]
        self.outer: tuple[dict[int, int], dict[int, int]] = ({0: 0}, {0: 0})
        self.touched: list[frozenset[int]] = [frozenset()]
        self.tape: list[Enter | Compute] = []
        self.duties: list[Duty] = []
        self.totals: list[Duty] = []
        self.done: set[tuple[int, int]] = set()
        self.inputs: dict[str, int] = {}
        self.carried: list[Carried] = []
        self.fuel = _MOST_REFRESHED
        self.shared: frozenset[str] = frozenset()  # global slots

    def build(self, case: ir.Case, hypers: tuple[ir.Hyper, ...]) -> Program:
        self.shared = frozenset(slot.name for slot in case.global_slots)
        for hyper in hypers:
            if hyper.computed:
                self.lower(hyper.computed, 0, {})
        initial = {slot.name: self.lower(slot.initial, 0, {}) for slot in case.slots}
        env = {slot.name: self.input(slot.name, slot.type) for slot in case.slots}
        env["param"] = self.input("param", ir.Type(ir.Kind.REAL, ir.Tensor()))
        if "grad" in ir.updated(case.step):
            env["grad"] = self.input("grad", ir.Type(ir.Kind.REAL, ir.Tensor()))
        env = self.statements(case.step, 0, env)
        final = {name: env[name] for name in ("param", *initial)}
        return Program(
            tuple(self.nodes),
            tuple(self.contexts),
            tuple(self.tape),
            tuple(self.duties),
            tuple(self.totals),
            self.inputs,
            initial,
            final,
            tuple(self.carried),
            {},
        )

    def number(self, node: Node) -> int:
        if node not in self.numbers:
            self.numbers[node] = len(self.nodes)
            self.nodes.append(node)
        return self.numbers[node]

    def input(self, name: str, type_: ir.Type) -> int:
        if name not in self.inputs:
            self.inputs[name] = self.number(Node("input", (), name, type_))
        return self.inputs[name]

    def compute(self, context: int, node: int, contexts: tuple[int, ...]) -> None:
        if (context, node) not in self.done:
            self.done.add((context, node))
            self.tape.append(Compute(context, node, contexts))

    # --- contexts --------------------------------------------------------------------------------

    def enter(self, parent: int, condition: int, truth: bool) -> int:
        context = len(self.contexts)
        self.contexts.append(Context(parent, condition, truth))
        self.touched.append(self.touched[parent] | self.near(condition))
        self.tape.append(Enter(context))
        return context

    def near(self, condition: int) -> frozenset[int]:
        """The nodes that an assumption about a condition may narrow, and perhaps some more."""
        found, layer = {condition}, [condition]
        for _ in range(4):
            layer = [arg for node in layer for arg in self.nodes[node].args if arg not in found]
            found.update(layer)
        return frozenset(found)

    def for_reduction(self, context: int, total: bool = False) -> int:
        """The context without what it assumes of single elements: a reduction sees them all.

        A total sees all variables: what need not be so of all of them goes, too.
        """
        outer = self.outer[total]
        if context not in outer:
            own = self.contexts[context]
            parent = self.for_reduction(own.parent, total)
            single = ir.is_tensor(self.nodes[own.condition].type.shape)
            if single or (total and not self.is_shared(own.condition)):
                outer[context] = parent
            elif parent == own.parent:
                outer[context] = context
            else:
                outer[context] = self.enter(parent, own.condition, own.truth)
                outer[outer[context]] = outer[context]
        return outer[context]

    def is_shared(self, node: int) -> bool:
        """Whether a value is the same for all variables.

        Real hyperparameters are not: some variables may be excluded from weight decay.
        """
        seen, todo = {node}, [node]
        while todo:
            known = self.nodes[todo.pop()]
            if known.op == "input" and known.data not in self.shared:
                per_step = isinstance(known.type.shape, ir.PerStep)
                if not per_step or known.type.kind is ir.Kind.REAL:
                    return False
            if known.op != "total":
                todo += set(known.args) - seen
                seen.update(known.args)
        return True

    def refresh(self, node: int, context: int, depth: int = 0) -> bool:
        """Compute a value again where an assumption may narrow it; says whether it may."""
        if node in self.touched[context] or (context, node) in self.done:
            return True
        known = self.nodes[node]
        narrowed = known.op in OPS and known.op != "where" and not OPS[known.op].mixes
        if not narrowed or depth == _DEEPEST_REFRESH or self.fuel == 0:
            return False
        self.fuel -= 1
        affected = [self.refresh(arg, context, depth + 1) for arg in known.args]
        if not any(affected):
            return False
        self.compute(context, node, (context,) * len(known.args))
        return True

    # --- statements ------------------------------------------------------------------------------

    def statements(
        self, body: tuple[ir.Stmt, ...], context: int, env: dict[str, int]
    ) -> dict[str, int]:
        """The names after `body`."""
        env = dict(env)
        for statement in body:
            match statement:
                case ir.Let(name, value) | ir.Set(name, value):
                    env[name] = self.lower(value, context, env)
                case ir.If():
                    env = self.branch(statement, context, env)
                case ir.Repeat():
                    env = self.repeat(statement, context, env)
                case _:
                    assert_never(statement)
        return env

    def branch(self, statement: ir.If, context: int, env: dict[str, int]) -> dict[str, int]:
        condition = self.lower(statement.condition, context, env)
        inside = (self.enter(context, condition, True), self.enter(context, condition, False))
        then = self.statements(statement.then, inside[0], env)
        orelse = self.statements(statement.orelse, inside[1], env)
        types = dict(statement.joins)
        joined = dict(env)
        for name in sorted(then.keys() & orelse.keys()):
            if name in env and then[name] == orelse[name] == env[name]:
                continue
            type_ = types[name] if name in types else self.nodes[env[name]].type
            args = (condition, then[name], orelse[name])
            joined[name] = self.number(Node("where", args, None, type_))
            self.compute(context, joined[name], (context, *inside))
        return joined

    def repeat(self, statement: ir.Repeat, context: int, env: dict[str, int]) -> dict[str, int]:
        """The names after some rounds: one round stands for all, on what the last one left.

        Whether there is any is an input, too, if that is not certain.
        """
        count = self.lower(statement.count, context, env)
        updated = set(ir.updated(statement.body))
        changed = [name for name in env if name in updated]
        boolean = ir.Type(ir.Kind.BOOL, ir.PerStep())
        zero = self.const(0, statement.count.type)
        some = self.number(Node("gt", (count, zero), None, boolean))
        self.compute(context, some, (context, context))
        inside = self.enter(context, some, True)
        begun = dict(env)
        for name in changed:
            own = f"{name} in round {len(self.carried)}"  # which no name of a specification is
            begun[name] = self.input(own, self.nodes[env[name]].type)
            self.carried.append(Carried(own, env[name], -1, context, inside))
        first = len(self.carried) - len(changed)
        ended = self.statements(statement.body, inside, begun)
        after = dict(env)
        for index, name in enumerate(changed, start=first):
            self.carried[index] = replace(self.carried[index], after=ended[name])
            args = (some, ended[name], env[name])
            after[name] = self.number(Node("where", args, None, self.nodes[env[name]].type))
            self.compute(context, after[name], (context, inside, context))
        return after

    # --- expressions -----------------------------------------------------------------------------

    def lower(self, expr: ir.Expr, context: int, env: dict[str, int]) -> int:
        """The node of an expression."""
        match expr:
            case ir.Const(value, type_):
                return self.const(value, type_)
            case ir.Old(name, type_):
                return self.input(name, type_)
            case ir.Ref(name, _, type_):
                if name not in env:
                    return self.input(name, type_)
                if context:
                    self.refresh(env[name], context)
                return env[name]
            case ir.Call():
                return self.call(expr, context, env)
            case _:
                assert_never(expr)

    def const(self, value: float | int | bool, type_: ir.Type) -> int:
        node = self.number(Node("const", (), value, type_))
        self.compute(0, node, ())
        return node

    def call(self, expr: ir.Call, context: int, env: dict[str, int]) -> int:
        inside: tuple[int, ...] = (context,) * len(expr.args)
        if expr.op == "where":
            condition = self.lower(expr.args[0], context, env)
            yes, no = self.enter(context, condition, True), self.enter(context, condition, False)
            inside = (context, yes, no)
        elif OPS[expr.op].mixes:
            inside = (self.for_reduction(context, OPS[expr.op].totals),) * len(expr.args)
        args = tuple(
            self.lower(arg, where, env) for arg, where in zip(expr.args, inside, strict=True)
        )
        literal = self.nodes[args[0]] if args else None
        if literal and expr.op == "real" and literal.op == "const":
            assert isinstance(literal.data, int | float)
            return self.const(float(literal.data), expr.type)
        node = self.number(Node(expr.op, args, expr.axis, expr.type))
        self.compute(context, node, inside)
        if OPS[expr.op].totals:
            self.totals.append(Duty(expr, args, *inside))
        if OPS[expr.op].domain:
            self.duties.append(Duty(expr, args, context))
        return node
