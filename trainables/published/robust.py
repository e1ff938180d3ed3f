"""Robust factorization as published: one of Tables I to V of arXiv 2604.06652, key C7.

The published description leaves open which generator draws outliers and noise, and in which order.
24 ways were run with Adam on all sizes: their means scatter by 0.02 about the claims, and the one
here, where torch draws mask, outliers (hit entries alone) and noise, is the only one that agrees,
to 0.0005 on each size. It was chosen by this comparison with the claims of Adam; those of FlowAdam
had no part in the choice, and they come out to 0.0005 as well.

Predicting zero everywhere has an RMSE of about 1 / sqrt(rank), 0.45, 0.35 and 0.32: every claimed
mean is worse than that.
"""

from __future__ import annotations

import numpy as np
import torch

from trainables.completion.huber import HuberProblem
from trainables.published import draws
from trainables.published.contenders import PRESET_B, adam, adamw, flowadam
from trainables.published.scenario import Claim, Contender, Scenario, tested

Size = tuple[int, int, int, float, float, float]
"""Rows, columns, true rank, share and magnitude of the outliers, noise."""

SIZES: dict[str, Size] = {
    "small": (60, 80, 5, 0.20, 4.0, 0.08),
    "medium": (80, 100, 8, 0.20, 4.5, 0.10),
    "large": (100, 120, 10, 0.18, 5.0, 0.12),
}
CLAIMS: dict[str, dict[str, Claim]] = {
    "small": {"adam": Claim(0.736, 0.053), "flowadam": Claim(0.619, 0.031)},
    "medium": {"adam": Claim(0.955, 0.020), "flowadam": Claim(0.822, 0.016)},
    "large": {"adam": Claim(0.938, 0.054), "flowadam": Claim(0.819, 0.014)},
}
RATE = 0.01


def problem(size: Size, seed: int, penalty: float) -> HuberProblem:
    """Draw data and start of one seed by the generator calls of the published script."""
    rows, columns, rank, share, magnitude, noise = size
    torch.manual_seed(seed)
    rng = np.random.RandomState(seed)
    left, right = rng.randn(rows, rank), rng.randn(columns, rank)
    clean = left / np.sqrt(rank) @ (right / np.sqrt(rank)).T
    clean = clean.astype(np.float32)
    hit = torch.rand(rows, columns) < share
    outliers = torch.zeros(rows, columns)
    outliers[hit] = magnitude * torch.randn(int(hit.sum()))
    noisy = clean + (outliers + noise * torch.randn(rows, columns)).numpy()
    everywhere = np.arange(clean.size)
    data = draws.without_validation(noisy, clean, everywhere, everywhere)
    start = draws.factors(seed, (rows, columns), rank + 3)
    return HuberProblem(data, start, draws.one_run(seed, penalty))


def _scenario(name: str, size: Size) -> Scenario:
    decays = {f"adamw, decay {decay:.0e}": adamw(RATE, decay) for decay in (1e-2, 1e-3, 1e-4, 1e-5)}
    contenders: dict[str, Contender] = {
        "adam": adam(RATE),
        "flowadam": flowadam(RATE, PRESET_B),
        **decays,
    }
    return Scenario(
        name=f"robust_factorization_{name}",
        key="C7",
        metric="RMSE to the clean matrix",
        steps=500,
        problem=lambda seed, penalty: problem(size, seed, penalty),
        contenders=contenders,
        claims=CLAIMS[name],
        flow_steps={"flowadam": Claim(245, 40)},
        score=tested("rmse"),
    )


SCENARIOS = {f"robust_factorization_{name}": _scenario(name, size) for name, size in SIZES.items()}
