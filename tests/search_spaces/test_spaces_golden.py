"""Lion and AdaBelief as set here reproduce trajectories recorded from other packages."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pytorch_optimizer import AdaBelief
from torch import Tensor

from search_spaces.adabelief import adabelief
from search_spaces.lion import lion

FOLDER = Path(__file__).parents[1] / "golden"
TOLERANCE = 1e-12
FILES = {
    "lion": ("lion_quad", "lion_quad_wd", "lion_mlp_2groups", "lion_gradseq"),
    "adabelief": (
        "adabelief_quad_paper",
        "adabelief_quad_eps16",
        "adabelief_quad_eps_large",
        "adabelief_mlp_2groups",
    ),
}
LATE = "adabelief_gradseq"
"""Has a parameter that joins late: the package counts steps by group, the record by parameter."""

OTHER_SWITCHES = ("adabelief_quad_rectify", "adabelief_quad_coupled", "adabelief_quad_amsgrad")
"""What our factory sets otherwise: the same class with these switches gives these files."""


@dataclass
class Golden:
    """One file: its arrays, its description, its parameters at their start, by name."""

    record: dict[str, Any]
    meta: dict[str, Any]
    params: dict[str, Tensor]

    def gradients(self, step: int) -> dict[str, Tensor | None]:
        """Return the gradient of every parameter at its present value in step `step`, from 0."""
        if self.meta["problem"] == "gradient_sequence":
            return {name: self._recorded(name, step) for name in self.params}
        loss = LOSSES[self.meta["problem"]](self.params, self._data)
        found = torch.autograd.grad(loss, list(self.params.values()))
        return dict(zip(self.params, found, strict=True))

    def groups(self) -> list[dict[str, Any]]:
        """Return the parameter groups, their options under the names of the record."""
        return [
            {**group, "params": [self.params[name] for name in group["params"]]}
            for group in self.meta["groups"]
        ]

    @property
    def _data(self) -> dict[str, Tensor]:
        found = (key for key in self.record if key.startswith("data_"))
        return {key.removeprefix("data_"): torch.from_numpy(self.record[key]) for key in found}

    def _recorded(self, name: str, step: int) -> Tensor | None:
        if not self.record[f"data_has_{name}"][step]:
            return None
        return torch.tensor(self.record[f"data_grad_{name}"][step])


def _quadratic(params: dict[str, Tensor], data: dict[str, Tensor]) -> Tensor:
    return 0.5 * params["x"] @ data["A"] @ params["x"] - data["b"] @ params["x"]


def _tanh_mlp(p: dict[str, Tensor], data: dict[str, Tensor]) -> Tensor:
    predicted = torch.tanh(data["X"] @ p["W1"].T + p["b1"]) @ p["W2"].T + p["b2"]
    return (predicted - data["Y"]).square().mean()


LOSSES: dict[str, Callable[[dict[str, Tensor], dict[str, Tensor]], Tensor]] = {
    "quadratic": _quadratic,
    "tanh_mlp": _tanh_mlp,
}


def _load(name: str) -> Golden:
    with np.load(FOLDER / f"{name}.npz", allow_pickle=False) as file:
        record = dict(file)
    names = [key.removeprefix("init_") for key in record if key.startswith("init_")]
    params = {n: torch.tensor(record[f"init_{n}"]).requires_grad_() for n in names}
    return Golden(record, json.loads(str(record["meta"])), params)


def _distances(golden: Golden, optimizer: torch.optim.Optimizer) -> dict[str, float]:
    """Return each parameter's largest ``|ours - recorded| / max(1, |recorded|)`` on the way."""
    worst = dict.fromkeys(golden.params, 0.0)
    for step in range(golden.meta["steps"]):
        for name, gradient in golden.gradients(step).items():
            golden.params[name].grad = gradient
        optimizer.step()
        for name, p in golden.params.items():
            recorded = golden.record[f"traj_{name}"][step + 1]
            errors = np.abs(p.detach().numpy() - recorded) / np.maximum(1, np.abs(recorded))
            worst[name] = max(worst[name], float(errors.max()))
    return worst


@pytest.mark.parametrize("name", FILES["lion"])
def test_lion(name: str) -> None:
    golden = _load(name)
    assert max(_distances(golden, lion(golden.groups())).values()) == 0


@pytest.mark.parametrize("name", FILES["adabelief"])
def test_adabelief(name: str) -> None:
    golden = _load(name)
    assert max(_distances(golden, adabelief(golden.groups())).values()) < TOLERANCE


def test_adabelief_with_a_late_parameter() -> None:
    golden = _load(LATE)
    found = _distances(golden, adabelief(golden.groups()))
    assert found.pop("late") > 1e-3
    assert max(found.values()) < TOLERANCE


@pytest.mark.parametrize("name", OTHER_SWITCHES)
def test_adabelief_with_other_switches(name: str) -> None:
    golden = _load(name)
    switches = dict(golden.meta["options"])
    switches["ams_bound"] = switches.pop("amsgrad")
    optimizer = AdaBelief(golden.groups(), **switches)
    assert max(_distances(golden, optimizer).values()) < TOLERANCE


def test_every_file_is_covered() -> None:
    copied = {path.stem for kind in FILES for path in FOLDER.glob(f"{kind}_*.npz")}
    assert copied == {*FILES["lion"], *FILES["adabelief"], LATE, *OTHER_SWITCHES}
