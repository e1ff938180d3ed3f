"""The VRAdam optimizer."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from flowadam.optim import checks, kernels
from flowadam.optim.blocks import Block, blocks
from flowadam.optim.brake import Divisor, divisors
from flowadam.optim.moments import Group, MomentOptimizer
from flowadam.optim.tensors import check_stack, check_whole

Rate = tuple[float, Divisor]
"""A rate as its dividend, the group's lr, and its divisor."""

_SPANNING = {"group": ("scope", "stacked"), "global": ("scope", "stacked", "power", "norm_of")}
"""Options that must be equal in all groups, by scope: one s has one power."""


class VRAdam(MomentOptimizer):
    """AdamW whose rate is braked where the velocity, the first moment, is large.

    With the gradient g of a parameter and t the number of its updates:

        v <- b1 v + (1 - b1) g,        m <- b2 m + (1 - b2) g^2
        s = sum over all entries of |v|^power          (v as it is, without bias correction)
        eta = lr / (1 + min(beta3 s, lr_cutoff))
        theta <- (1 - eta lambda) theta - eta [v / (1 - b1^t)] / [sqrt(m / (1 - b2^t)) + eps]

    so lr / (1 + lr_cutoff) <= eta <= lr, and beta3 = 0 or lr_cutoff = 0 is AdamW.

    Args:
        params: parameters or parameter groups; options may differ between groups but for `scope`
            and `stacked` and, if the scope is global, `power` and `norm_of`.
        lr: rate without the brake, default 1e-3.
        betas: decay rates of velocity and second moment, default (.9, .999).
        eps: added to the root, default 1e-8.
        weight_decay: decoupled decay lambda, by the braked rate, default 1e-5.
        beta3: strength of the brake, default 1.
        lr_cutoff: the most that is added to the divisor, default 10; may be infinite.
        power: exponent of s, positive, default 2.
        norm_of: "velocity" (default), or "gradient": s = sum |g|^power.
        scope: "global" (default): one s over all groups, by which each group brakes its own lr
            with its own beta3 and lr_cutoff. "group": each group has an s of its own.
        stacked: the leading axis of every parameter counts R independent replicas, each with an s
            and a rate of its own; default False.

    Entries of parameters without a gradient in this step are not part of s. State per parameter:
    two tensors shaped and typed like it. One gradient per step. s is summed in float32, or in
    float64 where a parameter is, and stays on the device: a step reads nothing back to the host.

    As in torch's optimizers a gradient that is not finite is let through. A nan makes s and with it
    all parameters under the same brake nan; an infinite one brakes fully and spoils its own
    coordinate. Other replicas of a stack are not touched.

    Raises:
        ValueError: an option outside its range or unequal where it spans groups; a parameter that
            is not real, or sharded, since no process would see the whole norm; stacked parameters
            whose leading axes differ.

    Source: VRAdam, arXiv 2505.13196: the global norm is the paper's, the norm per group, the power,
    the choice of the gradient and all defaults are those of the authors' code.

    Known: s grows with the number of parameters, so beta3 does not carry over between models, nor
    between loss scales; where beta3 s is above lr_cutoff or far below 1 all the time, this is AdamW
    at one rate or the other. The published sweeps tune four numbers for VRAdam and one for Adam,
    on single seeds; an early version of the code measured the gradient where the text says
    velocity.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-5,
        *,
        beta3: float = 1.0,
        lr_cutoff: float = 10.0,
        power: float = 2.0,
        norm_of: Literal["velocity", "gradient"] = "velocity",
        scope: Literal["global", "group"] = "global",
        stacked: bool = False,
    ) -> None:
        options = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "beta3": beta3,
            "lr_cutoff": lr_cutoff,
            "power": power,
            "norm_of": norm_of,
            "scope": scope,
            "stacked": stacked,
        }
        self._last: list[Rate] = []
        super().__init__(params, options)

    def effective_rate(self) -> Tensor:
        """Return eta of the last step in float64: [groups], or [groups, R] if stacked.

        nan before this object's first step, and for groups added since.
        """
        options = self.param_groups[0]
        shape = options["params"][0].shape[:1] if options["stacked"] else ()
        like = {"dtype": torch.float64, "device": options["params"][0].device}
        known = [lr / torch.as_tensor(divisor, **like) for lr, divisor in self._last]
        new = [torch.tensor(math.nan, **like)] * (len(self.param_groups) - len(known))
        return torch.stack([rate.expand(shape) for rate in known + new])

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._last = []

    def _checked(self, group: Group) -> Group:
        finite, above = checks.FINITE, checks.NOT_NEGATIVE
        checked = group | {
            "lr": checks.number("lr", group["lr"], finite),
            "betas": checks.betas(group["betas"]),
            "eps": checks.number("eps", group["eps"], finite),
            "weight_decay": checks.number("weight_decay", group["weight_decay"], finite),
            "beta3": checks.number("beta3", group["beta3"], finite),
            "lr_cutoff": checks.number("lr_cutoff", group["lr_cutoff"], above),
            "power": checks.number("power", group["power"], checks.POSITIVE),
            "norm_of": checks.choice("norm_of", group["norm_of"], ("velocity", "gradient")),
            "scope": checks.choice("scope", group["scope"], ("global", "group")),
            "stacked": checks.flag("stacked", group["stacked"]),
        }
        for first in self.param_groups[:1]:
            for name in _SPANNING[checked["scope"]]:
                checks.equal(name, first[name], checked[name])
        return checked

    def _check_tensors(self, params: Sequence[Tensor]) -> None:
        super()._check_tensors(params)
        check_whole(self._name, params)
        if self.param_groups[0]["stacked"]:
            check_stack(params, self.param_groups[0]["params"][0])

    def _update(self) -> None:
        found = [blocks(group, self.state) for group in self.param_groups]
        for group, own in zip(self.param_groups, found, strict=True):
            for block in own:
                block.advance(group["betas"])
        self._last = self._brake(found)
        for group, own, (_, divisor) in zip(self.param_groups, found, self._last, strict=True):
            for block in own:
                _move(block, group, divisor)

    def _brake(self, found: Sequence[Sequence[Block]]) -> list[Rate]:
        """Return the rate of each group from the blocks of each."""
        groups = self.param_groups
        if groups[0]["scope"] == "global":
            brakes = divisors([block for own in found for block in own], groups)
        else:
            brakes = [divisors(own, [group])[0] for own, group in zip(found, groups, strict=True)]
        return [(group["lr"], brake) for group, brake in zip(groups, brakes, strict=True)]


def _move(block: Block, group: Mapping[str, Any], divisor: Divisor) -> None:
    """theta <- (1 - eta lambda) theta - eta [v / (1 - b1^t)] / [sqrt(m / (1 - b2^t)) + eps]."""
    lr, (beta1, beta2) = group["lr"], group["betas"]
    roots = block.roots(beta2, group["eps"])
    if isinstance(divisor, Tensor):
        divisor = divisor.to(block.params[0].device, block.wide)
        _scale(roots, divisor)
    if group["weight_decay"] != 0:
        _scale(block.params, 1 - lr * group["weight_decay"] / divisor)
    kernels.addcdiv_(block.params, block.exp_avgs, roots, -lr / (1 - beta1**block.step))


def _scale(tensors: list[Tensor], factor: Divisor) -> None:
    """Multiply tensors by a factor, which is one number or one for each of the leading axis."""
    if isinstance(factor, Tensor) and factor.dim():
        kernels.mul_(tensors, [factor.view(-1, *[1] * (t.dim() - 1)) for t in tensors])
    else:
        kernels.mul_(tensors, factor)
