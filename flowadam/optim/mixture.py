"""The step that InvAdam and DualAdam share: Adam's direction, multiplied and divided."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from flowadam.optim import checks, kernels
from flowadam.optim.blocks import Block, blocks
from flowadam.optim.moments import Group, MomentOptimizer


class MixedAdam(MomentOptimizer):
    """theta <- (1 - lr lambda) theta - lr [alpha mh q + (1 - alpha) mh / q].

    mh = m / (1 - b1^t) and q = sqrt(v / (1 - b2^t)) + eps are Adam's, alpha in [0, 1] is said by
    the subclass. t is one count of the optimizer's updates: ``step`` of a parameter is t at its
    last gradient, so the largest one is the optimizer's, and every checkpoint holds it.
    """

    @abstractmethod
    def _weight(self, group: Mapping[str, Any], t: int) -> float:
        """Return alpha_t."""

    def _checked(self, group: Group) -> Group:
        return group | {
            "lr": checks.number("lr", group["lr"], checks.FINITE),
            "betas": checks.betas(group["betas"]),
            "eps": checks.number("eps", group["eps"], checks.FINITE),
            "weight_decay": checks.number("weight_decay", group["weight_decay"], checks.FINITE),
        }

    @property
    def _updates(self) -> int:
        """t, the number of updates made."""
        return max((state["step"] for state in self.state.values()), default=0)

    def _count(self, params: Sequence[Tensor]) -> None:
        t = self._updates + 1
        for p in params:
            self.state[p]["step"] = t

    def _update(self) -> None:
        for group in self.param_groups:
            for block in blocks(group, self.state):
                block.advance(group["betas"])
                _move(block, group, self._weight(group, block.step))


def _move(block: Block, group: Mapping[str, Any], alpha: float) -> None:
    """Update parameters; a part without weight is not computed, so its 0 / 0 cannot be felt."""
    lr, (beta1, beta2) = group["lr"], group["betas"]
    rate = lr / (1 - beta1**block.step)
    roots = block.roots(beta2, group["eps"])
    if group["weight_decay"] != 0:
        kernels.mul_(block.params, 1 - lr * group["weight_decay"])
    if alpha > 0:
        kernels.addcmul_(block.params, block.exp_avgs, roots, -rate * alpha)
    if alpha < 1:
        kernels.addcdiv_(block.params, block.exp_avgs, roots, -rate * (1 - alpha))
