"""The work that is measured, as tables, and the numbers that it is done with.

Nothing here needs a framework: every system is given the same arrays of NumPy.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

Kind = Literal["dense", "sparse", "fit"]
Array = np.ndarray

GRADIENTS = 2
"""Dense gradients, taken in turn: moments of one gradient alone would hide a wrong decay."""
BATCHES = 16
"""Sets of ids, taken in turn: more rows than a processor keeps at hand."""


@dataclass(frozen=True, slots=True)
class Work:
    """One kind of step, of fixed variables.

    Attributes:
        group: the table that it stands in.
        kind: dense gradients, a sparse one of the only variable, or an epoch of `fit`.
        rule: the name of a specification of the library.
        mode: how the step is called: "eager", in a "function", in one with "xla". For `fit`, its
            `jit_compile`.
        shapes: of the variables; for `fit`, of the layers' matrices.
        count: ids of a sparse gradient; examples of an epoch.
        x: the size that tells this work from others of its group.
    """

    group: str
    kind: Kind
    rule: str
    mode: str
    shapes: tuple[tuple[int, ...], ...]
    count: int = 0
    x: int = 0

    @property
    def name(self) -> str:
        """What tells this work from all others."""
        size = [str(self.x)] if self.x else []
        return "-".join([self.group, self.rule, *size, self.mode])


LARGE = ((5000, 5000),)
TABLE = ((1_000_000, 64),)
LAYERS = ((64, 256), (256, 256), (256, 10))
EXAMPLES = 5000


def steps(*, quick: bool = False) -> tuple[Work, ...]:
    """What `python -m benchmarks` measures; if it is to be quick, the same at tiny sizes."""
    moments, rows = ("amsgrad", "adam"), ("lazy_adam", "adagrad")
    full = (
        *(
            Work("small", "dense", rule, mode, _small(160))
            for rule in moments
            for mode in ("eager", "function", "xla")
        ),
        *(
            Work("large", "dense", rule, mode, LARGE)
            for rule in moments
            for mode in ("eager", "xla")
        ),
        *(
            Work("sparse", "sparse", rule, mode, TABLE, count, x=count)
            for rule in rows
            for count in (65_536, 4_096)
            for mode in ("eager", "function")
        ),
        *(Work("fit", "fit", "adam", mode, LAYERS, EXAMPLES) for mode in ("True", "False", "auto")),
    )
    return tuple(map(_tiny, full)) if quick else full


def growth(*, quick: bool = False) -> tuple[Work, ...]:
    """What `python -m benchmarks growth` measures."""
    full = (
        *(
            Work("variables", "dense", "amsgrad", "eager", _small(n), x=n)
            for n in (10, 32, 100, 320, 1000)
        ),
        *(
            Work("rows", "sparse", "lazy_adam", "eager", ((n, 16),), 4096, x=n)
            for n in (10_000, 100_000, 1_000_000, 10_000_000)
        ),
        *(
            Work("ids", "sparse", "lazy_adam", "eager", TABLE, n, x=n)
            for n in (100, 1_000, 10_000, 100_000, 1_000_000)
        ),
    )
    return tuple(map(_tiny, full)) if quick else full


def _small(n: int) -> tuple[tuple[int, ...], ...]:
    return ((128, 128),) * (n // 2) + ((128,),) * (n // 2)


def _tiny(work: Work) -> Work:
    """The same kind of work, too small to tell anything."""
    match work.kind:
        case "dense":
            ends = work.shapes[:1] + work.shapes[-1:]
            return replace(work, shapes=tuple((3,) * len(shape) for shape in dict.fromkeys(ends)))
        case "sparse":
            return replace(work, shapes=((30, 2),), count=work.count // 4096 + 8)
        case "fit":
            return replace(work, shapes=((4, 5), (5, 2)), count=64)


def params(work: Work) -> list[Array]:
    """The variables before the first step."""
    draw = np.random.default_rng(0)
    return [draw.standard_normal(shape, np.float32) for shape in work.shapes]


def gradients(work: Work) -> list[list[Array]]:
    """Dense gradients: for each of some steps, one for each variable."""
    draw = np.random.default_rng(1)
    return [
        [draw.standard_normal(shape, np.float32) for shape in work.shapes] for _ in range(GRADIENTS)
    ]


def batches(work: Work) -> list[Array]:
    """Ids of sparse gradients, for each of some steps; an eighth of them is there twice."""
    draw, eighth = np.random.default_rng(2), work.count // 8
    found = [draw.integers(0, work.shapes[0][0], work.count) for _ in range(BATCHES)]
    for ids in found:
        ids[:eighth] = ids[eighth : 2 * eighth]
    return found


def slices(work: Work) -> list[tuple[Array, Array]]:
    """Sparse gradients of one variable: for each of some steps, ids and values."""
    draw, shape = np.random.default_rng(1), (work.count, work.shapes[0][1])
    values = [draw.standard_normal(shape, np.float32) for _ in range(GRADIENTS)]
    return [(ids, values[index % GRADIENTS]) for index, ids in enumerate(batches(work))]


def examples(work: Work) -> tuple[Array, Array]:
    """Inputs and classes for `fit`, which can be learnt."""
    draw, width, classes = np.random.default_rng(3), work.shapes[0][0], work.shapes[-1][1]
    inputs = draw.standard_normal((work.count, width), np.float32)
    return inputs, np.argmax(inputs @ draw.standard_normal((width, classes)), axis=1)


def sample(work: Work, values: list[Array]) -> list[float]:
    """Some elements of the variables, those of touched rows where only such move."""
    if work.kind == "sparse":
        return [float(each) for each in values[0][batches(work)[0][:32]].ravel()]
    share = max(2, 1000 // len(values))
    picked = [each.ravel()[:: max(1, each.size // share)] for each in values]
    return [float(each) for each in np.concatenate(picked)]
