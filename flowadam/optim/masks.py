"""The detector's decision as masks over replicas, which stay on the device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from flowadam.optim.detector import DECAY, GAIN, TESTING, WARM_UP
from flowadam.optim.stacks import Stack, norm_and_gap_tables
from flowadam.optim.tally import Tally

MASKED = (*TESTING, "periodic", "never")
"""Detectors that decide there; a function or Python's random stream needs the host."""


@dataclass(slots=True)
class Masks:
    """What every replica does in this step.

    Attributes:
        length: norm of the gradient over all tensors, float64 [R].
        alive: it is finite, so a step is made, bool [R].
        flows: that step follows the flow, bool [R].
        quiet: it is Adam's, bool [R].
    """

    length: Tensor
    alive: Tensor
    flows: Tensor
    quiet: Tensor


def decide(stacks: Sequence[Stack], tally: Tally) -> Masks:
    """Decide as `detector.judge` does, and count in `tally` what was seen and what is done."""
    options, k = stacks[0].group, tally["steps"]
    lengths, gaps = norm_and_gap_tables(stacks, tally.device)
    length = _root_sum(lengths)
    alive = length.isfinite()
    n, c = _sight(stacks, length, gaps, k)
    G = _see(tally["grad_ema"], n, alive)
    C = _see(tally["change_ema"], c, alive)
    ready = alive & (k > WARM_UP)
    plateau = ready & (n < options["switch_sensitivity"] * G)
    stiff = ready & (c > options["curvature_sensitivity"] * C)
    tested = options["detector"] in TESTING
    flows = plateau | stiff if tested else ready & _scheduled(options, k)
    if tested:
        tally["plateau_triggers"].add_(plateau)
        tally["stiffness_triggers"].add_(stiff)
    tally["flow_steps"].add_(flows)
    tally["steps"].add_(alive)  # Last: `k` is a view of it.
    return Masks(length, alive, flows, alive & ~flows)


def _sight(
    stacks: Sequence[Stack], length: Tensor, gaps: Tensor, k: Tensor
) -> tuple[Tensor, Tensor]:
    """Return n and c of every replica, see `detector.measure`."""
    if stacks[0].group["detector"] == "second_moment":
        norms, spreads = zip(*map(_scales, stacks), strict=True)
        seen = (torch.stack([x.to(k.device) for x in scales]) for scales in (norms, spreads))
        n, c = (torch.where(k > 0, _root_sum(table), torch.nan) for table in seen)
        return n, c
    # A tensor without an earlier gradient has a change of nan and adds nothing.
    return length, torch.where(k > 0, _root_sum(gaps.nan_to_num(nan=0.0, posinf=torch.inf)), length)


def _scales(stack: Stack) -> tuple[Tensor, Tensor]:
    """Return |sqrt(v)| and |sqrt(2 max(v - m^2, 0))| of a tensor, bias-corrected, float64 [R]."""
    (beta1, beta2), t = stack.group["betas"], stack.step.double().clamp(min=1)
    v = stack.exp_avg_sq / stack.shaped(1 - beta2**t)
    m = stack.exp_avg / stack.shaped(1 - beta1**t)
    spread = 2 * stack.sums((v - m.square()).clamp(min=0))
    return stack.sums(v).sqrt().double(), spread.sqrt().double()


def _see(average: Tensor, new: Tensor, alive: Tensor) -> Tensor:
    """Write the running average after `new` into `average` where `alive`; return it."""
    mixed = torch.where(average.isnan(), new, DECAY * average + GAIN * new)
    return average.copy_(torch.where(alive & ~new.isnan(), mixed, average))


def _scheduled(options: dict[str, Any], k: Tensor) -> Tensor:
    """Say whether "periodic" flows at step k; "never" does not."""
    rate = options["rate"] if options["detector"] == "periodic" else 0.0
    return (rate * (k + 1)).floor() > (rate * k).floor()


def _root_sum(table: Tensor) -> Tensor:
    """Return the root of the sum of squares over tensors, of a table [T, R]."""
    return torch.linalg.vector_norm(table, dim=0)
