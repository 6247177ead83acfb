"""The systems that are compared, and the work that each can do."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from benchmarks.work import Work

ALL_DENSE = frozenset({"amsgrad", "adam", "adagrad"})
ALL_SPARSE = frozenset({"lazy_adam", "adagrad"})
FUSION = "--xla_backend_extra_options=xla_cpu_use_multi_output_fusion"


@dataclass(frozen=True, slots=True)
class System:
    """A library, or a way to use it.

    Attributes:
        name: as the tables have it.
        module: of `benchmarks.peers`; has a function for each kind of work, which gives a `Task`.
        dense, sparse, fit: the rules that it has for each kind of work.
        modes: how its steps can be called; for all systems that is what `fit` says.
        groups: the only groups that it is measured in; empty for all.
        needs: the package without which it is left out.
        environment: variables that its process has besides those of the others.
        other: kinds of work and rules for which it takes another step than ours, and why.
    """

    name: str
    module: str
    dense: frozenset[str] = ALL_DENSE
    sparse: frozenset[str] = ALL_SPARSE
    fit: frozenset[str] = frozenset()
    modes: frozenset[str] = frozenset({"eager", "function", "xla"})
    groups: frozenset[str] = frozenset()
    needs: str = "tensorflow"
    environment: tuple[tuple[str, str], ...] = ()
    other: tuple[tuple[str, str], ...] = ()

    def installed(self) -> bool:
        """Whether its package is."""
        return find_spec(self.needs) is not None

    def can(self, work: Work) -> bool:
        """Whether it has this rule, to be called like this."""
        rules: Any = getattr(self, work.kind)
        called = work.kind == "fit" or work.mode in self.modes
        return work.rule in rules and called and (not self.groups or work.group in self.groups)

    def differs(self, work: Work) -> str:
        """Why its results are not ours; empty if they are."""
        return next((why for what, why in self.other if what in (work.kind, work.rule)), "")


FIT = frozenset({"adam"})
CALLED = frozenset({"eager"})
NO_XLA = frozenset({"eager", "function"})  # the kernel of AMSGrad is not known to XLA
NONE: frozenset[str] = frozenset()

SYSTEMS = (
    System("optdsl", "optdsl_now", fit=FIT),
    System("optdsl 0.1.0", "optdsl_0_1_0", fit=FIT),
    System(
        "Keras",
        "keras_",
        fit=FIT,
        other=(
            ("sparse", "it squares equal ids before it sums them, and its Adam moves all rows"),
        ),
    ),
    System(
        "raw kernels",
        "raw_kernels",
        sparse=frozenset({"adagrad"}),
        modes=NO_XLA,
        other=(("sparse", "the kernel takes equal ids one after the other"),),
    ),
    System("by hand", "hand_written"),
    System("torch", "torch_", modes=CALLED, needs="torch"),
    System(
        "optax",
        "optax_",
        sparse=NONE,
        modes=CALLED,
        needs="optax",
        other=(("amsgrad", "it takes the maximum after the correction"),),
    ),
    System(
        "optdsl, fused outputs",
        "optdsl_now",
        sparse=NONE,
        groups=frozenset({"large"}),
        environment=(("XLA_FLAGS", FUSION),),
    ),
)
"""The first is the one that others are compared with."""


def system(name: str) -> System:
    """The system of a name."""
    (found,) = [each for each in SYSTEMS if each.name == name]
    return found
