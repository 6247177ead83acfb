"""Measures everything and prints the tables, in Markdown."""

from __future__ import annotations

import argparse
import os
import platform
from collections.abc import Iterable, Iterator, Sequence

import keras
import tensorflow as tf

from benchmarks import cases, compilations
from benchmarks.cases import Row, Sizes

COMPILED_STEPS = 25


def rows(sizes: Sizes) -> Iterator[Row]:
    """All measurements, in the order of the table."""
    for spec in ("amsgrad", "adam", "adamw", "adagrad", "momentum"):
        yield cases.many_small(spec, sizes)
    yield cases.in_a_function("amsgrad", sizes, jit_compile=False)
    yield cases.in_a_function("amsgrad", sizes, jit_compile=True)
    for spec in ("amsgrad", "adagrad", "momentum"):
        yield cases.one_large(spec, sizes)
    for spec in ("lazy_adam", "adagrad", "momentum", "adam"):
        yield cases.table_rows(spec, sizes)
    for spec in ("adagrad", "adam"):
        yield cases.whole_table(spec, sizes)


def machine() -> str:
    """What the figures were measured on."""
    cores = os.cpu_count()
    return (
        f"{platform.machine()}, {cores} cores, no GPU used; Python {platform.python_version()}, "
        f"TensorFlow {tf.__version__}, Keras {keras.__version__}"
    )


def table(measured: Iterable[Row]) -> Iterator[str]:
    """A table of medians, line by line as the rows come."""
    yield "| work | rule | optdsl | Keras | Keras ÷ optdsl | kernel | first call: optdsl | Keras |"
    yield "|---|---|--:|--:|--:|--:|--:|--:|"
    for row in measured:
        ours, keras_own, kernel = row.times["optdsl"], row.times["Keras"], row.times.get("kernel")
        cells = [
            row.work,
            f"`{row.rule}`",
            _ms(ours.median),
            _ms(keras_own.median),
            f"{row.ratio():.1f}",
            "" if kernel is None else _ms(kernel.median),
            f"{ours.first:.1f} s",
            f"{keras_own.first:.1f} s",
        ]
        yield f"| {' | '.join(cells)} |"


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.1f} ms" if seconds < 0.0995 else f"{seconds * 1e3:.0f} ms"


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the benchmark; `--rounds` says how thoroughly."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=main.__doc__)
    parser.add_argument("--rounds", type=int, default=Sizes().rounds, help="timed calls of each")
    sizes = Sizes(rounds=parser.parse_args(arguments).rounds)
    print(machine(), end="\n\n")
    for line in table(rows(sizes)):
        print(line, flush=True)
    print(f"\nXLA compilations in {COMPILED_STEPS} sparse steps with as many numbers of ids:")
    for candidate in ("optdsl", "Keras"):
        print(f"{candidate}: {compilations.count(candidate, COMPILED_STEPS)}", flush=True)


if __name__ == "__main__":
    main()
