"""The recorded problems of VRAdam, InvAdam and DualAdam, rebuilt from the data in their files."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.optim import Optimizer

from flowadam.training import one_thread

FOLDER = Path(__file__).parents[1] / "golden"
STEPS = 100
Params = dict[str, Tensor]


def quadratic(params: Params, data: Params) -> Tensor:
    x = params["x"]
    return 0.5 * x @ data["A"] @ x - data["b"] @ x


def tanh_mlp(params: Params, data: Params) -> Tensor:
    hidden = torch.tanh(data["X"] @ params["W1"].T + params["b1"])
    return (hidden @ params["W2"].T + params["b2"] - data["Y"]).square().mean()


LOSSES: dict[str, Callable[[Params, Params], Tensor]] = {
    "quadratic": quadratic,
    "tanh_mlp": tanh_mlp,
}


@dataclass
class Golden:
    """One recorded run at its start.

    Attributes:
        record: the arrays of the file.
        problem: "quadratic", "tanh_mlp" or "gradient_sequence".
        recorded: the options of each group under the recording's names, and its parameters' names.
        params: leaves by name.
        data: the problem's constant arrays.
    """

    record: dict[str, Any]
    problem: str
    recorded: list[dict[str, Any]]
    params: Params
    data: Params

    def groups(self, options: Callable[[dict[str, Any]], dict[str, Any]]) -> list[dict[str, Any]]:
        """Return parameter groups with the recorded options as `options` names them."""
        return [
            {"params": [self.params[name] for name in group["params"]], **options(group)}
            for group in self.recorded
        ]

    def set_gradients(self, step: int) -> None:
        """Fill the gradients of step 0, 1, ..."""
        for p in self.params.values():
            p.grad = None
        if self.problem in LOSSES:
            with one_thread():  # two that wait for each other take seconds on a busy machine
                LOSSES[self.problem](self.params, self.data).backward()
            return
        for name, p in self.params.items():
            if self.record[f"data_has_{name}"][step]:
                p.grad = torch.tensor(self.record[f"data_grad_{name}"][step])

    def run(self, optimizer: Optimizer, steps: range = range(STEPS)) -> None:
        """Make the steps and compare parameters after each with the recording."""
        for step in steps:
            self.set_gradients(step)
            optimizer.step()
            for name, p in self.params.items():
                close(p.detach(), self.record[f"traj_{name}"][step + 1])


def load(name: str) -> Golden:
    """Read one file."""
    with np.load(FOLDER / f"{name}.npz", allow_pickle=False) as file:
        record = dict(file)
    meta = json.loads(str(record["meta"]))
    params = {
        key.removeprefix("init_"): torch.from_numpy(np.array(value)).requires_grad_()
        for key, value in record.items()
        if key.startswith("init_")
    }
    data = {
        key.removeprefix("data_"): torch.from_numpy(np.asarray(value))
        for key, value in record.items()
        if key.startswith("data_")
    }
    return Golden(record, meta["problem"], meta["groups"], params, data)


def close(ours: Any, recorded: Any) -> None:
    """Compare as the README of the recordings says: 1e-10, relative 1e-9 for entries above 1."""
    np.testing.assert_allclose(np.asarray(ours), recorded, rtol=1e-9, atol=1e-10)
