"""What every diagnostic means: an explanation, a specification that gets it, and one that does not.

The tests compile every example, so that this text cannot drift from what the compiler does.
"""

from __future__ import annotations

from textwrap import dedent, fill, indent

from optdsl.diagnostics import Severity
from optdsl.records import record


@record
class Rule:
    """One diagnostic code; `bad` is a whole specification that gets it, `good` one that does not.

    `bad` is the contents of a file, since not every file is text.
    """

    code: str
    severity: Severity
    explanation: str
    bad: bytes
    good: str


def explain(code: str) -> str:
    """A rule as `optdsl rule` prints it.

    Args:
        code: the slug of a diagnostic.

    Raises:
        KeyError: there is no such diagnostic.
    """
    rule = RULES[code]
    bad = rule.bad.decode("utf-8", "backslashreplace")
    return (
        f"{rule.severity.value}[{code}]\n\n{fill(rule.explanation, 88)}\n\n"
        f"Bad:\n\n{indent(bad, '    ')}\nGood:\n\n{indent(rule.good, '    ')}"
    )


def _plain(body: str) -> str:
    """A whole specification from the lines that matter, with a blank line above `step`."""
    lines = dedent(body).strip("\n").replace("\nstep", "\n\nstep")
    return "optimizer Example:\n" + indent(lines, "    ") + "\n"


def _error(code: str, explanation: str, bad: str, good: str) -> Rule:
    return _rule(code, Severity.ERROR, explanation, bad, good)


def _warning(code: str, explanation: str, bad: str, good: str) -> Rule:
    return _rule(code, Severity.WARNING, explanation, bad, good)


def _rule(code: str, severity: Severity, explanation: str, bad: str, good: str) -> Rule:
    words = " ".join(explanation.split())
    return Rule(code, severity, words, _plain(bad).encode(), _plain(good))


_ROWS = (
    _error(
        "syntax",
        """The text does not follow the grammar: a word or sign stands where none can, a bracket or
        quote is not closed, or the indentation does not fit. The caret points at the first place
        where no correct specification can go on; the fault may be a little before it.""",
        """
        hyper learning_rate = 0.1 in [0, inf)
        step
            param <- param - learning_rate * grad
        """,
        """
        hyper learning_rate = 0.1 in [0, inf)
        step:
            param <- param - learning_rate * grad
        """,
    ),
    Rule(
        "encoding",
        Severity.ERROR,
        "A specification is UTF-8 text without NUL characters. An editor that saves in another "
        "encoding writes bytes that are not UTF-8; save the file as UTF-8.",
        b"optimizer Example:\n    step:\n        param <- param - 0.1 * grad  # d\xe9j\xe0 vu\n",
        "optimizer Example:\n    step:\n        param <- param - 0.1 * grad  # déjà vu\n",
    ),
    _error(
        "limit",
        """The specification is larger than the compiler takes: a file over 256 KiB, more than
        10,000 operations, parentheses or blocks nested over 64 deep, or a number that 64 bits do
        not hold. Real update rules are far below all of these.""",
        """
        step:
            param <- param - 1e999 * grad
        """,
        """
        step:
            param <- param - 1e-3 * grad
        """,
    ),
    _error(
        "undefined-name",
        """A name has no meaning where it is used: it is misspelt, assigned further down or in
        another branch, or not available in that place. An initial value can read hyperparameters
        and `param`; a `def` its arguments, hyperparameters and `t`.""",
        """
        hyper learning_rate = 0.1 in [0, inf)
        step:
            param <- param - learning_rte * grad
        """,
        """
        hyper learning_rate = 0.1 in [0, inf)
        step:
            param <- param - learning_rate * grad
        """,
    ),
    _error(
        "duplicate-name",
        """A name is defined twice. Hyperparameters, slots, locals and `def` share one set of names,
        so that each name means one thing. There is one `step:` block and one `sparse` line.""",
        """
        hyper beta = 0.9 in [0, 1)
        slot beta
        step:
            beta <- grad
            param <- param - beta
        """,
        """
        hyper beta = 0.9 in [0, 1)
        slot m
        step:
            m <- beta * m + grad
            param <- param - m
        """,
    ),
    _error(
        "reserved-name",
        """A name cannot be defined because it is taken: by the language (`grad`, `sqrt`), by
        Python (`lambda`, `len`), or by the classes that the generated optimizer extends (`name`,
        `variables`, `clipnorm`). `learning_rate` and `weight_decay` can be hyperparameters, and
        nothing else.""",
        """
        hyper lambda = 0.1 in [0, inf)
        step:
            param <- param - lambda * grad
        """,
        """
        hyper decay = 0.1 in [0, inf)
        step:
            param <- param - decay * grad
        """,
    ),
    _error(
        "shape-mismatch",
        """A value has the wrong shape for its place. What a slot is given must fit into the slot: a
        `scalar` slot takes one value per variable, a `reduced(k)` slot a tensor that is reduced
        over axis k. A reduction needs a tensor to reduce, and `when` a single boolean.""",
        """
        slot v: scalar
        step:
            v <- v + grad^2
            param <- param - grad / (1 + v)
        """,
        """
        slot v: scalar
        step:
            v <- v + sum(grad^2)
            param <- param - grad / (1 + v)
        """,
    ),
    _error(
        "type-mismatch",
        """A value has the wrong kind: a boolean where a number is needed, a number where a
        condition is needed, a function where a value is needed, or a default that does not have
        the kind of its hyperparameter. Whole numbers become real by themselves.""",
        """
        hyper nesterov = true
        step:
            param <- param - 0.1 * grad * where(nesterov, 2, 1)
        """,
        """
        hyper nesterov: bool = true
        step:
            param <- param - 0.1 * grad * where(nesterov, 2, 1)
        """,
    ),
    _error(
        "bad-argument",
        """A call has too few or too many arguments, or a keyword that the function does not have.
        The only keyword is `axis`, and only reductions take it.""",
        """
        step:
            param <- param - 0.1 * clip(grad, 1)
        """,
        """
        step:
            param <- param - 0.1 * clip(grad, -1, 1)
        """,
    ),
    _error(
        "bad-axis",
        """An axis is a whole number from -8 to 7, written as such, or `row` in a reduction. It
        cannot be computed, because the shape of every value is known before anything runs.""",
        """
        hyper k: int = 0
        step:
            param <- param - 0.1 * mean(grad, axis=k)
        """,
        """
        step:
            param <- param - 0.1 * mean(grad, axis=0)
        """,
    ),
    _error(
        "bad-interval",
        """No value is in the interval, an end has the wrong kind, or an end that is infinite is
        included. A square bracket includes the end, a round one does not.""",
        """
        hyper beta = 0.9 in [1, 0]
        step:
            param <- param - beta * grad
        """,
        """
        hyper beta = 0.9 in [0, 1]
        step:
            param <- param - beta * grad
        """,
    ),
    _error(
        "default-out-of-range",
        """The default of a hyperparameter is not in its own interval, so that nobody could
        construct the optimizer without an argument.""",
        """
        hyper beta = 1.0 in [0, 1)
        step:
            param <- param - beta * grad
        """,
        """
        hyper beta = 0.9 in [0, 1)
        step:
            param <- param - beta * grad
        """,
    ),
    _error(
        "not-updated",
        """A step must update `param` on some path: an optimizer that does not is no optimizer.""",
        """
        slot m
        step:
            m <- m + grad
        """,
        """
        slot m
        step:
            m <- m + grad
            param <- param - 0.1 * m
        """,
    ),
    _error(
        "update-of-constant",
        """`<-` updates what lasts from step to step: slots and `param`. Hyperparameters, `grad`,
        `t` and locals do not change during a step; a new value gets a new name, with `=`.""",
        """
        step:
            grad <- clip(grad, -1, 1)
            param <- param - 0.1 * grad
        """,
        """
        step:
            g = clip(grad, -1, 1)
            param <- param - 0.1 * g
        """,
    ),
    _error(
        "local-reassigned",
        """A local gets its value once, so that its name always means the same. Only the two
        branches of one `when` may both assign it.""",
        """
        step:
            g = clip(grad, -1, 1)
            g = g / 2
            param <- param - g
        """,
        """
        step:
            clipped = clip(grad, -1, 1)
            g = clipped / 2
            param <- param - g
        """,
    ),
    _error(
        "unsupported",
        """The language has this construct, and this version of the compiler does not build it yet:
        `case`, `eval`, `repeat`, `regrad`, the shapes `square` and `global`, sums across variables
        and matrix functions.""",
        """
        step:
            param <- param - 0.1 * grad / global_norm(grad)
        """,
        """
        step:
            param <- param - 0.1 * grad / max(norm(grad), 1)
        """,
    ),
    _warning(
        "unused-hyper",
        """A hyperparameter is declared and never used: whoever sets it changes nothing.""",
        """
        hyper learning_rate = 0.1 in [0, inf)
        hyper momentum      = 0.9 in [0, 1)
        step:
            param <- param - learning_rate * grad
        """,
        """
        hyper learning_rate = 0.1 in [0, inf)
        step:
            param <- param - learning_rate * grad
        """,
    ),
    _warning(
        "unused-slot",
        """A slot costs memory for every variable, and this one has no influence on `param`, or is
        read but never updated, so that it keeps its initial value. A slot that remembers `param`
        as it was in the beginning is fine.""",
        """
        slot m
        step:
            m <- 0.9 * m + grad
            param <- param - 0.1 * grad
        """,
        """
        slot m
        step:
            m <- 0.9 * m + grad
            param <- param - 0.1 * m
        """,
    ),
    _warning(
        "unused-local",
        """A local is assigned and never read.""",
        """
        step:
            g = clip(grad, -1, 1)
            param <- param - 0.1 * grad
        """,
        """
        step:
            g = clip(grad, -1, 1)
            param <- param - 0.1 * g
        """,
    ),
    _warning(
        "division-by-zero",
        """The compiler cannot show that a denominator is never 0, over all values that the
        intervals allow, with `t` from 1 and every slot as the steps leave it. Where it can, it
        says at which values the denominator is 0. Make the interval narrower, add a small
        positive number, or choose with `where`.""",
        """
        hyper beta = 0.9 in [0, 1)
        slot m
        step:
            m <- beta * m + (1 - beta) * grad
            param <- param - 0.1 * m / (1 - beta^(t - 1))
        """,
        """
        hyper beta = 0.9 in [0, 1)
        slot m
        step:
            m <- beta * m + (1 - beta) * grad
            param <- param - 0.1 * m / (1 - beta^t)
        """,
    ),
    _warning(
        "domain",
        """The compiler cannot show that a function gets only values that it is defined for: `sqrt`
        no negative number, `log` a positive one, `x^y` no negative x with a fractional y and no 0
        with a negative y. Clip the value, or make an interval narrower.""",
        """
        slot m
        step:
            m <- 0.9 * m + 0.1 * grad
            param <- param - 0.1 * sqrt(m)
        """,
        """
        slot m
        step:
            m <- 0.9 * m + 0.1 * grad
            param <- param - 0.1 * sqrt(abs(m))
        """,
    ),
)

RULES: dict[str, Rule] = {rule.code: rule for rule in _ROWS}
"""Every diagnostic the compiler can give, by code."""
