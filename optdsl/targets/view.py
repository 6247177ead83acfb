"""IR -> frozen view: everything that a template prints, as text or booleans.

The views are named tuples: nothing compares or changes them, and they are quick to define.
"""

from __future__ import annotations

from math import inf
from typing import NamedTuple

from optdsl.analysis import Facts
from optdsl.analysis.sparsity import Sparsity
from optdsl.ir import Hyper, Kind, Optimizer, Slot, SlotShape
from optdsl.meaning import meaning
from optdsl.passes.phases import phased_cases
from optdsl.targets import Target
from optdsl.targets.across import Across, Printed, across, known
from optdsl.targets.document import Document, fill, helpers, layout, lines
from optdsl.targets.expressions import call, number
from optdsl.targets.fields import Field, field, scalar_fields
from optdsl.targets.functions import Source, initial, scalars, update
from optdsl.targets.imports import Import, import_lines
from optdsl.targets.standalone import Module, modules
from optdsl.targets.text import WIDTH, docstring_text, indented
from optdsl.version import __version__


class HyperView(NamedTuple):
    """A hyperparameter: in a constructor, and as a descriptor."""

    name: str
    annotation: str
    default: str
    descriptor: str


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
    slot_fields: tuple[Field, ...]
    sees_whole: bool
    across: Across | None
    scalars: str
    initial: str
    update: str
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
    (own,) = facts.cases
    (phases,) = phased_cases(optimizer)
    spelled = known(phases, own.case)
    source = Source(own.case, optimizer.hypers, phases.last, target, rt, spelled)
    bodies = [lines(of(source)) for of in (scalars, initial, update)]
    beyond = across(phases, own.case, optimizer.hypers, target, rt)
    runtime = _runtime([*bodies, *(beyond.bodies if beyond else ())], target, request)
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
        scalar_fields=scalar_fields(phases.last, target),
        slot_fields=tuple(field(slot.name, "Any", slot.doc) for slot in own.case.own_slots),
        sees_whole=source.sees_whole,
        across=beyond.view if beyond else None,
        scalars=_body(bodies[0]),
        initial=_body(bodies[1]),
        update=_body(bodies[2]),
        record=_body(_record(optimizer, own.sparsity, source, beyond, request.spec), 0),
        runtime=runtime,
        keras=request.keras,
        module=request.module,
    )


def _runtime(bodies: list[Document], target: Target, request: Request) -> tuple[Module, ...]:
    """The modules of the runtime that a standalone file carries."""
    if not request.standalone:
        return ()
    called = {name for body in bodies for name in helpers(body)}
    bases = {"KerasOptimizer"} if request.keras else set()
    bases |= {"ModuleOptimizer"} if request.module else set()
    return modules(target.runtime, frozenset(called | bases))


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


def _record(
    optimizer: Optimizer, sparse: Sparsity, source: Source, beyond: Printed | None, spec: str
) -> Document:
    """The call that makes the runtime's record of the rule."""
    case = source.case
    shapes = call("_Slots", *(f'{slot.name}="{_shape(slot)}"' for slot in case.own_slots))
    fields: list[Document] = [
        "api=1",
        f"spec={_quoted(spec)}",
        f'name="{optimizer.name}"',
        f'meaning="{meaning(optimizer)}"',
        "hypers=_Hypers",
        "slots=_Slots",
        ("shapes=", shapes),
        "scalars=_scalars",
        "initial=_initial",
        "update=_update",
    ]
    if beyond:
        fields += beyond.record
    if source.sees_whole:
        fields.append("sees_whole=True")
    if case.sparse != "exact":
        fields.append(f'sparse="{case.sparse}"')
    if sparse.touched_rows:
        fields.append(f"rows_suffice={sparse.min_rank}")
    return ("_RULE = ", call(f"{source.helper_prefix}Rule", *fields))


def _shape(slot: Slot) -> str:
    axis = f"({slot.axis})" if slot.shape is SlotShape.REDUCED else ""
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
    match hyper.kind:
        case Kind.REAL:
            annotation = f"{prefix}Number"
            form = "Rate" if hyper.name == "learning_rate" else "Real"
            descriptor = f"{prefix}{form}({interval})"
        case Kind.INT:
            annotation, descriptor = "int", f"{prefix}Int({interval})"
        case Kind.BOOL:
            annotation, descriptor = "bool", f"{prefix}Bool()"
    return HyperView(hyper.name, annotation, number(hyper.default), descriptor)


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
    return fill(text, " " * 8, " " * 12, WIDTH)


# --- fields and text -----------------------------------------------------------------------------


def _documentation(optimizer: Optimizer) -> tuple[str, str]:
    """The first line of the docstring, and the rest of it."""
    stripped = [line.rstrip() for line in optimizer.doc.strip().split("\n")]
    summary = stripped[0].strip() or f"The {optimizer.name} optimizer."
    return docstring_text(summary), docstring_text("\n".join(stripped[1:]).strip("\n"))
