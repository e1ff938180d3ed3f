"""One task per task check, each with the fault that the check is there to find."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import torch

from flowadam.contract.faults import Counting
from flowadam.contract.quadratic import QuadraticTask
from flowadam.task import Problem, Resources, Split


@dataclass(frozen=True)
class WrongMetric(QuadraticTask):
    metric = "accuracy"


@dataclass(frozen=True)
class NoBudget(QuadraticTask):
    budget = 0


@dataclass(frozen=True)
class NegativeGpu(QuadraticTask):
    resources = Resources(gpu=-1)


@dataclass(frozen=True)
class Unlocked(QuadraticTask):
    def make(self, seeds: Sequence[int], **options: Any) -> Problem:
        return super().make(seeds, **{**options, "test_unlocked": True})


@dataclass(frozen=True)
class NanBaseline(QuadraticTask):
    def trivial(self, split: Split) -> Mapping[str, float]:
        return {"zero": float("nan")}


@dataclass(frozen=True)
class RandomFingerprint(QuadraticTask):
    def fingerprint(self) -> str:
        return uuid4().hex


@dataclass(frozen=True)
class SeedsIgnored(QuadraticTask):
    def make(self, seeds: Sequence[int], **options: Any) -> Problem:
        return super().make([0 for _ in seeds], **options)


@dataclass(frozen=True)
class OneDtype(QuadraticTask):
    def make(self, seeds: Sequence[int], **options: Any) -> Problem:
        return super().make(seeds, **{**options, "dtype": "float32"})


@dataclass(frozen=True)
class HalfPenalty(QuadraticTask):
    def make(self, seeds: Sequence[int], **options: Any) -> Problem:
        return super().make(seeds, **{**options, "penalty": options.get("penalty", 0.0) / 2})


class Slow(Counting):
    def closure(self, active: torch.Tensor | None = None) -> torch.Tensor:
        until = time.process_time() + 0.06
        while time.process_time() < until:
            pass
        return super().closure(active)


class Scaled(Counting):
    """Scales gradients by -1: uphill."""

    factor = -1.0

    def closure(self, active: torch.Tensor | None = None) -> torch.Tensor:
        losses = super().closure(active)
        for p in self.params:
            assert p.grad is not None
            p.grad *= self.factor
        return losses


class Doubled(Scaled):
    factor = 2.0


class MeanOverReplicas(Counting):
    def closure(self, active: torch.Tensor | None = None) -> torch.Tensor:
        return super().closure(active) / len(self.evaluations)


class StepsDrift(Counting):
    """A step depends on how many came before it."""

    begun = 0

    def begin_step(self, k: int) -> None:
        self.begun += 1
        super().begin_step(self.begun)


class OtherLosses(Counting):
    """What is differentiated is not what the closure returns."""

    def losses(self, params: Sequence[torch.Tensor], replicas: Sequence[int]) -> torch.Tensor:
        return super().losses(params, replicas) + 1e-3 * params[0].flatten(1).sum(1)


class EvaluationMoves(Counting):
    def evaluate(self, split: Split) -> Mapping[str, torch.Tensor]:
        with torch.no_grad():
            self.params[0] += 1e-3
        return super().evaluate(split)


class ReplicasLeak(Counting):
    """Adds a zero that is nan as soon as any replica is."""

    def closure(self, active: torch.Tensor | None = None) -> torch.Tensor:
        return super().closure(active) + 0 * self.params[0].detach().sum()


class AlwaysAll(Counting):
    """Does the work of all replicas whatever is asked for."""

    def closure(self, active: torch.Tensor | None = None) -> torch.Tensor:
        for p in self.params:
            torch.mm(p.detach().flatten(1), p.detach().flatten(1).T)
        return super().closure(active)


BROKEN: dict[str, QuadraticTask] = {
    "follows_the_protocol": WrongMetric(),
    "asks_for_sane_effort": NoBudget(),
    "locks_its_test_part": Unlocked(),
    "has_trivial_baselines": NanBaseline(),
    "travels_pickled": QuadraticTask(wrap=lambda problem: problem),
    "has_a_stable_fingerprint": RandomFingerprint(),
    "tiny_is_quick": QuadraticTask(wrap=Slow),
    "learns": QuadraticTask(wrap=Scaled),
    "is_driven_by_its_seeds": SeedsIgnored(),
    "replicas_do_not_depend_on_their_block": QuadraticTask(wrap=MeanOverReplicas),
    "steps_are_a_function_of_their_number": QuadraticTask(noise=0.1, wrap=StepsDrift),
    "evaluation_changes_nothing": QuadraticTask(wrap=EvaluationMoves),
    "makes_every_dtype": OneDtype(),
    "gradient_matches_differences": QuadraticTask(wrap=Doubled),
    "penalty_is_the_sum_of_squares": HalfPenalty(),
    "differentiates_its_losses": QuadraticTask(wrap=OtherLosses),
    "honors_active_replicas": QuadraticTask(wrap=ReplicasLeak),
    "skips_inactive_replicas": QuadraticTask(wrap=AlwaysAll),
}
MORE_BROKEN = [("asks_for_sane_effort", NegativeGpu())]


def mislabeled() -> QuadraticTask:
    """Return a stochastic task that says it is deterministic."""

    @dataclass(frozen=True)
    class SaysDeterministic(QuadraticTask):
        @property
        def deterministic(self) -> bool:
            return True

    return replace(SaysDeterministic(), noise=0.1)
