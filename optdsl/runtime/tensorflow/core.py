"""What an optimizer consists of: hyperparameters, named state and compiled steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import tensorflow as tf

from optdsl.runtime.tensorflow.cases import chosen
from optdsl.runtime.tensorflow.construction import Given
from optdsl.runtime.tensorflow.evaluation import Aside
from optdsl.runtime.tensorflow.groups import Group, hypers_of
from optdsl.runtime.tensorflow.hypers import float64
from optdsl.runtime.tensorflow.naming import Matched, state_names
from optdsl.runtime.tensorflow.options import Options
from optdsl.runtime.tensorflow.replicas import (
    check_replica,
    local,
    on_replica,
    scope_for,
    strategy_here,
    tf_variable,
    variable_name,
    write,
    write_everywhere,
)
from optdsl.runtime.tensorflow.rule import Rule
from optdsl.runtime.tensorflow.saving import LOSS_SUM, Contents, Saved
from optdsl.runtime.tensorflow.state import (
    State,
    initial_values,
    made_state,
)
from optdsl.runtime.tensorflow.step import Step
from optdsl.runtime.tensorflow.totals import Totals
from optdsl.runtime.tensorflow.update import Update


class Core(Given):
    """Hyperparameters, named state and compiled steps of one optimizer."""

    def __init__(self, rule: Rule, iterations: tf.Variable) -> None:
        self.rule = rule
        self.iterations = iterations
        self.strategy = strategy_here()
        self.saved = Saved(rule, iterations, self._restored)
        self.schedules: dict[str, Any] = {}
        self.fixed: dict[str, Any] = {}
        self.states: list[State] = []
        self.places: dict[Any, int] = {}  # of variables in `states`
        self.current: tuple[int, ...] = ()  # places of those of the last `build`
        self.initial: dict[str, partial[dict[str, tf.Tensor]]] = {}  # by variable
        self.replicas: list[list[State]] = []
        self.globals: list[tf.Variable] = []  # slots of all variables together
        self.steps: dict[Any, Step] = {}
        self.updates: dict[Any, Update] = {}  # by options
        self.totals: dict[Any, Totals | None] = {}  # by options, too
        self.traced = False  # as a part of somebody's compiled function
        self.late: dict[str, int | None] = {}  # see `start_late`
        self.aside = Aside() if rule.evaluates else None
        self.saved.aside = self.aside

    def __getstate__(self) -> object:
        """What a copy or a pickle holds.

        Raises:
            TypeError: there is state, which belongs to variables that are elsewhere.
        """
        if self.states:
            raise TypeError("state cannot be pickled: save it in a tf.train.Checkpoint")
        return super().__getstate__()

    # --- state ----------------------------------------------------------------------

    def scope(self, variables: Iterable[Any]) -> AbstractContextManager[Any]:
        """The distribution strategy's scope, in which state of variables is made.

        Raises:
            ValueError: the optimizer or a variable was made under another strategy.
        """
        return scope_for(self.strategy, variables)

    def build(
        self,
        variables: Sequence[Any],
        groups: Sequence[Group],
        given: dict[str, tf.Tensor],
        options: Options,
        add: Callable[[str, tf.Tensor], tf.Variable],
    ) -> None:
        """Makes state of those of the variables that have none yet.

        Args:
            variables: what the rule updates from now on, where nothing else is said.
            groups: which hyperparameters each has.
            given: the real values now, for the slots' initial values.
            options: which say what is kept beside the slots.
            add: makes a variable from its name and initial value.

        Raises:
            ValueError: a variable's dtype is not a real floating-point one, or state
                of other variables was restored before. Nothing is made then.
        """
        refs = [tf_variable(each).ref() for each in variables]
        if len(set(refs)) < len(refs):
            raise ValueError("a variable is given twice")
        group_of = dict(zip(refs, groups, strict=True))
        new = [each for each in variables if tf_variable(each).ref() not in self.places]
        named = dict(zip(state_names(new, self._taken()), new, strict=True))
        params = {name: tf_variable(each) for name, each in named.items()}
        check_dtypes(params)
        own, old = self._hypers(Group(), given), self._known(refs)
        cases = chosen(self.rule, params, old, own, options["cases"])
        initial = self.initial | {
            name: partial(initial_values, cases[name], param, hypers, options)
            for name, param in params.items()
            for hypers in [self._hypers(group_of[param.ref()], given)]
        }
        contents = self._contents(refs, params, initial, options)
        pending = self.saved.pending
        plan = None if pending is None else self.saved.plan(pending, contents)

        def make(name: str, value: tf.Tensor) -> tf.Variable:
            made = self.saved.by_name[name] = add(name, value)
            return made

        self._make_globals(own, make)
        self._make_loss_sum(options, make)
        for name, param in params.items():
            values = initial[name]()
            group = group_of[param.ref()]
            self._append(made_state(cases[name], param, group, name, values, make))
            if not param.is_initialized():
                self.late[name] = None
        self.initial = initial
        self.saved.contents = contents
        self.current = tuple(self.places[ref] for ref in refs)
        self.steps.clear()
        if plan is not None and pending is not None:
            self.saved.carry_out(plan, pending)

    def _hypers(self, group: Group, given: dict[str, tf.Tensor]) -> Any:
        """The hyperparameters of the variables of a group."""
        return hypers_of(self.rule, self.fixed, group, given)

    def _known(self, refs: Iterable[Any]) -> list[str]:
        """The names of those of the variables that have state."""
        names = list(self.initial)
        return [names[self.places[ref]] for ref in refs if ref in self.places]

    def _taken(self) -> list[str]:
        """Names that state of a new variable cannot have."""
        return [*self.initial, *(["global"] if self.rule.global_names else [])]

    def _make_globals(
        self, hypers: Any, make: Callable[[str, tf.Tensor], tf.Variable]
    ) -> None:
        """Makes the slots of all variables together, where there are none yet."""
        if self.rule.initial_globals is not None and not self.globals:
            values = self.rule.initial_globals(hypers)._asdict()
            self.globals = [make(f"global/{s}", float64(v)) for s, v in values.items()]

    def _contents(
        self,
        refs: Sequence[Any],
        params: dict[str, tf.Variable],
        initial: dict[str, partial[dict[str, tf.Tensor]]],
        options: Options,
    ) -> Contents:
        """What the state will consist of: first of the variables of `build`, in order.

        Args:
            refs: references to the variables of `build`.
            params: those of them that are new, by name.
            initial: what gives the initial values of a variable's state, by name.
            options: those of the optimizer.
        """
        own = self.saved.contents
        about = {} if own is None else dict(own.variables)
        for name, param in params.items():
            kept = {what: _described(value) for what, value in initial[name]().items()}
            case = initial[name].args[0].name
            words = f"{_described(param)} in case {case}" if case else _described(param)
            about[name] = (words, kept)
        known = list(self.initial)
        new = {param.ref(): name for name, param in params.items()}
        first = [new[ref] if ref in new else known[self.places[ref]] for ref in refs]
        return Contents(
            {name: about[name] for name in (*first, *about)},
            options["gradient_accumulation_steps"],
            dict(self.fixed),
            {f"global/{name}": "float64 ()" for name in self.rule.global_names},
        )

    def _append(self, state: State) -> None:
        self.places[state.param.ref()] = len(self.states)
        self.states.append(state)
        for replica in range(len(local(self.iterations))):
            if replica == len(self.replicas):
                self.replicas.append([])
            self.replicas[replica].append(on_replica(state, replica))

    def knows_some(self, variables: Iterable[Any]) -> bool:
        """Whether there is state of some of the variables, and not of all."""
        known = {tf_variable(each).ref() in self.places for each in variables}
        return len(known) == 2

    def _restored(self, variables: Matched) -> None:
        """Lets restored state be; starts that of other variables afresh."""
        for name in variables.saved:
            self.late.pop(name, None)
        for name in variables.fresh:
            self._start(name)
            self.late[name] = int(self.iterations.numpy())

    def _start(self, name: str) -> None:
        for what, value in self.initial[name]().items():
            write_everywhere(self.saved.by_name[f"{name}/{what}"], value)

    def start_late(self) -> None:
        """Starts state of variables that had no value of their own before.

        They had none at all, or were restored after their state was started. What has
        taken a step since then in somebody's compiled function is left alone.
        """
        for name, steps in list(self.late.items()):
            if self.initial[name].args[1].is_initialized():
                if steps is None or int(self.iterations.numpy()) == steps:
                    self._start(name)
                del self.late[name]

    def indices(self, variables: Iterable[Any] | None) -> tuple[int, ...]:
        """Where variables stand among those of `build`: all of these for None.

        Raises:
            ValueError: there was no `build`, or it was for other variables.
        """
        if not self.states:
            raise ValueError("pass the variables, or call `build` with them first")
        if variables is None:
            return self.current
        variables = list(variables)
        refs = [tf_variable(each).ref() for each in variables]
        for variable, ref in zip(variables, refs, strict=True):
            if ref not in self.places:
                name = variable_name(variable)
                raise ValueError(f"`build` was for other variables than {name}")
        if len(set(refs)) < len(refs):
            raise ValueError("a variable is given twice")
        return tuple(self.places[ref] for ref in refs)

    def slots(self) -> dict[str, list[tf.Variable]]:
        """The slots by name: one variable for each that has the slot, in its case.

        A global slot has one for all of them.
        """
        found: dict[str, list[tf.Variable]] = {
            name: [] for name in self.rule.slot_names
        }
        for state in self.states:
            for name, slot in state.slots._asdict().items():
                found[name].append(slot)
        of_all = zip(self.rule.global_names, self.globals, strict=False)
        return found | {name: [variable] for name, variable in of_all}

    def restore_averages(self, places: Iterable[int]) -> None:
        """Overwrites variables with their moving averages, where there are any."""
        for states in self.replicas:
            for place in places:
                if (average := states[place].average) is not None:
                    write(states[place].param, average)

    def on_servers(self) -> bool:
        """Whether variables are on other machines, where XLA cannot reach them."""
        return isinstance(self.strategy, tf.distribute.ParameterServerStrategy)

    # --- steps ----------------------------------------------------------------------

    def step(
        self,
        grads: list[Any],
        updated: tuple[int, ...],
        hypers: dict[str, tf.Tensor],
        options: Options,
    ) -> None:
        """Takes one step with the variables whose indices are `updated`.

        Raises:
            RuntimeError: called outside `strategy.run` of the optimizer's strategy.
        """
        check_replica(self.strategy)
        if self.aside is not None:
            self.aside.check("a step")
        if self.late:
            with tf.init_scope():
                self.start_late()
        context = tf.distribute.get_replica_context()
        if self.on_servers():
            options = {**options, "jit_compile": False}
        if context.num_replicas_in_sync == 1:
            self._step(0, grads, updated, hypers, options)
            return

        def on_every_replica(
            _: Any, grads: list[Any], hypers: dict[str, tf.Tensor]
        ) -> None:
            for replica, states in enumerate(self.replicas):
                own = on_replica((grads, hypers), replica)
                with tf.device(states[updated[0]].param.device):
                    self._step(replica, own[0], updated, own[1], options)

        grads = context.all_reduce(tf.distribute.ReduceOp.SUM, grads)
        if self.rule.reads_loss:
            loss = context.all_reduce(tf.distribute.ReduceOp.SUM, hypers["loss"])
            hypers = {**hypers, "loss": loss}
        context.merge_call(on_every_replica, args=(grads, hypers))

    def _step(
        self,
        replica: int,
        grads: list[Any],
        updated: tuple[int, ...],
        hypers: dict[str, tf.Tensor],
        options: Options,
    ) -> None:
        self.traced = self.traced or not tf.executing_eagerly()
        # Cases are part of the state that there is.
        kinds = tuple(each for each in options.items() if each[0] != "cases")
        key = (replica, updated, kinds)
        if key not in self.steps:
            if kinds not in self.updates:
                update = self.updates[kinds] = Update(self.rule, options)
                across = Totals(update) if self.rule.sees_others else None
                self.totals[kinds] = across
            self.steps[key] = Step(
                self.replicas[replica],
                updated,
                local(self.iterations)[replica],
                self.fixed,
                self.updates[kinds],
                None if self.aside is None else local(self.aside.marker)[replica],
                self._loss_sum(replica),
                self.totals[kinds],
                [local(variable)[replica] for variable in self.globals],
            )
        self.steps[key].run(grads, hypers)

    def _make_loss_sum(
        self, options: Options, make: Callable[[str, tf.Tensor], tf.Variable]
    ) -> None:
        """Makes what losses are added up in, where gradients accumulate."""
        sums = self.rule.reads_loss and options["gradient_accumulation_steps"]
        if sums and LOSS_SUM not in self.saved.by_name:
            make(LOSS_SUM, tf.zeros([], tf.float64))

    def _loss_sum(self, replica: int) -> tf.Variable | None:
        """The same on one replica, if it was made."""
        loss_sum = self.saved.by_name.get(LOSS_SUM)
        return None if loss_sum is None else local(loss_sum)[replica]


def check_dtypes(params: dict[str, tf.Variable]) -> None:
    """Refuses variables that are not real floating-point ones.

    Raises:
        ValueError: there is one.
    """
    for name, param in params.items():
        if not param.dtype.is_floating:
            raise ValueError(
                f"{name} has dtype {param.dtype.name}; "
                "only real floating-point variables can be updated"
            )


def _check_dtypes(params: dict[str, tf.Variable]) -> None:
    """Refuses variables that no rule can update."""
    for name, param in params.items():
        if not param.dtype.is_floating:
            raise ValueError(
                f"{name} has dtype {param.dtype.name}; "
                "only real floating-point variables can be updated"
            )


def _described(value: Any) -> str:
    """A tensor's or variable's dtype and shape."""
    return f"{value.dtype.name} {value.shape}"
