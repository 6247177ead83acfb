"""Reductions over several axes, slots that keep one, and lengths of axes, for any rank."""

from __future__ import annotations

import pytest

from support.trials import agree, trial

EVERY_AXIS = """\
optimizer EveryAxis:
    hyper learning_rate = 0.1 in [0, 1]
    slot of_last: keep(-1)
    slot of_first: keep(0) = 0.5
    slot of_second: keep(1)
    slot of_column: keep(-1) = mean(param, axis=column)
    sparse {mode}
    step:
        of_last   <- of_last / 2 + sum(grad^2, axis=but(-1))
        of_first  <- of_first / 2 + amax(abs(grad), axis=but(0))
        of_second <- of_second / 2 + mean(grad, axis=but(1))
        when any(amin(grad, axis=column) < 0):
            of_column <- norm(grad, axis=column)
        size_of_row = length(1) * length(-1) + length(3)
        bounded = min(of_last, of_first) + max(of_second, of_column) + tanh(grad)
        param     <- param - learning_rate * bounded / size_of_row
"""

SHAPES = [(), (3,), (4, 1), (2, 3, 4), (2, 1, 3, 2)]


@pytest.mark.parametrize("path", ["eager", "XLA"])
def test_dense(path: str) -> None:
    agree(EVERY_AXIS.format(mode="exact"), [trial(shape) for shape in SHAPES], path)


@pytest.mark.parametrize("mode", ["exact", "lazy"])
def test_rows(mode: str) -> None:
    kinds = {(3,): "rows", (4, 1): "rows, then none", (2, 3, 4): "rows, then none"}
    trials = [trial(shape, kind=kind) for shape, kind in kinds.items()]
    agree(EVERY_AXIS.format(mode=mode), trials)
