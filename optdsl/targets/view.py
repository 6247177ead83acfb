"""IR -> frozen view: everything that a template prints, as text or booleans.

The views are named tuples: nothing compares or changes them, and they are quick to define.
"""

from __future__ import annotations

from itertools import chain
from math import inf
from typing import NamedTuple

from optdsl.analysis import Facts
from optdsl.analysis.sparsity import Sparsity
from optdsl.ir import Hyper, Kind, Optimizer, Slot
from optdsl.meaning import meaning
from optdsl.passes.phases import phased_cases
from optdsl.targets import Target
from optdsl.targets.across import Across, Printed, across, known
from optdsl.targets.document import Document, bracketed, fill, helpers, layout, lines
from optdsl.targets.expressions import call, number
from optdsl.targets.fields import Field, field, scalar_fields
from optdsl.targets.functions import Source, condition, evaluation, initial, update
from optdsl.targets.imports import Import, import_lines
from optdsl.targets.once import computed, scalars
from optdsl.targets.standalone import Module, modules
from optdsl.targets.text import WIDTH, docstring_text, indented
from optdsl.version import __version__


class HyperView(NamedTuple):
    """A hyperparameter: in a constructor, and as a descriptor."""

    name: str
    annotation: str
    default: str
    descriptor: str


class CaseView(NamedTuple):
    """Slots and functions of a case; `of` is empty where there is only one."""

    of: str
    slots_class: str
    slot_fields: tuple[Field, ...]
    when_name: str
    when: str
    initial_name: str
    initial: str
    update_name: str
    update: str
    evaluate_name: str
    evaluation: str
    sees_whole: bool


class View(NamedTuple):
    """One generated file."""

    version: str
    spec: str
    spec_hash: str
    imports: str
    rt: str
    name: str
    default_name: str
    exports: str
    documentation: str
    summary: str
    description: str
    argument_docs: tuple[str, ...]
    hypers: tuple[HyperView, ...]
    construction: str
    options: str
    hyper_fields: tuple[Field, ...]
    scalar_fields: tuple[Field, ...]
    reads_loss: bool
    across: Across | None
    scalars: str
    cases: tuple[CaseView, ...]
    computed: str
    record: str
    runtime: tuple[Module, ...]
    keras: bool
    module: bool


class Request(NamedTuple):
    """What is asked for: which classes, from which file, with the runtime in it or not."""

    spec: str
    spec_hash: str
    classes: str
    standalone: bool

    @property
    def keras(self) -> bool:
        """Whether there is to be a Keras class."""
        return self.classes in ("keras", "all")

    @property
    def module(self) -> bool:
        """Whether there is to be a `tf.Module`."""
        return self.classes in ("module", "all")

    @property
    def rt(self) -> str:
        """What stands before names of the runtime."""
        return "" if self.standalone else "rt."


def view(facts: Facts, target: Target, request: Request) -> View:
    """What a template prints for one checked optimizer."""
    optimizer, rt = facts.optimizer, request.rt
    phased = phased_cases(optimizer)
    sources = [
        Source(case, optimizer.hypers, phases.last, target, rt, known(phases, case))
        for case, phases in zip(optimizer.cases, phased, strict=True)
    ]
    once, defaults = lines(scalars(sources[0])), lines(computed(sources[0]))
    parts = (condition, initial, update, evaluation)
    bodies = [[lines(of(each)) for of in parts] for each in sources]
    evaluates = any(case.evaluation for case in optimizer.cases) and request.keras
    callbacks = {"EvaluationWeights"} if evaluates else set()
    beyond = across(phased[0], optimizer.cases[0], optimizer.hypers, target, rt)
    printed = [once, defaults, *chain(*bodies), *(beyond.bodies if beyond else ())]
    runtime = _runtime(printed, callbacks, target, request)
    summary, description = _documentation(optimizer)
    exports = [optimizer.name] * request.keras + [f"{optimizer.name}Module"] * request.module
    names = [hyper.name for hyper in optimizer.hypers]
    given = call("_Hypers", *names)
    return View(
        version=__version__,
        spec=docstring_text(request.spec),
        spec_hash=request.spec_hash,
        imports=_imports(runtime, target, request),
        rt=rt,
        name=optimizer.name,
        default_name=f'"{optimizer.name.lower()}"',
        exports=", ".join(f'"{name}"' for name in exports),
        documentation=f"{summary}\n\n{description}\n" if description else summary,
        summary=summary,
        description=indented(description, "    "),
        argument_docs=tuple(line for hyper in optimizer.hypers for line in _argument(hyper)),
        hypers=tuple(_hyper(hyper, rt) for hyper in optimizer.hypers),
        construction=_body(call("super().__init__", given, "name", "options"), 2),
        options=f"{rt}OptionsWithoutDecay" if "weight_decay" in names else f"{rt}Options",
        hyper_fields=tuple(field(hyper.name, _kind(hyper.kind), "") for hyper in optimizer.hypers),
        scalar_fields=scalar_fields(sources[0].lowered, target),
        reads_loss=any(source.reads_loss for source in sources),
        across=beyond.view if beyond else None,
        scalars=_body(once),
        computed=_body(defaults) if sources[0].computes else "",
        cases=tuple(_case(*each) for each in zip(sources, bodies, strict=True)),
        record=_body(_record(facts, sources, beyond, request.spec), 0),
        runtime=runtime,
        keras=request.keras,
        module=request.module,
    )


def _case(source: Source, bodies: list[Document]) -> CaseView:
    """What a template prints for one case."""
    when, first, step, weights = map(_body, bodies)
    return CaseView(
        of=f" in case `{source.case.name}`" if source.case.name else "",
        slots_class=source.slots_class,
        slot_fields=tuple(field(slot.name, "Any", slot.doc) for slot in source.case.own_slots),
        when_name=source.function("is"),
        when=when if source.case.condition is not None else "",
        initial_name=source.function("initial"),
        initial=first,
        update_name=source.function("update"),
        update=step,
        evaluate_name=source.function("evaluate"),
        evaluation=weights if source.case.evaluation else "",
        sees_whole=source.sees_whole,
    )


def _runtime(
    bodies: list[Document], more: set[str], target: Target, request: Request
) -> tuple[Module, ...]:
    """The modules of the runtime that a standalone file carries."""
    if not request.standalone:
        return ()
    called = {name for body in bodies for name in helpers(body)}
    bases = {"KerasOptimizer"} if request.keras else set()
    bases |= {"ModuleOptimizer"} if request.module else set()
    return modules(target.runtime, frozenset(called | bases | more))


def _imports(runtime: tuple[Module, ...], target: Target, request: Request) -> str:
    """The import statements."""
    typing = [Import("typing", name) for name in ("Any", "NamedTuple", "Unpack")]
    package, _, name = target.runtime.rpartition(".")
    thin = [] if request.standalone else [Import(package, name, "rt")]
    carried = [one for each in runtime for one in each.imports]
    return import_lines([*typing, Import(*target.framework), *thin, *carried])


def _body(document: Document, depth: int = 1) -> str:
    """A document as the lines of a block."""
    return layout(document, WIDTH, 4 * depth)


# --- the record of the rule ----------------------------------------------------------------------


def _record(facts: Facts, sources: list[Source], beyond: Printed | None, spec: str) -> Document:
    """The call that makes the runtime's record of the rule."""
    optimizer, prefix = facts.optimizer, sources[0].helper_prefix
    known = [
        _case_fields(source, each.sparsity)
        for source, each in zip(sources, facts.cases, strict=True)
    ]
    fields: list[Document] = [
        "api=1",
        f"spec={_quoted(spec)}",
        f'name="{optimizer.name}"',
        f'meaning="{meaning(optimizer)}"',
        "hypers=_Hypers",
    ]
    if sources[0].computes:
        fields.append("computed=_computed")
    if any(source.reads_loss for source in sources):
        fields.append("reads_loss=True")
    if optimizer.cases[0].name:
        calls = [call(f"{prefix}Case", *each) for each in known]
        fields += ["scalars=_scalars", ("cases=", bracketed("[", calls, "]"))]
    else:
        fields += [*known[0][:2], "scalars=_scalars", *known[0][2:4]]
        fields += [*(beyond.record if beyond else ()), *known[0][4:]]
    return ("_RULE = ", call(f"{prefix}Rule", *fields))


def _case_fields(source: Source, sparse: Sparsity) -> list[Document]:
    """What the record says of a case."""
    case = source.case
    shapes = call(source.slots_class, *(f'{slot.name}="{_shape(slot)}"' for slot in case.own_slots))
    fields: list[Document] = [
        f"slots={source.slots_class}",
        ("shapes=", shapes),
        f"initial={source.function('initial')}",
        f"update={source.function('update')}",
    ]
    if case.evaluation:
        fields.append(f"evaluate={source.function('evaluate')}")
    if case.condition is not None:
        fields.insert(0, f"when={source.function('is')}")
    if case.name:
        fields.insert(0, f'name="{case.name}"')
    if source.sees_whole:
        fields.append("sees_whole=True")
    if source.reads_first:
        fields.append("reads_first=True")
    if case.sparse != "exact":
        fields.append(f'sparse="{case.sparse}"')
    if sparse.touched_rows:
        fields.append(f"rows_suffice={sparse.min_rank}")
    if case.needs_all_rows:
        fields.append("as_matrix=True")
    if case.uses_matrices and not case.as_matrix:
        fields.append("most_rank=2")
    return fields


def _shape(slot: Slot) -> str:
    axis = "" if slot.axis is None else f"({slot.axis})"
    return f"{slot.shape.value}{axis}"


def _quoted(text: str) -> str:
    """A literal for a text, as formatters write it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


# --- hyperparameters -----------------------------------------------------------------------------


def _kind(kind: Kind) -> str:
    return "Any" if kind is Kind.REAL else kind.value


def _hyper(hyper: Hyper, prefix: str) -> HyperView:
    interval = f'"{_interval(hyper)}"'
    default = number(hyper.default) if isinstance(hyper.default, (float, int)) else "None"
    match hyper.kind:
        case Kind.REAL if hyper.computed:
            annotation = f"{prefix}Number | None"
            descriptor = f"{prefix}Real({interval}, computed=True)"
        case Kind.REAL:
            annotation = f"{prefix}Number"
            form = "Rate" if hyper.name == "learning_rate" else "Real"
            descriptor = f"{prefix}{form}({interval})"
        case Kind.INT:
            annotation, descriptor = "int", f"{prefix}Int({interval})"
        case Kind.BOOL:
            annotation, descriptor = "bool", f"{prefix}Bool()"
    return HyperView(hyper.name, annotation, default, descriptor)


def _interval(hyper: Hyper) -> str:
    """An interval as messages show it."""
    own = hyper.interval
    left = "(" if own.low_open or own.low == -inf else "["
    right = ")" if own.high_open or own.high == inf else "]"
    return f"{left}{_end(own.low)}, {_end(own.high)}{right}"


def _end(value: float) -> str:
    whole = isinstance(value, float) and value.is_integer()
    return str(int(value)) if whole and abs(value) < 1e16 else repr(value)


def _argument(hyper: Hyper) -> list[str]:
    """The lines about a hyperparameter in a docstring's list of arguments."""
    doc = docstring_text(hyper.doc).rstrip(".")
    text = f"{hyper.name}: {doc or 'hyperparameter'}. In {_interval(hyper)}."
    if hyper.kind is Kind.BOOL:
        text = f"{hyper.name}: {doc or 'option'}."
    if hyper.computed:
        text += f" None for `{docstring_text(hyper.written)}` in each step."
    return fill(text, " " * 8, " " * 12, WIDTH)


# --- fields and text -----------------------------------------------------------------------------


def _documentation(optimizer: Optimizer) -> tuple[str, str]:
    """The first line of the docstring, and the rest of it."""
    stripped = [line.rstrip() for line in optimizer.doc.strip().split("\n")]
    summary = stripped[0].strip() or f"The {optimizer.name} optimizer."
    return docstring_text(summary), docstring_text("\n".join(stripped[1:]).strip("\n"))
