"""IR -> IR: splits a step into what is computed once, in float64, and what runs per variable.

`lower` sorts what a step computes by how often that has to
happen: what depends on `t` and hyperparameters alone (a named scalar, in float64, or a Python
number where it is known when the step is traced), what a variable's dimensions decide, and the
statements on tensors, which stay in their order.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import assert_never

from optdsl import ir
from optdsl.ir import Call, Case, Expr, Hyper, If, Kind, Let, PerStep, Ref, Repeat, Role, Set, Stmt
from optdsl.passes.naming import claimed, describe
from optdsl.passes.static import is_static
from optdsl.records import record, replace

_TUPLE_METHODS = ("count", "index")  # scalars become fields of a tuple


@record
class Named:
    """A value with the name that stands for it, and the statement that named it, if one did."""

    name: str
    value: Expr
    equation: str


@record
class Lowered:
    """A step in three parts; elsewhere in it, a named value is `Ref(name, LOCAL)`.

    `scalars` are computed once for all variables, of whatever case, and `fields` are those that the
    rest reads. `sizes` follow from a variable's dimensions. `evaluation` and `evaluation_sizes` are
    to `eval` what `body` and `sizes` are to the step. `fixed` are the names whose values are known
    when a step is traced: the int and bool hyperparameters, `sizes`, and some of the scalars.
    """

    scalars: tuple[Named, ...]
    fields: tuple[str, ...]
    sizes: tuple[Named, ...]
    body: tuple[Stmt, ...]
    fixed: frozenset[str]
    evaluation_sizes: tuple[Named, ...] = ()
    evaluation: tuple[Stmt, ...] = ()


def lowered_cases(optimizer: ir.Optimizer) -> tuple[Lowered, ...]:
    """The steps of an optimizer's cases, split; what is computed once is the same for all."""
    return _lowered(optimizer.cases, optimizer.hypers, frozenset())


def lower(case: Case, hypers: tuple[Hyper, ...], keep: AbstractSet[str] = frozenset()) -> Lowered:
    """Splits the step of one case; locals in `keep` stay in the body, whatever they are."""
    return _lowered((case,), hypers, keep)[0]


def _lowered(
    cases: tuple[Case, ...], hypers: tuple[Hyper, ...], keep: AbstractSet[str]
) -> tuple[Lowered, ...]:
    fixed = {hyper.name for hyper in hypers if hyper.kind is not Kind.REAL}
    taken = {slot.name for case in cases for slot in case.own_slots} | set(_TUPLE_METHODS) | keep
    both = [(*case.step, *case.evaluation) for case in cases]
    taken.update(name for body in both for name in _tensor_locals(body, fixed))
    lift = _Lift(taken, fixed, keep, {}, {}, frozenset())
    split: list[tuple[tuple[Named, ...], tuple[Stmt, ...]]] = []
    for case in cases:
        lift.sizes = {}
        lift.changing = ir.changing(case.step)
        for body in (case.step, case.evaluation):
            kept = _statements(body, {}, lift)
            split.append((_needed(tuple(lift.sizes.values()), kept), kept))
    read = {name for parts in split for expr in _values(*parts) for name in ir.names(expr)}
    scalars = tuple(lift.scalars.values())
    fields = tuple(scalar.name for scalar in scalars if scalar.name in read)
    known = frozenset(lift.fixed)
    return tuple(
        Lowered(scalars, fields, *step, known, *evaluation)
        for step, evaluation in zip(split[::2], split[1::2], strict=True)
    )


def _values(named: tuple[Named, ...], body: tuple[Stmt, ...]) -> Iterator[Expr]:
    yield from (each.value for each in named)
    yield from ir.expressions(body)


def _needed(sizes: tuple[Named, ...], body: tuple[Stmt, ...]) -> tuple[Named, ...]:
    """Those that the body reads, itself or through others, in order."""
    read = {name for expr in ir.expressions(body) for name in ir.names(expr)}
    needed: list[Named] = []
    for named in reversed(sizes):
        if named.name in read:
            needed.insert(0, named)
            read.update(ir.names(named.value))
    return tuple(needed)


@dataclass(slots=True)
class _Lift:
    """What was found so far, by value. `taken` names cannot be given again.

    Locals that are `changing` from round to round stay where they are.
    """

    taken: set[str]
    fixed: set[str]
    keep: AbstractSet[str]
    sizes: dict[Expr, Named]
    scalars: dict[Expr, Named]
    changing: frozenset[str]

    def size(self, value: Expr, name: str, equation: str) -> Ref:
        """The reference that stands for a value that a variable's dimensions decide."""
        return self._named(self.sizes, value, name, equation)

    def scalar(self, value: Expr, name: str | None = None, equation: str = "") -> Ref:
        """The reference that stands for a value per step, under a name that was given to it."""
        return self._named(self.scalars, value, name or describe(value), equation)

    def _named(self, table: dict[Expr, Named], value: Expr, name: str, equation: str) -> Ref:
        if value not in table:
            table[value] = Named(claimed(name, self.taken), value, equation)
            if is_static(value, self.fixed):
                self.fixed.add(table[value].name)
        return Ref(table[value].name, Role.LOCAL, value.type, value.span)


def _tensor_locals(body: tuple[Stmt, ...], fixed: AbstractSet[str]) -> Iterator[str]:
    """The locals that may stay in the body: their names are not for scalars."""
    yield from ir.changing(body)
    for statement in ir.statements(body):
        match statement:
            case Let(name, value):
                if not isinstance(value.type.shape, PerStep) and not is_static(value, fixed):
                    yield name
            case If(joins=joins):
                yield from (name for name, _ in joins)
            case Set() | Repeat():
                pass
            case _:
                assert_never(statement)


def _statements(body: tuple[Stmt, ...], locals_: dict[str, Expr], lift: _Lift) -> tuple[Stmt, ...]:
    """The tensor statements of a block; `locals_` maps the locals that are not tensors."""
    kept: list[Stmt] = []
    for statement in body:
        match statement:
            case Let(name, value, equation):
                value = _substitute(value, locals_)
                if name in lift.changing or name in lift.keep:
                    kept.append(replace(statement, value=_lifted(value, lift)))
                elif isinstance(value.type.shape, PerStep):
                    locals_[name] = lift.scalar(value, name, equation)
                elif is_static(value, lift.fixed):
                    locals_[name] = lift.size(_lifted(value, lift), name, equation)
                else:
                    kept.append(replace(statement, value=_lifted(value, lift)))
            case Set(target, Ref(name)) if name == target:
                pass  # `param <- param` says that it stays as it is
            case Set(_, value):
                kept.append(replace(statement, value=_lifted(_substitute(value, locals_), lift)))
            case If():
                kept.extend(_branches(statement, locals_, lift))
            case Repeat(count, inner):
                rounds = _statements(inner, dict(locals_), lift)
                count = _lifted(count, lift)
                kept += [replace(statement, count=count, body=rounds)] if rounds else []
            case _:
                assert_never(statement)
    return tuple(kept)


def _branches(statement: If, locals_: dict[str, Expr], lift: _Lift) -> tuple[Stmt, ...]:
    """A `when`, without the locals that are scalars: those become a `where` on scalars."""
    written = _substitute(statement.condition, locals_)
    condition = _lifted(written, lift)
    then_locals, else_locals = dict(locals_), dict(locals_)
    then = _statements(statement.then, then_locals, lift)
    orelse = _statements(statement.orelse, else_locals, lift)
    joins = []
    for name, type_ in statement.joins:
        if isinstance(type_.shape, PerStep):
            question = written if is_static(written, lift.fixed) else condition
            args = (question, then_locals[name], else_locals[name])
            chosen = Call("where", args, None, type_, statement.span)
            locals_[name] = lift.scalar(chosen, name, "")
        else:
            joins.append((name, type_))
            then = _with_local(then, name, then_locals, lift)
            orelse = _with_local(orelse, name, else_locals, lift)
    if not then and not orelse:
        return ()
    branches = replace(statement, condition=condition, then=then, orelse=orelse, joins=tuple(joins))
    return (branches,)


def _with_local(
    body: tuple[Stmt, ...], name: str, locals_: dict[str, Expr], lift: _Lift
) -> tuple[Stmt, ...]:
    """A branch that binds `name` on tensors too, where its value was not one."""
    if name not in locals_:
        return body
    value = _lifted(locals_[name], lift)
    return (*body, Let(name, value, "", value.span))


def _substitute(expr: Expr, locals_: dict[str, Expr]) -> Expr:
    """The expression with the values of the locals that are not tensors."""

    def value(part: Expr) -> Expr | None:
        match part:
            case Ref(name, Role.LOCAL):
                return locals_.get(name)
            case _:
                return None

    return ir.rewrite(expr, value)


def _lifted(expr: Expr, lift: _Lift) -> Expr:
    """The expression with its largest per-step parts lifted.

    What Python computes stays where it is, on hyperparameters that are lifted.
    """

    def named(part: Expr) -> Expr | None:
        if not isinstance(part.type.shape, PerStep):
            return None
        match part:
            case Ref(_, Role.LOCAL):
                return part
            case Ref():
                return lift.scalar(part)
            case _:
                return None if is_static(part, lift.fixed) else lift.scalar(part)

    return ir.rewrite(expr, named)
