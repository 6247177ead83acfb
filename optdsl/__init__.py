"""optdsl: a specification-driven optimizer compiler.

    import optdsl

    adam = optdsl.compile("specs/adam.opt")  # .diagnostics, .source(target), .reference()
    AMSGrad = optdsl.load("specs/amsgrad.opt").AMSGrad

Errors of a specification are raised as `optdsl.SpecError` when its code is asked for.
"""

from __future__ import annotations

from optdsl.version import __version__

# Importing this package must cost nothing: `optdsl --version` imports it too.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from optdsl.compiler import Compiled, compile, load
    from optdsl.diagnostics import SpecError

__all__ = ["Compiled", "SpecError", "__version__", "compile", "load"]

_MODULES = {
    "Compiled": "optdsl.compiler",
    "compile": "optdsl.compiler",
    "load": "optdsl.compiler",
    "SpecError": "optdsl.diagnostics",
}


if not TYPE_CHECKING:  # a type checker knows the names, and should say so when one is wrong

    def __getattr__(name: str) -> object:
        """Imports a part of the public API when it is first asked for (PEP 562)."""
        if name not in _MODULES:
            raise AttributeError(f"module 'optdsl' has no attribute {name!r}")
        from importlib import import_module

        value = getattr(import_module(_MODULES[name]), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
