"""Published numbers beside what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from trainables.published.scenario import Claim, Run, Scenario


@dataclass(frozen=True)
class Check:
    """One number of a paper, or of a contender without one.

    Attributes:
        what: the contender and what of it was measured.
        claim: the published number, None where there is none.
        values: what was measured, one number per seed; of a margin one for all.
        n: seeds behind it.
    """

    scenario: str
    key: str
    what: str
    claim: Claim | None
    values: tuple[float, ...]
    n: int
    gradients: float

    @property
    def mean(self) -> float:
        return sum(self.values) / len(self.values)

    @property
    def word(self) -> str:
        """ "yes" within the tolerance of the claim, "no" outside, "-" without a claim."""
        if self.claim is None:
            return "-"
        return "yes" if self.claim.holds(self.mean) else "no"


def checks(scenario: Scenario, runs: Sequence[Run]) -> list[Check]:
    """Return the checks of every contender that has runs: its mean, margins and flow steps."""
    runs = [run for run in runs if run.scenario == scenario.name]
    own = {c: [run for run in runs if run.contender == c] for c in scenario.contenders}
    found: list[Check] = []
    for contender, mine in own.items():
        if not mine:
            continue
        values = [run.value for run in mine]
        claim = scenario.claims.get(contender)
        found.append(_check(scenario, f"{contender}: {scenario.metric}", claim, values, mine))
        if margin := scenario.margins.get(contender):
            rivals = [run.value for run in own[margin.against]]
            share = 1 - (sum(values) / len(values)) / (sum(rivals) / max(len(rivals), 1))
            what = f"{contender}: share below {margin.against}"
            found += [_check(scenario, what, margin, [share], mine)] if rivals else []
        if flows := scenario.flow_steps.get(contender):
            steps = [float(run.flow_steps) for run in mine]
            found.append(_check(scenario, f"{contender}: flow steps", flows, steps, mine))
    return found


def _check(
    scenario: Scenario, what: str, claim: Claim | None, values: Sequence[float], runs: Sequence[Run]
) -> Check:
    gradients = sum(run.gradients for run in runs) / len(runs)
    return Check(scenario.name, scenario.key, what, claim, tuple(values), len(runs), gradients)
