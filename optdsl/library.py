"""The rules that come with the package, and a starting point for a new one."""

from __future__ import annotations

import re
from pathlib import Path

from optdsl.resources import spec_names, specs_folder, wrapper_names, wrappers_folder

_STARTING_POINT = '''\
optimizer {name}:
    """One line that says what is special about this rule.

    Where it was published.
    """

    hyper learning_rate = 1e-3 in [0, inf) "Step size."
    hyper beta          = 0.9  in [0, 1)   "Decay rate of the momentum."

    slot m "Running mean of gradients."

    step:
        m <- beta * m + (1 - beta) * grad
        m_hat = m / (1 - beta^t)
        param <- param - learning_rate * m_hat
'''


def find(name: str) -> Path | None:
    """The file of a rule in the library, or None if there is no such rule."""
    return specs_folder() / f"{name}.opt" if name in spec_names() else None


def entries() -> tuple[tuple[str, str], ...]:
    """Name and one line about every rule in the library."""
    return _described(specs_folder(), spec_names())


def wrappers() -> tuple[tuple[str, str], ...]:
    """Name and one line about every wrapper in the library."""
    return _described(wrappers_folder(), wrapper_names())


def _described(folder: Path, names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    from optdsl.parse import decode, parse

    found = []
    for name in names:
        path = folder / f"{name}.opt"
        spec, _ = parse(decode(path.read_bytes(), path.name)[0])
        found.append((name, spec.doc.text.split("\n")[0] if spec and spec.doc else ""))
    return tuple(found)


def starting_point(name: str) -> str:
    """A whole specification to start from; `my_rule` becomes `optimizer MyRule`."""
    parts = [part for part in re.split(r"[_-]", name) if part]
    return _STARTING_POINT.format(name="".join(part[:1].upper() + part[1:] for part in parts))
