"""Names: which are reserved and why, and what somebody probably meant."""

from __future__ import annotations

from collections.abc import Iterable

from optdsl import ir, ops
from optdsl.resources import option_names

_REAL, _INT = ir.Kind.REAL, ir.Kind.INT

GIVEN: dict[str, tuple[ir.Role, ir.Type]] = {
    "grad": (ir.Role.GRAD, ir.Type(_REAL, ir.Tensor())),
    "param": (ir.Role.PARAM, ir.Type(_REAL, ir.Tensor())),
    "t": (ir.Role.COUNTER, ir.Type(_INT, ir.PerStep())),
    "loss": (ir.Role.LOSS, ir.Type(_REAL, ir.PerStep())),
    "rank": (ir.Role.DIM, ir.Type(_INT, ir.PerVariable())),
    "rows": (ir.Role.DIM, ir.Type(_INT, ir.PerVariable())),
    "cols": (ir.Role.DIM, ir.Type(_INT, ir.PerVariable())),
    "size": (ir.Role.DIM, ir.Type(_INT, ir.PerVariable())),
    "first": (ir.Role.FIRST, ir.Type(ir.Kind.BOOL, ir.PerVariable())),
}
"""The names that every step can read, without the constants."""

CONSTANTS = frozenset("inf pi true false".split())

FUNCTIONS = frozenset(ops.FUNCTIONS) | {"old", "length", "global_norm", *ops.SHORTHANDS}

KEYWORDS = frozenset(
    """and as assert async await break class continue def del elif else except finally for from
    global if import in is lambda None nonlocal not or pass raise return True False try while with
    yield""".split()
)

BUILTINS = frozenset(
    """abs aiter all anext any ascii bin bool breakpoint bytearray bytes callable chr classmethod
    compile complex copyright credits delattr dict dir divmod enumerate eval exec exit filter float
    format frozenset getattr globals hasattr hash help hex id input int isinstance issubclass iter
    len license list locals map max memoryview min next object oct open ord pow print property quit
    range repr reversed round set setattr slice sorted staticmethod str sum super tuple type vars
    zip
    ArithmeticError AssertionError AttributeError BaseException BaseExceptionGroup BlockingIOError
    BrokenPipeError BufferError BytesWarning ChildProcessError ConnectionAbortedError
    ConnectionError ConnectionRefusedError ConnectionResetError DeprecationWarning EOFError
    Ellipsis EncodingWarning EnvironmentError Exception ExceptionGroup FileExistsError
    FileNotFoundError FloatingPointError FutureWarning GeneratorExit IOError ImportError
    ImportWarning IndentationError IndexError InterruptedError IsADirectoryError KeyError
    KeyboardInterrupt LookupError MemoryError ModuleNotFoundError NameError NotADirectoryError
    NotImplemented NotImplementedError OSError OverflowError PendingDeprecationWarning
    PermissionError ProcessLookupError RecursionError ReferenceError ResourceWarning RuntimeError
    RuntimeWarning StopAsyncIteration StopIteration SyntaxError SyntaxWarning SystemError SystemExit
    TabError TimeoutError TypeError UnboundLocalError UnicodeDecodeError UnicodeEncodeError
    UnicodeError UnicodeTranslateError UnicodeWarning UserWarning ValueError Warning
    ZeroDivisionError""".split()
)
"""Python's built-in names: the generated code calls some, and shadowing one helps nobody."""

BASE_ATTRIBUTES = frozenset(
    """add_optimizer_variables add_variable add_variable_from_reference apply apply_gradients assign
    assign_add assign_sub build built exclude_from_weight_decay finalize_variable_values from_config
    get_config iterations learning_rate load_own_variables name name_scope non_trainable_variables
    save_own_variables scale_loss set_weights stateless_apply submodules trainable_variables
    update_step variables weight_decay with_name_scope""".split()
)
"""Public attributes of `keras.optimizers.Optimizer` and `tf.Module`; a test keeps the list true."""

METHODS = frozenset(
    "evaluating hyperparameters_of minimize slots swap_to_eval swap_to_train".split()
)
"""Methods and attributes that the generated classes have beside those of their base classes."""

MODULES = frozenset(
    """self cls options rt tf keras tensorflow math np numpy Any annotations Bool Int Rate
    Real""".split()
)
"""Names that the generated classes and functions themselves need."""

RUNTIME = frozenset(
    """API AbstractContextManager Annotated Aside Bool Callable Case Contents Core Counter
    Decimal EarlierName Evaluating Evaluation EvaluationWeights Fixed Followed Found
    Fraction Given Group Handed Int Interval Iterable Iterator Kept KerasClass KerasFiles
    KerasOptimizer Kind Known LOSS_SUM Layout Mapping Matched Measure Minimizing
    ModuleClass ModuleOptimizer NOBODY_S NamedTuple NoRate NotAcceptedError Number OPTIONS
    Option Options OptionsWithoutDecay PerVariable Plan Rate Real Renaming Rows Rule Saved
    Sequence Setting Shared State Step TOGETHER Totals TypeVar TypedDict Unpack Update
    Values WAYS Whole accepted accumulate alike as_column as_gradient axes bind
    blank_matrix by_pattern cached_property cast cbrt check_cases check_change check_clips
    check_dtypes check_gradient check_replica chosen compute_dtype contextlib
    contextmanager dataclass decays dense_of describe described diagonal_column
    distinct_rows distinct_rows_of_fixed_size eigenvalues eigenvectors erf evaluated
    expanded fields filled float64 floating_dtype folded get_type_hints given given_values
    grouped hypers_of identity_matrix initial_slots initial_values inside_xla inspect
    inverse_root is_lazy json keras_class known listed listed_pairs listed_variables local
    made_state matched measured module_class named_by_pattern numbers on_replica once
    one_of orthogonal_factor parsed partial per_variable plain_scalar program_of re read
    read_param real_number reduce_all reduce_any reduce_max reduce_mean reduce_min
    reduce_norm reduce_sum reduced register rows_of ruled scope_for settings shown
    shown_number sorting started state_names strategy_here switch textwrap tf_variable
    threading unless_swapped value_of values_now values_of variable_name variables_of
    warnings whole_number with_loss with_settings with_sums write write_everywhere
    write_rows written""".split()
)
"""Names at the top of a standalone file, which a class must not hide; a test checks the list."""

OWNED_BY_KERAS = frozenset({"learning_rate", "weight_decay"})
"""Attributes of the base class that a specification may declare, as real hyperparameters."""


def why_reserved(name: str) -> str | None:
    """Why a specification cannot give `name` to something of its own; None if it can.

    `OWNED_BY_KERAS` names count as reserved here; the caller lets hyperparameters have them.
    """
    if name in GIVEN or name in CONSTANTS:
        return "is a name that the language gives"
    if name in FUNCTIONS:
        return "is a function of the language"
    if name in KEYWORDS:
        return "is a keyword of Python"
    if name in BASE_ATTRIBUTES:
        return "is an attribute of the optimizer's base class"
    if name in METHODS or name in option_names():
        return "is an option or method of the generated classes"
    if name in MODULES:
        return "is a name that the generated file needs"
    if name in BUILTINS:
        return "is a built-in name of Python"
    return "is an attribute of every class" if name == "mro" else None


def why_reserved_class(name: str) -> str | None:
    """Why an optimizer cannot be called `name`; None if it can."""
    if name in KEYWORDS:
        return "is a keyword of Python"
    if name in MODULES or name in RUNTIME:
        return "is a name that the generated file needs"
    if name in BUILTINS:
        return "is a built-in name of Python"
    return None


_MAX_LENGTH = 40  # a longer name is no typing mistake, and comparing it would cost time
_MAX_CANDIDATES = 2000


def closest(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate that differs from `name` by a plausible typing mistake; None if none does."""
    if len(name) > _MAX_LENGTH:
        return None
    limit = _tolerance(name) + 1
    best: tuple[int, int, str] | None = None
    for candidate in sorted(set(candidates))[:_MAX_CANDIDATES]:
        if abs(len(candidate) - len(name)) < limit and candidate != name:
            distance = _distance(name.lower(), candidate.lower(), limit)
            rank = (distance, _remoteness(name, candidate), candidate)
            if distance < limit and (best is None or rank < best):
                best = rank
    return best[2] if best else None


def _remoteness(left: str, right: str) -> int:
    """Decides between equally close candidates: for `beta_3`, `beta_2` is closer than `beta_1`."""
    return sum(abs(ord(a) - ord(b)) for a, b in zip(left, right, strict=False))


def _tolerance(name: str) -> int:
    """How many edits away a candidate may be: none for one letter, more for longer names."""
    return 0 if len(name) < 2 else 1 if len(name) < 5 else 2 if len(name) < 9 else 3


def _distance(left: str, right: str, limit: int) -> int:
    """Insertions, deletions, replacements and swaps of neighbours between two words.

    Gives `limit` as soon as the distance is at least that.
    """
    before: list[int] = []
    previous = list(range(len(right) + 1))
    for i, a in enumerate(left, start=1):
        row = [i]
        for j, b in enumerate(right, start=1):
            cost = min(previous[j] + 1, row[j - 1] + 1, previous[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and b == left[i - 2]:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        if min(row) >= limit:
            return limit
        before, previous = previous, row
    return previous[-1]
