"""The walks over statements and expressions."""

from __future__ import annotations

from optdsl import ir
from optdsl.check import check
from optdsl.parse import parse
from optdsl.source import SourceFile

TEXT = """\
optimizer X:
    slot m
    step:
        a = grad * old(m)
        when t > 1:
            b = a + grad
            when norm(b) > rows:
                m <- b
        otherwise:
            b = a
            m <- m
        param <- param - b
"""


def _step() -> tuple[ir.Stmt, ...]:
    spec, _ = parse(SourceFile("x.opt", TEXT))
    assert spec is not None
    optimizer, found = check(spec)
    assert optimizer is not None, found
    (case,) = optimizer.cases
    return case.step


def _said(expr: ir.Expr) -> str:
    match expr:
        case ir.Const(value):
            return str(value)
        case ir.Ref(name) | ir.Old(name):
            return name
        case ir.Call(op):
            return op


def test_parts_come_outermost_first_from_left_to_right() -> None:
    product, update = ir.expression(_step()[0]), ir.expression(_step()[2])
    assert [_said(part) for part in ir.parts(product)] == ["mul", "grad", "m"]
    assert list(ir.names(product)) == ["grad", "m"]
    assert [_said(part) for part in ir.parts(update)] == ["sub", "param", "b"]


def test_depth() -> None:
    assert [ir.depth(each) for each in ir.expressions(_step())] == [2, 2, 2, 3, 1, 1, 1, 2]


def test_statements_are_in_the_order_of_the_text() -> None:
    step = _step()
    equations = [statement.equation for statement in ir.statements(step)]
    assert equations == [
        line
        for line in map(str.strip, TEXT.splitlines()[3:])
        if not line.startswith(("step", "otherwise"))
    ]
    assert [_said(each) for each in ir.expressions(step)][:4] == ["mul", "gt", "add", "gt"]
    assert list(ir.bound(step)) == ["a", "b", "b"]
    assert list(ir.updated(step)) == ["m", "m", "param"]
    names = [part.name for part in ir.all_parts(step) if isinstance(part, ir.Ref)]
    assert names == ["grad", "t", "a", "grad", "b", "rows", "b", "a", "m", "param", "b"]


def test_a_statement_stands_under_the_conditions_of_its_branches() -> None:
    counted = [(each.equation, len(conditions)) for each, conditions in ir.guarded(_step())]
    assert [number for _, number in counted] == [0, 0, 1, 1, 2, 1, 1, 0]
    ((_, conditions),) = [each for each in ir.guarded(_step()) if len(each[1]) == 2]
    assert [_said(condition) for condition in conditions] == ["gt", "gt"]


def test_rewriting_goes_from_the_outside_in() -> None:
    product = ir.expression(_step()[0])
    asked = []

    def change(part: ir.Expr) -> ir.Expr | None:
        asked.append(_said(part))
        return product if _said(part) == "grad" else None

    twice = ir.rewrite(product, change)
    assert asked == ["mul", "grad", "m"]  # what was put in is not asked about
    assert [_said(part) for part in ir.parts(twice)] == ["mul", "mul", "grad", "m", "m"]
    assert ir.rewrite(product, lambda _: None) == product
