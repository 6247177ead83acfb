"""A private folder for what is slow to make and the same every time: parser tables, templates.

Everything works without it. Parser tables are pickled, so the folder must be the user's own:
whoever can write there can already run code as this user.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path


def folder() -> Path | None:
    """The folder, made if need be; None where there is none that nobody else can write to."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111
    path = Path(base, "optdsl")
    if not path.is_absolute():
        return None
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = path.lstat()
    except OSError:
        return None
    if path.is_symlink() or status.st_mode & 0o022:
        return None
    return path if not hasattr(os, "getuid") or status.st_uid == os.getuid() else None


def load(name: str, made_from: str) -> bytes | None:
    """What was kept under a name, if it was made from the same thing and is whole."""
    kept = folder()
    if kept is None:
        return None
    try:
        data = (kept / name).read_bytes()
    except OSError:
        return None
    return data[_STAMP:] if data[:_STAMP] == _stamp(made_from, data[_STAMP:]) else None


def keep(name: str, made_from: str, data: bytes) -> None:
    """Keeps something under a name, if that is possible; nobody ever reads a part of it."""
    kept = folder()
    if kept is None:
        return
    temporary = kept / f"{name}.{os.getpid()}.tmp"
    try:
        temporary.write_bytes(_stamp(made_from, data) + data)
        temporary.replace(kept / name)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()


_STAMP = 32


def _stamp(made_from: str, data: bytes) -> bytes:
    """The beginning of a file, which tells whether it fits and is as it was written."""
    return hashlib.sha256(made_from.encode() + data).digest()
