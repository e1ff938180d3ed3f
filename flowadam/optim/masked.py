"""A step without host reads: every replica makes both updates, and masks say which of them counts.

Neither branches nor shapes depend on data, and what lasts stays where it is, so a CUDA graph can
hold the step.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import torch
from torch import Tensor

from flowadam.optim.injection import CAP
from flowadam.optim.lanes import Options, State
from flowadam.optim.masked_adam import masked_adam
from flowadam.optim.masks import Masks, decide
from flowadam.optim.stacks import Stack, gather_stacks, norm_table, spread, step_table
from flowadam.optim.tally import Tally


def masked_step(groups: Sequence[Options], state: dict[Tensor, State], tally: Tally) -> None:
    """Make the step of ``ode_method="euler"`` with the gradients of the parameters.

    It decides like the step on the host, and its numbers are the same up to rounding.

    Args:
        groups: all parameter groups.
        state: of every parameter, written in place.
        tally: records of the replicas, written in place.
    """
    found = gather_stacks(groups, state, tally.replicas)
    stacks = list(chain.from_iterable(found))
    if not stacks:
        return
    masks = decide(stacks, tally)
    for stack in stacks:
        stack.grad = torch.where(stack.shaped(masks.alive), stack.grad, 0.0)
    for own in found:
        slopes = [_slope(stack, masks) for stack in own]
        _count_clipped(own, slopes, masks, tally)
        directions = _glide(own, slopes, masks)
        _blend(own, directions, masks, tally)
    masked_adam(found, masks.quiet)
    for stack in stacks:
        if stack.previous is not None:
            alive = stack.shaped(masks.alive)
            stack.previous.copy_(torch.where(alive, stack.grad, stack.previous))


def _slope(stack: Stack, masks: Masks) -> Tensor:
    """Return the gradient, clipped where the step follows the flow."""
    bound = stack.group["clip_value"]
    if stack.group["clip_mode"] == "coordinate":
        clipped = stack.grad.clamp(-bound, bound)
        return torch.where(stack.shaped(masks.flows), clipped, stack.grad)
    long = masks.flows & (masks.length > bound)
    factor = torch.where(long, bound / (masks.length + 1e-12), 1.0)
    return (stack.grad * stack.shaped(factor)).to(stack.grad.dtype)


def _count_clipped(
    stacks: Sequence[Stack], slopes: Sequence[Tensor], masks: Masks, tally: Tally
) -> None:
    pairs = zip(stacks, slopes, strict=True)
    counts = [stack.sums(slope != stack.grad).to(tally.device) for stack, slope in pairs]
    tally["clipped"].add_(torch.stack(counts).sum(0))
    entries = sum(stack.param.numel() for stack in stacks) // tally.replicas
    tally["coordinates"].add_(masks.flows * entries)


def _glide(stacks: Sequence[Stack], slopes: Sequence[Tensor], masks: Masks) -> list[Tensor]:
    """Take the Euler steps of a group; return what its momenta take up.

    Outside of flows that is the gradient, inside it is the velocity or, with ``velocity="slope"``,
    the slope, of which the velocity is a multiple.
    """
    group = stacks[0].group
    horizons = spread(stacks, masks.flows.double() * (-group["lr"] * group["ode_t_scale"]))
    found: list[Tensor] = []
    for stack, slope, horizon in zip(stacks, slopes, horizons, strict=True):
        start = stack.param.clone() if group["velocity"] == "difference" else None
        stack.param.addcmul_(slope, horizon)
        found.append(slope if start is None else _velocity(stack, start, slope, masks.flows))
    return found


def _velocity(stack: Stack, start: Tensor, slope: Tensor, flows: Tensor) -> Tensor:
    """Return (start - end) / lr, or its limit at lr = 0, where the step flows, else the slope."""
    lr, device = stack.group["lr"], start.device
    if not isinstance(lr, Tensor):
        lr = torch.full((), lr, dtype=torch.float64, device=device)
    limit = stack.group["ode_t_scale"] * slope
    velocity = torch.where(lr.to(device) == 0, limit, (start - stack.param) / lr.to(device))
    return torch.where(stack.shaped(flows), velocity, slope)


def _blend(
    stacks: Sequence[Stack], directions: Sequence[Tensor], masks: Masks, tally: Tally
) -> None:
    """Update the momenta of a group: by `inject` where the step flows, else by Adam's average."""
    group, beta1 = stacks[0].group, stacks[0].group["betas"][0]
    steps = step_table(stacks, tally.device)
    injected = masks.flows & (steps > 0) & (group["injection"] != "none")
    kept, gained = _injection(stacks, directions, injected, tally)
    keep = torch.ones_like(steps).masked_fill(masks.quiet, beta1).masked_fill(injected, kept)
    gain = torch.zeros_like(steps).masked_fill(masks.quiet, 1 - beta1)
    gain = torch.where(injected, gained, gain)
    shares = zip(spread(stacks, keep), spread(stacks, gain), strict=True)
    for stack, direction, (share, factor) in zip(stacks, directions, shares, strict=True):
        stack.exp_avg.mul_(share).addcmul_(direction, factor)


def _injection(
    stacks: Sequence[Stack], directions: Sequence[Tensor], injected: Tensor, tally: Tally
) -> tuple[float, Tensor]:
    """Return the share of the momentum that is kept, and factors [T, R] of the directions."""
    group = stacks[0].group
    factor = 1.0 if group["velocity"] == "difference" else group["ode_t_scale"]
    if group["injection"] != "soft":
        return 0.0, torch.full_like(injected, factor, dtype=torch.float64)
    speeds = factor * norm_table(directions, tally.device)
    paces = norm_table([stack.exp_avg for stack in stacks], tally.device)
    capped = injected & (speeds > CAP * paces)
    tally["capped_injections"].add_(capped.sum(0))
    cap = torch.where(capped, CAP * paces / (speeds + 1e-8), 1.0)
    return 1 - group["momentum_blend_gamma"], group["momentum_blend_gamma"] * factor * cap
