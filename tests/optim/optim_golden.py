"""The six recorded FlowAdam problems, rebuilt from the data in their files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

FOLDER = Path(__file__).parents[1] / "golden"
Data = dict[str, Tensor]
Loss = Callable[[list[Tensor], Data, int], Tensor]


def rotated_quadratic(params: list[Tensor], data: Data, step: int) -> Tensor:
    (theta,) = params
    return 0.5 * theta @ data["H"] @ theta


def matrix_completion(params: list[Tensor], data: Data, step: int) -> Tensor:
    U, V = params
    predicted = (U[data["rows"]] * V[data["cols"]]).sum(1)
    penalty = U.square().sum() + V.square().sum()
    return (predicted - data["values"]).square().mean() + data["l2"] * penalty


def rosenbrock(params: list[Tensor], data: Data, step: int) -> Tensor:
    x, y = params[0]
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


def robust_factorization(params: list[Tensor], data: Data, step: int) -> Tensor:
    U, V = params
    q = data["M"] - U @ V.T
    huber = torch.where(q.abs() < 1, 0.5 * q**2, q.abs() - 0.5)
    return huber.mean() + data["l2"] * (U.square().sum() + V.square().sum())


def deep_linear(params: list[Tensor], data: Data, step: int) -> Tensor:
    W1, W2 = params
    return ((data["X"] @ W1 @ W2 - data["Y"]) ** 2).mean()


def minibatch_regression(params: list[Tensor], data: Data, step: int) -> Tensor:
    w, b = params
    first = 8 * step % 96
    X, y = data["X"][first : first + 8], data["y"][first : first + 8]
    return 0.05 * ((X @ w + b - y) ** 2).mean()


LOSSES: dict[str, Loss] = {
    "rotated_quadratic_modeB": rotated_quadratic,
    "matrix_completion_modeB": matrix_completion,
    "rosenbrock_custom": rosenbrock,
    "robust_factorization_gamma0": robust_factorization,
    "deep_linear_gamma1": deep_linear,
    "minibatch_regression_modeA": minibatch_regression,
}


@dataclass
class Golden:
    """One recorded problem at its start.

    Attributes:
        record: the arrays of the file.
        data: the ``data_*`` arrays as tensors.
        params: initial parameters, leaves, in the recorded order.
    """

    name: str
    record: dict[str, Any]
    data: Data
    params: list[Tensor]

    @property
    def options(self) -> dict[str, Any]:
        """Options of FlowAdam under which the file was recorded."""
        names = (
            "lr",
            "eps",
            "mode",
            "ode_t_scale",
            "switch_sensitivity",
            "curvature_sensitivity",
            "momentum_blend_gamma",
        )
        values = {name: self.record[f"hyper_{name}"].item() for name in names}
        return values | {"betas": tuple(self.record["hyper_betas"].tolist())}

    def loss(self, step: int) -> Tensor:
        """Return the loss at the live parameters, on the batch of `step`."""
        return LOSSES[self.name](self.params, self.data, step)

    def point(self) -> np.ndarray:
        """Return the live parameters as one vector."""
        return torch.cat([p.detach().reshape(-1) for p in self.params]).numpy()


def load(name: str) -> Golden:
    """Read one file."""
    with np.load(FOLDER / f"{name}.npz", allow_pickle=False) as file:
        record = dict(file)
    params = [torch.from_numpy(record[f"init_{key}"].copy()) for key in record["param_names"]]
    data = {
        key.removeprefix("data_"): torch.from_numpy(np.asarray(value))
        for key, value in record.items()
        if key.startswith("data_")
    }
    return Golden(name, record, data, [p.requires_grad_() for p in params])
