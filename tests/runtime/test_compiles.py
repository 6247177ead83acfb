"""How often XLA compiles: bounded for any numbers of ids, never again for anything else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]

# 100 numbers of ids from 41 to 4,001 are padded to 64, 128, ..., 4,096.
BUCKETS = 7

AT_MOST = {
    "dense, second call": 0,
    "dense, other hyperparameters": 0,
    "rows": BUCKETS,
    "lazy": BUCKETS,
    "written out": 0,
    "two tables": 2 * BUCKETS,
    "accumulated": 2,  # the first update comes with the second step: one program a shape
    "fit, further epochs": 0,
}


@pytest.fixture(scope="module")
def counts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    folder = tmp_path_factory.mktemp("xla")
    flags = f"--xla_dump_to={folder} --xla_dump_hlo_as_text"
    finished = subprocess.run(
        [sys.executable, "-m", "support.compiles", folder],
        cwd=TESTS,
        env=os.environ | {"XLA_FLAGS": flags},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr[-4000:]
    counted: dict[str, int] = json.loads(finished.stdout.splitlines()[-1])
    return counted


@pytest.mark.parametrize("phase", AT_MOST)
def test_compilations(counts: dict[str, int], phase: str) -> None:
    assert counts[phase] <= AT_MOST[phase]


def test_compilations_are_counted(counts: dict[str, int]) -> None:
    """What must compile does: otherwise nothing above could fail."""
    assert counts["dense, first call"] >= 1
    assert counts["rows"] == BUCKETS
