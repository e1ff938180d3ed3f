"""Adam with its anisotropy dialed down, from entrywise to one common denominator."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from flowadam.optim.slots import Slot, by_replica


def dialed_update(slots: Sequence[Slot]) -> None:
    """m <- b1 m + (1-b1) g, v <- b2 v + (1-b2) g^2, r = sqrt(v / (1 - b2^t)), and

    theta <- theta - lr m / (1 - b1^t) / [(r + eps)^p (S + eps)^(1-p) + eps],

    p = `precond_power`, S one number for all tensors of a replica: with `precond_scalar` "rms" the
    root of the mean of r^2, with "geomean" exp(mean log(r + eps)). At p = 0 the step is parallel
    to m. S stays on the device. For 0 <= p < 1; at p = 1 the update is Adam's own.
    """
    for own in by_replica(slots).values():
        roots = [_root(slot) for slot in own]
        scalar = _scalar(own, roots)
        for slot, root in zip(own, roots, strict=True):
            _step(slot, root, scalar)


def _root(slot: Slot) -> Tensor:
    """Update the moments with the gradient and return r."""
    beta1, beta2 = slot.group["betas"]
    slot.state["step"][slot.replica] += 1
    slot.exp_avg.lerp_(slot.grad, 1 - beta1)
    v = slot.exp_avg_sq
    v.mul_(beta2).addcmul_(slot.grad, slot.grad, value=1 - beta2)
    return (v / (1 - beta2**slot.updates)).sqrt_()


def _scalar(slots: Sequence[Slot], roots: Sequence[Tensor]) -> Tensor:
    """Return S, summed in float64 because it spans all tensors."""
    device, entries = roots[0].device, max(sum(root.numel() for root in roots), 1)
    if slots[0].group["precond_scalar"] == "rms":
        sums = [root.double().square().sum() for root in roots]
    else:
        sums = [
            (root.double() + slot.group["eps"]).log().sum()
            for slot, root in zip(slots, roots, strict=True)
        ]
    mean = torch.stack([s.to(device) for s in sums]).sum() / entries
    return mean.sqrt() if slots[0].group["precond_scalar"] == "rms" else mean.exp()


def _step(slot: Slot, root: Tensor, scalar: Tensor) -> None:
    group = slot.group
    power, eps = group["precond_power"], group["eps"]
    common = ((scalar + eps) ** (1 - power)).to(root.device, root.dtype)
    denominator = root.add_(eps).pow_(power).mul_(common).add_(eps)
    rate = group["lr"] / (1 - math.pow(group["betas"][0], slot.updates))
    slot.param.addcdiv_(slot.exp_avg, denominator, value=-rate)
