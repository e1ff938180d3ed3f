"""Adam's step under a mask, with step counts that stay on the device."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

import torch
from torch import Tensor

from flowadam.optim.stacks import Stack, spread, step_table


def masked_adam(found: Sequence[Sequence[Stack]], quiet: Tensor) -> None:
    """Move the parameters as `adam_update` does where `quiet`; their momenta are updated already.

    Args:
        found: the stacks of every group.
        quiet: which replicas Adam moves, bool [R].
    """
    for stacks in found:
        _advance(stacks, quiet)
    rates = [rate for stacks in found for rate in _rates(stacks, quiet.device)]
    roots = chain.from_iterable(_roots(stacks, quiet.device) for stacks in found)
    stacks = list(chain.from_iterable(found))
    if stacks[0].group["precond_power"] < 1:
        roots = _dialed(stacks, list(roots))
    for stack, root, rate in zip(stacks, roots, rates, strict=True):
        # Where Adam does not move, the quotient may be anything.
        quotient = torch.where(stack.shaped(quiet), stack.exp_avg / root, 0.0)
        stack.param.addcmul_(quotient, rate)


def _advance(stacks: Sequence[Stack], quiet: Tensor) -> None:
    """Count the update and mix the squared gradients into the second moments."""
    beta2 = stacks[0].group["betas"][1]
    one = torch.ones_like(quiet, dtype=torch.float64)
    keeps = spread(stacks, one.masked_fill(quiet, beta2))
    gains = spread(stacks, (1 - beta2) * quiet.double())
    for stack, keep, gain in zip(stacks, keeps, gains, strict=True):
        stack.step.add_(quiet.to(stack.step.device))
        # One factor at a time, since the square of a large gradient may not be finite.
        stack.exp_avg_sq.mul_(keep).addcmul_(stack.grad * gain, stack.grad)


def _rates(stacks: Sequence[Stack], device: torch.device) -> list[Tensor]:
    """Return -lr / (1 - b1^t) for the tensors of a group."""
    t, lr = step_table(stacks, device).clamp(min=1), stacks[0].group["lr"]
    return spread(stacks, -lr / (1 - stacks[0].group["betas"][0] ** t))


def _roots(stacks: Sequence[Stack], device: torch.device) -> Iterator[Tensor]:
    """Yield the denominators for the tensors of a group; without eps if the dial is below 1."""
    group, t = stacks[0].group, step_table(stacks, device).clamp(min=1)
    eps = 0.0 if group["precond_power"] < 1 else group["eps"]
    before = group["eps_placement"] == "published"
    for stack, c in zip(stacks, spread(stacks, (1 - group["betas"][1] ** t).sqrt()), strict=True):
        root = stack.exp_avg_sq.sqrt()
        yield root.add_(eps) / c if before else (root / c).add_(eps)


def _dialed(stacks: Sequence[Stack], roots: Sequence[Tensor]) -> list[Tensor]:
    """Return (r + eps)^p (S + eps)^(1-p) + eps, see `dialed_update`; S is a number per replica."""
    geometric = stacks[0].group["precond_scalar"] == "geomean"
    device, power = stacks[0].param.device, stacks[0].group["precond_power"]
    entries = sum(root.numel() for root in roots) // max(len(roots[0]), 1)
    terms = [
        (root.double() + stack.group["eps"]).log() if geometric else root.double().square()
        for stack, root in zip(stacks, roots, strict=True)
    ]
    sums = [stack.sums(term).to(device) for stack, term in zip(stacks, terms, strict=True)]
    mean = torch.stack(sums).sum(0) / max(entries, 1)
    S = mean.exp() if geometric else mean.sqrt()
    found: list[Tensor] = []
    for stack, root in zip(stacks, roots, strict=True):
        eps = stack.group["eps"]
        common = stack.shaped((S + eps) ** (1 - power))
        found.append(((root + eps) ** power * common).add_(eps))
    return found
