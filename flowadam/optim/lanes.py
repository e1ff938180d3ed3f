"""What every part of a step works on: the tensors of each replica."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

Options = dict[str, Any]
State = dict[str, Any]


@dataclass(slots=True)
class Lane:
    """One replica: lists over its tensors that have a gradient in this step.

    Stacked parameters [R, ...] make R lanes whose tensors are views of them, so replicas cannot
    influence each other; ordinary parameters make one lane. All lanes share the first four lists.

    Attributes:
        replica: index on the leading axis, 0 when not stacked.
        owners: the parameters that the optimizer was given.
        states: optimizer state of each owner.
        groups: options of each tensor.
        parts: the parameter groups and the part of the lists that each of them fills.
        params: live values, written in place.
        grads: gradients at the start of the step.
        exp_avgs, exp_avg_sqs: Adam's moments, written in place.
        lengths: Euclidean norms of `grads`, None where they are not known yet.
        changes: norms of the gradients' changes, of those tensors that had an earlier one.
    """

    replica: int
    owners: list[Tensor]
    states: list[State]
    groups: list[Options]
    parts: list[tuple[Options, slice]]
    params: list[Tensor]
    grads: list[Tensor]
    exp_avgs: list[Tensor]
    exp_avg_sqs: list[Tensor]
    lengths: list[float] | None = None
    changes: list[float] = field(default_factory=list)

    @property
    def options(self) -> Options:
        """Options that are equal in all groups."""
        return self.parts[0][0]

    @property
    def previous(self) -> list[Tensor | None]:
        """Gradients that the detector compares with, None before a tensor's first."""
        return [state["grad_prev"][self.replica] for state in self.states]

    @property
    def updates(self) -> list[int]:
        """Adam updates so far, t of the bias correction."""
        return [state["step"][self.replica] for state in self.states]

    def count_updates(self) -> list[int]:
        """Count one more Adam update of every tensor; return the numbers after it."""
        for state in self.states:
            state["step"][self.replica] += 1
        return self.updates

    def current_grads(self) -> list[Tensor]:
        """Return the gradients that the last closure call left; a missing one is zero."""
        found: list[Tensor] = []
        for owner, param in zip(self.owners, self.params, strict=True):
            grad = owner.grad
            if grad is None:
                found.append(torch.zeros_like(param))
                continue
            grad = grad.detach() if grad.requires_grad else grad
            found.append(grad if param is owner else grad[self.replica])
        return found


def gather(
    groups: Sequence[Options], state: Mapping[Tensor, State], replicas: int, stacked: bool
) -> list[Lane]:
    """Return the lanes of a step; none when no parameter has a gradient.

    Raises:
        RuntimeError: a gradient is sparse.
    """
    owners: list[Tensor] = []
    options: list[Options] = []
    parts: list[tuple[Options, slice]] = []
    for group in groups:
        own = with_gradients(group)
        if own:
            parts.append((group, slice(len(owners), len(owners) + len(own))))
            owners += own
            options += [group] * len(own)
    grads = [p.grad for p in owners if p.grad is not None]
    # Nothing enters the state before the step is sure to be made.
    states = [state.get(p) or new_state(p, replicas) for p in owners]
    moments = [s["exp_avg"] for s in states], [s["exp_avg_sq"] for s in states]
    if not stacked:
        tensors = owners, grads, *moments
        return [Lane(0, owners, states, options, parts, *tensors)] if owners else []
    views = [_transposed(tensors) for tensors in (owners, grads, *moments)]
    columns = enumerate(zip(*views, strict=True))
    return [Lane(r, owners, states, options, parts, *own) for r, own in columns]


def with_gradients(group: Options) -> list[Tensor]:
    """Return the parameters of a group that have a gradient.

    Raises:
        RuntimeError: a gradient is sparse.
    """
    found = [p for p in group["params"] if p.grad is not None]
    if any(p.grad.is_sparse for p in found):
        raise RuntimeError("FlowAdam needs dense gradients, got a sparse one.")
    return found


def new_state(param: Tensor, replicas: int) -> dict[str, Any]:
    """Return the state of a parameter before its first update.

    ``exp_avg`` and ``exp_avg_sq`` are shaped like the parameter. The lists have one entry per
    replica: ``step`` counts Adam updates for the bias correction, ``grad_prev`` is the gradient
    the detector compares with, ``slope`` a gradient known in advance at ``slope_point``.
    """
    return {
        "step": [0] * replicas,
        "exp_avg": torch.zeros_like(param, memory_format=torch.contiguous_format),
        "exp_avg_sq": torch.zeros_like(param, memory_format=torch.contiguous_format),
        "grad_prev": [None] * replicas,
        "slope": [None] * replicas,
        "slope_point": [None] * replicas,
    }


def rows(tensor: Tensor, stacked: bool) -> Sequence[Tensor]:
    """Return one view per replica."""
    return tensor.detach().unbind(0) if stacked else (tensor,)


def _transposed(tensors: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    """Turn a list of stacks into one list of rows per replica."""
    return map(list, zip(*(rows(tensor, stacked=True) for tensor in tensors), strict=True))
