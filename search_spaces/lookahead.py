"""Lookahead around AdamW, from pytorch-optimizer."""

from __future__ import annotations

from typing import Any

from pytorch_optimizer import Lookahead

from flowadam.space import Float, Int, Space
from flowadam.spec import Inclusion, OptimizerSpec
from search_spaces.adamw import SPEC as ADAMW
from search_spaces.adamw import adamw
from search_spaces.adapters.arguments import require_non_negative, require_positive
from search_spaces.adapters.copying import CopiesWhole

NEVER = 10**9
"""A number of steps that no run reaches."""


class _Lookahead(CopiesWhole, Lookahead):
    kept = ("defaults",)


def lookahead(
    params: Any,
    *,
    lr: float = 1e-3,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 1e-2,
    k: int = 5,
    alpha: float = 0.5,
) -> Lookahead:
    """Return pytorch-optimizer's Lookahead around torch's AdamW.

    AdamW moves the weights theta. After every k-th step the slow weights, which begin at the
    start, go ``phi += alpha (theta - phi)``, and theta continues from them; AdamW's moments stay
    (``pullback_momentum="none"``). AdamW, because it is the package's strongest plain optimizer
    and the inner one of the paper's language models is Adam. A curve shows theta.
    """
    inner = adamw(params, lr=lr, beta1=beta1, beta2=beta2, eps=eps, weight_decay=weight_decay)
    require_positive(k=k)
    require_non_negative(alpha=alpha)
    return _Lookahead(inner, k=k, alpha=alpha, pullback_momentum="none")


_PAPER = "Zhang et al. 2019 (arXiv 1907.08610)"

SPEC = OptimizerSpec(
    name="lookahead",
    factory=lookahead,
    space=Space(
        (
            *(p for p in ADAMW.space if p.name != "task.penalty"),
            Int("opt.k", 2, 20, source=f"around the 5 to 10 of {_PAPER}; 1 is no lookahead"),
            Float(
                "opt.alpha",
                0.2,
                0.9,
                source=f"around the .5 and .8 of {_PAPER}; 1 is AdamW",
            ),
            *(p for p in ADAMW.space if p.name == "task.penalty"),
        )
    ),
    defaults={**ADAMW.defaults, "opt.k": 5, "opt.alpha": 0.5},
    source=f"{_PAPER}, Algorithm 1; pytorch_optimizer.Lookahead and its defaults, torch.optim.AdamW"
    " and its defaults",
    includes=(Inclusion("adamw", {"opt.k": NEVER}),),
)
