"""Programs that start processes of their own: how they end, and that nothing is left of them."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]


def outputs(
    programs: Iterable[tuple[list[str], dict[str, str]]], timeout: float = 900
) -> list[str]:
    """What Python programs printed that ran at the same time, each with more environment.

    A program that fails, or takes too long on the busiest machine, fails the test with the end of
    what it said; in every case, all its processes are ended.
    """
    started = [
        subprocess.Popen(
            [sys.executable, *arguments],
            cwd=TESTS,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        for arguments, environment in programs
    ]
    printed = []
    try:
        for process in started:
            try:
                out, err = process.communicate(timeout=timeout)
            except subprocess.TimeoutExpired:
                pytest.fail(f"{process.args} did not end in {timeout} s")
            assert process.returncode == 0, err[-4000:]
            printed.append(out)
    finally:
        for process in started:
            end(process)
    return printed


def end(process: subprocess.Popen[str]) -> None:
    """Ends a program and what it started: they are a session of their own."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()


def free_address() -> str:
    """A port on this machine that nobody uses, below those that are given out by chance."""
    while True:
        port = random.randrange(15_000, 30_000)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return f"127.0.0.1:{port}"
