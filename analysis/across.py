"""One optimizer against its rivals over all tasks of a study."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
import pandas as pd

from analysis.aggregate import Aggregate, interquartile_mean, probability_of_improvement
from analysis.frames import Frames
from analysis.practical import Practical, practical
from analysis.ranks import Omnibus, RankTest, all_pairs, friedman, many_to_one
from analysis.regret import Regrets, regrets
from analysis.roster import Roster, obstacle, roster

T = TypeVar("T")


@dataclass(frozen=True)
class Across:
    """What the confirmed results say over all tasks.

    Ranks and probabilities of improvement need no common scale and take all tasks; regret, and
    tests of differences, take those with a scale of regret.

    Args:
        focus: the optimizer that is tested against the others, None without any complete one.
        reason: why nothing is tested across tasks, else empty; the descriptions stand anyway.
    """

    who: Roster
    regrets: Regrets
    focus: str | None
    reason: str

    @property
    def rivals(self) -> tuple[str, ...]:
        """The family without the focus."""
        return tuple(name for name in self.who.family if name != self.focus)

    @property
    def others(self) -> tuple[str, ...]:
        """Rivals and controls."""
        return (*self.rivals, *self.who.controls)

    @property
    def n(self) -> int:
        """Number of tasks with a scale of regret."""
        return len(self.regrets.tasks)

    @cached_property
    def iqm(self) -> Mapping[str, Aggregate | None]:
        """Interquartile mean of regret by optimizer; of several tasks only."""
        values = self.regrets.values
        return self._each(self.who.optimizers, self.n, lambda o: interquartile_mean(values[o]))

    @cached_property
    def improvement(self) -> Mapping[str, Aggregate | None]:
        """Probability that the focus improves on each other optimizer; of several tasks only."""
        return self._each(
            self.others,
            len(self.who.arenas),
            lambda o: probability_of_improvement(self._seeds(self.focus), self._seeds(o)),
        )

    @cached_property
    def omnibus(self) -> Omnibus | None:
        """Friedman's test of the family's mean test metrics, None below three optimizers."""
        if self.reason or len(self.who.family) < 3:
            return None
        return friedman({name: self.test_means(name) for name in self.who.family})

    @cached_property
    def tests(self) -> Mapping[str, RankTest]:
        """The focus against every other by the signed-rank test of scaled means."""
        if self.reason or self.focus is None:
            return {}
        rivals, controls = (
            {name: self.scaled(name) for name in names}
            for names in (self.rivals, self.who.controls)
        )
        found = many_to_one(self.scaled(self.focus), rivals, controls)
        return {test.rival: test for test in found}

    @cached_property
    def practical(self) -> Mapping[str, Practical]:
        """The focus against every other with a region of practical equivalence."""
        if self.reason or self.focus is None:
            return {}
        mine = self.regrets.means(self.focus).tolist()
        return {o: practical(mine, self.regrets.means(o).tolist()) for o in self.others}

    @cached_property
    def pairs(self) -> pd.DataFrame | None:
        """Holm's adjusted p-values of all pairs of the family, None below three optimizers."""
        if self.omnibus is None:
            return None
        return all_pairs({name: self.scaled(name) for name in self.who.family})

    def test_means(self, name: str) -> list[float]:
        """Return the mean test metric by task; +inf where a confirm run did not end well."""
        return [self.who.grids[name, arena].mean for arena in self.who.arenas]

    def scaled(self, name: str) -> list[float]:
        """Return ``(mean - L_best) / (L_ref - L_best)`` by task, not clipped.

        Differences of raw means cannot be ranked across tasks whose metrics differ in size.
        """
        pairs = ((self.who.grids[name, scale.arena].mean, scale) for scale in self.regrets.tasks)
        return [(mean - scale.best) / scale.room for mean, scale in pairs]

    def _seeds(self, name: str | None) -> list[np.ndarray]:
        return [self.who.grids[name or "", arena].by_seed for arena in self.who.arenas]

    def _each(
        self, names: tuple[str, ...], tasks: int, result: Callable[[str], T]
    ) -> Mapping[str, T | None]:
        return {name: result(name) for name in names} if tasks > 1 and self.focus else {}


def across(frames: Frames) -> Across:
    """Return what the study says across its tasks; costly parts are computed when read."""
    who = roster(frames)
    found = regrets(frames, who)
    wanted = (
        frames.focus if frames.focus not in frames.study.control else next(iter(who.family), "")
    )
    focus = wanted if wanted in who.family else None
    return Across(who, found, focus, _reason(who, wanted, len(found.tasks)))


def _reason(who: Roster, wanted: str, tasks: int) -> str:
    if not who.arenas:
        return "nothing is confirmed yet"
    if wanted not in who.family:
        return f"{wanted} has {who.left_out.get(wanted, 'no confirmed result')}"
    if len(who.family) < 2:
        return f"{wanted} has no rival with confirmed results on all tasks"
    return obstacle(tasks, len(who.family) - 1)
