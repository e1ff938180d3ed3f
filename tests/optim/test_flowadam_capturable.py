"""The step that decides on the device: the same run as on the host, and nothing is read."""

from __future__ import annotations

import math
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
import torch
from optim_problems import Factorization, Quadratic, copies, equal, train
from test_flowadam_state import TRIPS, clone
from torch import Tensor
from torch.optim.lr_scheduler import ExponentialLR
from torch.utils._python_dispatch import TorchDispatchMode

from flowadam.optim import FlowAdam

STEPS = 300
SEEDS = [1, 2, 3]

OPTIONS: dict[str, dict[str, Any]] = {
    "mode B": {},
    "mode A": {"lr": 0.05, "mode": "A"},
    "preset p": {"mode": "p", "clip_mode": "global_norm", "clip_value": 0.1, "precond_power": 0.5},
    "clipped": {"clip_value": 1e-3},
    "hard": {"injection": "hard"},
    "no injection": {"injection": "none"},
    "difference": {"velocity": "difference", "ode_t_scale": 20.0},
    "no rate": {"lr": 0.0, "velocity": "difference"},
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


PROBLEMS: dict[str, Callable[[], Any]] = {
    "stack": lambda: Completion(stacked=True),
    "plain": lambda: Completion(stacked=False),
    "valley": Valley,
}


def made(problem: Any, **options: Any) -> FlowAdam:
    given = {"lr": 0.02, "ode_method": "euler", "stacked": getattr(problem, "stacked", False)}
    return FlowAdam(problem.params, **(given | options))


def gap(ones: list[Tensor], others: list[Tensor]) -> float:
    return max(float((a - b).abs().max()) for a, b in zip(ones, others, strict=True))


def assert_same_run(make: Callable[[], Any], steps: int = STEPS, **options: Any) -> FlowAdam:
    """Both ways decide alike, and part no further than rounding of the start drives two runs apart.

    A hundred times, because every step rounds a few numbers of another order.
    """
    host, device, moved = make(), make(), make()
    with torch.no_grad():
        for p in moved.params:
            p.mul_(1 + 2.0**-52)
    by_host, by_masks = made(host, **options), made(device, capturable=True, **options)
    train(by_host, host.closure, steps)
    train(by_masks, device.closure, steps)
    train(made(moved, **options), moved.closure, steps)
    assert str(by_masks.flow_stats()) == str(by_host.flow_stats())
    far = max(float(p.abs().max()) for p in copies(host.params))
    allowed = max(gap(copies(host.params), copies(moved.params)), 2.0**-52 * far)
    assert gap(copies(host.params), copies(device.params)) <= 100 * allowed
    return by_masks


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("name", OPTIONS)
def test_it_is_the_run_of_the_host(name: str, problem: str) -> None:
    opt = assert_same_run(PROBLEMS[problem], **OPTIONS[name])
    flows = torch.as_tensor(opt.flow_stats()["flow_steps"])
    assert (name == "never") == bool((flows == 0).all()) or problem == "valley"
