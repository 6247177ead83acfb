"""IR -> IR: makes sums over all variables, and new values of global slots, locals of the step.

    similarity = total(grad * start)     similarity = sum(grad * start)     of one variable
    d <- max(d, similarity / t)          new_d = max(d, similarity / t)

Afterwards `similarity` is read as a SHARED value: the sum over all variables, known after a
barrier. How many barriers come before a value is its level.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import assert_never

from optdsl import ir
from optdsl.ir import (
    Call,
    Case,
    Const,
    Expr,
    If,
    Kind,
    Let,
    Old,
    PerStep,
    PerVariable,
    Ref,
    Repeat,
    Role,
    Set,
    Stmt,
    Type,
)
from optdsl.ops import OPS
from optdsl.passes.naming import claimed, describe
from optdsl.records import record, replace

_LONGEST = 28  # a name for a total
_ONE = Type(Kind.REAL, PerVariable())
_SAME = Type(Kind.REAL, PerStep())


@record
class Barred:
    """A step whose sums over variables are locals of it.

    `totals` gives their levels by name, from 1, in the order of the step, and `calls` what was
    written. `new` names the local that holds a global slot's new value, and `levels` says after
    which barrier that is known.
    """

    body: tuple[Stmt, ...]
    totals: dict[str, int]
    calls: dict[str, Expr]
    new: dict[str, str]
    levels: dict[str, int]


def barred(case: Case, taken: frozenset[str]) -> Barred:
    """The step of a case; `taken` are names that nothing else can have."""
    floors: dict[str, int] = {}
    while True:
        work = _Work({*taken, *ir.bound(case.step)}, frozenset(s.name for s in case.global_slots))
        work.floors = floors
        body = _block(case.step, _Point(), work)
        levels = {slot: work.levels[new] for slot, new in work.new.items()}
        if levels == floors:
            return Barred(body, work.totals, work.calls, work.new, levels)
        floors = levels  # of a slot that two branches give, each knows its own only


@dataclass(slots=True)
class _Work:
    """What was found so far. `floors` are levels of global slots that are known to be reached."""

    taken: set[str]
    globals: frozenset[str]
    floors: dict[str, int] = field(default_factory=dict)
    totals: dict[str, int] = field(default_factory=dict)
    calls: dict[str, Expr] = field(default_factory=dict)
    new: dict[str, str] = field(default_factory=dict)
    levels: dict[str, int] = field(default_factory=dict)  # of both, by name

    def named(self, slot: str) -> str:
        """The local for the new value of a global slot."""
        if slot not in self.new:
            self.new[slot] = claimed(f"new_{slot}", self.taken)
        return self.new[slot]


@dataclass(slots=True)
class _Point:
    """What is known at one point of the step: levels of names, and the global slots given.

    `guard` is the level of the conditions above it.
    """

    levels: dict[str, int] = field(default_factory=dict)
    given: set[str] = field(default_factory=set)
    guard: int = 0
    depth: int = 0

    def branch(self, guard: int) -> _Point:
        """The same in a branch."""
        return _Point(dict(self.levels), set(self.given), guard, self.depth + 1)


def _block(body: tuple[Stmt, ...], point: _Point, work: _Work) -> tuple[Stmt, ...]:
    done: list[Stmt] = []
    for statement in body:
        equation = statement.equation
        match statement:
            case Let(name, Call("total", (arg,)) as call) if point.depth == 0:
                arg = _value(arg, equation, point, work, done)
                _add_sum(name, arg, replace(statement, value=call), point, work, done)
            case Let(name, value):
                value = _value(value, equation, point, work, done)
                point.levels[name] = _level(value, point, work)
                done.append(replace(statement, value=value))
            case Set(target, value, _, span) if target in work.globals:
                value = _value(value, equation, point, work, done)
                name = work.named(target)
                known = (work.levels.get(name, 0), work.floors.get(target, 0))
                work.levels[name] = max(_level(value, point, work), *known)
                point.given.add(target)
                done.append(Let(name, value, equation, span))
            case Set(target, value):
                value = _value(value, equation, point, work, done)
                point.levels[target] = _level(value, point, work)
                done.append(replace(statement, value=value))
            case If():
                done.append(_branches(statement, point, work, done))
            case Repeat():
                done.append(_rounds(statement, point, work))
            case _:
                assert_never(statement)
    return tuple(done)


def _branches(statement: If, point: _Point, work: _Work, before: list[Stmt]) -> If:
    """A `when`; a sum in one branch is 0 in the other, a global slot there is what it was."""
    condition = _value(statement.condition, statement.equation, point, work, before)
    guard = _level(condition, point, work)
    sides = (point.branch(guard), point.branch(guard))
    bodies = [
        _block(body, side, work)
        for body, side in zip((statement.then, statement.orelse), sides, strict=True)
    ]
    joins = [*statement.joins]
    for name in (name for name in work.totals if any(name in ir.bound(each) for each in bodies)):
        joins.append((name, _ONE))
        zero = Let(name, Const(0.0, _SAME, statement.span), "", statement.span)
        bodies = [each if name in ir.bound(each) else (*each, zero) for each in bodies]
    for slot in sorted((sides[0].given | sides[1].given) - point.given):
        new = work.named(slot)
        joins.append((new, _SAME))
        kept = Let(new, Ref(slot, Role.SLOT, _SAME, statement.span), "", statement.span)
        bodies = [
            each if slot in side.given else (*each, kept)
            for each, side in zip(bodies, sides, strict=True)
        ]
        work.levels[new] = max(work.levels[new], guard)
        point.given.add(slot)
    for name in {*_assigned(bodies[0]), *_assigned(bodies[1])}:
        point.levels[name] = max(guard, *(side.levels.get(name, 0) for side in sides))
    then, orelse = bodies
    return replace(statement, condition=condition, then=then, orelse=orelse, joins=tuple(joins))


def _rounds(statement: Repeat, point: _Point, work: _Work) -> Repeat:
    """A `repeat`: no sum is in it, and what it assigns is known when all that it reads is."""

    def value(expr: Expr) -> Expr:
        return _value(expr, "", point, work, [])

    rounds = replace(statement, body=ir.rewritten(statement.body, value))
    level = max(_level(expr, point, work) for expr in ir.expressions((rounds,)))
    for name in _assigned(rounds.body):
        point.levels[name] = max(level, point.levels.get(name, 0))
    return rounds


def _assigned(body: tuple[Stmt, ...]) -> Iterator[str]:
    yield from ir.bound(body)
    yield from ir.updated(body)


def _value(expr: Expr, equation: str, point: _Point, work: _Work, before: list[Stmt]) -> Expr:
    """An expression in which sums, and new values of global slots, are SHARED; adds the sums.

    The first of them is told by the equation.
    """
    first = len(before)

    def shared(part: Expr) -> Expr | None:
        match part:
            case Call(op, (arg,)) if OPS[op].totals:
                arg = ir.rewrite(arg, shared)
                name = claimed(_named(arg), work.taken)
                own = equation if len(before) == first else ""
                statement = Let(name, part, own, part.span)
                return _add_sum(name, arg, statement, point, work, before)
            case Ref(name, Role.SLOT) if name in point.given:
                return replace(part, name=work.named(name), role=Role.SHARED)
            case Ref(name, Role.LOCAL) if name in work.totals:
                return replace(part, role=Role.SHARED)
            case Old(name, type_) if name in work.globals:
                return Ref(name, Role.SLOT, type_, part.span)
            case _:
                return None

    return ir.rewrite(expr, shared)


def _named(arg: Expr) -> str:
    """A name for the total of something."""
    name = f"total_{describe(arg)}"
    return name if len(name) <= _LONGEST else "total_value"


def _add_sum(
    name: str, arg: Expr, statement: Let, point: _Point, work: _Work, before: list[Stmt]
) -> Ref:
    """Adds the sum over one variable, and gives what stands for that over all."""
    own = Call("sum", (arg,), None, _ONE, arg.span) if ir.is_tensor(arg.type.shape) else arg
    work.totals[name] = work.levels[name] = _level(arg, point, work) + 1
    work.calls[name] = statement.value
    before.append(replace(statement, value=own))
    return Ref(name, Role.SHARED, _SAME, statement.span)


def _level(expr: Expr, point: _Point, work: _Work) -> int:
    """How many barriers have to come before a value, under the conditions of where it stands."""
    read = [part for part in ir.parts(expr) if isinstance(part, Ref)]
    known = (work.levels if part.role is Role.SHARED else point.levels for part in read)
    levels = (names.get(part.name, 0) for names, part in zip(known, read, strict=True))
    return max(point.guard, *levels, 0)
