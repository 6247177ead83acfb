"""Pages of warnings."""

from __future__ import annotations

from optdsl.pages.page import warning

WARNINGS = (
    warning(
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
    warning(
        "unused-slot",
        """A slot has no influence on `param`, or is read and never updated: it costs memory for
        every variable, and does nothing that a constant could not do. A slot that remembers `param`
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
    warning(
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
    warning(
        "learning-rate-name",
        """The learning rate has a name that Keras does not know: callbacks such as
        `ReduceLROnPlateau` and `LearningRateScheduler` look for `learning_rate`, and so does
        decoupled weight decay. `lr`, `step_size`, `rate` and `eta` surely mean it, in a rule that
        has no `learning_rate`.""",
        """
        hyper lr = 0.1 in [0, inf)
        step:
            param <- param - lr * grad
        """,
        """
        hyper learning_rate = 0.1 in [0, inf)
        step:
            param <- param - learning_rate * grad
        """,
    ),
    warning(
        "division-by-zero",
        """The compiler cannot show that a denominator is never 0: it looks at all values that the
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
    warning(
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
    warning(
        "unused-allowance",
        """An allowance silences nothing: the warning is gone, or stands in another line. Whoever
        reads the rule should not have to wonder what was wrong there.""",
        """
        step:
            # allow: division-by-zero: the gradient is never 0
            param <- param - 0.1 * grad / (abs(grad) + 1)
        """,
        """
        step:
            param <- param - 0.1 * grad / (abs(grad) + 1)
        """,
    ),
)
