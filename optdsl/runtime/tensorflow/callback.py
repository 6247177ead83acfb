"""The callback with which `fit` evaluates and saves evaluation weights."""

from __future__ import annotations

from typing import Any

import keras


class EvaluationWeights(keras.callbacks.Callback):
    """Evaluates, validates and saves a model with its evaluation weights.

    For an optimizer whose specification has `eval:`. The weights are in the model while
    it is evaluated or predicts, at the end of each epoch for the callbacks that come
    after this one in the list, and when `fit` is done; the next `fit` with this
    callback goes on from the training weights. `ModelCheckpoint` and `EarlyStopping`
    stand after it, `BackupAndRestore`, which saves training, before it.

    A model that is saved with evaluation weights is saved without the state of its
    optimizer, which belongs to the training weights.
    """

    def __init__(self) -> None:
        super().__init__()
        self._swapped: list[bool] = []  # before each evaluation that has begun

    @property
    def _optimizer(self) -> Any:
        """The model's optimizer, or the one in it that Keras scales losses for.

        Raises:
            ValueError: it has no evaluation weights.
        """
        outer = self.model.optimizer
        optimizer = getattr(outer, "inner_optimizer", outer)
        rule = getattr(optimizer, "_rule", None)
        if getattr(rule, "evaluate", None) is None:
            kind = type(optimizer).__name__
            raise ValueError(
                f"EvaluationWeights is for an optimizer whose specification has "
                f"`eval:`, and {kind} has none"
            )
        return optimizer

    def _evaluate(self) -> None:
        optimizer = self._optimizer
        if optimizer.built:
            optimizer.swap_to_eval()
            optimizer._core.aside.saves = True

    def _train(self) -> None:
        self._optimizer.swap_to_train()

    def on_train_begin(self, logs: Any = None) -> None:  # noqa: ARG002
        """Goes on from the training weights."""
        self._train()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Goes on from the training weights."""
        self._train()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Shows the evaluation weights to the callbacks after this one."""
        self._evaluate()

    def on_train_end(self, logs: Any = None) -> None:  # noqa: ARG002
        """Leaves the evaluation weights in the model."""
        self._evaluate()

    def on_test_begin(self, logs: Any = None) -> None:  # noqa: ARG002
        """Evaluates the evaluation weights."""
        self._swapped.append(self._optimizer._core.aside.active)
        self._evaluate()

    def on_test_end(self, logs: Any = None) -> None:  # noqa: ARG002
        """Leaves the model as it was."""
        if not self._swapped.pop():
            self._train()

    def on_predict_begin(self, logs: Any = None) -> None:
        """Predicts with the evaluation weights."""
        self.on_test_begin(logs)

    def on_predict_end(self, logs: Any = None) -> None:
        """Leaves the model as it was."""
        self.on_test_end(logs)
