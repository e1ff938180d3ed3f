"""The quiet step: Adam by torch's fused kernel."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from flowadam.optim import kernels
from flowadam.optim.dial import dialed_update
from flowadam.optim.slots import Slot


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


def adam_update(slots: Sequence[Slot]) -> None:
    """m <- b1 m + (1-b1) g, v <- b2 v + (1-b2) g^2, then the bias-corrected step along m.

    ``eps_placement="torch"``: theta -= lr/c1 * m / (sqrt(v/c2) + eps), c_i = 1 - b_i^t.
    ``eps_placement="published"``: theta -= lr sqrt(c2)/c1 * m / (sqrt(v) + eps).
    ``precond_power`` below 1: see `dialed_update`.
    """
    if slots and slots[0].group["precond_power"] < 1:
        dialed_update(slots)
        return
    buckets: dict[tuple[Any, ...], list[Slot]] = {}
    for slot in slots:
        slot.state["step"][slot.replica] += 1
        t = slot.state["step"][slot.replica]
        key = (id(slot.group), t, slot.param.dtype, slot.param.device)
        buckets.setdefault(key, []).append(slot)
    for key, bucket in buckets.items():
        _update(bucket, key[1])


def _update(slots: Sequence[Slot], t: int) -> None:
    """Update slots of one group, dtype and device whose counter is now `t`."""
    group = slots[0].group
    beta1, beta2 = group["betas"]
    # The published form is torch's with a larger eps: both roots divided by sqrt(c2).
    scale = math.sqrt(1 - beta2**t) if group["eps_placement"] == "published" else 1.0
    # The kernel walks memory in order and ignores strides.
    dense = [slot.param.contiguous() for slot in slots]
    step = torch.full((), float(t), dtype=torch.float32, device=dense[0].device)
    kernels.fused_adam_(
        dense,
        [slot.grad.contiguous() for slot in slots],
        [slot.exp_avg for slot in slots],
        [slot.exp_avg_sq for slot in slots],
        [],
        [step] * len(slots),
        lr=group["lr"],
        beta1=beta1,
        beta2=beta2,
        weight_decay=0.0,
        eps=group["eps"] / scale,
        amsgrad=False,
        maximize=False,
    )
    for slot, values in zip(slots, dense, strict=True):
        if values is not slot.param:
            slot.param.copy_(values)
