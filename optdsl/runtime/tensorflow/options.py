"""The options of every optimizer, in one list: name, type, default, check and words.

The constructors' signatures and documentation, the attributes of both classes, and
`get_config` follow from it.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, NamedTuple, TypedDict, get_type_hints

from optdsl.runtime.tensorflow.groups import WAYS, PerVariable, by_pattern
from optdsl.runtime.tensorflow.kinds import (
    Kind,
    floating_dtype,
    named_by_pattern,
    one_of,
    real_number,
    switch,
    whole_number,
)
from optdsl.runtime.tensorflow.rule import Rule


class Option(NamedTuple):
    """What is known of an option, its name and type apart.

    Attributes:
        default: its value where none is given.
        kind: which values it takes.
        doc: what it does, as the rest of a sentence after its name.
        in_state: whether it decides what state there is, and so is fixed by `build`.
    """

    default: Any
    kind: Kind
    doc: str
    in_state: bool = False


_LIMIT = real_number("(0, inf)").or_none(zero=True)


class OptionsWithoutDecay(TypedDict, total=False):
    """The options of every optimizer whose rule has a weight decay of its own."""

    clipnorm: Annotated[
        float | None,
        Option(None, _LIMIT, "largest L2 norm of the gradient of one variable."),
    ]
    clipvalue: Annotated[
        float | None,
        Option(None, _LIMIT, "largest magnitude of a gradient's element."),
    ]
    global_clipnorm: Annotated[
        float | None,
        Option(None, _LIMIT, "largest L2 norm of all gradients together."),
    ]
    use_ema: Annotated[
        bool,
        Option(
            False, switch(), "keeps a moving average of each variable.", in_state=True
        ),
    ]
    ema_momentum: Annotated[
        float,
        Option(
            0.99, real_number("[0, 1]"), "share of the average that stays in an update."
        ),
    ]
    ema_overwrite_frequency: Annotated[
        int | None,
        Option(
            None,
            whole_number("[1, inf)").or_none(zero=True),
            "number of updates after which the averages are written to the "
            "variables; None for never.",
        ),
    ]
    loss_scale_factor: Annotated[
        float | None,
        Option(
            None,
            real_number("(0, inf)").or_none(),
            "what the loss was multiplied by; gradients are divided by it.",
        ),
    ]
    gradient_accumulation_steps: Annotated[
        int | None,
        Option(
            None,
            whole_number("[2, inf)").or_none(zero=True),
            "number of gradients whose mean makes one update.",
            in_state=True,
        ),
    ]
    jit_compile: Annotated[bool, Option(True, switch(), "compiles the step with XLA.")]
    sparse_mode: Annotated[
        str | None,
        Option(
            None,
            one_of("exact", "lazy").or_none(),
            'what an `IndexedSlices` gradient does. "exact" gives what the dense '
            'gradient gives, "lazy" updates the rows it names and leaves the others, '
            "slots included. None for the rule's own mode.",
        ),
    ]
    slot_dtype: Annotated[
        Any,
        Option(
            None,
            floating_dtype().or_none(),
            "dtype of the slots; None for that of the arithmetic: the variable's, or "
            "float32 if that is wider.",
            in_state=True,
        ),
    ]
    skip_nonfinite: Annotated[
        bool,
        Option(
            False,
            switch(),
            "makes a step with an infinite or NaN gradient do nothing at all.",
        ),
    ]
    cases: Annotated[
        dict[str, str] | None,
        Option(
            None,
            named_by_pattern("names of cases").or_none(),
            "names of the rule's cases by pattern: a variable whose path a pattern "
            "matches, as in `re.search`, is in that case, whatever the rule says. The "
            "last that matches wins.",
            in_state=True,
        ),
    ]
    overrides: Annotated[
        Mapping[str, Mapping[str, Any]] | None,
        Option(
            None,
            by_pattern().or_none(),
            "other values of hyperparameters for the variables whose paths a regular "
            "expression is found in: {'bias': {'learning_rate': 1e-4}}. The last that "
            "matches counts.",
            in_state=True,
        ),
    ]
    multipliers: Annotated[
        Mapping[str, Mapping[str, Any]] | None,
        Option(
            None,
            by_pattern().or_none(),
            "the same for what hyperparameters are multiplied by, after `overrides`.",
            in_state=True,
        ),
    ]


class Options(OptionsWithoutDecay, total=False):
    """The options of every optimizer, beside the hyperparameters of its rule."""

    weight_decay: Annotated[
        float | None,
        Option(
            None,
            real_number("[0, inf)").or_none(zero=True),
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
        new = accepted(self.name, value, optimizer._rule)
        if new == own[self.name]:
            return
        check_clips({**own, self.name: new})
        check_change(self.name, own, optimizer)
        if isinstance(new, PerVariable) and "_core" in vars(optimizer):
            new.bind(self.name, optimizer)
        own[self.name] = new


def accepted(name: str, value: Any, rule: Rule) -> Any:
    """The value of an option as it is kept; where it is the rule's own, as that."""
    kept = OPTIONS[name].kind.checked(name, value)
    if name == "use_ema" and kept and rule.evaluates:
        raise ValueError(
            f"use_ema is not for {rule.name}, which has evaluation weights of its own: "
            "`swap_to_eval()` puts them into the variables"
        )
    if name == "sparse_mode":
        if kept == "lazy" and all(case.as_matrix for case in rule.by_name.values()):
            raise ValueError(
                f'sparse_mode must be "exact" or None for {rule.name}: it needs all '
                'rows of a variable, got "lazy"'
            )
        return kept or rule.own_sparse_mode
    if name == "cases":
        check_cases(kept or {}, rule)
    return kept


def check_cases(patterns: dict[str, str], rule: Rule) -> None:
    """Refuses names that are none of the rule's cases.

    Raises:
        ValueError: there is no such case.
    """
    known = ", ".join(f"`{case.name}`" for case in rule.cases)
    for pattern, case in patterns.items():
        if not rule.cases:
            raise ValueError(f"`cases` must be None: {rule.name} has no cases")
        if case not in rule.by_name:
            what = f"{case!r}, for {pattern!r} in `cases`, is no case of {rule.name}"
            raise ValueError(f"{what}: these are {known}")


def check_clips(options: dict[str, Any]) -> None:
    """Refuses more than one way of clipping."""
    if sum(options.get(name) is not None for name in _CLIPS) > 1:
        raise ValueError("give one of clipnorm, clipvalue and global_clipnorm only")


def check_change(name: str, own: dict[str, Any], optimizer: Any) -> None:
    """Refuses a change of an option that would have no effect.

    Raises:
        RuntimeError: state depends on the option, or a compiled function contains it.
    """
    core = vars(optimizer).get("_core")
    if core is None:
        return
    in_state = OPTIONS[name].in_state
    if name == "sparse_mode":  # the touched rows are kept until the update
        in_state = own["gradient_accumulation_steps"] is not None
    if core.states and in_state:
        raise RuntimeError(
            f"{name} decides what state there is, which `build` has made: "
            "make a new optimizer to change it"
        )
    if core.traced:
        raise RuntimeError(
            f"a compiled function contains {name} as it was: make a new optimizer to "
            "change it"
        )


def settings(optimizer: Any) -> dict[str, Any]:
    """The options of an optimizer as they are now."""
    defaults = {name: option.default for name, option in OPTIONS.items()}
    own: dict[str, Any] = vars(optimizer).setdefault("_settings", defaults)
    return own


def bind(optimizer: Any) -> None:
    """Takes over values for some variables, when the hyperparameters are there."""
    for way in WAYS:
        if (given := settings(optimizer)[way]) is not None:
            given.bind(way, optimizer)


def with_settings(cls: type) -> type:
    """A class with an attribute for every option."""
    for name in OPTIONS:
        setattr(cls, name, Setting(name))
    return cls


def known(options: OptionsWithoutDecay, rule: Rule, owner: type) -> dict[str, Any]:
    """The options that were given to a constructor, and the rule's own sparse mode.

    Raises:
        TypeError: there is no such option.
        ValueError: one has a value that it does not take.
    """
    for name in options:
        if name not in OPTIONS:
            what = f"{owner.__name__}() got an unexpected keyword argument {name!r}"
            raise TypeError(what)
    given = {"sparse_mode": None, **options}
    kept = {name: accepted(name, value, rule) for name, value in given.items()}
    check_clips(kept)
    return kept


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
