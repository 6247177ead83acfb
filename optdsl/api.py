"""The Python API: a specification from a text, a file or the library, as an object or a module."""

from __future__ import annotations

import builtins
import hashlib
import warnings
from pathlib import Path
from types import ModuleType

from optdsl import inputs
from optdsl.compiler import Compiled, compile_bytes
from optdsl.diagnostics import SpecWarning, render_text


def compile(spec: str | Path) -> Compiled:
    """Compiles a specification; look at `.diagnostics`, then ask for `.source()`.

    Args:
        spec: the text itself, which is a `str` with a newline in it; the path of a file; the
            name of a rule in the library, where there is no file of that name; or a composition,
            such as `lookahead(adam)`.

    Raises:
        OSError: there is no such file or rule, or it cannot be read.
    """
    if isinstance(spec, Path):
        return compile_bytes(inputs.read(spec), str(spec))
    if "\n" in spec:
        return compile_bytes(spec.encode("utf-8", "surrogatepass"), "<string>")
    found = inputs.find(spec)
    if len(found) > 1:
        raise IsADirectoryError(f"`{spec}` has {len(found)} specifications; name one of them")
    return compile_bytes(inputs.contents(found[0]), found[0].name)


def load(spec: str | Path) -> ModuleType:
    """Compiles a specification and imports the result, without writing a file.

    The module has what a generated file has: for `optimizer AMSGrad`, the classes `AMSGrad` and
    `AMSGradModule`. Tracebacks into it show its lines. As with `import`, loading the same text
    again gives the same module. A pickle of its objects can be read where the same text has been
    loaded; for pickles that travel, build a file.

    Warnings of the compiler are shown as warnings of Python, of the category `SpecWarning`.

    Args:
        spec: as for `compile`.

    Raises:
        OSError: there is no such file or rule, or it cannot be read.
        SpecError: the specification has errors.
    """
    compiled = compile(spec)
    text = compiled.source()
    for found in compiled.diagnostics:
        message = render_text(compiled.file, (found,)).rstrip()
        warnings.warn(message, SpecWarning, stacklevel=2)
    return _imported(text, compiled.base_name)


def _imported(text: str, base_name: str) -> ModuleType:
    """The module that a generated text is; the same one for the same text."""
    import linecache
    import sys

    identity = hashlib.sha256(text.encode()).hexdigest()[:16]
    name = f"optdsl_loaded_{identity}"
    if name in sys.modules:
        return sys.modules[name]
    filename = f"<optdsl {base_name} {identity}>"
    # Without a modification time, `linecache` never drops the entry.
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    module = ModuleType(name)
    module.__file__ = filename
    sys.modules[name] = module  # first, as `import` does: dataclasses and pickle look it up
    try:
        exec(builtins.compile(text, filename, "exec", dont_inherit=True), module.__dict__)
    except BaseException:
        del sys.modules[name]
        raise
    return module
