"""A private folder for what is slow to make and the same every time: parser tables, templates.

Everything works without it. Parser tables are pickled, so the folder must be the user's own:
whoever can write there can already run code as this user.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
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


@contextlib.contextmanager
def draft(kept: Path) -> Iterator[Path]:
    """A copy of a file in the folder, for those who write where they read.

    If it has changed, it takes the place of the file, in one go: no other process meets a part.
    """
    copy = kept.with_name(f"{kept.name}.{os.getpid()}.tmp")
    with contextlib.suppress(OSError):
        copy.write_bytes(kept.read_bytes())
    before = _changed(copy)
    try:
        yield copy
        if _changed(copy) != before:
            with contextlib.suppress(OSError):
                copy.replace(kept)
    finally:
        with contextlib.suppress(OSError):
            copy.unlink()


def _changed(path: Path) -> int:
    """When a file was written, 0 if there is none."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
