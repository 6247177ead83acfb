"""The benchmark runs, and the generated code is as fast as promised.

Promises are about the best of several calls taken in turns: what else the machine does can only
make a call longer.
"""

from __future__ import annotations

from benchmarks import cases, compilations
from benchmarks.__main__ import machine, rows, table
from benchmarks.cases import Row, Sizes
from benchmarks.measure import Timing, compare

TINY = Sizes(pairs=2, side=3, large=4, rows=30, width=2, ids=8, rounds=1)


def faster(row: Row, candidate: str = "Keras") -> float:
    """How many times longer than the generated class a candidate takes, at best."""
    return row.times[candidate].best / row.times["optdsl"].best


def test_every_case_runs() -> None:
    lines = list(table(rows(TINY)))
    assert len(lines) == 2 + 16
    assert len({line.count("|") for line in lines}) == 1
    assert "TensorFlow" in machine()


def test_calls_are_taken_in_turns() -> None:
    called: list[str] = []
    times = compare({name: lambda name=name: called.append(name) for name in "ab"}, rounds=3)
    assert "".join(called) == "ab" * 5
    assert all(timing.best <= timing.median for timing in times.values())


def test_a_ratio_is_of_medians() -> None:
    row = Row("", "", {"optdsl": Timing(9.0, 2.0, 1.0), "Keras": Timing(9.0, 6.0, 1.0)})
    assert row.ratio() == 3.0


def test_compilations_are_counted() -> None:
    """One id and 2,049 ids are padded to two sizes."""
    assert compilations.count("optdsl", 2) == 2


def test_a_step_of_many_variables_takes_a_tenth_of_the_time() -> None:
    assert faster(cases.many_small("amsgrad", Sizes(rounds=7))) > 10


def test_a_lazy_step_takes_a_thirtieth_of_the_time() -> None:
    assert faster(cases.table_rows("lazy_adam", Sizes(rounds=15))) > 30


def test_an_exact_step_of_adagrad_touches_its_rows_only() -> None:
    sizes = Sizes(rounds=7)
    row = cases.table_rows("adagrad", sizes)
    assert faster(row) > 5
    dense = cases.whole_table("adagrad", sizes)
    assert dense.times["optdsl"].best > 5 * row.times["optdsl"].best
