"""Finding the grammar, the templates and the library of rules.

In a wheel they travel under `optdsl/_data/`; in a checkout, installed as editable or not at all,
they are the folders next to `optdsl/`.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def _folder(name: str) -> Path:
    packed = _PACKAGE / "_data" / name
    return packed if packed.is_dir() else _PACKAGE.parent / name


def grammar() -> str:
    """The text of the language's grammar, for Lark."""
    return (_folder("grammars") / "opt.lark").read_text(encoding="utf-8")


def template_dir() -> Path:
    """The folder of the Jinja templates."""
    return _folder("templates")


def specs_folder() -> Path:
    """The folder of the library of rules."""
    return _folder("specs")


def spec_names() -> tuple[str, ...]:
    """The names of the rules in the library (`amsgrad`, …), sorted."""
    return tuple(sorted(path.stem for path in specs_folder().glob("*.opt")))


def wrappers_folder() -> Path:
    """The folder of the library of wrappers."""
    return specs_folder() / "wrappers"


def wrapper_names() -> tuple[str, ...]:
    """The names of the wrappers in the library (`lookahead`, …), sorted."""
    return tuple(sorted(path.stem for path in wrappers_folder().glob("*.opt")))


def spec_text(name: str) -> str:
    """The specification of a rule in the library.

    Raises:
        KeyError: the library has no rule of that name.
    """
    if name not in spec_names():
        raise KeyError(name)
    return (specs_folder() / f"{name}.opt").read_text(encoding="utf-8")


def runtime_folder(package: str) -> Path:
    """The folder of a runtime's sources, without importing it: it needs its framework."""
    return _PACKAGE.joinpath(*package.split(".")[1:])


@cache
def option_names() -> frozenset[str]:
    """The options of generated optimizers: names that a specification cannot have.

    They are listed in the runtime, which is read here and not imported: it needs its framework.
    """
    text = (runtime_folder("optdsl.runtime.tensorflow") / "options.py").read_text(encoding="utf-8")
    return frozenset(re.findall(r"^    (\w+): Annotated\[", text, re.MULTILINE))
