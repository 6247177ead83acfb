"""Assignments as lines of Python that stay short: what is too long is given in parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count

from optdsl import ir
from optdsl.ir import Call, Expr, Ref, Role
from optdsl.passes import is_static
from optdsl.printer import Scope, constant, expression
from optdsl.records import record, replace
from optdsl.targets.text import WIDTH, assigned

_LONGEST_PART = len("part_99 = ")
_Parts = list[tuple[str, str]]


@record
class Writer:
    """Spells expressions in a scope; `parts` are names for parts of long ones."""

    scope: Scope
    parts: Iterator[str]

    def value(self, expr: Expr, room: int, indent: int) -> tuple[list[str], str]:
        """Lines to go before an expression, and its text in at most `room` characters."""
        before: _Parts = []
        short = self._shortened(expr, room, before)
        text = expression(short, self.scope)
        if isinstance(short, Call) and len(text) > room:
            text = expression(self._named(short, text, before), self.scope)
        return [line for part in before for line in assigned(*part, indent)], text

    def assignment(self, target: str, expr: Expr, indent: int, form: str = "{}") -> list[str]:
        """`target = form.format(expr)` as lines, to be indented by `indent`."""
        frame = max(len(f"{target} = {form.format('')}"), _LONGEST_PART)
        parts: _Parts = []
        short = self._shortened(expr, WIDTH - indent - frame, parts)
        parts.append((target, form.format(expression(short, self.scope))))
        return [line for part in parts for line in assigned(*part, indent)]

    def _shortened(self, expr: Expr, room: int, before: _Parts) -> Expr:
        """The expression with parts replaced by names until its text fits."""
        if not isinstance(expr, Call):
            return expr
        short = replace(expr, args=tuple(self._shortened(arg, room, before) for arg in expr.args))
        while len(expression(short, self.scope)) > room:
            texts = [
                expression(arg, self.scope) if isinstance(arg, Call) else "" for arg in short.args
            ]
            longest = max(range(len(texts)), key=lambda i: len(texts[i]))
            part = short.args[longest]
            if not isinstance(part, Call):
                return short
            named = self._named(part, texts[longest], before)
            args = (*short.args[:longest], named, *short.args[longest + 1 :])
            short = replace(short, args=args)
        return short

    def _named(self, part: Expr, text: str, before: _Parts) -> Ref:
        """A name for a part, assigned in `before`; a literal becomes a tensor on the way."""
        name, static = next(self.parts), is_static(part, self.scope.fixed)
        literal = static and not any(isinstance(each, Ref) for each in ir.parts(part))
        before.append((name, constant(text, part, self.scope) if literal else text))
        role = Role.DIM if static and not literal else Role.LOCAL
        return Ref(name, role, part.type, part.span)


def part_names(names: Mapping[str, str]) -> Iterator[str]:
    """`part`, `part_2`, …: names for parts of expressions that a scope does not know."""
    taken = {*names, *names.values()}
    candidates = (f"part_{number}" if number > 1 else "part" for number in count(1))
    return (name for name in candidates if name not in taken)
