"""Parameters of all replicas at once, which a step without host reads works on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import torch
from torch import Tensor

from flowadam.optim.detector import remembers
from flowadam.optim.lanes import Options, State, with_gradients
from flowadam.optim.norms import norms_and_gaps


@dataclass(slots=True)
class Stack:
    """One parameter that has a gradient, [R, ...]; an ordinary parameter is a stack of one.

    Attributes:
        group: options of the parameter.
        step: Adam updates so far, float32 [R].
        param, exp_avg, exp_avg_sq: live values and moments, written in place.
        grad: gradient at the start of the step.
        previous: the gradient that the detector compares with, nan before a replica's first; None
            for detectors that compare none.
    """

    group: Options
    step: Tensor
    param: Tensor
    grad: Tensor
    exp_avg: Tensor
    exp_avg_sq: Tensor
    previous: Tensor | None

    def shaped(self, values: Tensor) -> Tensor:
        """Return one value per replica in a form that multiplies the parameter.

        Numbers become float32, or float64 for float64 parameters, so that products with shorter
        floats are rounded once.
        """
        if values.dtype is not torch.bool:
            values = values.to(_wide(self.param))
        return values.to(self.param.device).view(-1, *[1] * (self.param.dim() - 1))

    def sums(self, tensor: Tensor) -> Tensor:
        """Return the sum over each replica of a tensor shaped like the parameter, [R]."""
        replicas = len(tensor)
        return tensor.reshape(replicas, tensor.numel() // replicas).sum(1)


def gather_stacks(
    groups: Sequence[Options], state: dict[Tensor, State], replicas: int
) -> list[list[Stack]]:
    """Return the stacks of every group that has gradients; states of new parameters are added.

    Raises:
        RuntimeError: a gradient is sparse.
    """
    owned = [(group, with_gradients(group)) for group in groups]
    for group, params in owned:
        for p in params:
            if p not in state:
                state[p] = _new_state(p, replicas, remembers(group["detector"]))
    return [[_stack(group, p, state[p]) for p in own] for group, own in owned if own]


def spread(stacks: Sequence[Stack], table: Tensor) -> list[Tensor]:
    """Return numbers in a form that multiplies the parameter of each stack.

    Args:
        table: one row for each stack, [T, R], or one for all, [R].
    """
    # One conversion for all rows of a type instead of one for each.
    casts = {wide: table.to(wide) for wide in {_wide(stack.param) for stack in stacks}}
    rows = [casts[_wide(stack.param)] for stack in stacks]
    if table.dim() == 2:
        rows = [cast[i] for i, cast in enumerate(rows)]
    return [stack.shaped(row) for stack, row in zip(stacks, rows, strict=True)]


def step_table(stacks: Sequence[Stack], device: torch.device) -> Tensor:
    """Return the counts of Adam updates, float64 [T, R]."""
    return torch.stack([stack.step.to(device) for stack in stacks]).double()


def norm_table(tensors: Sequence[Tensor], device: torch.device) -> Tensor:
    """Return the norm of every tensor and replica, float64 [tensors, R], of tensors [R, ...]."""
    return _table(_rows(tensors), [], [], len(tensors), device)


def norm_and_gap_tables(stacks: Sequence[Stack], device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the norms of the gradients and of their changes, [T, R]; nan for first gradients.

    The second is [0, R] for detectors that compare no gradients.
    """
    grads = [stack.grad for stack in stacks]
    olds = [stack.previous for stack in stacks if stack.previous is not None]
    news = grads if olds else []
    table = _table(_rows(grads), _rows(news), _rows(olds), len(grads) + len(news), device)
    return table[: len(grads)], table[len(grads) :]


def _table(
    tensors: list[Tensor], ones: list[Tensor], others: list[Tensor], rows: int, device: torch.device
) -> Tensor:
    found = [norm.to(device) for norm in norms_and_gaps(tensors, ones, others)]
    return torch.stack(found).double().view(rows, -1)


def _rows(tensors: Sequence[Tensor]) -> list[Tensor]:
    return list(chain.from_iterable(tensor.unbind(0) for tensor in tensors))


def _wide(tensor: Tensor) -> torch.dtype:
    return torch.float64 if tensor.dtype is torch.float64 else torch.float32


def _new_state(param: Tensor, replicas: int, compared: bool) -> State:
    layout = torch.contiguous_format
    unseen = torch.full_like(param, torch.nan, memory_format=layout) if compared else None
    return {
        "step": torch.zeros(replicas, dtype=torch.float32, device=param.device),
        "exp_avg": torch.zeros_like(param, memory_format=layout),
        "exp_avg_sq": torch.zeros_like(param, memory_format=layout),
        "grad_prev": unseen,
    }


def _stack(group: Options, param: Tensor, state: Mapping[str, Tensor]) -> Stack:
    assert param.grad is not None
    values = param, param.grad, state["exp_avg"], state["exp_avg_sq"], state["grad_prev"]
    stacked = [_stacked(value, group) for value in values]
    return Stack(group, state["step"], *stacked)  # pyright: ignore[reportArgumentType]


def _stacked(tensor: Tensor | None, group: Options) -> Tensor | None:
    if tensor is None:
        return None
    return tensor.detach() if group["stacked"] else tensor.detach().unsqueeze(0)
