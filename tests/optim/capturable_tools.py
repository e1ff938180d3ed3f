"""Problems and readings for the tests of the step that decides on the device."""

from __future__ import annotations

from typing import Any

import torch
from optim_problems import Factorization, copies
from torch import Tensor

from flowadam.optim import FlowAdam

SEEDS = [1, 2, 3]

OPTIONS: dict[str, dict[str, Any]] = {
    "mode B": {},
    "mode A": {"lr": 0.05, "mode": "A"},
    "preset p": {"mode": "p", "clip_mode": "global_norm", "clip_value": 0.1, "precond_power": 0.5},
    "clipped": {"clip_value": 1e-3},
    "hard": {"injection": "hard"},
    "no injection": {"injection": "none"},
    "difference": {"velocity": "difference", "ode_t_scale": 20.0},
    "no rate": {"lr": 0.0, "velocity": "difference", "detector": "periodic"},
    "geometric": {"precond_power": 0.0, "precond_scalar": "geomean"},
    "eps of torch": {"eps_placement": "torch"},
    "second moment": {"detector": "second_moment", "switch_sensitivity": 0.95},
    "periodic": {"detector": "periodic", "rate": 0.3},
    "never": {"detector": "never"},
}


class ByHand:
    """A problem whose gradient is written down, because the tests below make many steps."""

    stacked = False

    def __init__(self, params: list[Tensor]) -> None:
        self.params = [p.requires_grad_() for p in params]

    @torch.no_grad()
    def closure(self, active: Tensor | None = None) -> Tensor:
        assert active is None
        loss, gradients = self.evaluate(*self.params)
        for p, gradient in zip(self.params, gradients, strict=True):
            p.grad = gradient
        return loss

    def evaluate(self, *params: Tensor) -> tuple[Tensor, list[Tensor]]:
        raise NotImplementedError


class Completion(ByHand):
    """Mean squared error of a factorization, of one replica for each seed if stacked."""

    def __init__(self, *, stacked: bool) -> None:
        self.stacked = stacked
        like = Factorization(SEEDS if stacked else SEEDS[:1], stacked=stacked)
        super().__init__([p.detach() for p in like.params])
        self.data = torch.stack(like.data) if stacked else like.data[0]

    def evaluate(self, *params: Tensor) -> tuple[Tensor, list[Tensor]]:
        U, V = params
        error = U @ V.mT - self.data
        pull = error * (2 / 35)
        return error.square().mean((-2, -1)), [pull @ V, pull.mT @ U]


class Valley(ByHand):
    """Rosenbrock's function of two parameters without dimensions."""

    def __init__(self) -> None:
        super().__init__([torch.tensor(x, dtype=torch.float64) for x in (-1.5, 1.5)])

    def evaluate(self, *params: Tensor) -> tuple[Tensor, list[Tensor]]:
        x, y = params
        off = y - x**2
        return (1 - x) ** 2 + 100 * off**2, [2 * (x - 1) - 400 * x * off, 200 * off]


def made(problem: Any, **options: Any) -> FlowAdam:
    given = {"lr": 0.02, "ode_method": "euler", "stacked": getattr(problem, "stacked", False)}
    return FlowAdam(problem.params, **(given | options))


def contents(opt: FlowAdam) -> list[Tensor]:
    """Return parameters and moments."""
    params = [p for group in opt.param_groups for p in group["params"]]
    moments = [opt.state[p][name] for p in params for name in ("exp_avg", "exp_avg_sq")]
    return copies(params + moments)


def gap(one: FlowAdam, other: FlowAdam) -> float:
    pairs = zip(contents(one), contents(other), strict=True)
    return max(float((a - b).abs().max()) for a, b in pairs)
