"""What generated files import: everything about an optimizer that no rule changes.

`rule` says what the runtime knows of a rule; `keras_optimizer` and `module_optimizer`
are the base classes; `core` puts hyperparameters, state and compiled steps together.
"""

from optdsl.runtime.tensorflow.callback import EvaluationWeights
from optdsl.runtime.tensorflow.functions import cbrt, erf
from optdsl.runtime.tensorflow.hypers import Bool, Int, Number, Rate, Real, given
from optdsl.runtime.tensorflow.keras_optimizer import KerasOptimizer, keras_class
from optdsl.runtime.tensorflow.matrices import (
    blank_matrix,
    diagonal_column,
    eigenvalues,
    eigenvectors,
    identity_matrix,
    inverse_root,
    orthogonal_factor,
    sorting,
)
from optdsl.runtime.tensorflow.module_optimizer import ModuleOptimizer, module_class
from optdsl.runtime.tensorflow.options import Options, OptionsWithoutDecay
from optdsl.runtime.tensorflow.rule import API, Case, Known, Measure, Rule, Whole
from optdsl.runtime.tensorflow.shapes import (
    axes,
    expanded,
    filled,
    reduce_all,
    reduce_any,
    reduce_max,
    reduce_mean,
    reduce_min,
    reduce_norm,
    reduce_sum,
    reduced,
)

__all__ = [
    "API",
    "Bool",
    "Case",
    "EvaluationWeights",
    "Int",
    "KerasOptimizer",
    "Known",
    "Measure",
    "ModuleOptimizer",
    "Number",
    "Options",
    "OptionsWithoutDecay",
    "Rate",
    "Real",
    "Rule",
    "Whole",
    "axes",
    "blank_matrix",
    "cbrt",
    "diagonal_column",
    "eigenvalues",
    "eigenvectors",
    "erf",
    "expanded",
    "filled",
    "given",
    "identity_matrix",
    "inverse_root",
    "keras_class",
    "module_class",
    "orthogonal_factor",
    "reduce_all",
    "reduce_any",
    "reduce_max",
    "reduce_mean",
    "reduce_min",
    "reduce_norm",
    "reduce_sum",
    "reduced",
    "sorting",
]
