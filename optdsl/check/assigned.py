"""What a step assigns and updates, as far as the surface tree tells."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from optdsl import syntax


def assigned(body: tuple[syntax.Stmt, ...]) -> Iterator[str]:
    """The locals that statements assign anywhere."""
    for statement in body:
        match statement:
            case syntax.Assign(target):
                yield target.text
            case syntax.When(_, then, otherwise):
                yield from assigned(then)
                yield from assigned(otherwise)
            case syntax.Repeat(_, inner):
                yield from assigned(inner)
            case _:
                pass


def updated_in_repeats(body: tuple[syntax.Stmt, ...], *, inside: bool = False) -> Iterator[str]:
    """What is updated inside of a `repeat`; `inside` says whether all of `body` is."""
    for statement in body:
        match statement:
            case syntax.Update(target) if inside:
                yield target.text
            case syntax.When(_, then, otherwise):
                yield from updated_in_repeats((*then, *otherwise), inside=inside)
            case syntax.Repeat(_, inner):
                yield from updated_in_repeats(inner, inside=True)
            case _:
                pass


def updates_param(
    body: tuple[syntax.Stmt, ...], positive: AbstractSet[str], *, always: bool = False
) -> bool:
    """Whether some path updates `param`, or `always` every one; an unsupported statement might.

    A `repeat` counts if it has a round in any case: `positive` are hyperparameters that say so.
    """
    both = all if always else any
    for statement in body:
        match statement:
            case syntax.Update(target) | syntax.Assign(target) if target.text == "param":
                return True  # `param = …` is an error of its own
            case syntax.Unsupported() | syntax.Inner():
                return True
            case syntax.When(_, then, otherwise):
                if both(updates_param(each, positive, always=always) for each in (then, otherwise)):
                    return True
            case syntax.Repeat(count, inner):
                certain = count.text if isinstance(count, syntax.Number | syntax.Name) else "0"
                some = certain in positive or (certain.isdigit() and int(certain) > 0)
                if some and updates_param(inner, positive, always=always):
                    return True
            case _:
                pass
    return False
