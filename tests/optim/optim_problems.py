"""Small problems and the training loop that the optimizer tests share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from flowadam.optim import FlowAdam

ALWAYS = {"switch_sensitivity": 1e6}  # every step from the twelfth on follows the flow
NEVER = {"switch_sensitivity": 0.0, "curvature_sensitivity": float("inf")}
WARM_UP = 11


class Quadratic:
    """L = 1/2 sum_i a_i (x_i - 1)^2 over two tensors, with a count of closure calls."""

    def __init__(self, dtype: torch.dtype = torch.float64, curvature: float = 3.0) -> None:
        generator = torch.Generator().manual_seed(0)
        self.params = [
            torch.randn(3, 2, generator=generator).to(dtype).requires_grad_(),
            torch.randn(4, generator=generator).to(dtype).requires_grad_(),
        ]
        self.scales = [torch.linspace(0.1, curvature, p.numel()).view(p.shape) for p in self.params]
        self.calls = 0

    def loss(self) -> Tensor:
        terms = [
            (a.to(p.dtype) * (p - 1) ** 2).sum()
            for a, p in zip(self.scales, self.params, strict=True)
        ]
        return terms[0] / 2 + terms[1] / 2

    def closure(self) -> Tensor:
        self.calls += 1
        for p in self.params:
            p.grad = None
        loss = self.loss()
        loss.backward()
        return loss

    def gradients(self) -> list[Tensor]:
        return list(torch.autograd.grad(self.loss(), self.params))


class Factorization:
    """Matrix completion, one replica per seed, stacked on request; data differ by seed.

    The closure marks whatever is inactive with NaN, as its contract allows.
    """

    def __init__(self, seeds: list[int], *, stacked: bool = True) -> None:
        starts = [self._start(seed) for seed in seeds]
        self.stacked = stacked
        self.data = [start[2] for start in starts]
        tensors = [torch.stack([start[i] for start in starts]) for i in range(2)]
        self.params = [(t if stacked else t[0]).requires_grad_() for t in tensors]
        self.calls = torch.zeros(len(seeds), dtype=torch.int64)

    def closure(self, active: Tensor | None = None) -> Tensor:
        on = torch.ones_like(self.calls, dtype=torch.bool) if active is None else active
        self.calls += on
        for p in self.params:
            p.grad = None
        losses = [self._loss(r) for r in range(len(self.data))]
        torch.stack(losses)[on].sum().backward()
        if not self.stacked:
            return losses[0]
        for p in self.params:
            assert p.grad is not None
            p.grad[~on] = torch.nan
        return torch.where(on, torch.stack(losses), torch.nan)

    def _loss(self, r: int) -> Tensor:
        U, V = (p[r] for p in self.params) if self.stacked else self.params
        return ((U @ V.T - self.data[r]) ** 2).mean()

    @staticmethod
    def _start(seed: int) -> tuple[Tensor, Tensor, Tensor]:
        generator = torch.Generator().manual_seed(seed)

        def normal(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=generator, dtype=torch.float64)

        data = normal(7, 2) @ normal(5, 2).T + 0.1 * normal(7, 5)
        return 0.3 * normal(7, 3), 0.3 * normal(5, 3), data


def flowing(**options: Any) -> tuple[Quadratic, FlowAdam]:
    """Return a quadratic problem whose next step follows the flow, and its optimizer."""
    problem = Quadratic()
    opt = FlowAdam(problem.params, lr=0.01, **(ALWAYS | options))
    train(opt, problem.closure, WARM_UP)
    assert opt.flow_stats()["flow_steps"] == 0
    return problem, opt


def train(opt: Any, closure: Callable[..., Any], steps: int) -> list[Any]:
    """Make `steps` steps; return the losses before each."""
    return [opt.step(closure) for _ in range(steps)]


def copies(tensors: list[Tensor]) -> list[Tensor]:
    """Return detached copies."""
    return [t.detach().clone() for t in tensors]


def equal(ones: list[Tensor], others: list[Tensor]) -> bool:
    """All tensors are equal bit for bit."""
    return all(torch.equal(a, b) for a, b in zip(ones, others, strict=True))


def buffers(state: dict[str, Any]) -> list[Tensor]:
    """Return all tensors in the state of one parameter."""
    lists = [state["grad_prev"], state["slope"], state["slope_point"]]
    kept = [tensor for tensors in lists for tensor in tensors if tensor is not None]
    return [state["exp_avg"], state["exp_avg_sq"], *kept]
