"""Small smooth losses and what the tests of flows share."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from flowadam.rodflow import Gradients, Method, State, method, step
from flowadam.rodflow.gradients import Loss

GOLDEN = Path(__file__).parents[1] / "golden"
NAMES = ("gd", "hb", "nag", "srmsprop", "rmsprop", "sadam", "adam", "snadam", "nadam")
LINEAR = ("gd", "hb", "nag")
ALTERNATING = "rod flow (alternating)"
STABLE = "stable flow"

# rates at which a few dozen steps on `bowl` go somewhere without leaving it
RATES = {"gd": 0.3, "hb": 0.1, "nag": 0.05, "srmsprop": 0.1, "rmsprop": 0.02, "sadam": 0.1}
RATES |= {"adam": 0.02, "snadam": 0.05, "nadam": 0.02}


def tensor(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def quadratic(*curvatures: float) -> Loss:
    """Return w -> sum_i h_i w_i^2 / 2."""
    h = tensor(*curvatures)
    return lambda w: (h * w * w).sum() / 2


def bowl(w: Tensor) -> Tensor:
    """A smooth loss of any dimension, curved in every derivative."""
    turned = w + 0.3 * w.roll(1)
    return (torch.log(torch.cosh(turned)) + 0.1 * turned.sin()).sum()


def quartic(w: Tensor) -> Tensor:
    """w^2 / 2 - w^4 / 4: gradient descent at rate eta oscillates at Sigma = 1 - 2 / eta."""
    return (w**2 / 2 - w**4 / 4).sum()


def valley(w: Tensor) -> Tensor:
    """Sharpness 1 + y^2 grows while y drifts along the floor."""
    x, y = w
    return (1 + y**2) * x**2 / 2 - 0.004 * y


def usual(name: str) -> Method:
    return method(name, RATES[name])


def iterates(loss: Loss, one: Method, first: State, steps: int) -> list[State]:
    """Return the states at t = 0 ... steps."""
    gradients, states = Gradients(loss), [first]
    for _ in range(steps):
        states.append(step(one, gradients, states[-1]))
    return states
