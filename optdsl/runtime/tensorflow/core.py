"""What an optimizer consists of: hyperparameters, named state and compiled steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import tensorflow as tf

from optdsl.runtime.tensorflow.hypers import float64, scheduled
from optdsl.runtime.tensorflow.options import Options
from optdsl.runtime.tensorflow.replicas import (
    local,
    on_replica,
    tf_variable,
    write,
    write_everywhere,
)
from optdsl.runtime.tensorflow.rule import Rule
from optdsl.runtime.tensorflow.saving import Saved
from optdsl.runtime.tensorflow.state import (
    State,
    compute_dtype,
    initial_values,
    made_state,
)
from optdsl.runtime.tensorflow.step import Step
from optdsl.runtime.tensorflow.update import Update


class Core:
    """Hyperparameters, named state and compiled steps of one optimizer."""

    def __init__(self, rule: Rule, iterations: tf.Variable) -> None:
        self.rule = rule
        self.iterations = iterations
        self.saved = Saved(rule, iterations)
        self.schedules: dict[str, Any] = {}
        self.fixed: dict[str, Any] = {}
        self.states: list[State] = []
        self.places: dict[Any, int] = {}  # of variables in `states`
        self.replicas: list[list[State]] = []
        self.steps: dict[Any, Step] = {}
        self.updates: dict[Any, Update] = {}  # by options
        self.traced = False  # as a part of somebody's compiled function
        self.late: list[tuple[State, Any]] = []  # variables without a value yet

    def __getstate__(self) -> object:
        """What a copy or a pickle holds.

        Raises:
            TypeError: there is state, which belongs to variables that are elsewhere.
        """
        if self.states:
            raise TypeError("state cannot be pickled: save it in a tf.train.Checkpoint")
        return super().__getstate__()

    # --- hyperparameters ------------------------------------------------------------

    def hyper(self, name: str) -> Any:
        """A hyperparameter as it was given; while a graph is traced, its variable."""
        if name in self.schedules:
            return self.schedules[name]
        if name not in self.saved.by_name:
            raise AttributeError(name)
        variable = self.saved.by_name[name]
        return float(variable.numpy()) if tf.executing_eagerly() else variable

    def set_hyper(self, name: str, value: Any) -> None:
        """Puts a number into a variable; keeps a schedule or callable as it is."""
        self.check_kind(name, self.schedules.get(name), value)
        if callable(value):
            self.schedules[name] = value
            return
        self.schedules.pop(name, None)
        if name in self.saved.by_name:
            self.saved.by_name[name].assign(float64(value))
            return
        self.saved.by_name[name] = tf.Variable(
            value,
            dtype=tf.float64,
            trainable=False,
            name=name,
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
        )

    def check_kind(self, name: str, old: Any, new: Any) -> None:
        """Refuses a schedule or callable that compiled functions would not notice.

        Raises:
            RuntimeError: the optimizer is part of a compiled function.
        """
        if self.traced and (callable(old) or callable(new)):
            raise RuntimeError(
                f"a compiled function contains {name} as it was: make a new optimizer "
                "to change from or to a schedule or callable"
            )

    def value(self, name: str) -> tf.Tensor:
        """A hyperparameter's value in this step, as a float64 scalar."""
        schedule = self.schedules.get(name)
        if schedule is None:
            return self.saved.by_name[name].value()
        return scheduled(schedule, self.iterations)

    # --- state ----------------------------------------------------------------------

    def build(
        self,
        variables: Sequence[tf.Variable],
        names: Sequence[str],
        decays: Sequence[bool],
        hypers: dict[str, tf.Tensor],
        options: Options,
        add: Callable[[str, tf.Tensor], tf.Variable],
    ) -> None:
        """Makes the state of the variables.

        Args:
            variables: what the rule updates.
            names: a name for each, under which its state is saved.
            decays: whether each takes part in weight decay.
            hypers: the real hyperparameters now, for the slots' initial values.
            options: which say what is kept beside the slots.
            add: makes a variable from its name and initial value.

        Raises:
            ValueError: a variable's dtype is not a real floating-point one, or other
                state was restored before.
        """
        given = self.rule.hypers(**self.fixed, **hypers)
        states: list[State] = []
        layout: dict[str, str] = {}
        for param, name, decay in zip(variables, names, decays, strict=True):
            if not param.dtype.is_floating:
                raise ValueError(
                    f"{name} has dtype {param.dtype.name}; "
                    "only real floating-point variables can be updated"
                )
            initial = initial_values(self.rule, param, given, options)

            def make(what: str, value: tf.Tensor, of: str = name) -> tf.Variable:
                path = f"{of}/{what}"
                layout[path] = f"{value.dtype.name} {value.shape}"
                made = self.saved.by_name[path] = add(path, value)
                return made

            states.append(made_state(self.rule, param, decay, initial, make))
        self.saved.layout.set(layout)
        self.states = states
        if self.saved.layout.restored is None:
            late = [each for each in states if not each.param.is_initialized()]
            self.late = [(each, given) for each in late]
        self.places = {each.param.ref(): place for place, each in enumerate(states)}
        self.replicas = [
            [on_replica(each, replica) for each in states]
            for replica in range(len(local(self.iterations)))
        ]

    def fill_late_slots(self) -> None:
        """Gives slots of variables that had no value their initial value anew."""
        for state, hypers in self.late:
            param = state.param
            if param.is_initialized():
                value = tf.cast(param, compute_dtype(param))
                slots = self.rule.initial(value, hypers)
                for slot, initial in zip(state.slots, slots, strict=True):
                    write_everywhere(slot, initial)
        late = [each for each in self.late if not each[0].param.is_initialized()]
        self.late = late

    def indices(self, variables: Iterable[Any] | None) -> tuple[int, ...]:
        """Where variables stand among those of `build`: all of these for None.

        Raises:
            ValueError: there was no `build`, or it was for other variables.
        """
        if not self.states:
            raise ValueError("pass the variables, or call `build` with them first")
        if variables is None:
            return tuple(range(len(self.states)))
        try:
            places = tuple(self.places[tf_variable(each).ref()] for each in variables)
        except KeyError:
            raise ValueError("`build` was called for other variables") from None
        if len(set(places)) < len(places):
            raise ValueError("a variable is given twice")
        return places

    def slots(self) -> dict[str, list[tf.Variable]]:
        """The slots by name: one variable for each that there was at `build`."""
        names = self.rule.slot_names
        return {name: [getattr(s.slots, name) for s in self.states] for name in names}

    def restore_averages(self, places: Iterable[int]) -> None:
        """Overwrites variables with their moving averages, where there are any."""
        for states in self.replicas:
            for place in places:
                if (average := states[place].average) is not None:
                    write(states[place].param, average)

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
            RuntimeError: called outside `strategy.run` under a distribution strategy.
        """
        if self.late:
            with tf.init_scope():
                self.fill_late_slots()
        context = tf.distribute.get_replica_context()
        if context is None or context.num_replicas_in_sync < len(self.replicas):
            raise RuntimeError("gradients are applied inside `strategy.run`")
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
        chosen = tuple(options.items())
        key = (replica, updated, chosen)
        if key not in self.steps:
            if chosen not in self.updates:
                self.updates[chosen] = Update(self.rule, options)
            self.steps[key] = Step(
                self.replicas[replica],
                updated,
                local(self.iterations)[replica],
                self.fixed,
                self.updates[chosen],
            )
        self.steps[key].run(grads, hypers)
