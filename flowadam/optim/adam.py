"""The quiet step: Adam by torch's fused kernel."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from flowadam.optim import kernels
from flowadam.optim.dial import dialed_update
from flowadam.optim.lanes import Lane, Options

Row = tuple[Tensor, Tensor, Tensor, Tensor]
"""A parameter, its gradient and its two moments."""


def adam_update(lanes: Sequence[Lane]) -> None:
    """m <- b1 m + (1-b1) g, v <- b2 v + (1-b2) g^2, then the bias-corrected step along m.

    ``eps_placement="torch"``: theta -= lr/c1 * m / (sqrt(v/c2) + eps), c_i = 1 - b_i^t.
    ``eps_placement="published"``: theta -= lr sqrt(c2)/c1 * m / (sqrt(v) + eps).
    ``precond_power`` below 1: see `dialed_update`.
    """
    if lanes and lanes[0].options["precond_power"] < 1:
        dialed_update(lanes)
        return
    alike: dict[Any, tuple[Options, int, list[Row]]] = {}
    for lane in lanes:
        columns = zip(lane.params, lane.grads, lane.exp_avgs, lane.exp_avg_sqs, strict=True)
        rows, counters = list(columns), lane.count_updates()
        for group, part in lane.parts:
            for t, row in zip(counters[part], rows[part], strict=True):
                key = (id(group), t, row[0].dtype, row[0].device)
                alike.setdefault(key, (group, t, []))[2].append(row)
    for group, t, rows in alike.values():
        _update(group, t, rows)


def _update(group: Options, t: int, rows: Sequence[Row]) -> None:
    """Update tensors of one group, dtype and device whose counter is now `t`."""
    beta1, beta2 = group["betas"]
    # The published form is torch's with a larger eps: both roots divided by sqrt(c2).
    scale = math.sqrt(1 - beta2**t) if group["eps_placement"] == "published" else 1.0
    params, grads, exp_avgs, exp_avg_sqs = map(list, zip(*rows, strict=True))
    # The kernel walks memory in order and ignores strides.
    dense = [p.contiguous() for p in params]
    step = torch.full((), float(t), dtype=torch.float32, device=dense[0].device)
    kernels.fused_adam_(
        dense,
        [grad.contiguous() for grad in grads],
        exp_avgs,
        exp_avg_sqs,
        [],
        [step] * len(dense),
        lr=group["lr"],
        beta1=beta1,
        beta2=beta2,
        weight_decay=0.0,
        eps=group["eps"] / scale,
        amsgrad=False,
        maximize=False,
    )
    for param, values in zip(params, dense, strict=True):
        if values is not param:
            param.copy_(values)
