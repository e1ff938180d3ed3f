"""NAdam, from torch."""

from __future__ import annotations

from typing import Any

import torch

from flowadam.space import Space
from flowadam.spec import OptimizerSpec
from search_spaces.shared import BETA1, BETA2, EPS, LR, PENALTY, PENALTY_DEFAULT


class _NAdam(torch.optim.NAdam):
    """Restores the product of mu as it was saved; torch rounds it to the type of the parameter."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        for group, saved in zip(self.param_groups, state_dict["param_groups"], strict=True):
            for p, key in zip(group["params"], saved["params"], strict=True):
                if key in state_dict["state"]:
                    product = state_dict["state"][key]["mu_product"]
                    self.state[p]["mu_product"] = product.clone()


def nadam(
    params: Any, *, lr: float = 2e-3, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8
) -> torch.optim.NAdam:
    """Return torch's NAdam: Adam whose momentum looks one step ahead, as Nesterov's does.

    With ``mu_t = beta1 (1 - .96^(t / 250) / 2)`` the step is -lr times
    ``mu_(t+1) m / (1 - prod mu) + (1 - mu_t) g / (1 - prod mu)`` over ``sqrt(v_hat) + eps``; the
    products are over all steps so far, the first with one factor more. The schedule of mu is the
    published one: it moves by 8 % in 500 steps, so it is no knob. No weight decay;
    ``foreach=True`` for the reason given at Adam.
    """
    return _NAdam(
        params,
        lr=lr,
        betas=(beta1, beta2),
        eps=eps,
        weight_decay=0.0,
        momentum_decay=4e-3,
        decoupled_weight_decay=False,
        foreach=True,
    )


SPEC = OptimizerSpec(
    name="nadam",
    factory=nadam,
    space=Space((LR, BETA1, BETA2, EPS, PENALTY)),
    defaults={
        "opt.lr": 2e-3,
        "opt.beta1": 0.9,
        "opt.beta2": 0.999,
        "opt.eps": 1e-8,
        "task.penalty": PENALTY_DEFAULT,
    },
    source="Dozat 2016 (Incorporating Nesterov Momentum into Adam, ICLR workshop), Algorithm 2; "
    "torch.optim.NAdam and its defaults",
)
