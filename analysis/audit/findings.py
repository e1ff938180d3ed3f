"""One number of an audit, and where its runs come from."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from analysis.audit.readings import Reading
from analysis.audit.verdicts import Gain, Word, center
from flowadam.audit.claims import Claim

Values = dict[int, float | None]
"""Metric by seed, None for a run that did not end well."""

Quantity = Literal["metric", "untuned", "gain", "difference", "collapsed", "slope", "rate"]


@dataclass(frozen=True)
class Finding:
    """A mean with its interval, and the verdict where it has one.

    Args:
        claim: its key.
        optimizer: the contender whose number it is.
        against: the contender that a gain is over, "" for a number of one contender.
        variant: the form, as its column is called.
        quantity: "metric" (its geometric mean; its mean where gains are absolute or a number is not
            positive), "gain" (over `against`), "collapsed" (share of runs),
            "untuned" (the metric of the published settings under a tuned form's protocol),
            "difference" (of the gains on two tasks), "slope" (of the gain over a dial) or "rate"
            (the largest without divergence).
        gradients: evaluations of a run, mean.
        verdict: "" for numbers that the verdict only rests on.
        sentence: why there is no verdict, or what else has to be said.
    """

    claim: str
    kind: str
    task: str
    optimizer: str
    against: str
    variant: str
    quantity: Quantity
    mean: float
    low: float
    high: float
    n: int
    gradients: float
    verdict: Word | Literal[""] = ""
    sentence: str = ""


class Sample:
    """The runs of one claim in one form, by task and contender.

    Args:
        failed: (task, contender) whose search found no winner, so that it has no runs.
    """

    def __init__(
        self,
        claim: Claim,
        variant: str,
        readings: Sequence[Reading],
        failed: Collection[tuple[str, str]] = (),
    ) -> None:
        self.claim, self.variant, self.readings, self._failed = claim, variant, readings, failed
        self._values: dict[tuple[str, str], Values] = defaultdict(dict)
        for r in readings:
            self._values[r.task, r.contender][r.seed] = r.value

    def values(self, contender: str, task: str = "") -> Values:
        """Return the metric by seed, on the claim's own task unless another is named."""
        return self._values.get((task or self.claim.tasks[0], contender), {})

    def pairs(self, other: str, task: str = "") -> list[tuple[float, float]]:
        """Return (optimizer in focus, other) on the seeds that both ended well on."""
        focus, rival = self.values(self.claim.optimizer, task), self.values(other, task)
        both = [(focus[seed], rival[seed]) for seed in sorted(focus.keys() & rival.keys())]
        return [(a, b) for a, b in both if a is not None and b is not None]

    def gradients(self, contender: str, task: str = "") -> float:
        """Return the mean gradients of a contender's runs on a task, or on all of them."""
        found = [
            r.gradients for r in self.readings if r.contender == contender and task in ("", r.task)
        ]
        return fmean(found) if found else math.nan

    def obstacle(self, other: str, task: str = "") -> str:
        """Say why two contenders cannot be compared, "" where they can."""
        for name in (self.claim.optimizer, other):
            values = self.values(name, task)
            if not values and (task or self.claim.tasks[0], name) in self._failed:
                return f"Every configuration of the search of {name} failed."
            if not values:
                return f"There are no runs of {name} yet."
            if bad := sum(value is None for value in values.values()):
                return f"{bad} of {len(values)} runs of {name} did not end well{self._why(name)}."
        return ""

    def finding(
        self,
        gain: Gain | None,
        quantity: Quantity,
        *,
        optimizer: str = "",
        against: str = "",
        verdict: Word | Literal[""] = "",
        sentence: str = "",
        task: str = "",
    ) -> Finding:
        """Return a finding of this sample; None stands for no number at all."""
        who = optimizer or self.claim.optimizer
        found = gain or Gain(math.nan, None, None, 0)
        return Finding(
            claim=self.claim.key,
            kind=self.claim.kind,
            task=task or self.claim.task,
            optimizer=who,
            against=against,
            variant=self.variant,
            quantity=quantity,
            mean=found.mean,
            low=math.nan if found.low is None else found.low,
            high=math.nan if found.high is None else found.high,
            n=found.n,
            gradients=self.gradients(who, task),
            verdict=verdict,
            sentence=sentence,
        )

    def untested(self, other: str, why: str = "") -> Finding:
        """Return the finding of a comparison without a number."""
        why = why or self.obstacle(other) or "Runs are missing."
        return self.finding(None, "gain", against=other, verdict="not testable", sentence=why)

    def metrics(self, quantity: Literal["metric", "untuned"] = "metric") -> list[Finding]:
        """Return the metric of every contender on every task, over the runs that ended well."""
        found: list[Finding] = []
        for (task, name), values in self._values.items():
            good = [value for value in values.values() if value is not None]
            gain = center(good, self.claim.unit) if good else None
            found.append(self.finding(gain, quantity, optimizer=name, task=task))
        return found

    def _why(self, contender: str) -> str:
        messages = [r.message for r in self.readings if r.contender == contender and r.message]
        return f" ({messages[0].rstrip('.')})" if messages else ""
