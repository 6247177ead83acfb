"""IR -> IR: splits a step into what is computed once, in float64, and what runs per variable.

`lower` is the only pass the targets need. It sorts what a step computes by how often that has to
happen: what is known when a step is traced (plain Python), what depends on `t` and hyperparameters
alone (a named scalar, in float64), and the statements on tensors, which stay in their order.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import assert_never

from optdsl import ir
from optdsl.ir import (
    Call,
    Case,
    Const,
    Expr,
    Hyper,
    If,
    Kind,
    Let,
    Old,
    PerStep,
    Ref,
    Role,
    Set,
    Stmt,
)
from optdsl.ops import OPS
from optdsl.records import record, replace

_TUPLE_METHODS = ("count", "index")  # scalars become fields of a tuple
_LONGEST_NAME = 40


@record
class Named:
    """A value with the name that stands for it, and the statement that named it, if one did."""

    name: str
    value: Expr
    equation: str


@record
class Lowered:
    """A step in three parts; elsewhere in it, a named value is `Ref(name, LOCAL)`.

    `fixed` are the names whose values are known when a step is traced: the int and bool
    hyperparameters, and the names in `static`.
    """

    static: tuple[Named, ...]
    scalars: tuple[Named, ...]
    body: tuple[Stmt, ...]
    fixed: frozenset[str]


def lower(case: Case, hypers: tuple[Hyper, ...]) -> Lowered:
    """Splits the step of one case of a checked optimizer."""
    fixed = {hyper.name for hyper in hypers if hyper.kind is not Kind.REAL}
    taken = {slot.name for slot in case.slots} | set(_TUPLE_METHODS)
    taken.update(_tensor_locals(case.step, fixed))
    lift = _Lift(taken, fixed, {}, {})
    body = _statements(case.step, {}, lift)
    return Lowered(
        static=tuple(lift.static.values()),
        scalars=tuple(lift.scalars.values()),
        body=body,
        fixed=frozenset(fixed),
    )


def is_static(expr: Expr, fixed: AbstractSet[str]) -> bool:
    """Whether a value is known when a step is traced, if those of the names in `fixed` are."""
    match expr:
        case Const():
            return True
        case Ref(name, role):
            return role is Role.DIM or name in fixed
        case Old():
            return False
        case Call(op, args):
            if OPS[op].partial and not any(isinstance(part, Ref) for part in ir.parts(expr)):
                return False
            return all(is_static(arg, fixed) for arg in args)
        case _:
            assert_never(expr)


@dataclass(slots=True)
class _Lift:
    """What was found so far, by value. `taken` names cannot be given again."""

    taken: set[str]
    fixed: set[str]
    static: dict[Expr, Named]
    scalars: dict[Expr, Named]

    def known(self, value: Expr, name: str, equation: str) -> Ref:
        """The reference that stands for a static value."""
        if value not in self.static:
            self.static[value] = Named(self._claim(name), value, equation)
            self.fixed.add(self.static[value].name)
        return Ref(self.static[value].name, Role.LOCAL, value.type, value.span)

    def scalar(self, value: Expr, name: str | None = None, equation: str = "") -> Ref:
        """The reference that stands for a value per step, under a name that was given to it."""
        if value not in self.scalars:
            self.scalars[value] = Named(self._claim(name or _describe(value)), value, equation)
        return Ref(self.scalars[value].name, Role.LOCAL, value.type, value.span)

    def _claim(self, name: str) -> str:
        candidate, number = name, 2
        while candidate in self.taken:
            candidate, number = f"{name}_{number}", number + 1
        self.taken.add(candidate)
        return candidate


def _tensor_locals(body: tuple[Stmt, ...], fixed: AbstractSet[str]) -> Iterator[str]:
    """The locals that may stay in the body: their names are not for scalars."""
    for statement in ir.statements(body):
        match statement:
            case Let(name, value):
                if not isinstance(value.type.shape, PerStep) and not is_static(value, fixed):
                    yield name
            case If(joins=joins):
                yield from (name for name, _ in joins)
            case Set():
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
                if is_static(value, lift.fixed):
                    locals_[name] = lift.known(value, name, equation)
                elif isinstance(value.type.shape, PerStep):
                    locals_[name] = lift.scalar(value, name, equation)
                else:
                    kept.append(replace(statement, value=_lifted(value, lift)))
            case Set(_, value):
                kept.append(replace(statement, value=_lifted(_substitute(value, locals_), lift)))
            case If():
                kept.extend(_branches(statement, locals_, lift))
            case _:
                assert_never(statement)
    return tuple(kept)


def _branches(statement: If, locals_: dict[str, Expr], lift: _Lift) -> tuple[Stmt, ...]:
    """A `when`, without the locals that are scalars: those become a `where` on scalars."""
    condition = _lifted(_substitute(statement.condition, locals_), lift)
    then_locals, else_locals = dict(locals_), dict(locals_)
    then = _statements(statement.then, then_locals, lift)
    orelse = _statements(statement.orelse, else_locals, lift)
    joins = []
    for name, type_ in statement.joins:
        if isinstance(type_.shape, PerStep):
            args = (condition, then_locals[name], else_locals[name])
            chosen = Call("where", args, None, type_, statement.span)
            static = is_static(chosen, lift.fixed)
            locals_[name] = (lift.known if static else lift.scalar)(chosen, name, "")
        else:
            joins.append((name, type_))
            then = _with_local(then, name, then_locals, lift)
            orelse = _with_local(orelse, name, else_locals, lift)
    if not then and not orelse:
        return ()
    return (
        replace(
            statement,
            condition=condition,
            then=then,
            orelse=orelse,
            joins=tuple(joins),
        ),
    )


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
    """The expression with its largest per-step parts lifted; literals and fixed values stay."""

    def named(part: Expr) -> Expr | None:
        if not isinstance(part.type.shape, PerStep):
            return None
        known = isinstance(part, Ref) and part.role is Role.LOCAL
        return part if known or is_static(part, lift.fixed) else lift.scalar(part)

    return ir.rewrite(expr, named)


def _describe(expr: Expr) -> str:
    """A name that says what a scalar is, as in `one_minus_beta_1`."""
    name = _described(expr)
    if len(name) > _LONGEST_NAME:
        return "scalar"
    return f"scalar_{name}" if name[0].isdigit() else name


def _described(expr: Expr) -> str:
    match expr:
        case Const(value):
            text = {"0": "zero", "1": "one", "2": "two"}.get(f"{value:g}", f"{value:g}")
            return "".join(c if c.isalnum() else "_" for c in text)
        case Ref(name) | Old(name):
            return name
        case Call(op, args):
            words = [_described(arg) for arg in args]
            return OPS[op].word.format(*words) or "_".join([op, *words])
        case _:
            assert_never(expr)
