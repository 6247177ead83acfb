"""The checker on good specifications: the IR it builds. Wrong ones are in test_invalid.py."""

from __future__ import annotations

from pathlib import Path

import pytest

import optdsl
from optdsl import ir, syntax
from optdsl.check import check
from optdsl.check.shapes import broadcast, covers, fits
from optdsl.ir import Kind, Role, Type
from support.checking import (
    BOOL,
    FULL,
    HERE,
    INT,
    REAL,
    SPECS,
    STEP,
    VARIABLE,
    built,
    errors,
    only_case,
    reduced,
    value,
)

# --- the library ---------------------------------------------------------------------------------


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_the_library_has_no_errors(path: Path) -> None:
    compiled = optdsl.compile(path)
    assert compiled.diagnostics == ()
    assert compiled.optimizer is not None
    assert compiled.spec is not None
    assert compiled.optimizer.name == compiled.spec.name.text


def test_a_whole_optimizer() -> None:
    optimizer = built(
        "m <- rate * m + mean(grad, axis=-1)",
        declarations='hyper rate = 1 in [0, 2) "Rate."\n'
        'hyper n: int = 3\nhyper on: bool = true\nslot m: reduced(-1) = rate "Mean."\n'
        "sparse lazy",
    )
    rate, n, on = optimizer.hypers
    assert (rate.name, rate.kind, rate.default, rate.doc) == ("rate", REAL, 1.0, "Rate.")
    assert isinstance(rate.default, float)
    assert str(rate.interval) == "[0, 2)"
    assert (n.kind, n.default, str(n.interval)) == (INT, 3, "(-inf, inf)")
    assert (on.kind, on.default) == (BOOL, True)
    (case,) = optimizer.cases
    (m,) = case.slots
    assert (m.shape, m.axis, m.doc) == (ir.SlotShape.REDUCED, -1, "Mean.")
    assert m.initial == ir.Ref("rate", Role.HYPER, Type(REAL, STEP), HERE)
    assert (case.name, case.sparse) == ("", "lazy")


def test_what_is_not_written_has_a_default() -> None:
    optimizer = built("m <- grad", "w <- grad", declarations="slot m, w")
    (case,) = optimizer.cases
    assert case.sparse == "exact"
    assert optimizer.doc == ""
    assert [slot.shape for slot in case.slots] == [ir.SlotShape.PARAM] * 2
    assert case.slots[0].initial == ir.Const(0.0, Type(REAL, STEP), HERE)


def test_equations_are_the_one_layout() -> None:
    case = only_case("a=1+t", "when a>2:\n    b=a")
    assert [statement.equation for statement in case.step[:2]] == ["a = 1 + t", "when a > 2:"]


# --- kinds ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("1", INT),
        ("1.0", REAL),
        ("1e3", REAL),
        ("pi", REAL),
        ("true", BOOL),
        ("t + 1", INT),
        ("t + 1.5", REAL),
        ("-t", INT),
        ("t % 2", INT),
        ("t / 2", REAL),
        ("t^2", REAL),
        ("max(t, 3)", INT),
        ("clip(t, 0, 1.0)", REAL),
        ("abs(t)", INT),
        ("floor(0.5)", REAL),
        ("sqrt(t)", REAL),
        ("t < 2", BOOL),
        ("true == false", BOOL),
        ("not (t == 1 or t > 3)", BOOL),
        ("is_finite(t)", BOOL),
        ("where(t > 1, 1, 2)", INT),
        ("where(t > 1, 1, 2.0)", REAL),
        ("where(t > 1, true, false)", BOOL),
        ("rank + rows * cols - size", INT),
        ("sum(where(grad > 0, 1, 2))", REAL),
        ("any(grad > 0)", BOOL),
    ],
)
def test_kinds(text: str, kind: Kind) -> None:
    assert value(text).type.kind is kind


def test_a_whole_literal_becomes_real_where_it_meets_a_real() -> None:
    sum_ = value("1 + 0.5")
    assert isinstance(sum_, ir.Call)
    assert sum_.args[0] == ir.Const(1.0, Type(REAL, STEP), HERE)
    assert isinstance(sum_.args[0], ir.Const)
    assert isinstance(sum_.args[0].value, float)


def test_a_negated_literal_is_folded_into_a_real_one() -> None:
    power = value("grad^-2")
    one = ir.Const(2.0, Type(REAL, STEP), HERE)
    assert isinstance(power, ir.Call)
    assert power.args[1] == ir.Call("neg", (one,), None, Type(REAL, STEP), HERE)


def test_other_whole_values_are_converted() -> None:
    t = ir.Ref("t", Role.COUNTER, Type(INT, STEP), HERE)
    sum_ = value("0.5 + t")
    assert isinstance(sum_, ir.Call)
    assert sum_.args[1] == ir.Call("real", (t,), None, Type(REAL, STEP), HERE)


def test_no_operation_but_real_mixes_kinds() -> None:
    def look(expr: ir.Expr) -> None:
        if isinstance(expr, ir.Call) and expr.op != "real":
            args = expr.args[1:] if expr.op == "where" else expr.args
            assert len({arg.type.kind for arg in args}) == 1, expr
            for arg in expr.args:
                look(arg)

    look(value("where(t == 1.5, t, 2.0) * max(size, 0.5) / (t^2 - rows % 3) + clip(1, t, 0.1)"))


# --- shapes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("t", STEP),
        ("rows", VARIABLE),
        ("grad", FULL),
        ("t * rows", VARIABLE),
        ("t * grad", FULL),
        ("norm(grad) * grad", FULL),
        ("norm(grad) * t", VARIABLE),
        ("mean(grad, axis=0)", reduced(0)),
        ("mean(grad, axis=-1)", reduced(-1)),
        ("mean(grad, axis=row)", reduced("row")),
        ("mean(mean(grad, axis=0), axis=1)", reduced(0, 1)),
        ("mean(mean(grad, axis=row), axis=0)", reduced("row", 0)),
        ("sum(mean(grad, axis=row))", VARIABLE),
        ("mean(grad, axis=0) * mean(grad, axis=1)", FULL),
        ("mean(grad, axis=0) * t", reduced(0)),
        ("mean(grad, axis=0) * mean(grad, axis=0)", reduced(0)),
        ("mean(grad, axis=2) * mean(grad, axis=row)", reduced(2)),
        ("mean(grad, axis=-1) * mean(grad, axis=row)", FULL),
        ("any(grad > 0, axis=1)", reduced(1)),
        ("old(m)", reduced("row")),
        ("old(param)", FULL),
    ],
)
def test_shapes(text: str, shape: ir.Shape) -> None:
    assert value(text, "slot m: row").type.shape == shape


def test_row_covers_every_axis_but_the_first() -> None:
    row = frozenset({"row"})
    assert [axis for axis in range(-8, 8) if covers(row, axis)] == [1, 2, 3, 4, 5, 6, 7]


SHAPES = [STEP, VARIABLE, FULL, reduced(0), reduced(1), reduced(-1), reduced("row"), reduced(0, 1)]


@pytest.mark.parametrize("left", SHAPES, ids=str)
@pytest.mark.parametrize("right", SHAPES, ids=str)
def test_both_operands_fit_into_what_they_broadcast_to(left: ir.Shape, right: ir.Shape) -> None:
    both = broadcast(left, right)
    assert both == broadcast(right, left)
    assert fits(left, both)
    assert fits(right, both)


# --- statements ----------------------------------------------------------------------------------


def test_a_whole_update_becomes_real() -> None:
    update = only_case("m <- t", declarations="slot m").step[0]
    assert isinstance(update, ir.Set)
    assert update.value.type == Type(REAL, STEP)


def test_locals_of_both_branches_are_joined() -> None:
    branch = only_case(
        "when t == 1:\n    a = 1\n    b = grad\n    c = 1\notherwise:\n    b = 2\n    a = t",
        "d = a * b",
    ).step[0]
    assert isinstance(branch, ir.If)
    assert branch.joins == (("a", Type(INT, STEP)), ("b", Type(REAL, FULL)))


def test_a_local_that_is_real_in_one_branch_is_real_in_both() -> None:
    case = only_case(
        "when t == 1:\n    a = 1\n    b = a + 1\notherwise:\n    a = 0.5\n    b = 2",
        "c = a + b",
    )
    branch, last = case.step[:2]
    assert isinstance(branch, ir.If)
    assert branch.joins == (("a", Type(REAL, STEP)), ("b", Type(REAL, STEP)))
    for statement in branch.then + branch.orelse:
        assert isinstance(statement, ir.Let)
        assert statement.value.type.kind is REAL
    assert isinstance(last, ir.Let)
    assert last.value.type.kind is REAL


def test_nested_branches_join_outwards() -> None:
    inner = "    when t == 2:\n        a = 1\n    otherwise:\n        a = 2\n"
    case = only_case(f"when t > 1:\n{inner}otherwise:\n    a = 3", "b = a")
    outer = case.step[0]
    assert isinstance(outer, ir.If)
    assert outer.joins == (("a", Type(INT, STEP)),)


# --- macros --------------------------------------------------------------------------------------


def test_a_macro_is_inlined() -> None:
    decls = "hyper w = 0.5\nslot m\ndef mix(a, m) = w * a + (1 - w) * m"
    assert value("mix(grad, t)", decls) == value("w * grad + (1 - w) * t", decls)


def test_a_macro_can_use_those_above_it() -> None:
    decls = "def double(x) = x * 2\ndef four(x) = double(double(x))"
    assert value("four(t)", decls) == value("t * 2 * 2")


def test_a_macro_is_checked_for_each_use() -> None:
    decls = "def half(x) = x / 2"
    assert value("half(t)", decls).type == Type(REAL, STEP)
    assert value("half(grad)", decls).type == Type(REAL, FULL)
    assert errors("param <- half(grad) + half(t > 1)", declarations=decls) == [
        ("type-mismatch", "`/` takes numbers, but this is a boolean")
    ]


def test_nodes_of_a_macro_lie_in_its_body_and_arguments_where_they_are_written() -> None:
    product = value("half(grad)", "def half(x) = x / 2")
    assert isinstance(product, ir.Call)
    text = "optimizer Example:\n    def half(x) = x / 2\n    step:\n        local = half(grad)\n"
    where = [text[node.span.start : node.span.end] for node in (product, *product.args)]
    assert where == ["x / 2", "grad", "2"]


# --- limits --------------------------------------------------------------------------------------


def test_a_tree_too_deep_for_the_stack_ends_in_a_diagnostic() -> None:
    deep: syntax.Expr = syntax.Name("grad", HERE)
    for _ in range(3000):
        deep = syntax.Binary("+", deep, syntax.Number("1", HERE), HERE)
    update = syntax.Update(syntax.Ident("param", HERE), deep, HERE)
    spec = syntax.Spec(
        syntax.Ident("Example", HERE), None, (syntax.StepBlock((update,), HERE),), HERE
    )
    optimizer, found = check(spec)
    assert optimizer is None
    assert [error.code for error in found] == ["limit"]


def test_a_deep_but_reasonable_expression_is_fine() -> None:
    assert errors("param <- " + "sqrt(" * 60 + "param" + ")" * 60) == []


def test_macros_cannot_make_an_expression_too_deep() -> None:
    decls = "def a0(x) = -x\n" + "\n".join(
        f"def a{i}(x) = a{i - 1}(a{i - 1}(x))" for i in range(1, 9)
    )
    assert [code for code, _ in errors("param <- a8(grad)", declarations=decls)] == ["limit"]


def test_a_chain_of_macros_cannot_overflow_the_stack() -> None:
    decls = "def a0(x) = -x\n" + "\n".join(f"def a{i}(x) = a{i - 1}(x)" for i in range(1, 900))
    assert [code for code, _ in errors("param <- a899(grad)", declarations=decls)] == ["limit"]


def test_after_a_limit_the_other_errors_are_still_found() -> None:
    decls = "def a0(x) = x + x\n" + "\n".join(
        f"def a{i}(x) = a{i - 1}(a{i - 1}(x))" for i in range(1, 5)
    )
    found = errors("param <- a4(grad)", "nothing <- 1", "param <- a4(grad)", declarations=decls)
    assert [code for code, _ in found] == ["limit", "undefined-name"]
