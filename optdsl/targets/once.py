"""IR -> the bodies of the functions that are called once a step, as documents."""

from __future__ import annotations

from collections.abc import Sequence

from optdsl import ir
from optdsl.ir import Call, Expr, Kind, Ref, Role
from optdsl.passes.lowering import Named
from optdsl.targets.document import Document
from optdsl.targets.expressions import T_AS_REAL, Surroundings, call, constant
from optdsl.targets.functions import Source
from optdsl.targets.statements import assignment, comment, value, writer
from optdsl.targets.text import WIDTH


def scalars(source: Source, result: str = "_Scalars") -> list[Document]:
    """The body of the function that computes a step's scalars."""
    fields = {name: [name] for name in source.lowered.fields}
    return _returned(source, result, fields)


def new_globals(source: Source) -> list[Document]:
    """The body of the function that computes what the global slots become."""
    fields: dict[str, list[str]] = {}
    for statement in source.lowered.body:
        match statement:
            case ir.Set(slot, Ref(name)):
                fields.setdefault(name, []).append(slot)
            case _:
                raise AssertionError(f"a global slot is given {statement}")
    given = {slot for slots in fields.values() for slot in slots}
    kept = [slot.name for slot in source.case.global_slots if slot.name not in given]
    return _returned(source, "_Globals", fields, [f"{name}=known.old.{name}" for name in kept])


def _returned(
    source: Source, result: str, results: dict[str, list[str]], rest: Sequence[str] = ()
) -> list[Document]:
    """Computes scalars and returns a named tuple: for each by name, the fields that it fills.

    `rest` are the other fields.
    """
    lowered = source.lowered
    parts = [part for scalar in lowered.scalars for part in ir.parts(scalar.value)]
    given = {hyper.name: f"hyper.{hyper.name}" for hyper in source.hypers}
    given |= source.known
    names = {one.name: _scalar_name(one, given, source) for one in lowered.scalars} | given
    referred = {part.name for part in parts if isinstance(part, Ref) and part.role is Role.LOCAL}
    here = Surroundings(
        source.target, source.helper_prefix, names, lowered.fixed, source.target.double
    )
    writes = writer(here)
    documents: list[Document] = []
    if any(map(_is_real_t, parts)):
        cast = call(source.target.cast, "t", source.target.double)
        documents.append((f"{T_AS_REAL} = ", cast))
    fields: dict[str, Document] = {}
    for scalar in lowered.scalars:
        name = scalar.name
        own = results.get(name, [])
        if scalar.equation or (name in referred and not isinstance(scalar.value, Ref)) or own[1:]:
            documents += comment(scalar.equation)
            documents += assignment(f"{names[name]} = ", scalar.value, writes, 1)
            fields |= {field: f"{field}={names[name]}" for field in own}
        elif own:
            before, text = value(scalar.value, WIDTH - len(own[0]) - 10, writes)
            documents += before
            fields[own[0]] = (f"{own[0]}=", text)
    ordered = [fields[field] for own in results.values() for field in own]
    return [*documents, ("return ", call(result, *ordered, *rest))]


def _scalar_name(scalar: Named, given: dict[str, str], source: Source) -> str:
    """What a scalar is called among the others: a hyperparameter needs no name of its own."""
    match scalar.value:
        case Ref(hyper) if hyper in given and not scalar.equation:
            return given[hyper]
        case _:
            return source.spelled(scalar.name)


def _is_real_t(part: Expr) -> bool:
    match part:
        case Call("real", (Ref(_, Role.COUNTER),)):
            return True
        case _:
            return False


# --- before the first step -----------------------------------------------------------------------


def initial_globals(source: Source) -> list[Document]:
    """The body of the function that gives the global slots' initial values."""
    names = {hyper.name: f"hyper.{hyper.name}" for hyper in source.hypers}
    fixed, double = source.lowered.fixed, source.target.double
    writes = writer(Surroundings(source.target, source.helper_prefix, names, fixed, double))
    documents: list[Document] = []
    fields: list[Document] = []
    for slot in source.case.global_slots:
        before, text = value(slot.initial, WIDTH - len(slot.name) - 10, writes)
        documents += before
        fields.append((f"{slot.name}=", text))
    return [*documents, ("return ", call("_Globals", *fields))]


# --- hyperparameters that are computed ------------------------------------------------------------


def computed(source: Source) -> list[Document]:
    """The body of the function that computes the hyperparameters that are None."""
    target = source.target
    names = {hyper.name: f"hyper.{hyper.name}" for hyper in source.hypers}
    fixed = frozenset(hyper.name for hyper in source.hypers if hyper.kind is not Kind.REAL)
    here = Surroundings(target, source.helper_prefix, names, fixed, target.double)
    writes = writer(here)
    documents: list[Document] = []
    for hyper in source.hypers:
        if hyper.computed is None:
            continue
        before, text = value(hyper.computed, WIDTH - 16, writes)
        if here.is_static(hyper.computed):
            text = constant(text, Kind.REAL, here)
        given = call(here.helper("given"), names[hyper.name], text)
        documents += [*before, *comment(f"{hyper.name} = {hyper.written}")]
        documents.append(("hyper = ", call("hyper._replace", (f"{hyper.name}=", given))))
    return [*documents, "return hyper"]
