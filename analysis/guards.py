"""What a study's data support: the sentence that refuses an analysis, or the empty string."""

from __future__ import annotations

import numpy as np

from analysis.frames import Arena, Frames
from flowadam.plan import Cell
from flowadam.study import Study

FEWEST = 8


def refuse_sampler(study: Study, *, bands: bool = False) -> str:
    """Say why the sampler's points are no independent draws, or return the empty string.

    An adaptive sampler puts its points where earlier scores were good, so they tell nothing about
    how good a random configuration is.

    Args:
        bands: the analysis needs independence and not only an even spread, which qmc gives.
    """
    if study.adaptive:
        return (
            f"the sampler {study.sampler} is adaptive: it draws where earlier scores were good, "
            "and this analysis needs independent configurations"
        )
    if bands and study.sampler == "qmc":
        return (
            "the sampler qmc spreads its points more evenly than chance, and these bands need "
            "independent configurations"
        )
    return ""


def refuse_cell(frames: Frames, cell: Cell, *, bands: bool = False) -> str:
    """Say why the search of one cell cannot be analysed, or return the empty string."""
    n = frames.elections[cell].trials
    if reason := refuse_sampler(frames.study, bands=bands):
        return reason
    if n < FEWEST:
        return f"{cell.optimizer} has {n} complete configurations, fewer than {FEWEST}"
    late = timeouts(frames, cell)
    if late:
        return (
            f"{late} of the {n} configurations of {cell.optimizer} ran out of time, so their "
            "scores are not known"
        )
    return ""


def refuse_arena(frames: Frames, arena: Arena, *, bands: bool = False) -> str:
    """Say why the arena's optimizers cannot be compared by their searches, or return nothing.

    Compared are equally many independent, complete and uncensored configurations of every
    optimizer of the study.
    """
    if reason := refuse_sampler(frames.study, bands=bands):
        return reason
    if reason := absent(frames, arena):
        return reason
    cells = frames.cells(arena)
    counts = {cell.optimizer: frames.elections[cell].trials for cell in cells}
    if len(set(counts.values())) > 1:
        told = ", ".join(f"{name} {n}" for name, n in counts.items())
        return f"the optimizers have unequally many configurations ({told})"
    return next((r for cell in cells if (r := refuse_cell(frames, cell))), "")


def absent(frames: Frames, arena: Arena) -> str:
    """Name the optimizers of the study without a search on the arena, or return nothing."""
    present = [cell.optimizer for cell in frames.cells(arena)]
    names = [name for name in frames.study.optimizer if name not in present]
    return f"no search of {' and '.join(names)} is in the store" if names else ""


def timeouts(frames: Frames, cell: Cell) -> int:
    """Count the configurations among 1..N with a run that was ended by the time limit."""
    rows = frames.rows("search", cell)
    counted = rows["config"].between(1, frames.elections[cell].trials)
    return int(rows.loc[counted & (rows["status"] == "timeout"), "config"].nunique())


def search_scores(frames: Frames, cell: Cell) -> np.ndarray:
    """Return the scores of configurations 1..N in the order of their numbers, [N].

    N is the largest common number of configurations; a failed one has the score +inf.
    """
    election = frames.elections[cell]
    return np.array([election.scores[c] for c in range(1, election.trials + 1)], dtype=float)


def lowest_reading(frames: Frames, task: str) -> float:
    """Return 0 where no validation reading of the task in the store is negative, else -inf."""
    rows = frames.trials.loc[frames.trials["task"] == task]
    points = frames.curves.loc[frames.curves["key"].isin(rows["key"]), "val"]
    negative = (rows[["val_best", "val_final"]] < 0).any(axis=None) or (points < 0).any()
    return -np.inf if negative else 0.0
