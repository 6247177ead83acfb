"""Every operator and function of the language: one row each, and nothing about them elsewhere.

A row says how an operation is written, which types it takes and gives, and all that is known of its
values: intervals, roundings, algebra. To add a function to the language, add a row in `rows` (and
its spelling to each target, and a test).
"""

from optdsl.ops.op import Fault, Form, Op, Typing
from optdsl.ops.rows import ROWS

__all__ = [
    "FUNCTIONS",
    "INFIX",
    "OPS",
    "PREFIX",
    "SHORTHANDS",
    "Fault",
    "Form",
    "Op",
    "Typing",
]

OPS: dict[str, Op] = {op.name: op for op in ROWS}
FUNCTIONS: dict[str, Op] = {op.name: op for op in ROWS if op.form is Form.FUNCTION}
INFIX: dict[str, Op] = {op.symbol: op for op in ROWS if op.form is Form.INFIX}
PREFIX: dict[str, Op] = {op.symbol: op for op in ROWS if op.form is Form.PREFIX}

SHORTHANDS = {"dot": ("x", "y"), "trace": ("x",)}
"""Functions that are short for others, with their arguments: sums of products and of diagonals."""
