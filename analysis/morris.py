"""Elementary effects of the phase sensitivity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from SALib.analyze import morris
from scipy.stats import rankdata

from analysis.baselines import parameters
from analysis.frames import Frames
from flowadam.morris import LEVELS, morris_problem
from flowadam.plan import Cell
from flowadam.winners import run_score

FEWEST = 4
RESAMPLES = 1000
SEED = 1  # SALib takes 0 for none


@dataclass(frozen=True)
class Effect:
    """The elementary effects of one parameter, in shares of all ranks.

    Args:
        mu_star: mean absolute effect, 0 for a parameter without influence.
        confidence: half the width of its 95 % bootstrap interval over trajectories.
        sigma: standard deviation of the effects; large beside mu_star where the effect depends on
            the place, by interaction or curvature.
    """

    name: str
    mu_star: float
    confidence: float
    sigma: float


@dataclass(frozen=True)
class Screening:
    """The parameters of one cell, the largest mu_star first.

    Args:
        trajectories: complete ones; others are left out.
        failed: configurations that did not end well; they share the worst rank.
        refused: why there are no effects, else empty.
    """

    cell: Cell
    trajectories: int
    failed: int
    effects: tuple[Effect, ...]
    refused: str = ""


def screening(frames: Frames, cell: Cell) -> Screening:
    """Return Morris' screening of a cell by its direct runs; no surrogate is involved.

    The output is the rank of a configuration's score among all of the design, over their number:
    raw losses would tell how it diverges.
    """
    names = parameters(frames, cell)
    rows = frames.rows("sensitivity", cell)
    size = len(names) + 1
    scores = {
        int(str(config)): float(np.mean([run_score(frames.study, r) for r in runs]))
        for config, part in rows.groupby("config")
        if len(runs := part.to_dict("records")) >= frames.study.seeds
    }
    whole = [
        t * size
        for t in range(max(scores, default=0) // size + 1)
        if all(t * size + i + 1 in scores for i in range(size))
    ]
    configs = [start + i + 1 for start in whole for i in range(size)]
    values = np.array([scores[c] for c in configs])
    failed = int(np.isinf(values).sum())
    if len(whole) < FEWEST:
        why = f"{len(whole)} complete trajectories give no interval, {FEWEST} do"
        return Screening(cell, len(whole), failed, (), why)
    units = rows.drop_duplicates("config").set_index("config")[[f"u.{n}" for n in names]]
    ranks = rankdata(values) / len(values)
    found = morris.analyze(
        morris_problem(names),
        units.loc[configs].to_numpy(dtype=float),
        ranks,
        num_levels=LEVELS,
        num_resamples=RESAMPLES,
        seed=SEED,
    )
    columns = (found[key] for key in ("mu_star", "mu_star_conf", "sigma"))
    effects = [Effect(n, *map(float, v)) for n, *v in zip(names, *columns, strict=True)]
    effects.sort(key=lambda e: -e.mu_star)
    return Screening(cell, len(whole), failed, tuple(effects))
