"""Published numbers beside what was measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from trainables.published.scenario import Claim, Run, Scenario


@dataclass(frozen=True)
class Check:
    """One number of one contender.

    Attributes:
        quantity: the scenario's metric, "flow steps", "share below NAME" for a margin, or the
            spread of all contenders.
        claim: the published number, None where there is none.
        values: what was measured, one number per seed; a margin, 1 - mean / (mean of the other
            contender), is one number for all.
        n: seeds behind it.
        gradients: closure calls of a run, mean over seeds.
    """

    scenario: str
    key: str
    contender: str
    quantity: str
    claim: Claim | None
    values: tuple[float, ...]
    n: int
    gradients: float

    @property
    def mean(self) -> float:
        return fmean(self.values)

    @property
    def holds(self) -> bool | None:
        """Whether the claim allows what was measured; None without one that decides."""
        return self.claim.holds(self.mean) if self.claim else None


def checks(scenario: Scenario, runs: Sequence[Run]) -> list[Check]:
    """Return the checks of every contender that has runs: its metric, margins and flow steps.

    A metric stands there without a claim too; a margin only if both its contenders have runs.
    """
    mine = [run for run in runs if run.scenario == scenario.name]
    found = [check for c in scenario.contenders for check in _of(c, scenario, mine)]
    if scenario.spread and {run.contender for run in mine} == set(scenario.contenders):
        means = [check.mean for check in found if check.quantity == scenario.metric]
        most, place = max(check.n for check in found), (scenario.name, scenario.key, "all")
        spread, gradients = max(means) / min(means) - 1, fmean(run.gradients for run in mine)
        what = "worst mean above the best, share"
        found.append(Check(*place, what, scenario.spread, (spread,), most, gradients))
    return found


def _of(contender: str, scenario: Scenario, runs: Sequence[Run]) -> Iterator[Check]:
    mine = [run for run in runs if run.contender == contender]
    if not mine:
        return

    def check(quantity: str, claim: Claim | None, values: Sequence[float]) -> Check:
        gradients = fmean(run.gradients for run in mine)
        place = scenario.name, scenario.key, contender, quantity
        return Check(*place, claim, tuple(values), len(mine), gradients)

    values = [run.value for run in mine]
    yield check(scenario.metric, scenario.claims.get(contender), values)
    for margin in scenario.margins.get(contender, ()):
        others = [run.value for run in runs if run.contender == margin.against]
        if others:
            share = 1 - fmean(values) / fmean(others)
            yield check(f"share below {margin.against}", margin, [share])
    if claim := scenario.flow_steps.get(contender):
        yield check("flow steps", claim, [float(run.flow_steps) for run in mine])
