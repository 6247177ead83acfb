"""Measures systems in turns, each in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.systems import System
from benchmarks.work import Work

ROOT = Path(__file__).parent.parent
CLOSE = 0.02
"""How far results may differ, as a share of the longest way: rules differ in where epsilon is."""


class MeasurementError(Exception):
    """Two systems do not agree on what a rule does, or one has failed."""


def environment() -> dict[str, str]:
    """That of a worker, which finds this checkout wherever it is started."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths)}


@dataclass(frozen=True, slots=True)
class Plan:
    """How thoroughly to measure.

    Attributes:
        starts: how often processes are started anew, for first calls.
        rounds: turns of each system after each start.
        steps: timed steps in a turn.
        pause: seconds before each turn: threads that wait for work spin for a while.
    """

    starts: int
    rounds: int
    steps: int
    pause: float = 0.05


QUICK = Plan(starts=1, rounds=1, steps=1, pause=0)
PLANS = {
    "small": Plan(starts=3, rounds=8, steps=4),
    "large": Plan(starts=2, rounds=8, steps=3),
    "sparse": Plan(starts=2, rounds=8, steps=3),
    "fit": Plan(starts=7, rounds=1, steps=1),
    "variables": Plan(starts=2, rounds=4, steps=3),
    "rows": Plan(starts=1, rounds=6, steps=3),
    "ids": Plan(starts=1, rounds=6, steps=3),
}
"""For each group of work."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured of a system at a kind of work: seconds, in the order they were taken.

    Attributes:
        work: name of the work.
        system: name of the system.
        build: to make the state, after each start.
        first: of the first steps.
        steps: of the later ones.
        differs: why its results are not ours; empty if they are.
    """

    work: str
    system: str
    build: list[float]
    first: list[float]
    steps: list[float]
    differs: str


class Process:
    """A worker, seen from outside."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.log = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 (closed below)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", system.module],
            env=environment() | dict(system.environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )

    def tell(self, order: str, *arguments: Any) -> None:
        """Says what is to be done."""
        assert self.process.stdin is not None
        try:
            print(json.dumps([order, *arguments]), file=self.process.stdin, flush=True)
        except BrokenPipeError:
            raise self._failure() from None

    def answer(self) -> Any:
        """What came of it.

        Raises:
            MeasurementError: the process has ended.
        """
        assert self.process.stdout is not None
        if line := self.process.stdout.readline():
            return json.loads(line)
        raise self._failure()

    def ask(self, order: str, *arguments: Any) -> Any:
        """Says what is to be done, and waits for it."""
        self.tell(order, *arguments)
        return self.answer()

    def close(self) -> None:
        """Ends the process."""
        self.process.kill()
        self.process.communicate()
        self.log.close()

    def _failure(self) -> MeasurementError:
        self.process.wait()
        self.log.seek(0)
        said = "".join(self.log.readlines()[-20:])
        return MeasurementError(f"the process of {self.system.name} has failed:\n{said}")


@contextmanager
def processes(systems: Sequence[System]) -> Iterator[dict[str, Process]]:
    """A process for each system, for as long as they are needed."""
    with ExitStack() as stack:
        found = {}
        for system in systems:
            found[system.name] = Process(system)
            stack.callback(found[system.name].close)
        yield found


def measure(
    work: Work,
    systems: Sequence[System],
    plan: Plan,
    running: Mapping[str, Process] | None = None,
) -> list[Figures]:
    """Measures the systems that can do a kind of work.

    Args:
        work: what is to be done.
        systems: who may do it.
        plan: how often.
        running: processes to use; without them, new ones for each start.

    Raises:
        MeasurementError: results that should agree do not, or a process has failed.
    """
    able = [system for system in systems if system.can(work) and system.installed()]
    found = {
        each.name: Figures(work.name, each.name, [], [], [], each.differs(work)) for each in able
    }
    for _ in range(plan.starts):
        if running is None:
            with processes(able) as started:
                _start(work, started, plan, found)
        else:
            _start(work, {name: running[name] for name in found}, plan, found)
    return list(found.values())


def _start(work: Work, workers: dict[str, Process], plan: Plan, found: dict[str, Figures]) -> None:
    """Measures with processes that have not done this work; adds to what was found."""
    for worker in workers.values():  # all together: this is not timed
        worker.tell("prepare", asdict(work))
    for worker in workers.values():
        worker.answer()
    for name, worker in workers.items():
        time.sleep(plan.pause)
        found[name].build.append(worker.ask("build"))
        found[name].first.append(worker.ask("first"))
    if work.kind == "fit":  # later epochs only make rounding errors grow
        moved = {name: worker.ask("moved") for name, worker in workers.items()}
    order = list(workers)
    for _ in range(plan.rounds):
        for name in order:
            time.sleep(plan.pause)
            found[name].steps.extend(workers[name].ask("turn", plan.steps))
        order = order[1:] + order[:1]  # nobody always follows the same one
    if work.kind != "fit":
        moved = {name: worker.ask("moved") for name, worker in workers.items()}
    compare(work, {name: moved[name] for name in workers if not found[name].differs})


def compare(work: Work, moved: Mapping[str, Sequence[float]]) -> None:
    """Holds the results of systems that do the same against those of the first.

    Raises:
        MeasurementError: some differ.
    """
    if not moved:
        return
    (first, expected), *others = moved.items()
    reach = float(np.max(np.abs(expected)))
    for name, got in others:
        apart = float(np.max(np.abs(np.subtract(got, expected))))
        if not apart <= CLOSE * reach:
            message = f"{work.name}: {name} and {first} differ by {apart:.3g} of {reach:.3g}"
            raise MeasurementError(message)
