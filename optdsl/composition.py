"""What a composition names: the files, read and checked, and composed from the inside out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from optdsl import allowances, ir, parse, syntax
from optdsl.allowances import Allowance
from optdsl.check import check
from optdsl.check.across import report_faults
from optdsl.check.hypers import signed
from optdsl.check.scope import Reporter
from optdsl.check.wrapper import check_wrapper
from optdsl.compose import CompositionError, fixed, with_default, wrapped
from optdsl.diagnostics import Diagnostic
from optdsl.inputs import part, read, specs_in
from optdsl.intervals import Interval
from optdsl.records import record, replace
from optdsl.resources import spec_names, wrapper_names
from optdsl.source import Part, SourceFile, Span

PLAIN = """\
optimizer Plain:
    hyper learning_rate = 1e-3 in [0, inf)

    step:
        param <- param - learning_rate * grad
"""
"""The rule that a wrapper is looked at around, where there is none."""


@record
class Composition:
    """A rule, unless there are errors; the texts that it is from, and what is allowed in them."""

    rule: ir.Optimizer | None
    source: SourceFile
    errors: tuple[Diagnostic, ...] = ()
    allowed: tuple[Allowance, ...] = ()


def compose(source: SourceFile, spec: syntax.Spec) -> Composition:
    """The rule that a composition means."""
    assert spec.composed is not None
    files = _Files(source, Path(source.name))
    rule = files.composed(spec.composed)
    if rule is not None:
        rule = _changed(replace(rule, name=spec.name.text), spec, files.report)
        if rule is not None and spec.doc is not None:
            rule = replace(rule, doc=spec.doc.text)
    for case in rule.cases if rule is not None else ():
        report_faults(case, files.report)
    errors = (*files.found, *files.report.errors())
    return Composition(None if errors else rule, files.source, errors, tuple(files.allowed))


def around_plain(source: SourceFile, spec: syntax.Spec) -> Composition:
    """The rule that a wrapper makes of plain gradient descent: what can be said of it alone."""
    wrapper, errors = check_wrapper(spec)
    if wrapper is None:
        return Composition(None, source, errors)
    files = _Files(source, Path(source.name))
    plain = files.checked(SourceFile("<gradient descent>", PLAIN))
    assert isinstance(plain, ir.Optimizer)
    stem = Path(source.name).stem
    return Composition(replace(wrapped(wrapper, stem, plain), name=spec.name.text), files.source)


def _text(path: Path) -> SourceFile:
    return parse.decode(read(path), str(path))[0]


class _Files:
    """The files of one composition, their texts put together as they are read."""

    def __init__(self, source: SourceFile, path: Path, within: tuple[Path, ...] = ()) -> None:
        self.source = source
        self.path = path
        self.within = (*within, path.resolve())
        self.report = Reporter()
        self.found: tuple[Diagnostic, ...] = ()
        self.allowed: list[Allowance] = []

    def composed(self, composed: syntax.Composed) -> ir.Optimizer | None:
        """The rule of a composition; None where something is reported."""
        inner = None if composed.inner is None else self.composed(composed.inner)
        if composed.inner is not None and inner is None:
            return None
        stem, span = composed.name.text, composed.name.span
        found = self.named(composed.name)
        match found, inner:
            case None, _:
                return None
            case ir.Optimizer(), None:
                return found
            case ir.Optimizer(), _:
                message = f"`{stem}` is a rule, which wraps no other"
                self.report.error("type-mismatch", span, message, "only wrappers take one")
            case ir.Wrapper(), None:
                help_ = f"give it a rule, for example `{stem}(adam)`"
                self.report.error("type-mismatch", span, f"`{stem}` is a wrapper", help_)
            case ir.Wrapper(), rule:
                assert rule is not None
                return self.attempt(span, lambda: wrapped(found, stem, rule))
        return None

    def attempt(self, span: Span, do: Callable[[], ir.Optimizer]) -> ir.Optimizer | None:
        """What is done, or None where it cannot be, which is reported."""
        return _attempt(self.report, span, do)

    def named(self, name: syntax.Ident) -> ir.Optimizer | ir.Wrapper | None:
        """A rule or wrapper by the stem of its file; None where something is reported."""
        path = part(name.text, self.path.parent, self.path)
        if path is None:
            known = {*spec_names(), *wrapper_names()}
            known |= {file.stem for file in specs_in(self.path.parent)}
            meant = self.report.closest(name.text, known)
            help_ = f"did you mean `{meant}`?" if meant else "`optdsl list` shows the library"
            message = (
                f"there is no rule or wrapper `{name.text}` beside this file or in the library"
            )
            self.report.error("undefined-name", name.span, message, help_)
            return None
        if path.resolve() in self.within:
            message = f"`{name.text}` is made of this composition"
            self.report.error("bad-argument", name.span, message, "name another file")
            return None
        return self.checked(_text(path))

    def checked(self, file: SourceFile) -> ir.Optimizer | ir.Wrapper | None:
        """What a file defines; its text becomes a part of the whole, its errors ours."""
        reading = parse.read(file)
        made: ir.Optimizer | ir.Wrapper | None = None
        found, text, parts = reading.found, file.text, file.parts
        allowed: list[Allowance] = []
        if reading.spec is not None:
            allowed += allowances.read(file, reading.spec.comments)[0]
        if reading.spec is not None and reading.spec.composed is not None:
            files = _Files(file, Path(file.name), self.within)
            made = files.composed(reading.spec.composed)
            if made is not None:
                named = replace(made, name=reading.spec.name.text)
                made = _changed(named, reading.spec, files.report)
            found = (*files.found, *files.report.errors())
            text, parts = files.source.text, files.source.parts
            allowed += files.allowed
        elif reading.spec is not None and reading.spec.wrapper:
            made, found = check_wrapper(reading.spec)
        elif reading.spec is not None:
            made, found = check(reading.spec)
        start, lines = len(self.source.text) + 1, self.source.text.count("\n") + 1
        self.allowed += (replace(_moved(each, start), line=each.line + lines) for each in allowed)
        own = (Part(start, file.name), *(Part(start + p.start, p.name) for p in parts))
        joined = f"{self.source.text}\n{text}"
        self.source = SourceFile(self.source.name, joined, (*self.source.parts, *own))
        self.found += tuple(_moved(one, start) for one in found)
        result: ir.Optimizer | ir.Wrapper | None = None if found else _moved(made, start)
        return result


def _attempt(report: Reporter, span: Span, do: Callable[[], ir.Optimizer]) -> ir.Optimizer | None:
    try:
        return do()
    except CompositionError as error:
        report.error("bad-argument", span, str(error), error.help)
        return None


def _changed(rule: ir.Optimizer, spec: syntax.Spec, report: Reporter) -> ir.Optimizer | None:
    """The rule with other defaults and fixed values, as the block of a composition says."""
    new: ir.Optimizer | None = rule
    for member in spec.members:
        if new is None:
            return None
        match member:
            case syntax.HyperDecl(name, None, default, None, None):
                new = _with(new, with_default, name, default, report)
            case syntax.FixDecl(name, value):
                new = _with(new, fixed, name, value, report)
            case syntax.HyperDecl():
                help_ = f"write `hyper {member.name.text} = …` alone: the rest is the rule's"
                message = "a composition gives another default, and nothing else"
                report.error("bad-argument", member.span, message, help_)
            case _:
                help_ = "put it into a `wrapper` of your own"
                message = "a composition has only lines `hyper NAME = …` and `fix NAME = …`"
                report.error("bad-argument", member.span, message, help_)
    return new


def _with(
    rule: ir.Optimizer,
    change: Callable[[ir.Optimizer, str, float | int | bool], ir.Optimizer],
    name: syntax.Ident,
    literal: syntax.Expr,
    report: Reporter,
) -> ir.Optimizer | None:
    value = literal.value if isinstance(literal, syntax.Boolean) else signed(literal, report)
    if value is None:
        report.error("type-mismatch", literal.span, "a value is a number, `true` or `false`")
        return None
    at = literal.span if any(hyper.name == name.text for hyper in rule.hypers) else name.span
    return _attempt(report, at, lambda: change(rule, name.text, value))


def _moved(value: Any, by: int) -> Any:
    """The same with all places in the text moved."""
    match value:
        case Span(start, end):
            return Span(start + by, end + by)
        case tuple():
            return tuple(_moved(each, by) for each in value)
        case Interval() | ir.Type():
            return value
        case _ if hasattr(type(value), "_compared"):  # a record
            fields = type(value).__match_args__
            return type(value)(*(_moved(getattr(value, field), by) for field in fields))
        case _:
            return value
