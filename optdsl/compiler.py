"""The pipeline, one line a stage."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from optdsl import ir, syntax
from optdsl.diagnostics import Diagnostic, Severity, SpecError, as_html, ordered, render_text
from optdsl.records import record, replace
from optdsl.source import SourceFile

if TYPE_CHECKING:
    from optdsl.allowances import Allowance
    from optdsl.analysis import Facts
    from optdsl.interpreter import HyperValue, Reference
    from optdsl.passes.phases import Phases
    from optdsl.targets.view import View

Classes = Literal["keras", "module", "all"]

CLASSES: tuple[Classes, ...] = ("keras", "module", "all")
"""What can be generated: the Keras class, the `tf.Module` class, or both in one file."""


@record
class Form:
    """What is generated from a specification: which classes, and with the runtime or without."""

    classes: Classes = "all"
    standalone: bool = False

    def of(self, compiled: Compiled) -> str:
        """The generated file."""
        return compiled.source(self.classes, standalone=self.standalone)

    @property
    def flags(self) -> str:
        """What asks for it on the command line."""
        return f"--classes {self.classes}{' --standalone' if self.standalone else ''}"


@record
class Compiled:
    """A specification after every check; `facts` are there unless there are errors.

    `diagnostics` are all findings, in the order of the text.
    """

    file: SourceFile
    spec: syntax.Spec | None
    facts: Facts | None
    diagnostics: tuple[Diagnostic, ...]

    @property
    def ok(self) -> bool:
        """Whether there are no errors; warnings do not count."""
        return self.facts is not None

    @property
    def is_wrapper(self) -> bool:
        """Whether it is a wrapper, which is no rule yet."""
        return self.spec is not None and self.spec.wrapper

    @property
    def why_no_source(self) -> str:
        """Why nothing is generated from a wrapper."""
        stem = Path(self.file.name).stem
        return f"{self.base_name} is a wrapper: build it around a rule, as in `{stem}(adam)`"

    @property
    def optimizer(self) -> ir.Optimizer | None:
        """The typed specification, unless there are errors."""
        return self.facts.optimizer if self.facts else None

    def source(self, classes: Classes = "all", *, standalone: bool = False) -> str:
        """The generated Python file.

        Args:
            classes: "keras", "module", or "all" for both.
            standalone: whether the runtime is in the file, which then needs no optdsl.

        Raises:
            SpecError: the specification has errors.
            ValueError: there are no such classes, or it is a wrapper.
        """
        if classes not in CLASSES:
            raise ValueError(f"classes must be one of {', '.join(CLASSES)}, got {classes!r}")
        if self.is_wrapper:
            raise ValueError(self.why_no_source)
        from optdsl.targets.render import render  # Jinja is needed here only
        from optdsl.targets.tensorflow import TENSORFLOW

        return render(self._view(classes, standalone), TENSORFLOW.template)

    def emit(self, stage: str) -> str:
        """What a stage of the compiler gives, for a person: one of `STAGES`.

        Raises:
            SpecError: the specification has errors, and the stage comes after those.
        """
        from optdsl.dump import dump

        return dump(STAGES[stage](self))

    def _view(self, classes: Classes, standalone: bool) -> View:
        from optdsl.targets.tensorflow import TENSORFLOW
        from optdsl.targets.view import Request, view

        request = Request(self.base_name, self.hash, classes, standalone)
        return view(self._checked(), TENSORFLOW, request)

    def reference(self, **hyperparameters: HyperValue) -> Reference:
        """The NumPy reference: the rule itself, run in float64.

        Args:
            **hyperparameters: what replaces defaults: a number, or for a real one a callable of
                the step's index, which is 0 on the first.

        Raises:
            SpecError: the specification has errors.
            ValueError: a hyperparameter does not exist, or is outside its interval.
        """
        from optdsl.interpreter import Reference  # NumPy is needed here only

        return Reference(self._checked().optimizer, hyperparameters)

    def __repr__(self) -> str:
        name = self.optimizer.name if self.optimizer else "with errors"
        found = len(self.diagnostics)
        findings = f"{found or 'no'} finding{'' if found == 1 else 's'}"
        return f"<Compiled {self.base_name}: {name}, {findings}>"

    def __str__(self) -> str:
        """The findings, and what the rule does if there are no errors."""
        findings = render_text(self.file, self.diagnostics)
        if self.facts is None:
            return findings
        from optdsl.explain import explain

        return "\n".join(filter(None, [findings, explain(self.facts)]))

    def _repr_html_(self) -> str:
        """The same for a notebook."""
        return as_html(str(self))

    @property
    def base_name(self) -> str:
        """The file's name without its folder: the same on every machine, and fit for a comment."""
        name = Path(self.file.name).name
        return "".join(letter if letter.isprintable() else "?" for letter in name)

    @property
    def hash(self) -> str:
        """SHA-256 of the specification's text, in hexadecimal."""
        return hashlib.sha256(self.file.text.encode()).hexdigest()

    def _checked(self) -> Facts:
        if self.facts is None:
            raise SpecError(self.file, self.diagnostics)
        return self.facts


STAGES: dict[str, Callable[[Compiled], object]] = {
    "syntax": lambda one: one.spec,
    "ir": lambda one: one._checked().optimizer,
    "facts": lambda one: one._checked().summary(),
    "lowered": lambda one: _lowered(one._checked().optimizer),
    "view": lambda one: one._view("all", False),
}
"""What a specification becomes, in order; the text of the generated file comes last."""


def _lowered(optimizer: ir.Optimizer) -> tuple[Phases, ...]:
    from optdsl.passes.phases import phased_cases

    return phased_cases(optimizer)


def compile_bytes(data: bytes, name: str) -> Compiled:
    """Compiles the contents of a file; `name` is how diagnostics call it. Never raises."""
    from optdsl import parse  # Lark is needed here only

    source, found = parse.decode(data, name)
    if _has_error(found):
        return Compiled(source, None, None, found)
    compiled = compile_source(source)
    return replace(compiled, diagnostics=ordered(found + compiled.diagnostics))


def compile_source(source: SourceFile) -> Compiled:
    """Compiles a text: parse, check, analyse. Never raises on a bad specification."""
    from optdsl import allowances, check, parse  # Lark is needed here only
    from optdsl.analysis import Facts

    reading = parse.read(source)
    spec, diagnostics = reading.spec, reading.found
    if spec is None:
        rest = reading.rest
        if rest is not None and rest.composed is None and not rest.wrapper:
            diagnostics += _beyond_doubt(source, reading.doubtful, check.check(rest)[1])
        return Compiled(source, None, None, ordered(diagnostics))
    allowed, wrong = allowances.read(source, spec.comments)
    if spec.composed is not None or spec.wrapper:
        return _compile_composed(source, spec, allowed, wrong)
    optimizer, found = check.check(spec)
    diagnostics += wrong + found
    if optimizer is None or _has_error(diagnostics):
        return Compiled(source, spec, None, ordered(diagnostics))
    facts = Facts(optimizer, source, allowed)
    return Compiled(source, spec, facts, ordered(diagnostics + facts.warnings))


def _compile_composed(
    source: SourceFile,
    spec: syntax.Spec,
    allowed: tuple[Allowance, ...],
    wrong: tuple[Diagnostic, ...],
) -> Compiled:
    """Compiles a composition; or a wrapper, around plain gradient descent.

    What a part allows is allowed here, too; whether it has to be is said where the part is checked.
    """
    from optdsl.analysis import Facts
    from optdsl.composition import around_plain, compose

    made = (around_plain if spec.wrapper else compose)(source, spec)
    if made.rule is None or wrong:
        return Compiled(made.source, spec, None, ordered(wrong + made.errors))
    facts = Facts(made.rule, made.source, (*allowed, *made.allowed))
    own = len(source.text)
    warnings = (
        found
        for found in facts.warnings
        if found.code != "unused-allowance" or found.span.start < own
    )
    return Compiled(made.source, spec, facts, ordered(warnings))


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
