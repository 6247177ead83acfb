"""Bytecode in the cache folder, where Python keeps none beside the modules.

PYTHONDONTWRITEBYTECODE asks for clean folders, which they stay; but to compile every module again
takes as long as everything else in a run.
"""

from __future__ import annotations

import os
import sys
from importlib import machinery
from pathlib import Path
from types import CodeType

from optdsl.cache import folder


def keep() -> None:
    """From now on, modules are imported by way of the cache folder, if that is needed."""
    beside = __spec__.cached if __spec__ else None
    if sys.dont_write_bytecode and not (beside and os.path.lexists(beside)) and (kept := folder()):
        sys.pycache_prefix = str(kept / "bytecode")
        sys.dont_write_bytecode = False
        loaders: tuple[tuple[type, list[str]], ...] = (
            (machinery.ExtensionFileLoader, machinery.EXTENSION_SUFFIXES),
            (_Loader, machinery.SOURCE_SUFFIXES),
            (machinery.SourcelessFileLoader, machinery.BYTECODE_SUFFIXES),
        )
        sys.path_hooks.insert(0, machinery.FileFinder.path_hook(*loaders))
        sys.path_importer_cache.clear()


class _Loader(machinery.SourceFileLoader):
    """Imports as Python does, but takes bytecode that was cut off, by a full disk, for none."""

    def get_code(self, fullname: str) -> CodeType | None:
        try:
            return super().get_code(fullname)
        except (EOFError, ImportError, TypeError, ValueError):  # what `marshal` says of rubbish
            from importlib.util import cache_from_source

            Path(cache_from_source(self.path)).unlink(missing_ok=True)
            return super().get_code(fullname)
