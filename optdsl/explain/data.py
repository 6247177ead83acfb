"""The same for machines: what is known of a specification, as plain data."""

from __future__ import annotations

from typing import Any

from optdsl import ir
from optdsl.analysis import Facts
from optdsl.analysis.cost import size
from optdsl.diagnostics import records
from optdsl.explain import equations, once, text
from optdsl.passes.phases import phases
from optdsl.records import replace


def data(facts: Facts) -> dict[str, Any]:
    """What `explain` says: names, numbers, and expressions as they are written in the language."""
    optimizer = facts.optimizer
    return {
        "optimizer": optimizer.name,
        "doc": optimizer.doc.strip(),
        "file": facts.source.name,
        "hyperparameters": [_hyper(hyper) for hyper in optimizer.hypers],
        "allowed": [
            {"code": it.code, "line": it.line, "reason": it.reason} for it in facts.allowed
        ],
        "cases": [
            {
                "name": known.case.name,
                "condition": None if known.case.condition is None else text(known.case.condition),
                "as_matrix": known.case.as_matrix,
                "equations": equations(known.case.step, 0),
                "evaluation": equations(known.case.evaluation, 0),
                "slots": [_slot(slot) for slot in known.case.slots],
                "bytes_per_parameter": known.cost.bytes_per_parameter,
                "tensors_read": known.cost.reads,
                "tensors_written": known.cost.writes,
                "phases": [
                    {"adds_up": [text(call) for call in measure.calls]}
                    for measure in phases(known.case, optimizer.hypers).measures
                ],
                "once_per_step": {
                    scalar.name: text(scalar.value)
                    for scalar in once(replace(optimizer, cases=(known.case,)))
                },
                "sparse": {
                    "mode": known.case.sparse,
                    "touched_rows_suffice": known.sparsity.touched_rows,
                    "from_rank": known.sparsity.min_rank,
                    "reasons": list(known.sparsity.reasons),
                },
                "proved": [
                    {
                        "operation": proof.operation,
                        "argument": proof.text,
                        "interval": str(proof.interval),
                        "never": proof.never,
                    }
                    for proof in known.domain.proofs
                ],
                "not_proved": records(facts.source, known.domain.diagnostics),
            }
            for known in facts.cases
        ],
    }


def _hyper(hyper: ir.Hyper) -> dict[str, Any]:
    return {
        "name": hyper.name,
        "kind": hyper.kind.value,
        "default": hyper.written or hyper.default,
        "interval": None if hyper.kind is ir.Kind.BOOL else str(hyper.interval),
        "doc": hyper.doc,
    }


def _slot(slot: ir.Slot) -> dict[str, Any]:
    return {
        "name": slot.name,
        "shape": slot.shape.value,
        "axis": slot.axis,
        "size": size(slot),
        "initial": text(slot.initial),
        "doc": slot.doc,
    }
