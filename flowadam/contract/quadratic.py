"""The tiny problem on which optimizers are checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import torch

from flowadam.seeds import derive
from flowadam.task import Problem, Resources, Split, TestSplitLocked

SHAPES = ((4,), (2, 3))
CURVATURE = (0.1, 1.0)


class QuadraticProblem:
    """``L = sum [h/2 (theta - theta*)^2 + xi theta + penalty theta^2]`` with h from 0.1 to 1.

    The metric "loss" is the first term alone. The problem takes every liberty the protocol gives:
    gradients are written into one set of buffers, slices and losses of inactive replicas are nan.

    Args:
        noise: standard deviation of the gradient noise xi, a function of (seed, step) alone.
    """

    def __init__(
        self,
        seeds: Sequence[int],
        penalty: float,
        noise: float,
        test_unlocked: bool,
        device: str,
        dtype: str,
    ) -> None:
        self._seeds, self._penalty, self._noise = list(seeds), penalty, noise
        self._test_unlocked = test_unlocked
        self._like = torch.empty(0, device=device, dtype=getattr(torch, dtype))
        self._target = [self._draw("target", shape) for shape in SHAPES]
        self._curvature = [
            torch.linspace(*CURVATURE, shape.numel()).reshape(shape).to(self._like)
            for shape in map(torch.Size, SHAPES)
        ]
        self.params = [
            (target + self._draw("start", shape)).requires_grad_()
            for target, shape in zip(self._target, SHAPES, strict=True)
        ]
        self._buffers = [torch.zeros_like(p, requires_grad=False) for p in self.params]
        self.begin_step(0)

    def begin_step(self, k: int) -> None:
        self._shift = [self._noise * self._draw(f"noise {k}", shape) for shape in SHAPES]

    def closure(self, active: torch.Tensor | None = None) -> torch.Tensor:
        extra = [
            (shift + self._penalty * p.detach()) * p.detach()
            for shift, p in zip(self._shift, self.params, strict=True)
        ]
        losses = self._losses() + self._per_replica(extra)
        gradients = zip(self.params, self._target, self._curvature, self._shift, strict=True)
        for buffer, (p, target, h, shift) in zip(self._buffers, gradients, strict=True):
            value = p.detach()
            buffer.copy_(h * (value - target) + 2 * self._penalty * value + shift)
        if active is not None:
            for tensor in (losses, *self._buffers):
                tensor[~active.to(tensor.device)] = torch.nan
        for p, buffer in zip(self.params, self._buffers, strict=True):
            p.grad = buffer
        return losses

    def losses(self, params: Sequence[torch.Tensor], replicas: Sequence[int]) -> torch.Tensor:
        rows = list(replicas)
        terms = [
            h / 2 * (p - target[rows]).square() + (shift[rows] + self._penalty * p) * p
            for p, target, h, shift in zip(
                params, self._target, self._curvature, self._shift, strict=True
            )
        ]
        return self._per_replica(terms)

    def evaluate(self, split: Split) -> Mapping[str, torch.Tensor]:
        if split == "test" and not self._test_unlocked:
            raise TestSplitLocked("The test part can be read in the confirm phase only.")
        return {"loss": self._losses()}

    def _losses(self) -> torch.Tensor:
        return self._per_replica(
            [
                h / 2 * (p.detach() - target).square()
                for p, target, h in zip(self.params, self._target, self._curvature, strict=True)
            ]
        )

    def _per_replica(self, terms: list[torch.Tensor]) -> torch.Tensor:
        return torch.stack([term.flatten(1).sum(1) for term in terms]).sum(0)

    def _draw(self, name: str, shape: tuple[int, ...]) -> torch.Tensor:
        """Return [R, *shape] entries of N(0, 1), replica r from (name, shape, seed r) alone."""
        draws = [
            torch.randn(
                shape,
                generator=torch.Generator().manual_seed(derive(name, str(shape), seed)),
                dtype=torch.float64,
            )
            for seed in self._seeds
        ]
        return torch.stack(draws).to(self._like)


def _as_it_is(problem: Problem) -> Problem:
    return problem


@dataclass(frozen=True)
class QuadraticTask:
    """The quadratic as a task.

    Args:
        noise: standard deviation of the gradient noise; 0 makes the task deterministic.
        wrap: what the problem is wrapped in, to count its evaluations or to break it.
    """

    noise: float = 0.0
    wrap: Callable[[Problem], Problem] = _as_it_is

    name = "quadratic"
    summary = "ten coordinates, curvatures from 0.1 to 1"
    metric = "loss"
    budget = 100
    resources = Resources()

    @property
    def deterministic(self) -> bool:
        return self.noise == 0

    def fingerprint(self) -> str:
        return f"quadratic {SHAPES} {CURVATURE} {self.noise}"

    def tiny(self) -> Self:
        return replace(self)

    def make(
        self,
        seeds: Sequence[int],
        *,
        penalty: float = 0.0,
        test_unlocked: bool = False,
        device: str = "cpu",
        dtype: str = "float32",
    ) -> Problem:
        problem = QuadraticProblem(seeds, penalty, self.noise, test_unlocked, device, dtype)
        return self.wrap(problem)

    def trivial(self, split: Split) -> Mapping[str, float]:
        """Return the mean loss at the zero vector, E sum h theta*^2 / 2 with theta* ~ N(0, 1)."""
        size = sum(torch.Size(shape).numel() for shape in SHAPES)
        return {"zero": sum(CURVATURE) / 4 * size}
