"""Data and starts of the small published problems, by the generator calls of the scripts.

The published description leaves open how the spirals' networks start: here as torch.nn.Linear
does. Of the regression's 500 points the first 400 are training.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from trainables.mlp import BINARY, VALUES, MLPProblem
from trainables.published.draws import one_run
from trainables.small.points import Points
from trainables.small.regression import GAIN, RANGES, answers
from trainables.small.spirals import WIDTH, arms, standardized
from trainables.small.surface_problem import QuadraticProblem, RosenbrockProblem

DATA_SEED = 42
"""Fixes what the scripts do not draw from the seed of the run."""


def rosenbrock(seed: int, penalty: float) -> RosenbrockProblem:
    """Return the function at its one start; the seed changes nothing."""
    return RosenbrockProblem(torch.tensor([[-1.5, 1.5]]), one_run(seed, penalty))


def rotated_quadratic(seed: int, penalty: float) -> QuadraticProblem:
    """Return H = Q diag(2000, 2000, 1, ...) Q^T of one fixed Q, from 2 N(0, 1) of the seed."""
    torch.manual_seed(DATA_SEED)
    basis = torch.linalg.qr(torch.randn(50, 50))[0]
    spectrum = torch.tensor([2000.0, 2000.0, *[1.0] * 48])
    hessian = (basis * spectrum) @ basis.T
    torch.manual_seed(seed)
    return QuadraticProblem(hessian, 2 * torch.randn(1, 50), one_run(seed, penalty))


def spirals(data_seed: int, model_seed: int, penalty: float) -> MLPProblem:
    """Return the spirals; there is no test part, so training points are scored."""
    rng = np.random.RandomState(data_seed)
    points = arms(lambda count: rng.rand(count), 1000)
    points = standardized(points, points)
    torch.manual_seed(model_seed)
    linear = [nn.Linear(*pair) for pair in pairwise((2, WIDTH, WIDTH, WIDTH, 1))]
    data = {"train": points, "val": points, "test": points}
    return MLPProblem(data, _layers(linear), BINARY, one_run(model_seed, penalty))


def regression(seed: int, penalty: float) -> MLPProblem:
    """Return the regression of data seed 42, started from the seed."""
    rng = np.random.RandomState(DATA_SEED)
    x = np.stack([rng.uniform(-r, r, 500) for r in RANGES], axis=1)
    y = answers(x, rng.randn(500))
    train, test = Points(x[:400], y[:400]), Points(x[400:], y[400:])
    torch.manual_seed(seed)
    linear = [nn.Linear(*pair) for pair in pairwise((3, 16, 16, 1))]
    for layer in linear:
        nn.init.xavier_uniform_(layer.weight, gain=GAIN)
        nn.init.zeros_(layer.bias)
    data = {"train": train, "val": test, "test": test}
    return MLPProblem(data, _layers(linear), VALUES, one_run(seed, penalty))


def _layers(linear: list[nn.Linear]) -> list[Tensor]:
    """Return weights [1, inputs, outputs] and biases [1, outputs], layer by layer."""
    pairs = [(one.weight.detach().T.contiguous(), one.bias.detach()) for one in linear]
    return [tensor[None].clone() for pair in pairs for tensor in pair]
