"""Matrix completion as published: Tables I to V of arXiv 2604.06652, key C6."""

from __future__ import annotations

import numpy as np
import torch

from trainables.completion.factorization import FactorizationProblem
from trainables.published import draws
from trainables.published.contenders import PRESET_B, adam, adamw, flowadam
from trainables.published.scenario import Claim, Contender, Scenario, tested

Size = tuple[int, int, int, float, float]
"""Users, items, true rank, density, noise."""

SIZES: dict[str, Size] = {
    "small": (200, 300, 10, 0.30, 0.10),
    "medium": (300, 400, 15, 0.20, 0.10),
    "large": (400, 500, 20, 0.15, 0.15),
}
CLAIMS: dict[str, dict[str, Claim]] = {
    "small": {
        "adam": Claim(0.098, 0.001),
        "flowadam": Claim(0.088, 0.001),
        "adamw": Claim(0.115, 0.003),
    },
    "medium": {
        "adam": Claim(0.129, 0.001),
        "flowadam": Claim(0.111, 0.001),
        "adamw": Claim(0.181, 0.004),
        "adam, penalty in the loss": Claim(0.116, 0.001),
    },
    "large": {
        "adam": Claim(0.303, 0.005),
        "flowadam": Claim(0.237, 0.001),
        "adamw": Claim(0.640, 0.015),
    },
}
RATE = 0.01


def problem(size: Size, seed: int, penalty: float) -> FactorizationProblem:
    """Draw data and start of one seed by the generator calls of the published script."""
    users, items, rank, density, noise = size
    torch.manual_seed(seed)
    rng = np.random.RandomState(seed)
    left, right = rng.randn(users, rank), rng.randn(items, rank)
    truth = (left / np.sqrt(rank) @ (right / np.sqrt(rank)).T).astype(np.float32)
    shown = torch.rand(users, items) < density
    noisy = torch.from_numpy(truth).clone()
    # Noise is drawn for the observed entries alone: the published means of Adam and AdamW say so.
    noisy[shown] += noise * torch.randn(int(shown.sum()))
    observed, hidden = (np.flatnonzero(m) for m in (shown.numpy(), ~shown.numpy()))
    data = draws.without_validation(noisy.numpy(), truth, observed, hidden)
    start = draws.factors(seed, (users, items), rank + 5)
    return FactorizationProblem(data, start, draws.one_run(seed, penalty))


def scenario(name: str) -> Scenario:
    """Return the scenario of one size."""
    size = SIZES[name]
    contenders: dict[str, Contender] = {
        "adam": adam(RATE),
        "flowadam": flowadam(RATE, PRESET_B),
        "adamw": adamw(RATE, 1e-2),
        "adam, penalty in the loss": adam(RATE, 2e-5),
    }
    return Scenario(
        name=f"matrix_completion_{name}",
        key="C6",
        metric="test RMSE",
        steps=1000,
        problem=lambda seed, penalty: problem(size, seed, penalty),
        contenders=contenders,
        claims=CLAIMS[name],
        score=tested("rmse"),
    )


SCENARIOS = {f"matrix_completion_{name}": scenario(name) for name in SIZES}
