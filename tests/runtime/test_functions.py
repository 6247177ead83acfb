"""Functions of the language in rules, on every path, beside the reference."""

from __future__ import annotations

import pytest

from support.trials import PATHS, agree, trial

ANNEALED = """\
optimizer Annealed:
    hyper learning_rate = 0.5 in [0, 1]
    hyper period: int   = 4 in [1, inf)
    slot m
    step:
        m <- cos(m + grad) / 2
        param <- param - learning_rate * (1 + cos(pi * t / period)) * m * cos(2)
"""


@pytest.mark.parametrize("path", PATHS)
def test_cos(path: str) -> None:
    """Of a tensor, of what is known once a step, and of a literal."""
    agree(ANNEALED, [trial((4, 3)), trial((5,), "float64")], path)
