"""TensorFlow: how it spells what the printers print."""

from __future__ import annotations

from optdsl.ir import Kind
from optdsl.targets import Target

TENSORFLOW = Target(
    name="tensorflow",
    runtime="optdsl.runtime.tensorflow",
    framework=("tensorflow", None, "tf"),
    prefix="tf.",
    spellings={
        "pow": "tf.pow",
        "log": "tf.math.log",
        "log1p": "tf.math.log1p",
        "expm1": "tf.math.expm1",
        "atan2": "tf.math.atan2",
        "sigmoid": "tf.math.sigmoid",
        "softplus": "tf.math.softplus",
        "ceil": "tf.math.ceil",
        "round": "tf.math.round",
        "clip": "tf.clip_by_value",
        "is_finite": "tf.math.is_finite",
        "sum": "tf.reduce_sum",
        "mean": "tf.reduce_mean",
        "norm": ("tf.sqrt", "tf.reduce_sum", "tf.square"),
        "amax": "tf.reduce_max",
        "amin": "tf.reduce_min",
        "any": "tf.reduce_any",
        "all": "tf.reduce_all",
    },
    dtypes={Kind.INT: "tf.int64", Kind.BOOL: "tf.bool"},
    double="tf.float64",
    tensor="tf.Tensor",
    cast="tf.cast",
    constant="tf.constant",
    branch="tf.cond",
    reductions={
        "sum": "reduce_sum",
        "mean": "reduce_mean",
        "norm": "reduce_norm",
        "amax": "reduce_max",
        "amin": "reduce_min",
        "any": "reduce_any",
        "all": "reduce_all",
    },
    carried=frozenset({"cbrt", "erf"}),
    matrices={
        "matmul": "",
        "transpose": "tf.transpose",
        "diag": "diagonal_column",
        "eye": "identity_matrix",
        "inverse_root": "inverse_root",
        "qr": "orthogonal_factor",
        "eigenvectors": "eigenvectors",
        "eigenvalues": "eigenvalues",
        "sorting": "sorting",
    },
    template="tensorflow.py.jinja",
)
