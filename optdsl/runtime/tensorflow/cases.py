"""The cases of a rule: which one a variable is in, and what its update sees."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from optdsl.runtime.tensorflow.naming import listed
from optdsl.runtime.tensorflow.rule import Case, Rule, Whole


def chosen(
    rule: Rule,
    params: Mapping[str, tf.Variable],
    old: Sequence[str],
    hypers: Any,
    patterns: Mapping[str, str] | None,
) -> dict[str, Case]:
    """The case of each variable: that of the last matching pattern, or the rule's.

    Args:
        rule: which has cases, or a single one without a name.
        params: the variables that have no state yet, by name.
        old: the names of the others, which patterns may be about as well.
        hypers: the hyperparameters; conditions read those that are fixed.
        patterns: names of cases by pattern, as in `re.search`.

    Raises:
        ValueError: a pattern matches nothing, or a case cannot take a variable's rank.
    """
    given: dict[str, str] = {}
    names = [*params, *old]
    for pattern, name in (patterns or {}).items():
        matching = [each for each in names if re.search(pattern, each)]
        if not matching:
            raise ValueError(
                f"the pattern {pattern!r} in `cases` matches none of {listed(names)}"
            )
        given |= dict.fromkeys(matching, name)
    found = {}
    for name, param in params.items():
        shape = tuple(param.shape)
        own = given.get(name) or _by_condition(rule, Whole(shape, None), hypers)
        case = rule.by_name[own]
        if case.most_rank is not None and len(shape) > case.most_rank:
            where = f"the case `{own}`" if own else rule.name
            raise ValueError(
                f"{name} has rank {len(shape)}, and {where} multiplies matrices: it "
                f"takes rank {case.most_rank} at most"
            )
        found[name] = case
    return found


def _by_condition(rule: Rule, whole: Whole, hypers: Any) -> str:
    """The first case whose condition holds; the last has none."""
    return next(
        case.name
        for case in rule.by_name.values()
        if case.when is None or case.when(whole, hypers)
    )


def is_lazy(case: Case, mode: str | None) -> bool:
    """Whether a sparse gradient updates its rows alone; `mode` was asked for."""
    return not case.as_matrix and (mode or case.sparse) == "lazy"


def folded(shape: Sequence[int]) -> tuple[int, int]:
    """A shape with all axes but the last folded into one."""
    return math.prod(shape[:-1]), shape[-1] if shape else 1


def initial_slots(case: Case, param: tf.Tensor, hypers: Any) -> Any:
    """The slots of a variable before the first step."""
    if not case.as_matrix:
        return case.initial(param, hypers)
    slots = case.initial(tf.reshape(param, folded(param.shape)), hypers)
    return _reshaped(case, slots, param.shape)


def ruled(
    case: Case,
    grad: tf.Tensor,
    param: tf.Tensor,
    slots: Any,
    scalars: Any,
    whole: Whole,
) -> tuple[tf.Tensor, Any]:
    """The rule: the new `param` and the new slots, in the shapes of the old ones."""
    if not case.as_matrix:
        more = (whole,) if case.sees_whole else ()
        return case.update(grad, param, slots, scalars, *more)
    shape, matrix = param.shape, folded(param.shape)
    seen = whole if case.most_rank is not None else Whole(matrix, None)
    more = (seen,) if case.sees_whole else ()
    grad, param = tf.reshape(grad, matrix), tf.reshape(param, matrix)
    param, new = case.update(
        grad, param, _reshaped(case, slots, matrix), scalars, *more
    )
    return tf.reshape(param, shape), _reshaped(case, new, shape)


def _reshaped(case: Case, slots: Any, shape: Sequence[int]) -> Any:
    """The slots, those of the variable's shape in another one; others stay."""
    return case.slots(
        *(
            tf.reshape(slot, shape) if kind == "param" else slot
            for slot, kind in zip(slots, case.shapes, strict=True)
        )
    )
