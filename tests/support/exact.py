"""Runs a specification on a variable of a few elements with 60 digits, one element at a time.

For the tests of the analyses: `where` looks at the branch it takes only, and an operation outside
its domain is noted with the place of the argument at fault. Independent of interval arithmetic.
"""

from __future__ import annotations

import decimal
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import assert_never

from optdsl import ir

_CONTEXT = decimal.Context(prec=60, Emax=decimal.MAX_EMAX, Emin=decimal.MIN_EMIN)
_TINY, _HUGE = Decimal("1e-25"), Decimal("1e25")

Value = Decimal
Element = tuple[Value, ...]


class GiveUp(Exception):  # noqa: N818 - not an error
    """A number is so large, or so small, that rounding could be mistaken for a fault."""


class Fault(Exception):  # noqa: N818 - not an error of the test
    """An operation left its domain; `start` is where its argument begins."""

    def __init__(self, start: int, what: str) -> None:
        super().__init__(f"{what} at {start}")
        self.start = start


class Machine:
    """An optimizer with its state; `step` runs one update, or raises `Fault` or `GiveUp`."""

    def __init__(
        self, optimizer: ir.Optimizer, hypers: Mapping[str, float], param: tuple[float, ...]
    ) -> None:
        (self.case,) = optimizer.cases
        self.size = len(param)
        self.t = 0
        self.env: dict[str, Element] = {name: self._same(value) for name, value in hypers.items()}
        self.env |= {"rank": self._same(1), "rows": self._same(1)}
        self.env |= {"cols": self._same(len(param)), "size": self._same(len(param))}
        self.env["param"] = tuple(map(Decimal, param))
        self.old = dict(self.env)
        for slot in self.case.slots:
            self.env[slot.name] = self._all(slot.initial)

    def state(self, element: int) -> dict[str, Value]:
        """The variable and its slots at one element."""
        names = ("param", *(slot.name for slot in self.case.slots))
        return {name: self.env[name][element] for name in names}

    def step(self, grad: tuple[float, ...]) -> None:
        """One update."""
        self.t += 1
        self.env["t"] = self._same(self.t)
        self.env["grad"] = tuple(map(Decimal, grad))
        self.old = dict(self.env)
        self._run(self.case.step)

    def _same(self, value: float) -> Element:
        return (Decimal(value),) * self.size

    def _run(self, body: tuple[ir.Stmt, ...]) -> None:
        for statement in body:
            match statement:
                case ir.Let(name, value) | ir.Set(name, value):
                    self.env[name] = self._all(value)
                case ir.If(condition, then, orelse):
                    self._run(then if self._at(condition, 0) else orelse)
                case _:
                    assert_never(statement)

    def _all(self, expr: ir.Expr) -> Element:
        return tuple(self._at(expr, element) for element in range(self.size))

    def _at(self, expr: ir.Expr, element: int) -> Value:
        match expr:
            case ir.Const(value):
                return Decimal(value)
            case ir.Ref(name):
                return self.env[name][element]
            case ir.Old(name):
                return self.old[name][element]
            case ir.Call("where", (condition, yes, no)):
                return self._at(yes if self._at(condition, element) else no, element)
            case ir.Call(op, (argument,), axis) if op in _REDUCTIONS:
                whole = axis in (None, 0, -1)
                elements = self._all(argument) if whole else (self._at(argument, element),)
                return _checked(_REDUCTIONS[op](elements))
            case ir.Call(op, args):
                values = [self._at(arg, element) for arg in args]
                return _checked(_apply(op, values, expr))
            case _:
                assert_never(expr)


def _checked(value: Value | bool) -> Value:
    value = Decimal(value)
    if value != 0 and not _TINY < abs(value) < _HUGE:
        raise GiveUp
    return value


def _apply(op: str, values: list[Value], call: ir.Call) -> Value | bool:
    def require(fine: bool, argument: int = 0) -> None:
        if not fine:
            raise Fault(call.args[argument].span.start, op)

    x = values[0]
    y = values[1] if len(values) > 1 else Decimal(0)
    match op:
        case "div":
            require(y != 0, 1)
            return _CONTEXT.divide(x, y)
        case "mod":
            require(y != 0, 1)
            quotient = _CONTEXT.divide(x, y).to_integral_value(decimal.ROUND_FLOOR)
            return _CONTEXT.subtract(x, _CONTEXT.multiply(y, quotient))
        case "pow":
            whole = y == y.to_integral_value()
            require(not (x == 0 and y < 0) and (x >= 0 or whole))
            if abs(y) > 100:
                raise GiveUp
            return Decimal(1) if y == 0 else _CONTEXT.power(x, y)
        case "sqrt":
            require(x >= 0)
            return x.sqrt(_CONTEXT)
        case "log":
            require(x > 0)
            return x.ln(_CONTEXT)
        case "log1p":
            require(x > -1)
            return _CONTEXT.add(1, x).ln(_CONTEXT)
        case "exp" | "expm1" | "tanh":
            if abs(x) > 50:
                raise GiveUp
            e = x.exp(_CONTEXT)
            if op == "tanh":
                return _CONTEXT.divide(e - 1 / e, e + 1 / e)
            return e if op == "exp" else _CONTEXT.subtract(e, 1)
        case _:
            return _TOTAL[op](*values)


_TOTAL: dict[str, Callable[..., Value | bool]] = {
    "or": lambda x, y: bool(x or y),
    "and": lambda x, y: bool(x and y),
    "not": lambda x: not x,
    "lt": lambda x, y: x < y,
    "le": lambda x, y: x <= y,
    "gt": lambda x, y: x > y,
    "ge": lambda x, y: x >= y,
    "eq": lambda x, y: x == y,
    "ne": lambda x, y: x != y,
    "add": _CONTEXT.add,
    "sub": _CONTEXT.subtract,
    "mul": _CONTEXT.multiply,
    "neg": lambda x: -x,
    "abs": abs,
    "sign": lambda x: Decimal((x > 0) - (x < 0)),
    "floor": lambda x: x.to_integral_value(decimal.ROUND_FLOOR),
    "min": min,
    "max": max,
    "clip": lambda x, low, high: max(min(x, high), low),
    "is_finite": Decimal.is_finite,
    "real": lambda x: x,
}

_REDUCTIONS: dict[str, Callable[[Element], Value | bool]] = {
    "sum": sum,
    "mean": lambda xs: sum(xs) / len(xs),
    "norm": lambda xs: sum((x * x for x in xs), Decimal(0)).sqrt(_CONTEXT),
    "amax": max,
    "amin": min,
    "any": any,
    "all": all,
}
