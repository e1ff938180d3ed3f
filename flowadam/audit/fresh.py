"""A task as an audit runs it: data drawn anew for every seed, the budget charged as claimed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, Literal, Self

from flowadam.audit.stack import StepCharged, joined
from flowadam.space import digest
from flowadam.task import Problem, Resources, Split, Task


@dataclass(frozen=True)
class AuditTask:
    """A registered task under the rules of one protocol.

    Args:
        inner: the task.
        fresh: a run's seed is the data seed too, where the task has one.
        charged: what the budget counts, "gradients" or optimizer "steps".
        measured: key of the evaluation that is the metric, "" for the task's own.
        seeds: data seeds whose mean the trivial baselines are.
    """

    inner: Task
    fresh: bool
    charged: Literal["gradients", "steps"]
    measured: str = ""
    seeds: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        return self.inner.name

    @property
    def summary(self) -> str:
        return self.inner.summary

    @property
    def metric(self) -> str:
        return self.measured or self.inner.metric

    @property
    def budget(self) -> int:
        return self.inner.budget

    @property
    def resources(self) -> Resources:
        return self.inner.resources

    @property
    def deterministic(self) -> bool:
        return self.inner.deterministic

    def fingerprint(self) -> str:
        """Hash of the inner task's and of the rules that change numbers."""
        rules = [self.fresh, self.charged, self.measured]
        return digest([self.inner.fingerprint(), *rules])

    def tiny(self) -> Self:
        return replace(self, inner=self.inner.tiny())

    def make(self, seeds: Sequence[int], *, penalty: float = 0.0, **options: Any) -> Problem:
        """Return one replica per seed; see ``flowadam.task.Task.make``."""
        if not self._redrawn:
            problem = self.inner.make(seeds, penalty=penalty, **options)
        else:
            problem = joined(
                [self.drawn(seed).make([seed], penalty=penalty, **options) for seed in seeds]
            )
        return StepCharged(problem) if self.charged == "steps" else problem

    def trivial(self, split: Split) -> Mapping[str, float]:
        """Return the mean of the inner baselines over `seeds`; none for another metric."""
        if self.measured not in ("", self.inner.metric):
            return {}
        seeds = self.seeds[: 1 if not self._redrawn else None] or (0,)
        found = [self.drawn(seed).trivial(split) for seed in seeds]
        return {name: sum(one[name] for one in found) / len(found) for name in found[0]}

    def drawn(self, seed: int) -> Task:
        """Return the task with the data of one seed."""
        inner: Any = self.inner
        return replace(inner, data_seed=seed) if self._redrawn else self.inner

    @property
    def _redrawn(self) -> bool:
        """Data are fixed where the claim says so, and where the task has no data seed."""
        inner: Any = self.inner
        return self.fresh and is_dataclass(inner) and "data_seed" in [f.name for f in fields(inner)]
