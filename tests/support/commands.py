"""Running `optdsl`, in this process and in one of its own, and specifications to run it on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner, Result

from optdsl.cli import cli

ROOT = Path(__file__).parents[2]

GOOD = "optimizer Good:\n    step:\n        param <- param - 0.1 * grad\n"
UGLY = "optimizer Good:\n  step:\n    param<-param-0.1*grad # why\n"
WRONG = "optimizer Wrong:\n    step:\n        param <- param - 0.1 * grd\n"
UNUSED = "optimizer Unused:\n    step:\n        x = grad\n        param <- param - 0.1 * grad\n"


def run(*arguments: str, data: bytes | str | None = None) -> Result:
    """A command in this process; it may exit, but not raise."""
    result = CliRunner().invoke(cli, list(arguments), input=data, prog_name="optdsl")
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def process(*arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """A command in a process of its own, which must end within a minute."""
    return subprocess.run(
        [sys.executable, "-m", "optdsl", *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        check=False,
        timeout=60,
    )
