"""Random small specifications, as text, that divide and take roots of whatever comes along."""

from __future__ import annotations

from hypothesis import strategies as st

HYPERS = """\
    hyper a = 0.5 in [0, 1)
    hyper b = 0.5 in [0, inf)
    hyper c = 0.5 in (0, 2]
    hyper d = 0.5
    hyper k: int = 2 in [0, 3]
    hyper s: bool = true
"""
_SCALARS = ("a", "b", "c", "d", "k", "t", "0", "1", "2", "0.5", "-1")
_TENSORS = ("grad", "param", "m", "v", "w", "old(m)")
_ONE = ("abs", "sign", "sqrt", "exp", "log", "log1p", "expm1", "tanh", "floor", "-")
_REDUCTIONS = ("norm", "sum", "mean", "amax", "amin")
_AXES = ("", ", axis=0", ", axis=row")
_TWO = ("+", "-", "*", "/", "%", "^", "/", "min", "max")
_PER_VARIABLE = ("s", "norm(grad) > 0", "all(v > 0)", "any(m != 0)", "not (sum(w) == 0)", "t > 1")
_COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")


@st.composite
def expressions(draw: st.DrawFn, names: tuple[str, ...], depth: int) -> str:
    """An expression over `names`, with parentheses everywhere."""
    if depth == 0 or draw(st.integers(0, 4)) == 0:
        return draw(st.sampled_from(names))

    def part() -> str:
        return draw(expressions(names, depth - 1))

    match draw(st.integers(0, 6)):
        case 0:
            return f"({draw(st.sampled_from(_ONE))}({part()}))"
        case 1 if "grad" in names:  # a reduction needs a tensor, which `grad` makes sure of
            function, axis = draw(st.sampled_from(_REDUCTIONS)), draw(st.sampled_from(_AXES))
            return f"{function}({part()} + 0 * grad{axis})"
        case 2:
            low, high = draw(st.sampled_from([("0", "1"), ("-1", "1"), ("c", "2")]))
            return f"clip({part()}, {low}, {high})"
        case 3:
            return f"where({draw(conditions(names, depth - 1))}, {part()}, {part()})"
        case _:
            operator = draw(st.sampled_from(_TWO))
            call = operator in ("min", "max")
            left, right = part(), part()
            return f"{operator}({left}, {right})" if call else f"({left} {operator} {right})"


@st.composite
def conditions(draw: st.DrawFn, names: tuple[str, ...], depth: int) -> str:
    """A comparison, or two."""
    left = draw(expressions(names, max(depth - 1, 0)))
    right = draw(st.one_of(st.sampled_from(("0", "1")), expressions(names, max(depth - 1, 0))))
    one = f"({left} {draw(st.sampled_from(_COMPARISONS))} {right})"
    match draw(st.integers(0, 6)):
        case 0:
            return f"(not {one})"
        case 2 if "grad" in names:
            return f"{draw(st.sampled_from(('any', 'all')))}(0 * grad + {one[1:-1]})"
        case 1 if depth > 0:
            word = draw(st.sampled_from(("and", "or")))
            return f"({one} {word} {draw(conditions(names, depth - 1))})"
        case _:
            return one


@st.composite
def specifications(draw: st.DrawFn) -> str:
    """A whole specification: slots `m` and `v` from 0, `w` from `b`, and a few statements."""
    names = _SCALARS + _TENSORS
    scalars = _SCALARS
    lines: list[str] = []
    for number in range(draw(st.integers(0, 3))):
        match draw(st.integers(0, 3)):
            case 0:
                lines.append(f"x{number} = {draw(expressions(names, 2))}")
                names += (f"x{number}",) * 3
            case 1:
                condition = draw(st.one_of(st.sampled_from(_PER_VARIABLE), conditions(scalars, 1)))
                lines.append(f"when {condition}:")
                lines.append(f"    {draw(st.sampled_from('mvw'))} <- {draw(expressions(names, 2))}")
                if draw(st.booleans()):
                    target = draw(st.sampled_from("mvw"))
                    lines.append("otherwise:")
                    lines.append(f"    {target} <- {draw(expressions(names, 2))}")
            case _:
                target = draw(st.sampled_from("mvw"))
                kept = draw(st.sampled_from((f"a * {target} + ", f"{target} + ", "")))
                lines.append(f"{target} <- {kept}{draw(expressions(names, 2))}")
    lines.append(f"param <- param - {draw(expressions(names, 3))}")
    step = "\n".join(f"        {line}" for line in lines)
    slots = "    slot m\n    slot v\n    slot w = b\n"
    return f"optimizer X:\n{HYPERS}{slots}    step:\n{step}\n"


@st.composite
def quiet_specifications(draw: st.DrawFn) -> str:
    """A whole specification that often leaves rows without a gradient alone, and not always."""
    names = _SCALARS + _TENSORS
    lines: list[str] = []
    for target in [*draw(st.lists(st.sampled_from("mvw"), max_size=2)), "param"]:
        value = draw(expressions(names, 2))
        lines.append(
            draw(
                st.sampled_from(
                    [
                        f"{target} <- {target} - grad * {value}",
                        f"{target} <- {target} + {value} * abs(grad)",
                        f"{target} <- {target} + {value} - where(grad == 0, {value}, a)",
                        f"{target} <- where(grad != 0, {value}, {target})",
                        f"{target} <- where(grad == 0, old({target}), {value})",
                        f"{target} <- max({target}, {value} * grad)",
                        f"{target} <- min({target}, abs({value}) + grad^2)",
                        f"{target} <- {target} * ({value})^grad",
                        f"{target} <- clip({target} + grad, {value}, 2)",
                    ]
                )
            )
        )
    step = "\n".join(f"        {line}" for line in lines)
    slots = "    slot m\n    slot v\n    slot w = b\n"
    return f"optimizer X:\n{HYPERS}{slots}    step:\n{step}\n"


hypers = st.fixed_dictionaries(
    {
        "a": st.sampled_from([0.0, 0.5, 0.25, 0.9]),
        "b": st.sampled_from([0.0, 0.5, 1.0, 3.0]),
        "c": st.sampled_from([0.5, 1.0, 2.0]),
        "d": st.sampled_from([0.5, 0.0, 1.0, -1.0, 2.0]),
        "k": st.integers(0, 3),
        "s": st.booleans(),
    }
)
numbers = st.sampled_from([0.0, 1.0, -1.0, 0.5, -2.0, 3.0])
vectors = st.tuples(numbers, numbers)
