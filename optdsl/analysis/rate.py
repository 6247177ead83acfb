"""A warning about a learning rate under another name, which Keras would not find."""

from __future__ import annotations

from optdsl import ir
from optdsl.diagnostics import Diagnostic, Severity

_OTHER_NAMES = ("lr", "step_size", "rate", "eta")


def other_rate(optimizer: ir.Optimizer) -> tuple[Diagnostic, ...]:
    """A warning for the hyperparameter that surely is the learning rate, if it has another name."""
    reals = {each.name: each for each in optimizer.hypers if each.kind is ir.Kind.REAL}
    if "learning_rate" in reals:
        return ()
    for name in _OTHER_NAMES:
        if name in reals:
            return (
                Diagnostic(
                    "learning-rate-name",
                    Severity.WARNING,
                    f"`{name}` is the learning rate under a name that Keras does not know",
                    reals[name].span,
                    ("callbacks and schedulers look for `learning_rate`",),
                    "call it `learning_rate`",
                ),
            )
    return ()
