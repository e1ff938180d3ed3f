"""Adam with its anisotropy dialed down, from entrywise to one common denominator."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from flowadam.optim.lanes import Lane


def dialed_update(lanes: Sequence[Lane]) -> None:
    """m <- b1 m + (1-b1) g, v <- b2 v + (1-b2) g^2, r = sqrt(v / (1 - b2^t)), and

    theta <- theta - lr m / (1 - b1^t) / [(r + eps)^p (S + eps)^(1-p) + eps],

    p = `precond_power`, S one number for all tensors of a replica: with `precond_scalar` "rms" the
    root of the mean of r^2, with "geomean" exp(mean log(r + eps)). At p = 0 the step is parallel
    to m. S stays on the device. For 0 <= p < 1; at p = 1 the update is Adam's own.
    """
    for lane in lanes:
        lane.count_updates()
        roots = _roots(lane)
        _move(lane, roots, _scalar(lane, roots))


def _roots(lane: Lane) -> list[Tensor]:
    """Update the moments with the gradients and return r of every tensor."""
    roots: list[Tensor] = []
    columns = zip(
        lane.groups, lane.updates, lane.grads, lane.exp_avgs, lane.exp_avg_sqs, strict=True
    )
    for group, t, grad, m, v in columns:
        beta1, beta2 = group["betas"]
        m.lerp_(grad, 1 - beta1)
        v.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        roots.append((v / (1 - beta2**t)).sqrt_())
    return roots


def _scalar(lane: Lane, roots: Sequence[Tensor]) -> Tensor:
    """Return S, summed in float64 because it spans all tensors."""
    device, entries = roots[0].device, max(sum(root.numel() for root in roots), 1)
    if lane.options["precond_scalar"] == "rms":
        sums = [root.double().square().sum() for root in roots]
    else:
        sums = [
            (root.double() + group["eps"]).log().sum()
            for group, root in zip(lane.groups, roots, strict=True)
        ]
    mean = torch.stack([s.to(device) for s in sums]).sum() / entries
    return mean.sqrt() if lane.options["precond_scalar"] == "rms" else mean.exp()


def _move(lane: Lane, roots: Sequence[Tensor], scalar: Tensor) -> None:
    columns = zip(lane.groups, lane.updates, lane.params, lane.exp_avgs, roots, strict=True)
    for group, t, param, m, root in columns:
        power, eps = group["precond_power"], group["eps"]
        common = ((scalar + eps) ** (1 - power)).to(root.device, root.dtype)
        denominator = root.add_(eps).pow_(power).mul_(common).add_(eps)
        param.addcdiv_(m, denominator, value=-group["lr"] / (1 - math.pow(group["betas"][0], t)))
