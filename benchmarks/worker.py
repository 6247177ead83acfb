"""The process of one system: it is told on its standard input what to do, one line each.

A line is a word and what it needs, as JSON; the answer is a line of JSON on the standard output.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from typing import Any

from benchmarks import work as numbers
from benchmarks.task import Task
from benchmarks.work import Work

FURTHER = 1
"""Steps of a turn that are not timed: the others have used the caches, and threads are asleep."""


def seconds(call: Any) -> float:
    """How long one call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


class Worker:
    """A system that works.

    Args:
        module: of `benchmarks.peers`.
    """

    def __init__(self, module: str) -> None:
        self.peer = importlib.import_module(f"benchmarks.peers.{module}")

    def prepare(self, fields: dict[str, Any]) -> None:
        """Makes variables and gradients."""
        shapes = tuple(map(tuple, fields.pop("shapes")))
        self.work = Work(shapes=shapes, **fields)
        self.task: Task = getattr(self.peer, self.work.kind)(self.work)
        self.before = numbers.sample(self.work, self.task.values())
        self.taken = 0

    def build(self) -> float:
        """Makes the state."""
        return seconds(self.task.build)

    def first(self) -> float:
        """The first step, which may trace and compile."""
        return self._step()

    def turn(self, steps: int) -> list[float]:
        """Some steps in a row."""
        return [self._step() for _ in range(FURTHER + steps)][FURTHER:]

    def moved(self) -> list[float]:
        """How far some elements of the variables have moved."""
        after = numbers.sample(self.work, self.task.values())
        return [new - old for new, old in zip(after, self.before, strict=True)]

    def _step(self) -> float:
        self.taken += 1
        return seconds(lambda: self.task.step(self.taken - 1))


def main() -> None:
    """Answers until the input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print goes elsewhere
    worker = Worker(sys.argv[1])
    for line in sys.stdin:
        order, *arguments = json.loads(line)
        print(json.dumps(getattr(worker, order)(*arguments)), file=answers, flush=True)


if __name__ == "__main__":
    main()
