"""Pages of errors."""

from __future__ import annotations

from optdsl.diagnostics import Severity
from optdsl.pages.page import Page, error

ERRORS = (
    error(
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
    Page(
        "encoding",
        Severity.ERROR,
        "A specification is UTF-8 text without NUL characters. An editor that saves in another "
        "encoding writes bytes that are not UTF-8; save the file as UTF-8.",
        b"optimizer Example:\n    step:\n        param <- param - 0.1 * grad  # d\xe9j\xe0 vu\n",
        "optimizer Example:\n    step:\n        param <- param - 0.1 * grad  # déjà vu\n",
    ),
    error(
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
    error(
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
    error(
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
    error(
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
    error(
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
    error(
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
    error(
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
    error(
        "bad-axis",
        """An axis is a whole number from -8 to 7, written as such. In a reduction it may also be
        `row`, `column` or `but(k)`: all axes but the first, the last, or axis k. It
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
    error(
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
    error(
        "default-out-of-range",
        """The default of a hyperparameter is not in its own interval: nobody could construct
        the optimizer without an argument. A default that is computed from others must be in it
        whatever these are.""",
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
    error(
        "not-updated",
        """A path through a step does not update `param`: every one must, so that none is forgotten.
        A path that leaves the variable as it is says so, with `param <- param`. So must `eval:`,
        which is there for nothing else.""",
        """
        slot m
        step:
            m <- m + grad
            when t % 4 == 0:
                param <- param - 0.1 * m
        """,
        """
        slot m
        step:
            m <- m + grad
            when t % 4 == 0:
                param <- param - 0.1 * m
            otherwise:
                param <- param
        """,
    ),
    error(
        "update-of-constant",
        """`<-` updates slots and `param` only, which last from step to step. Hyperparameters,
        `grad`, `t` and locals do not change during a step; a new value gets a new name, with
        `=`. In `eval:` slots do not change either.""",
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
    error(
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
    error(
        "bad-case",
        """The cases of a specification do not fit together: each variable is in the first case
        whose condition holds, and the last case has none, so that every variable is in one. A
        condition is decided once, from a variable's dimensions and from hyperparameters that are
        fixed. Slots, `sparse` and `step:` stand in a case; hyperparameters and macros outside.""",
        """
        case matrix if rank == 2:
            step:
                param <- param - 0.1 * grad / norm(grad)
        """,
        """
        case matrix if rank == 2:
            step:
                param <- param - 0.1 * grad / max(norm(grad), 1)

        case rest:
            step:
                param <- param - 0.1 * grad
        """,
    ),
    error(
        "bad-allowance",
        """A comment that begins with `# allow:` allows nothing: it names no warning, or an error,
        which cannot be allowed, or it gives no reason. It stands at the end of the line with the
        warning, or alone on the line before, and says why all is well.""",
        """
        step:
            param <- param - 0.1 * grad / abs(grad)  # allow: division-by-zero
        """,
        """
        step:
            # allow: division-by-zero: the loss adds noise to every gradient
            param <- param - 0.1 * grad / abs(grad)
        """,
    ),
    error(
        "misplaced-barrier",
        """A sum over all variables cannot stand where some variables may not come. So it is not
        under a `when` whose condition is not the same for all of them. A condition on `t`, on
        hyperparameters, on totals or on global slots is.""",
        """
        step:
            when rank > 1:
                g = grad / max(global_norm(grad), 1)
            otherwise:
                g = grad
            param <- param - 0.1 * g
        """,
        """
        step:
            scale = 1 / max(global_norm(grad), 1)
            when rank > 1:
                g = scale * grad
            otherwise:
                g = grad
            param <- param - 0.1 * g
        """,
    ),
    error(
        "misplaced-global",
        """A global slot is one for all variables, and has one new value in a step. It is given at
        most once on a path, under conditions that are the same for all variables.""",
        """
        slot largest: global "Largest norm so far."
        step:
            largest <- max(largest, global_norm(grad))
            largest <- min(largest, 10)
            param <- param - 0.1 * grad / (largest + 1)
        """,
        """
        slot largest: global "Largest norm so far."
        step:
            largest <- min(max(largest, global_norm(grad)), 10)
            param <- param - 0.1 * grad / (largest + 1)
        """,
    ),
    error(
        "unsupported",
        """The language has this construct, and this version of the compiler does not build it
        here, or not yet: `regrad`, and sums over all variables or slots of shape `global` in a rule
        with cases, with `eval:` or inside of a `repeat`.""",
        """
        step:
            repeat 2:
                param <- param - 0.1 * grad / max(global_norm(param), 1)
        """,
        """
        step:
            scale = 1 / max(global_norm(param), 1)
            repeat 2:
                param <- param - 0.1 * scale * grad
        """,
    ),
)
