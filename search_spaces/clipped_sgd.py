"""Clipped gradient descent, a control: torch's SGD without momentum on clipped gradients."""

from __future__ import annotations

from typing import Any

from flowadam.space import Float, Space
from flowadam.spec import OptimizerSpec
from search_spaces.adapters.arguments import require_non_negative
from search_spaces.adapters.clipping import ClippedSGD
from search_spaces.adapters.limits import SCALED
from search_spaces.sgd import RATE
from search_spaces.shared import PENALTY, PENALTY_DEFAULT

CLIP_VALUE = Float(
    "opt.clip_value",
    1e-3,
    100.0,
    log=True,
    source="the range of the global-norm clip of flowadam_p: from a decade above the published "
    "values 1 and 10 down to the norms of gradients on the tasks of this package",
)


def clipped_sgd(params: Any, *, lr: float = 1e-3, clip_value: float = 10.0) -> ClippedSGD:
    """Return clipped gradient descent, ``theta -= lr g min(1, clip_value / ||g||)``."""
    require_non_negative(lr=lr, clip_value=clip_value)
    return ClippedSGD(params, clip_value, lr=lr, foreach=True)


SPEC = OptimizerSpec(
    name="clipped_sgd",
    factory=clipped_sgd,
    space=Space((RATE, CLIP_VALUE, PENALTY)),
    defaults={"opt.lr": 1e-3, "opt.clip_value": 10.0, "task.penalty": PENALTY_DEFAULT},
    source="Pascanu et al. 2013 (arXiv 1211.5063), Algorithm 1; torch.optim.SGD and its default "
    "rate, cut at the norm 10 of the published runs of flowadam_p",
    stacking="split",
    exempt=SCALED,
)
