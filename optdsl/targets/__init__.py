"""IR -> text. A framework is a `Target`: a table of spellings, how it branches, and a template."""

from __future__ import annotations

from collections.abc import Mapping

from optdsl.ir import Kind
from optdsl.records import record


@record
class Target:
    """How a framework spells what the printers print.

    A function is NumPy's name for it after `prefix`, unless `spellings` has another. A reduction
    may be made of three: what is done with the result, the reduction, and what is done with each
    element.
    """

    name: str
    runtime: str
    """The module of the runtime, for generated files to import."""
    framework: tuple[str, None, str]
    """What generated files import: a module, and its name there."""
    prefix: str
    spellings: Mapping[str, str | tuple[str, str, str]]
    dtypes: Mapping[Kind, str]
    """The dtype of numbers whose kind decides it; that of reals is a tensor's own."""
    double: str
    """The dtype of what is computed once per step."""
    tensor: str
    """The type of a tensor, for annotations."""
    cast: str
    """A function of a tensor and a dtype."""
    constant: str
    """A function of a Python number and a dtype."""
    branch: str
    """A function of a condition and two functions, of which it calls one."""
    reductions: Mapping[str, str]
    """The runtime's reductions that leave out rows that are padding."""
    carried: frozenset[str]
    """Functions that the runtime has under their own name, as the framework lacks them."""
    matrices: Mapping[str, str]
    """Functions of matrices: of the framework, of the runtime, or "" for an operator."""
    template: str
