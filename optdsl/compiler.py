"""The pipeline, one line a stage, and the Python API on top of it."""

from __future__ import annotations

import builtins
import hashlib
import re
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Literal

from optdsl import ir, syntax
from optdsl.diagnostics import Diagnostic, Severity, SpecError, ordered
from optdsl.records import record
from optdsl.source import SourceFile

if TYPE_CHECKING:
    from optdsl.interpreter import Reference

Classes = Literal["keras", "module", "all"]

CLASSES: tuple[Classes, ...] = ("keras", "module", "all")
"""What can be generated: the Keras class, the `tf.Module` class, or both in one file."""


@record
class Compiled:
    """A specification after every check; `optimizer` is there unless there are errors.

    `diagnostics` are all findings, in the order of the text.
    """

    file: SourceFile
    spec: syntax.Spec | None
    optimizer: ir.Optimizer | None
    diagnostics: tuple[Diagnostic, ...]

    @property
    def ok(self) -> bool:
        """Whether there are no errors; warnings do not count."""
        return self.optimizer is not None

    def source(self, classes: Classes = "all", *, standalone: bool = False) -> str:
        """The generated Python file.

        Raises:
            SpecError: the specification has errors.
            ValueError: there are no such classes.
        """
        if classes not in CLASSES:
            raise ValueError(f"classes must be one of {', '.join(CLASSES)}, got {classes!r}")
        optimizer = self._checked()
        from optdsl.analysis.sparsity import sparsity
        from optdsl.passes.lowering import lower
        from optdsl.targets.render import render  # Jinja is needed here only
        from optdsl.targets.tensorflow import TENSORFLOW
        from optdsl.targets.view import view

        (case,) = optimizer.cases
        page = view(
            optimizer,
            lower(case, optimizer.hypers),
            sparsity(case, optimizer.hypers),
            TENSORFLOW,
            spec=self.base_name,
            spec_hash=self.hash,
            classes=classes,
            standalone=standalone,
        )
        return render(page, TENSORFLOW.template)

    def reference(self) -> Reference:
        """The NumPy reference: the rule itself, run in float64.

        Raises:
            SpecError: the specification has errors.
        """
        from optdsl.interpreter import Reference  # NumPy is needed here only

        return Reference(self._checked())

    @property
    def base_name(self) -> str:
        """The file's name without its folder: the same on every machine, and fit for a comment."""
        name = Path(self.file.name).name
        return "".join(letter if letter.isprintable() else "?" for letter in name)

    @property
    def hash(self) -> str:
        """SHA-256 of the specification's text, in hexadecimal."""
        return hashlib.sha256(self.file.text.encode()).hexdigest()

    def _checked(self) -> ir.Optimizer:
        if self.optimizer is None:
            raise SpecError(self.file, self.diagnostics)
        return self.optimizer


def compile_bytes(data: bytes, name: str) -> Compiled:
    """Compiles the contents of a file; `name` is how diagnostics call it. Never raises."""
    from optdsl import parse  # Lark is needed here only

    source, found = parse.decode(data, name)
    if _has_error(found):
        return Compiled(source, None, None, found)
    compiled = compile_source(source)
    return Compiled(
        source, compiled.spec, compiled.optimizer, ordered(found + compiled.diagnostics)
    )


def compile_source(source: SourceFile) -> Compiled:
    """Compiles a text: parse, check, analyse. Never raises on a bad specification."""
    from optdsl import check, parse  # Lark is needed here only
    from optdsl.analysis import domain, unused

    reading = parse.read(source)
    spec, diagnostics = reading.spec, reading.found
    if spec is None:
        if reading.rest is not None:
            diagnostics += _beyond_doubt(source, reading.doubtful, check.check(reading.rest)[1])
        return Compiled(source, None, None, ordered(diagnostics))
    optimizer, found = check.check(spec)
    diagnostics += found
    if optimizer is None or _has_error(diagnostics):
        return Compiled(source, spec, None, ordered(diagnostics))
    diagnostics += unused.unused(optimizer, spec)
    for case in optimizer.cases:
        diagnostics += domain.domain(case, optimizer.hypers, source).diagnostics
    return Compiled(source, spec, optimizer, ordered(diagnostics))


def compile(text_or_path: str | Path) -> Compiled:
    """Compiles a specification; look at `.diagnostics`, then ask for `.source()`.

    Args:
        text_or_path: a path, or the text itself: a `str` with a newline in it is text.

    Raises:
        OSError: the file cannot be read.
    """
    if isinstance(text_or_path, str) and "\n" in text_or_path:
        return compile_bytes(text_or_path.encode("utf-8", "surrogatepass"), "<string>")
    return compile_bytes(Path(text_or_path).read_bytes(), str(text_or_path))


def load(path: str | Path) -> ModuleType:
    """Compiles a specification and imports the result, without writing a file.

    The module has what a generated file has: for `optimizer AMSGrad`, the classes `AMSGrad` and
    `AMSGradModule`. Tracebacks into it show its lines. As with `import`, loading the same text
    again gives the same module. A pickle of its objects can be read where the same text has been
    loaded; for pickles that travel, build a file.

    Args:
        path: as for `compile`.

    Raises:
        OSError: the file cannot be read.
        SpecError: the specification has errors.
    """
    import linecache
    import sys

    compiled = compile(path)
    text = compiled.source("all")
    identity = hashlib.sha256(text.encode()).hexdigest()[:16]
    name = f"optdsl_loaded_{identity}"
    if name in sys.modules:
        return sys.modules[name]
    filename = f"<optdsl {compiled.base_name} {identity}>"
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


def _beyond_doubt(
    source: SourceFile, doubtful: frozenset[str], found: tuple[Diagnostic, ...]
) -> tuple[Diagnostic, ...]:
    """What can be said of a specification although some of its lines could not be read.

    That is what would be said if those lines were right: nothing about lines that share a name
    with them, and not that something is missing.
    """

    def sure(one: Diagnostic) -> bool:
        first, last = source.position(one.span.start).line, source.position(one.span.end).line
        words = (word for line in range(first, last + 1) for word in _words(source.line(line)))
        return one.code != "not-updated" and doubtful.isdisjoint(words)

    return tuple(one for one in found if sure(one))


def _words(line: str) -> list[str]:
    return re.findall(r"[A-Za-z]\w*", line)


def _has_error(diagnostics: tuple[Diagnostic, ...]) -> bool:
    return any(found.severity is Severity.ERROR for found in diagnostics)
