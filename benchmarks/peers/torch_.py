"""PyTorch's optimizers, fused where it has that. Its `SparseAdam` is lazy."""

from __future__ import annotations

from typing import Any

import torch

from benchmarks import work as numbers
from benchmarks.task import Task
from benchmarks.work import Work

SHARED: dict[str, Any] = {"lr": 1e-3, "eps": 1e-7}


def dense(work: Work) -> Task:
    """Steps of a fused optimizer."""
    grads = [[torch.from_numpy(each) for each in given] for given in numbers.gradients(work)]
    return _steps(work, grads)


def sparse(work: Work) -> Task:
    """Steps of an optimizer that takes sparse gradients."""
    given = [(torch.from_numpy(ids), torch.from_numpy(v)) for ids, v in numbers.slices(work)]
    shape = work.shapes[0]
    grads = [
        [torch.sparse_coo_tensor(ids[None], v, shape, check_invariants=False)] for ids, v in given
    ]
    return _steps(work, grads)


def _optimizer(work: Work, params: list[Any]) -> Any:
    match work.rule:
        case "adagrad":
            fused = work.kind == "dense"
            return torch.optim.Adagrad(params, initial_accumulator_value=0.1, fused=fused, **SHARED)
        case "lazy_adam":
            return torch.optim.SparseAdam(params, **SHARED)
        case _:
            return torch.optim.Adam(params, amsgrad=work.rule == "amsgrad", fused=True, **SHARED)


def _steps(work: Work, grads: list[list[Any]]) -> Task:
    params = [torch.nn.Parameter(torch.from_numpy(each)) for each in numbers.params(work)]
    made: list[Any] = []

    def step(index: int) -> None:
        for param, grad in zip(params, grads[index % len(grads)], strict=True):
            param.grad = grad
        made[0].step()

    return Task(
        build=lambda: made.append(_optimizer(work, params)),
        step=step,
        values=lambda: [each.detach().numpy() for each in params],
    )
