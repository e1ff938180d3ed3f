"""Lion, from pytorch-optimizer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pytorch_optimizer import Lion

from flowadam.space import Space
from flowadam.spec import OptimizerSpec
from search_spaces.adapters.arguments import require_non_negative
from search_spaces.adapters.copying import CopiesWhole
from search_spaces.shared import BETA1, BETA2, LR, PENALTY, PENALTY_DEFAULT, WEIGHT_DECAY

_TRANSFER = "Chen et al. 2023 (arXiv 2302.06675), section 5"


class _Lion(CopiesWhole, Lion):
    kept = ("maximize", "foreach")


def lion(
    params: Any,
    *,
    lr: float = 1e-4,
    beta1: float = 0.9,
    beta2: float = 0.99,
    weight_decay: float = 0.0,
) -> Lion:
    """Return pytorch-optimizer's Lion: ``theta -= lr sign(beta1 m + (1 - beta1) g)``.

    The momentum is updated with beta2 after it was used. Set here: ``weight_decouple=True``,
    ``fixed_decay=False`` (``theta *= 1 - lr weight_decay``, as in the paper), ``foreach=True``.
    The package passes unknown keywords through, so they are written out.
    """
    require_non_negative(lr=lr, beta1=beta1, beta2=beta2, weight_decay=weight_decay)
    return _Lion(
        params,
        lr=lr,
        betas=(beta1, beta2),
        weight_decay=weight_decay,
        weight_decouple=True,
        fixed_decay=False,
        foreach=True,
    )


SPEC = OptimizerSpec(
    name="lion",
    factory=lion,
    space=Space(
        (
            replace(
                LR,
                low=LR.low / 10,
                high=LR.high / 3,
                source="deviates: a tenth of the shared low end, a third of the high one, as its "
                f"rate should be 3 to 10 times smaller than AdamW's ({_TRANSFER})",
            ),
            BETA1,
            BETA2,
            replace(
                WEIGHT_DECAY,
                low=WEIGHT_DECAY.low * 3,
                high=WEIGHT_DECAY.high * 10,
                source=f"deviates: the shared range times 3 at its low and 10 at its high end, "
                f"which keeps lr * weight_decay where AdamW's is ({_TRANSFER})",
            ),
            PENALTY,
        )
    ),
    defaults={
        "opt.lr": 1e-4,
        "opt.beta1": 0.9,
        "opt.beta2": 0.99,
        "opt.weight_decay": 0.0,
        "task.penalty": PENALTY_DEFAULT,
    },
    source="Chen et al. 2023 (arXiv 2302.06675), Algorithm 2 and the authors' defaults; "
    "pytorch_optimizer.Lion",
)
