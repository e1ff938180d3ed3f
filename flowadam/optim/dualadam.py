"""The DualAdam optimizer."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from flowadam.optim import checks
from flowadam.optim.mixture import MixedAdam
from flowadam.optim.moments import Group


class DualAdam(MixedAdam):
    """InvAdam that turns into Adam, linearly in the number of updates.

    With the gradient g, elementwise, and t the number of updates of this optimizer:

        m <- b1 m + (1 - b1) g,        mh = m / (1 - b1^t)
        v <- b2 v + (1 - b2) g^2,      q  = sqrt(v / (1 - b2^t)) + eps
        alpha = 1 - xi t, or 0 where that is below xi
        theta <- (1 - lr lambda) theta - lr [alpha mh q + (1 - alpha) mh / q]

    xi = 0 is InvAdam for ever, xi > 1/2 is Adam from the first step on.

    Args:
        params: parameters or parameter groups; every option may differ between groups.
        lr: step size, default 1e-3.
        betas: decay rates of the two moments, default (.9, .999).
        eps: added to the root, default 1e-8. 0 is legal; coordinates without any gradient are then
            0 / 0 once alpha < 1, as in Adam.
        weight_decay: decoupled decay lambda, default 0.
        switch_rate: xi in [0, 1], default .01: the mixing ends at step 1 / xi.

    State per parameter: two tensors shaped and typed like it. One gradient per step. All
    operations are elementwise, and t is the same for all, so replicas may be stacked on a leading
    axis, and sharded parameters work. A gradient that is not finite reaches its own coordinates
    alone. t is kept in the state: restored runs go on where they were.

    A parameter whose gradients begin late is corrected with the optimizer's t, not with a count of
    its own, as in the authors' code: its first Adam part is (1-b1) / sqrt(1-b2) = 3.2 in size
    instead of 1, its first inverse part 1/316 of what it would be.

    Raises:
        ValueError: an option outside its range, or a parameter that is not real.

    Source: "DualAdam", arXiv 2603.07122, and the authors' code, whose defaults these are (their
    CIFAR runs use lr 1e-2 and xi 8e-5). The cut-off of alpha below xi and eps in the inverse part
    are the code's; the code loses t on saving, this does not.

    Known: the two parts have different units, as the inverse one is quadratic in the gradient.
    lr and xi cannot be carried over to another loss scale: where gradients are far below 1 the
    method is Adam with a linear warm-up of 1 / xi steps. The published comparison gives all
    methods one learning rate, and weight decay to some only.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        *,
        switch_rate: float = 0.01,
    ) -> None:
        options = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "switch_rate": switch_rate,
        }
        super().__init__(params, options)

    def mixing_weight(self) -> list[float]:
        """Return alpha of the last update, one number per group; nan before the first."""
        t = self._updates
        return [self._weight(group, t) if t else math.nan for group in self.param_groups]

    def _checked(self, group: Group) -> Group:
        rate = checks.number("switch_rate", group["switch_rate"], checks.SHARE)
        return super()._checked(group) | {"switch_rate": rate}

    def _weight(self, group: Mapping[str, Any], t: int) -> float:
        rate = group["switch_rate"]
        alpha = max(0.0, 1 - rate * t)
        return 0.0 if alpha < rate else alpha
