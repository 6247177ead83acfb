"""Statements of a step -> lines of Python: the body of the generated update function."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import assert_never

from optdsl import ir
from optdsl.analysis.sizes import is_sized, sized_locals
from optdsl.ir import Case, Expr, If, Kind, Let, Old, Ref, Set, Shape, Stmt, Tensor, Type
from optdsl.passes import Lowered, Named, is_static
from optdsl.printer import Scope, constant, literal
from optdsl.records import record
from optdsl.targets.lines import Writer, part_names
from optdsl.targets.text import WIDTH, call, filled, returned, spelled

_INDENT = "    "
_CONDITION = 60  # characters for a condition, wherever it stands
_DIMS = {
    "rank": "rank = len(shape)",
    "rows": "rows = shape[-2] if len(shape) > 1 else 1",
    "cols": "cols = shape[-1] if shape else 1",
    "size": "size = math.prod(shape)",
}


@record
class Body:
    """The body of the update function, without its frame, and all names that it reads."""

    lines: tuple[str, ...]
    used: frozenset[str]


@record
class _Context:
    """What writes expressions, the types of what a step updates, and numbers for its branches."""

    writer: Writer
    targets: dict[str, Type]
    branches: Iterator[int]

    @property
    def scope(self) -> Scope:
        return self.writer.scope


def update_body(case: Case, lowered: Lowered, *, masked: bool) -> Body:
    """The statements of a step as Python lines, each under the equation it came from."""
    names = names_of(case, lowered)
    static, parts = used_static(lowered, list(ir.expressions(lowered.body)))
    old = _old_names([part.name for part in parts if isinstance(part, Old)], names)
    used = frozenset(part.name for part in parts if isinstance(part, Ref))
    sized = sized_locals(lowered.body)
    scope = Scope(names, old, lowered.fixed, "grad.dtype", sized=sized, masked=masked)
    types = {"param": Type(Kind.REAL, Tensor()), **{s.name: s.type for s in case.slots}}
    context = _Context(Writer(scope, part_names(names)), types, count(1))
    opening = [line for name, line in _DIMS.items() if name in used]
    for named in static:
        opening += comment(named.equation, len(_INDENT))
        opening += context.writer.assignment(names[named.name], named.value, len(_INDENT))
    opening += [f"{old[name]} = {names[name]}" for name in types if name in old]
    return Body((*opening, *_block(lowered.body, context, 1)), used)


def used_static(lowered: Lowered, roots: list[Expr]) -> tuple[list[Named], list[Expr]]:
    """The static values that expressions need, in order, and all parts of both."""
    parts = [part for expr in roots for part in ir.parts(expr)]
    needed: list[Named] = []
    for named in reversed(lowered.static):
        if any(isinstance(part, Ref) and part.name == named.name for part in parts):
            needed.insert(0, named)
            parts += ir.parts(named.value)
    return needed, parts


def names_of(case: Case, lowered: Lowered) -> dict[str, str]:
    """How the update function spells every name that can occur in it."""
    own = [*(slot.name for slot in case.slots), *ir.bound(lowered.body)]
    own += [named.name for named in lowered.static]
    given = ("grad", "param", *_DIMS)
    return {
        **{name: name for name in given},
        **{name: spelled(name) for name in (*lowered.fixed, *own)},
        **{scalar.name: f"s.{scalar.name}" for scalar in lowered.scalars},
    }


def _old_names(read: list[str], names: dict[str, str]) -> dict[str, str]:
    """Names for what slots and `param` were when the step began, which nothing else has."""
    old: dict[str, str] = {}
    for name in dict.fromkeys(read):
        spelling = f"old_{names[name]}"
        while spelling in {*names.values(), *old.values()}:
            spelling += "_"
        old[name] = spelling
    return old


def _block(body: tuple[Stmt, ...], context: _Context, depth: int) -> list[str]:
    """Lines for statements, each under its equation; they will be indented `depth` times."""
    indent = depth * len(_INDENT)
    lines: list[str] = []
    for statement in body:
        match statement:
            case Let(name, value, equation):
                lines += comment(equation, indent)
                lines += _assignment(name, value, context, indent)
            case Set(target, value, equation):
                lines += comment(equation, indent)
                lines += _fitted(target, value, context, indent)
            case If(condition):
                static = is_static(condition, context.scope.fixed)
                branch = _python_if if static else _tensor_if
                lines += branch(statement, context, depth)
            case _:
                assert_never(statement)
    return lines


def comment(equation: str, indent: int) -> list[str]:
    """The comment above a statement: its equation, in lines that stay short."""
    return filled(equation, "# ", "#     ", WIDTH - indent) if equation else []


def _assignment(name: str, value: Expr, context: _Context, indent: int) -> list[str]:
    """A local; a number becomes a tensor, because it stands for one in another branch."""
    static = is_static(value, context.scope.fixed)
    form = constant("{}", value, context.scope) if static else "{}"
    return context.writer.assignment(context.scope.names[name], value, indent, form)


def _fitted(target: str, value: Expr, context: _Context, indent: int) -> list[str]:
    """An update, its value in the shape of the slot (or `param`) that it is for."""
    name, shape = context.scope.names[target], context.targets[target].shape
    alike = value.type.shape == shape and is_sized(value, context.scope.sized)
    fits = (alike or not isinstance(shape, Tensor)) and not is_static(value, context.scope.fixed)
    form = "{}" if fits else f"_filled({name}, {{}})"
    return context.writer.assignment(name, value, indent, form)


def _python_if(statement: If, context: _Context, depth: int) -> list[str]:
    """A branch that is chosen when the step is traced."""
    before, condition = context.writer.value(statement.condition, _CONDITION, depth * len(_INDENT))
    lines = [*before, *comment(statement.equation, depth * len(_INDENT)), f"if {condition}:"]
    lines += _indented(_chosen(statement, statement.then, context, depth) or ["pass"])
    if statement.orelse:
        lines += ["else:", *_indented(_chosen(statement, statement.orelse, context, depth))]
    return lines


def _chosen(statement: If, branch: tuple[Stmt, ...], context: _Context, depth: int) -> list[str]:
    """A branch whose locals have the same shapes as if the other branch had been taken."""
    lines = _block(branch, context, depth + 1)
    if lines and not lines[0]:
        del lines[0]  # the empty line before a function has no place at the start of a block
    for name, type_ in statement.joins:
        own, shaped = context.scope.names[name], _joined(name, type_, branch, context)
        lines += [] if shaped == own else [f"{own} = {shaped}"]
    return lines


def _tensor_if(statement: If, context: _Context, depth: int) -> list[str]:
    """A branch that is chosen in every step: only one of the two functions runs."""
    names = context.scope.names
    changed = {*ir.updated(statement.then), *ir.updated(statement.orelse)}
    updated = [name for name in context.targets if name in changed]
    results = [*updated, *(name for name, _ in statement.joins)]
    if not results:
        return []
    number = next(context.branches)
    labels = [f"_{word}{'' if number == 1 else f'_{number}'}" for word in ("then", "otherwise")]
    arguments = [names[name] for name in updated]
    before, condition = context.writer.value(statement.condition, _CONDITION, depth * len(_INDENT))
    lines = [*before, "", *comment(statement.equation, depth * len(_INDENT))]
    for label, branch in zip(labels, (statement.then, statement.orelse), strict=True):
        values = arguments + [
            _joined(name, type_, branch, context) for name, type_ in statement.joins
        ]
        typed = [f"{argument}: Any" for argument in arguments]
        block = _block(branch, context, depth + 1)
        if len(values) == 1 and block and block[-1].startswith(f"{values[0]} = "):
            block[-1] = block[-1].replace(f"{values[0]} =", "return", 1)
        else:
            block += returned(values, (depth + 1) * len(_INDENT))
        lines += call(f"def {label}", typed, " -> Any:", depth * len(_INDENT))
        lines += [*_indented(block), ""]
    branches = [f"lambda: {label}({', '.join(arguments)})" for label in labels]
    assigned = ", ".join(names[name] for name in results)
    chosen = [f"    {argument}," for argument in (condition, *branches)]
    return [*lines, f"{assigned} = tf.cond(", *chosen, ")"]


def _joined(name: str, type_: Type, branch: tuple[Stmt, ...], context: _Context) -> str:
    """A local at the end of a branch, in the shape that both branches share."""
    text = context.scope.names[name]
    fits = _bound_shape(name, branch) == type_.shape and name in context.scope.sized
    if fits or not isinstance(type_.shape, Tensor):
        return text
    like = "grad"
    for axis in sorted(type_.shape.reduced, key=str):
        like = f"_reduced({like}, {literal(axis)})"
    return f"tf.broadcast_to({text}, tf.shape({like}))"


def _bound_shape(name: str, branch: tuple[Stmt, ...]) -> Shape:
    """The shape of a local that a branch binds."""
    for statement in branch:
        match statement:
            case Let(bound, value) if bound == name:
                return value.type.shape
            case If(joins=joins) if name in dict(joins):
                return dict(joins)[name].shape
            case _:
                pass
    raise AssertionError(f"{name} is not bound here")


def _indented(lines: list[str]) -> list[str]:
    return [f"{_INDENT}{line}" if line else "" for line in lines]
