"""A private folder for what is slow to make and the same every time: parser tables, templates.

Everything works without it. Parser tables are pickled, so the folder must be the user's own:
whoever can write there can already run code as this user.
"""

from __future__ import annotations

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
