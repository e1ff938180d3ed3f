"""Performance profiles: gradient evaluations to a target, relative to the fastest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.bootstrap import Interval, expanded_level, percentile
from analysis.frames import Arena
from analysis.races import Race, lower_median

R_MAX = 4.0
RESAMPLES = 2000


@dataclass(frozen=True)
class Target:
    """The validation value to reach, and the reference optimizer that set it."""

    value: float
    reference: str


@dataclass(frozen=True)
class Profile:
    """How fast every optimizer reaches the targets.

    Args:
        targets: the target by arena.
        gradients: optimizer -> median gradient evaluations to the target by task, [T]; +inf where
            more than half of its runs never got there.
        ratios: optimizer -> the same divided by the fastest of the family, at least 1.
        scores: optimizer -> B with its interval, for new seeds (and winners) on the same tasks.
        winners: whether winners were resampled too; those of an adaptive search are not
            independent, and one alone cannot be.
        n_seeds: seeds of the cell that has fewest.
    """

    targets: Mapping[Arena, Target]
    gradients: Mapping[str, np.ndarray]
    ratios: Mapping[str, np.ndarray]
    scores: Mapping[str, Interval]
    winners: bool
    n_seeds: int


def integral(ratios: np.ndarray, r_max: float = R_MAX) -> np.ndarray:
    """Return ``B = 1 / (T (r_max - 1)) sum_t max(0, r_max - r_t)``, the area under the profile.

    The exact integral, from 1 to r_max and divided by its length, of the share of tasks with a
    ratio of at most tau; a trapezoid rule on a grid comes out larger.

    Source: Dahl et al., Benchmarking neural network training algorithms (2023), section 4.

    Args:
        ratios: gradient evaluations relative to the fastest, [..., T]; +inf adds nothing.
    """
    return np.maximum(0.0, r_max - ratios).mean(axis=-1) / (r_max - 1)


def profile(races: Sequence[Race], family: Sequence[str], *, independent: bool) -> Profile:
    """Return the profile of the races and the bootstrap intervals of its scores.

    Every resample repeats the whole computation, target and fastest included.

    Args:
        races: one per task, at least one.
        family: optimizers among which the fastest is sought; the others are held against it.
        independent: whether a cell's winners are independent draws.
    """
    shapes = [g.shape for race in races for g in race.gradients.values()]
    winners = independent and min(shape[0] for shape in shapes) > 1
    found = [_medians(race, None, winners=False) for race in races]
    gradients = {o: np.array([medians[o][0] for _, medians in found]) for o in races[0].gradients}
    ratios = _ratios(gradients, family)
    rng = np.random.default_rng(0)
    drawn = [_medians(race, rng, winners=winners)[1] for race in races]
    again = {o: np.stack([medians[o] for medians in drawn], axis=-1) for o in gradients}
    level = _level(shapes, len(races), winners)
    scores = {
        o: percentile(integral(ratios[o]), integral(resampled), level)
        for o, resampled in _ratios(again, family).items()
    }
    targets = {race.arena: target for race, (target, _) in zip(races, found, strict=True)}
    n_seeds = min(shape[1] for shape in shapes)
    return Profile(targets, gradients, ratios, scores, winners, n_seeds)


def _medians(
    race: Race, rng: np.random.Generator | None, *, winners: bool
) -> tuple[Target, dict[str, np.ndarray]]:
    """Return the target and each optimizer's median gradient evaluations to it, [B].

    The target is the lower of the references' medians of the best validation value. Without a
    generator B is 1: the runs as they are.
    """
    draws = {o: _draw(g.shape, rng, winners=winners) for o, g in race.gradients.items()}
    medians = {name: lower_median(best[draws[name]]) for name, best in race.best.items()}
    position = np.min(list(medians.values()), axis=0)
    setter = min(medians, key=lambda name: medians[name][0])
    found = {
        o: lower_median(g[(*draws[o], position[:, None, None])]) for o, g in race.gradients.items()
    }
    return Target(float(race.targets[position[0]]), setter), found


def _draw(
    shape: tuple[int, ...], rng: np.random.Generator | None, *, winners: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return indices of winners [B, K, 1] and seeds [B, 1, S]."""
    n_winners, n_seeds = shape[:2]
    if rng is None:
        return np.arange(n_winners)[None, :, None], np.arange(n_seeds)[None, None, :]
    k = rng.integers(n_winners, size=(RESAMPLES, n_winners, 1))
    s = rng.integers(n_seeds, size=(RESAMPLES, 1, n_seeds))
    return k if winners else np.arange(n_winners)[None, :, None], s


def _ratios(gradients: Mapping[str, np.ndarray], family: Sequence[str]) -> dict[str, np.ndarray]:
    fastest = np.min([gradients[o] for o in family], axis=0)
    # Nobody got there: no ratio, and none counts.
    known = np.where(np.isfinite(fastest), fastest, 1.0)
    return {o: np.maximum(g / known, 1.0) for o, g in gradients.items()}


def _level(shapes: Sequence[tuple[int, ...]], tasks: int, winners: bool) -> float:
    """Return the level for what is resampled least often: winners if they are, else seeds."""
    n = min(shape[0 if winners else 1] for shape in shapes)
    return expanded_level(n, tasks * (n - 1))
