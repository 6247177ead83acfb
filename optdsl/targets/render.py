"""View -> text: the Jinja environment, and nothing about any rule."""

from __future__ import annotations

import contextlib
from functools import cache

import jinja2
from jinja2.bccache import Bucket

from optdsl import resources
from optdsl.cache import folder
from optdsl.targets.view import View
from optdsl.version import __version__


def render(page: View, template: str) -> str:
    """The text of a generated file."""
    return _environment().get_template(template).render(view=page)


class _Bytecode(jinja2.FileSystemBytecodeCache):
    """Compiled templates, since compiling them dominates a start; a broken file is no file."""

    def load_bytecode(self, bucket: Bucket) -> None:
        """Reads a template's code, if there is any."""
        try:
            super().load_bytecode(bucket)
        except Exception:  # unpickling rubbish can raise anything
            bucket.reset()

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keeps a template's code, if that is possible."""
        with contextlib.suppress(OSError):
            super().dump_bytecode(bucket)


@cache
def _environment() -> jinja2.Environment:
    kept = folder()
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(resources.template_dir()),
        bytecode_cache=_Bytecode(str(kept), f"template-{__version__}-%s.cache") if kept else None,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
