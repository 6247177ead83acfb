"""The options of every optimizer, in one list: name, type, default, check and words.

The constructors' signatures and documentation, the attributes of both classes, and
`get_config` follow from it.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Iterable
from typing import Annotated, Any, NamedTuple, TypedDict, get_type_hints

import tensorflow as tf


class Option(NamedTuple):
    """What is known of an option, its name and type apart.

    Attributes:
        default: its value where none is given.
        check: `(name, value)` to the value as it is kept, or a ValueError.
        doc: what it does, as the rest of a sentence after its name.
    """

    default: Any
    check: Callable[[str, Any], Any]
    doc: str


def _any(_: str, value: Any) -> Any:
    return value or None


def _switch(_: str, value: Any) -> bool:
    return bool(value)


def _positive(name: str, value: Any) -> Any:
    if value is not None and not value > 0:
        raise ValueError(f"{name} must be positive, got {value!r}")
    return value


def _limit(name: str, value: Any) -> Any:
    return _positive(name, value or None)


def _share(name: str, value: Any) -> Any:
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must be in [0, 1], got {value!r}")
    return value


def _count(least: int) -> Callable[[str, Any], Any]:
    def check(name: str, value: Any) -> Any:
        if value and not (value >= least and value == int(value)):
            raise ValueError(f"{name} must be an integer from {least}, got {value!r}")
        return value or None

    return check


def _mode(name: str, value: Any) -> Any:
    if value not in (None, "exact", "lazy"):
        raise ValueError(f"{name} must be 'exact', 'lazy' or None, got {value!r}")
    return value


def _dtype(name: str, value: Any) -> tf.DType | None:
    if value is None:
        return None
    dtype = tf.as_dtype(value)
    if not dtype.is_floating:
        raise ValueError(f"{name} must be a floating-point dtype, got {dtype.name}")
    return dtype


class OptionsWithoutDecay(TypedDict, total=False):
    """The options of every optimizer whose rule has a weight decay of its own."""

    clipnorm: Annotated[
        float | None,
        Option(None, _limit, "largest L2 norm of the gradient of one variable."),
    ]
    clipvalue: Annotated[
        float | None,
        Option(None, _limit, "largest magnitude of a gradient's element."),
    ]
    global_clipnorm: Annotated[
        float | None,
        Option(None, _limit, "largest L2 norm of all gradients together."),
    ]
    use_ema: Annotated[
        bool, Option(False, _switch, "keeps a moving average of each variable.")
    ]
    ema_momentum: Annotated[
        float, Option(0.99, _share, "share of the average that stays in an update.")
    ]
    ema_overwrite_frequency: Annotated[
        int | None,
        Option(
            None,
            _count(1),
            "number of updates after which the averages are written to the "
            "variables; None for never.",
        ),
    ]
    loss_scale_factor: Annotated[
        float | None,
        Option(
            None,
            _positive,
            "what the loss was multiplied by; gradients are divided by it.",
        ),
    ]
    gradient_accumulation_steps: Annotated[
        int | None,
        Option(None, _count(2), "number of gradients whose mean makes one update."),
    ]
    jit_compile: Annotated[bool, Option(True, _switch, "compiles the step with XLA.")]
    sparse_mode: Annotated[
        str | None,
        Option(
            None,
            _mode,
            'what an `IndexedSlices` gradient does. "exact" gives what the dense '
            'gradient gives, "lazy" updates the rows it names and leaves the others, '
            "slots included. None for the rule's own mode.",
        ),
    ]
    slot_dtype: Annotated[
        Any,
        Option(
            None,
            _dtype,
            "dtype of the slots; None for that of the arithmetic: the variable's, or "
            "float32 if that is wider.",
        ),
    ]
    skip_nonfinite: Annotated[
        bool,
        Option(
            False,
            _switch,
            "makes a step with an infinite or NaN gradient do nothing at all.",
        ),
    ]


class Options(OptionsWithoutDecay, total=False):
    """The options of every optimizer, beside the hyperparameters of its rule."""

    weight_decay: Annotated[
        float | None,
        Option(
            None,
            _any,
            "decoupled weight decay, taken off before the update: this times the "
            "learning rate, or 1 where the rule has none, is the share of a variable "
            "that goes.",
        ),
    ]


_HINTS = get_type_hints(Options, globals(), include_extras=True)

OPTIONS: dict[str, Option] = {
    name: hint.__metadata__[0] for name, hint in _HINTS.items()
}
"""Every option by name."""

_CLIPS = ("clipnorm", "clipvalue", "global_clipnorm")


class Setting:
    """An option as an attribute of an optimizer, checked where it is assigned."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, optimizer: Any, owner: type | None = None) -> Any:
        if optimizer is None:
            return self
        return settings(optimizer)[self.name]

    def __set__(self, optimizer: Any, value: Any) -> None:
        own = settings(optimizer)
        own[self.name] = OPTIONS[self.name].check(self.name, value)
        if sum(own[name] is not None for name in _CLIPS) > 1:
            raise ValueError("give one of clipnorm, clipvalue and global_clipnorm only")


def settings(optimizer: Any) -> dict[str, Any]:
    """The options of an optimizer as they are now."""
    defaults = {name: option.default for name, option in OPTIONS.items()}
    own: dict[str, Any] = vars(optimizer).setdefault("_settings", defaults)
    return own


def with_settings(cls: type) -> type:
    """A class with an attribute for every option."""
    for name in OPTIONS:
        setattr(cls, name, Setting(name))
    return cls


def known(options: OptionsWithoutDecay, owner: type) -> dict[str, Any]:
    """The options that were given to a constructor.

    Raises:
        TypeError: there is no such option.
    """
    for name in options:
        if name not in OPTIONS:
            what = f"{owner.__name__}() got an unexpected keyword argument {name!r}"
            raise TypeError(what)
    return dict(options)


def describe(cls: type, hypers: Iterable[str]) -> None:
    """Puts every option into a class's signature and documentation.

    Args:
        cls: an optimizer whose constructor takes `**options`.
        hypers: the names of its hyperparameters, which hide options of the same name.
    """
    shown = {option: OPTIONS[option] for option in OPTIONS if option not in hypers}
    signature = inspect.signature(cls.__init__)  # type: ignore[misc]
    own = [one for one in signature.parameters.values() if one.name != "options"]
    keyword = inspect.Parameter.KEYWORD_ONLY
    for option, about in shown.items():
        annotation = _HINTS[option].__origin__
        one = inspect.Parameter(
            option, keyword, default=about.default, annotation=annotation
        )
        own.append(one)
    full = signature.replace(parameters=own)
    setattr(cls.__init__, "__signature__", full)  # type: ignore[misc]  # noqa: B010
    setattr(cls, "__signature__", full.replace(parameters=own[1:]))  # noqa: B010
    lines = [
        textwrap.fill(
            f"{option}: {about.doc}",
            width=88,
            initial_indent=" " * 8,
            subsequent_indent=" " * 12,
        )
        for option, about in shown.items()
    ]
    marker = " " * 8 + "**options: "
    before, found, after = (cls.__doc__ or "").partition(marker)
    if found:
        rest = after.partition("\n")[2]
        cls.__doc__ = before + "\n".join([*lines, rest])
