"""Functions of matrices on numbers with an error bound.

A product is bounded element by element, as sums of products are. What a decomposition gives is not
bounded: its factors are not unique, and any value is inside. Compare those by what they are for.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from optdsl import ir
from optdsl.interpreter.bounds import Bounded, Format, exact
from optdsl.interpreter.enclosures import arithmetic, numpy_function, reduce


def matrix(call: ir.Call, args: Sequence[Bounded], shape: tuple[int, ...], form: Format) -> Bounded:
    """A call of a function of matrices; `shape` is the variable's, as the step sees it."""
    function = numpy_function(call.op)
    match call.op:
        case "matmul":
            return _product(args[0], args[1], form)
        case "transpose" | "diag":
            return args[0].map(function)
        case "eye":
            assert isinstance(call.axis, int)
            return exact(function(shape[call.axis]))
        case "sorting" if _in_order(args[0]):
            return exact(function(args[0].value))
        case _:
            return _unbounded(call.op, args)


def _product(x: Bounded, y: Bounded, form: Format) -> Bounded:
    left = x.map(lambda part: part[:, :, np.newaxis])
    right = y.map(lambda part: part[np.newaxis, :, :])
    total = reduce("sum", arithmetic("mul", (left, right), form), 1, form)
    assert isinstance(total, Bounded)
    return total.map(lambda part: part[:, 0, :])


def _in_order(x: Bounded) -> bool:
    """Whether the order of the elements of a column is certain."""
    order = np.argsort(x.value[:, 0], kind="stable")
    low, high = x.low[order, 0], x.high[order, 0]
    return bool(np.all(high[:-1] < low[1:]))


def _unbounded(op: str, args: Sequence[Bounded]) -> Bounded:
    """The value, and anything as its bound; NaN where a number is not finite."""
    finite = all(np.all(np.isfinite(arg.value)) for arg in args)
    safe = [arg.value if finite else np.ones_like(arg.value) for arg in args]
    value = np.asarray(numpy_function(op)(*safe), dtype=np.float64)
    infinite = np.full_like(value, np.inf)
    value = value if finite else np.full_like(value, np.nan)
    return Bounded(value, -infinite, infinite, np.ones_like(value, dtype=np.bool_))
