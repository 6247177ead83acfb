"""The cases of a rule: which one a variable is in, and what its update sees."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from optdsl.runtime.tensorflow.naming import listed
from optdsl.runtime.tensorflow.rule import Case, Measure, Rule, Whole


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
    of = (case, case.update, case.sees_whole)
    new, kept = _called(*of, (grad, param), slots, scalars, whole)
    if not case.as_matrix:
        return new, kept
    return tf.reshape(new, param.shape), _reshaped(case, kept, param.shape)


def measured(
    case: Case,
    measure: Measure,
    grad: tf.Tensor,
    param: tf.Tensor,
    slots: Any,
    scalars: Any,
    whole: Whole,
) -> Any:
    """What a variable adds to the sums of a phase."""
    of = (case, measure.measure, measure.sees_whole)
    return _called(*of, (grad, param), slots, scalars, whole)


def evaluated(
    case: Case, param: tf.Tensor, slots: Any, scalars: Any, whole: Whole
) -> tf.Tensor:
    """What a variable is while its model is evaluated."""
    of = (case, case.evaluate, case.sees_whole)
    value = _called(*of, (param,), slots, scalars, whole)
    return tf.reshape(value, param.shape) if case.as_matrix else value


def _called(
    case: Case,
    function: Callable[..., Any] | None,
    sees_whole: bool,
    tensors: Sequence[tf.Tensor],
    slots: Any,
    scalars: Any,
    whole: Whole,
) -> Any:
    """What a function of the rule gives, of a variable as its case sees it."""
    assert function is not None
    if case.as_matrix:
        matrix = folded(tensors[0].shape)
        tensors = [tf.reshape(tensor, matrix) for tensor in tensors]
        slots = _reshaped(case, slots, matrix)
        if case.most_rank is None:
            whole = Whole(matrix, None, whole.first)
    return function(*tensors, slots, scalars, *((whole,) if sees_whole else ()))


def _reshaped(case: Case, slots: Any, shape: Sequence[int]) -> Any:
    """The slots, those of the variable's shape in another one; others stay."""
    return case.slots(
        *(
            tf.reshape(slot, shape) if kind == "param" else slot
            for slot, kind in zip(slots, case.shapes, strict=True)
        )
    )
