"""FlowAdam with the dial and the global-norm clip against recorded trajectories."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from flowadam.optim import FlowAdam

FOLDER = Path(__file__).parents[1] / "golden"
NAMES = sorted(path.stem for path in FOLDER.glob("flowadam_p_*.npz"))
CLIP_MODES = {"percoord": "coordinate", "globalnorm": "global_norm"}
KEPT = (
    "lr",
    "eps",
    "ode_t_scale",
    "switch_sensitivity",
    "curvature_sensitivity",
    "momentum_blend_gamma",
    "ode_method",
    "ode_tol",
    "precond_power",
    "precond_scalar",
)
Params = dict[str, Tensor]


def quadratic(data: Params, p: Params) -> Tensor:
    return p["x"] @ data["A"] @ p["x"] / 2 - data["b"] @ p["x"]


def tanh_mlp(data: Params, p: Params) -> Tensor:
    hidden = torch.tanh(data["X"] @ p["W1"].T + p["b1"])
    return (hidden @ p["W2"].T + p["b2"] - data["Y"]).square().mean()


def matrix_sensing(data: Params, p: Params) -> Tensor:
    return (data["A"] @ (p["U"] @ p["V"].T).reshape(-1) - data["y"]).square().mean()


LOSSES: dict[str, Callable[[Params, Params], Tensor]] = {
    "quadratic": quadratic,
    "tanh_mlp": tanh_mlp,
    "matrix_sensing": matrix_sensing,
}


def options(meta: dict[str, Any]) -> dict[str, Any]:
    (group,) = meta["groups"]
    return {
        **{name: group[name] for name in KEPT},
        "betas": tuple(group["betas"]),
        "clip_mode": CLIP_MODES[group["clip_mode"]],
        # The recorded bound is that of the norm; the one per coordinate was always 1.
        "ode_setup": "published" if group["ode_method"] == "dopri5" else "bounded",
        "clip_value": group["clip_norm_c"] if group["clip_mode"] == "globalnorm" else 1.0,
    }


def tensors(record: dict[str, Any], prefix: str) -> Params:
    found = {key.removeprefix(prefix): key for key in record if key.startswith(prefix)}
    return {name: torch.from_numpy(np.array(record[key])) for name, key in found.items()}


@pytest.mark.parametrize("velocity", ["slope", "difference"])
@pytest.mark.parametrize("name", NAMES)
def test_trajectories_and_triggers_are_the_recorded_ones(name: str, velocity: str) -> None:
    """Same decisions; parameters and moments to 1e-10 (1e-6 for the adaptive solver)."""
    with np.load(FOLDER / f"{name}.npz", allow_pickle=False) as file:
        record = dict(file)
    meta = json.loads(str(record["meta"]))
    data, params = tensors(record, "data_"), tensors(record, "init_")
    params = {key: p.requires_grad_() for key, p in params.items()}
    opt = FlowAdam(
        [params[key] for key in meta["groups"][0]["params"]], velocity=velocity, **options(meta)
    )
    tolerance = 1e-6 if name.endswith("dopri5") else 1e-10

    def closure() -> Tensor:
        opt.zero_grad()
        loss = LOSSES[meta["problem"]](data, params)
        loss.backward()
        return loss

    for step in range(meta["steps"]):
        before = opt.flow_stats()["flow_steps"]
        loss = float(opt.step(closure).detach())
        assert loss == pytest.approx(record["loss"][step], rel=tolerance, abs=tolerance)
        flowed = opt.flow_stats()["flow_steps"] > before
        assert flowed == bool(np.ravel(record["series_ode_triggered"][step])[0])
        for key, p in params.items():
            expected = torch.from_numpy(record[f"traj_{key}"][step + 1])
            torch.testing.assert_close(p.detach(), expected, rtol=tolerance, atol=tolerance)
    for key, p in params.items():
        for moment in ("exp_avg", "exp_avg_sq"):
            expected = torch.from_numpy(record[f"final_{moment}_{key}"])
            torch.testing.assert_close(
                opt.state[p][moment], expected, rtol=tolerance, atol=tolerance
            )


def test_every_recorded_file_is_here() -> None:
    assert len(NAMES) == 9
