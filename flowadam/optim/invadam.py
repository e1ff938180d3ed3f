"""The InvAdam optimizer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flowadam.optim.mixture import MixedAdam


class InvAdam(MixedAdam):
    """Adam with its denominator turned into a factor: large gradients make larger steps.

    With the gradient g, elementwise, and t the number of updates of this optimizer:

        m <- b1 m + (1 - b1) g,        mh = m / (1 - b1^t)
        v <- b2 v + (1 - b2) g^2,      q  = sqrt(v / (1 - b2^t)) + eps
        theta <- (1 - lr lambda) theta - lr mh q

    Args:
        params: parameters or parameter groups; every option may differ between groups.
        lr: step size, default 1e-3; its unit is that of theta over the square of the gradient.
        betas: decay rates of the two moments, default (.9, .999).
        eps: added to the root, default 1e-8; 0 is legal and divides nothing.
        weight_decay: decoupled decay lambda, default 0.

    State per parameter: two tensors shaped and typed like it. One gradient per step. All
    operations are elementwise, so replicas may be stacked on a leading axis, and sharded
    parameters work. A gradient that is not finite reaches its own coordinates alone.

    A parameter whose gradients begin late is corrected with the optimizer's t, not with a count of
    its own, as in the authors' code: its first steps are shorter, by (1-b1) sqrt(1-b2) = 1/316.

    Raises:
        ValueError: an option outside its range, or a parameter that is not real.

    Source: "DualAdam", arXiv 2603.07122, and the authors' code at switching rate 0; the paper's
    inverse part is mh sqrt(v / (1 - b2^t)) without eps.

    Known: the step is quadratic in the gradient, so multiplying the loss by c multiplies a step by
    c^2. A rate cannot be carried over to another loss scale, and clipping gradients makes another
    method of it. Near a minimum of curvature L it contracts only while lr L q < 2, and it slows
    down as gradients shrink. Published results are for DualAdam, which leaves it after a while.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        options = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, options)

    def _weight(self, group: Mapping[str, Any], t: int) -> float:
        return 1.0
