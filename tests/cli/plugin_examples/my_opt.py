"""Signum: m = beta m + (1 - beta) g, theta = theta - lr sign(m)."""

import torch

from flowadam import Float, OptimizerSpec, Space
from search_spaces.shared import LR, PENALTY, PENALTY_DEFAULT


class Signum(torch.optim.Optimizer):
    def __init__(self, params, lr: float = 1e-3, beta: float = 0.9):
        if not (lr >= 0 and 0 <= beta < 1):
            raise ValueError(f"lr must be at least 0 and beta in [0, 1), got {lr} and {beta}.")
        super().__init__(params, {"lr": lr, "beta": beta})

    @torch.no_grad()
    def step(self, closure=None):
        with torch.enable_grad():
            loss = closure() if closure else None
        for group in self.param_groups:
            for p in (p for p in group["params"] if p.grad is not None):
                m = self.state[p].setdefault("m", torch.zeros_like(p))
                p.sub_(m.lerp_(p.grad, 1 - group["beta"]).sign(), alpha=group["lr"])
        return loss


BETA = Float("opt.beta", 0.5, 0.99, one_minus=True, source="two decades around the paper's .9")
DEFAULTS = {"opt.lr": 1e-3, "opt.beta": 0.9, "task.penalty": PENALTY_DEFAULT}
SPEC = OptimizerSpec(
    "signum", Signum, Space((LR, BETA, PENALTY)), DEFAULTS, source="Bernstein et al. 2018"
)
