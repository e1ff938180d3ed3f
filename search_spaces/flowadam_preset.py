"""FlowAdam whose own options are frozen at its preset: Adam's parameters are tuned alone."""

from __future__ import annotations

from dataclasses import replace

from flowadam.space import Space
from search_spaces import flowadam
from search_spaces.shared import BETA1, BETA2, EPS, LR, PENALTY

SPEC = replace(
    flowadam.SPEC,
    name="flowadam_preset",
    space=Space((LR, BETA1, BETA2, EPS, PENALTY)),
    includes=(),
)
