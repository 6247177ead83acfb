"""The benchmark runs, and the generated code is as fast as promised.

Promises are about the best of several calls taken in turns, on a busy machine in a second or third
attempt: what else a machine does can only make a call longer.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import __main__, compilations, page, report
from benchmarks.measured import WORK, Measured, load, save
from benchmarks.promises import PROMISES, Promise
from benchmarks.systems import SYSTEMS, System, system
from benchmarks.turns import Figures, MeasurementError, Plan, compare, measure
from benchmarks.work import Work, growth, steps

ROOT = Path(__file__).parents[2]
ATTEMPTS = 3
PLAN = Plan(starts=1, rounds=3, steps=5)
TABLE = WORK["sparse-adagrad-4096-eager"]


def best(work: Work, *names: str) -> dict[str, float]:
    """Seconds of the fastest step of each system."""
    return {each.system: min(each.steps) for each in measure(work, [*map(system, names)], PLAN)}


def faster(work: Work) -> float:
    """How many times longer than the generated class Keras takes, at best."""
    times = best(work, "optdsl", "Keras")
    return times["Keras"] / times["optdsl"]


def made_up(work: str, name: str, *, step: float, first: float = 1.0) -> Figures:
    return Figures(work, name, [0.5, 0.5], [first, first], [step, step], "")


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    """Everything at tiny sizes, as a person would run it."""
    path = tmp_path_factory.mktemp("measured") / "steps.json"
    assert __main__.main(["--quick", "--json", str(path)]) == 0
    return load(path)


@pytest.mark.slow  # every system in a process of its own
def test_every_cell_is_there(quick: Measured) -> None:
    present = [each for each in SYSTEMS if each.installed()]
    expected = {(w.name, each.name) for w in steps() for each in present if each.can(w)}
    assert {(each.work, each.system) for each in quick.figures} == expected
    assert all(each.build and each.first and each.steps for each in quick.figures)
    assert set(quick.missing) == {each.name for each in SYSTEMS} - {each.name for each in present}


def test_every_system_does_all_kinds_of_work_that_it_says() -> None:
    """What `can` says is found in the tables: nobody is left out by a name that does not fit."""
    for each in SYSTEMS:
        assert any(each.can(work) for work in steps()), each.name


@pytest.mark.slow  # every system in a process of its own
def test_compilations_are_counted(quick: Measured) -> None:
    """Keras compiles for each number of ids."""
    assert quick.compilations["Keras, xla"] == __main__.QUICK_COMPILATIONS
    assert all(quick.compilations[f"{name}, {mode}"] for name, mode in compilations.COUNTED)


@pytest.mark.slow  # every system in a process of its own
def test_the_tables_have_as_many_cells_in_every_line(quick: Measured) -> None:
    sections = "\n".join(report.tables(quick.figures)).split("### ")[1:]
    assert len(sections) == 4
    for section in sections:
        lines = [line for line in section.splitlines() if line.startswith("|")]
        assert len({line.count("|") for line in lines}) == 1


@pytest.mark.slow  # every system in a process of its own
def test_growth_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert __main__.main(["growth", "--quick", "--only", "ids-lazy_adam-100-"]) == 0
    assert "| `lazy_adam`, 100 ids, eager | by hand |" in capsys.readouterr().out


def test_a_name_that_nothing_has_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert __main__.main(["--only", "nothing-like-this"]) == 1
    assert capsys.readouterr().err == "no work has `nothing-like-this` in its name\n"


def test_results_that_differ_end_in_an_error() -> None:
    with pytest.raises(MeasurementError, match=r"b and a differ by 0\.5 of 2$"):
        compare(TABLE, {"a": [1.0, 2.0], "b": [1.0, 1.5]})
    with pytest.raises(MeasurementError, match="b and a differ by nan"):
        compare(TABLE, {"a": [1.0, 2.0], "b": [1.0, float("nan")]})
    compare(TABLE, {"a": [1.0, 2.0], "b": [1.0, 2.001]})


def test_a_process_that_fails_says_why() -> None:
    work = steps(quick=True)[0]
    broken = System("broken", "optdsl_now", dense=frozenset({"no_such_rule"}))
    with pytest.raises(MeasurementError, match=r"process of broken has failed:[\s\S]*no_such_rule"):
        measure(replace(work, rule="no_such_rule"), [broken], PLAN)


def test_a_system_that_is_not_installed_is_left_out() -> None:
    absent = replace(SYSTEMS[0], needs="no_such_package")
    assert measure(steps(quick=True)[0], [absent], PLAN) == []


def test_a_promise_is_a_ratio_of_medians() -> None:
    work = "fit-adam-True"
    ours, keras = made_up(work, "optdsl", step=2.0), made_up(work, "Keras", step=4.0, first=2.5)
    measured = Measured(figures=[ours, keras])
    assert Promise(work, "step", "Keras", 1.0).ratio(measured) == 0.5
    assert Promise(work, "first call", "Keras", 1.0).ratio(measured) == 0.4
    assert Promise(work, "first epoch", "Keras", 1.0).ratio(measured) == 0.5
    assert Promise(work, "step", "torch", 1.0).ratio(measured) is None


def test_promises_are_about_what_is_measured() -> None:
    for promise in PROMISES:
        assert system("optdsl").can(WORK[promise.work])
        assert system(promise.other).can(WORK[promise.work])


def test_names_of_work_are_different() -> None:
    assert len(WORK) == len(steps()) + len(growth())
    assert [work.name for work in steps(quick=True)] == [work.name for work in steps()]


def test_the_page_is_written_from_the_files(tmp_path: Path) -> None:
    figures = [made_up("small-amsgrad-eager", "optdsl", step=0.002)]
    figures += [made_up("small-amsgrad-eager", "Keras", step=0.003)]
    grown = [made_up(work.name, "optdsl", step=0.1 * work.x) for work in growth()]
    counts = {f"{name}, {mode}": 7 for name, mode in compilations.COUNTED}
    page.write(Measured("here", figures, counts, ["torch"]), Measured("there", grown), tmp_path)
    text = (tmp_path / "benchmarks.md").read_text(encoding="utf-8")
    assert (
        "| `amsgrad`, eager | Keras | 500 ms | 1.0 s | 3.0 ms | 3.0 ms – 3.0 ms | 1.50 |\n" in text
    )
    assert "- torch: not installed.\n" in text
    assert (tmp_path / "images" / "growth.png").stat().st_size > 10_000


def test_a_file_that_is_none_of_these_is_said(tmp_path: Path) -> None:
    path = tmp_path / "some.json"
    with pytest.raises(MeasurementError, match="is not there: measure first"):
        load(path)
    path.write_text("[]")
    with pytest.raises(MeasurementError, match="is no file of this benchmark"):
        load(path)
    save(Measured(figures=[made_up("old-work", "optdsl", step=1.0)]), path)
    with pytest.raises(MeasurementError, match="no longer measured: old-work"):
        load(path)


def test_a_step_of_many_variables_takes_a_tenth_of_the_time() -> None:
    assert any(faster(WORK["small-amsgrad-eager"]) > 10 for _ in range(ATTEMPTS))


def test_a_lazy_step_takes_a_thirtieth_of_the_time() -> None:
    assert any(faster(WORK["sparse-lazy_adam-4096-eager"]) > 30 for _ in range(ATTEMPTS))


def test_an_exact_step_of_adagrad_touches_its_rows_only() -> None:
    """Not the whole table, as Keras's does, and as its own dense step does."""

    def saves() -> bool:
        rows = best(TABLE, "optdsl", "Keras")
        whole = best(replace(TABLE, kind="dense"), "optdsl")
        return min(rows["Keras"], whole["optdsl"]) / rows["optdsl"] > 5

    assert any(saves() for _ in range(ATTEMPTS))
