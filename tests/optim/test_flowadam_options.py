"""Constructor arguments: presets, ranges, groups."""

from __future__ import annotations

import math
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch

from flowadam.optim import FlowAdam
from flowadam.optim.options import SHARED

OTHER: dict[str, Any] = {
    "switch_sensitivity": 0.3,
    "curvature_sensitivity": 0.3,
    "detector": "never",
    "rate": 0.3,
    "detector_seed": 3,
    "ode_method": "rk4",
    "ode_setup": "published",
    "clip_mode": "global_norm",
    "precond_power": 0.5,
    "precond_scalar": "geomean",
    "ode_tol": 1e-3,
    "injection": "hard",
    "moves": False,
    "velocity": "difference",
    "eps_placement": "torch",
    "deterministic": True,
    "capturable": True,
    "stacked": True,
}


def make(**options: Any) -> FlowAdam:
    return FlowAdam([torch.zeros(2).requires_grad_()], **options)


@pytest.mark.parametrize(
    ("mode", "preset"), [("A", (0.4, 3.0, 2.0)), ("B", (0.9, 0.1, 0.5)), ("p", (0.5, 2.0, 1.0))]
)
def test_presets_fill_what_is_not_given(mode: str, preset: tuple[float, ...]) -> None:
    names = ("switch_sensitivity", "curvature_sensitivity", "ode_t_scale")
    group = make(mode=mode).param_groups[0]
    assert tuple(group[name] for name in names) == preset
    group = make(mode=mode, curvature_sensitivity=7, ode_t_scale=0.1).param_groups[0]
    assert tuple(group[name] for name in names) == (preset[0], 7.0, 0.1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lr": -1.0}, "`lr` must be a finite number of at least 0, got -1.0."),
        ({"lr": math.inf}, "`lr` must be a finite number of at least 0, got inf."),
        ({"lr": torch.tensor(0.1)}, "`lr` must be a number, or a tensor [] where `capturable`"),
        ({"lr": "0.1"}, "got '0.1'."),
        ({"eps": -1e-8}, "`eps` must be a finite number of at least 0, got -1e-08."),
        ({"betas": (0.9, 1.0)}, "`betas` must be two numbers from 0 to below 1, got (0.9, 1.0)."),
        ({"betas": (0.9,)}, "`betas` must be two numbers"),
        ({"betas": 0.9}, "`betas` must be two numbers"),
        ({"mode": "C"}, "`mode` must be one of 'A', 'B', 'p', got 'C'."),
        ({"switch_sensitivity": -0.1}, "`switch_sensitivity` must be a number of at least 0"),
        ({"curvature_sensitivity": math.nan}, "`curvature_sensitivity` must be a number of"),
        ({"ode_t_scale": 0.0}, "`ode_t_scale` must be a positive finite number, got 0.0."),
        ({"ode_tol": 0}, "`ode_tol` must be a positive finite number, got 0."),
        ({"momentum_blend_gamma": 1.1}, "`momentum_blend_gamma` must be a number from 0 to 1"),
        ({"clip_value": 0.0}, "`clip_value` must be a positive number, got 0.0."),
        ({"injection": "sofd"}, "got 'sofd'. Did you mean 'soft'?"),
        ({"velocity": "slop"}, "Did you mean 'slope'?"),
        ({"eps_placement": "adam"}, "`eps_placement` must be one of 'published', 'torch'"),
        ({"ode_method": "dopri55"}, "Did you mean 'dopri5'?"),
        ({"deterministic": 1}, "`deterministic` must be True or False, got 1."),
    ],
)
def test_wrong_values_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        make(**options)
    assert message in str(caught.value)


def test_unknown_options_are_refused() -> None:
    with pytest.raises(TypeError, match="clip"):
        make(clip=1.0)


def test_numbers_become_plain_floats() -> None:
    """Otherwise a checkpoint could not be read with weights_only."""
    group = make(lr=np.float32(0.5), betas=[0, np.float64(0.9)]).param_groups[0]
    assert [type(x) for x in (group["lr"], *group["betas"])] == [float] * 3


@pytest.mark.parametrize("name", SHARED)
def test_options_that_span_groups_must_be_equal(name: str) -> None:
    params = [torch.zeros(2).requires_grad_() for _ in range(2)]
    groups: list[dict[str, Any]] = [{"params": params[:1]}, {"params": params[1:]}]
    groups[1][name] = OTHER[name]
    with pytest.raises(ValueError, match=f"`{name}` must be equal in all parameter groups, got"):
        FlowAdam(groups)
    opt = FlowAdam(params[:1])
    with pytest.raises(ValueError, match=f"`{name}` must be equal"):
        opt.add_param_group(groups[1])
    assert len(opt.param_groups) == 1


def test_a_group_may_take_the_other_mode_for_its_horizon() -> None:
    params = [torch.zeros(2).requires_grad_() for _ in range(2)]
    shared = {"switch_sensitivity": 0.5, "curvature_sensitivity": 1.0}
    opt = FlowAdam([{"params": params[:1]}, {"params": params[1:], "mode": "A"}], **shared)
    assert [group["ode_t_scale"] for group in opt.param_groups] == [0.5, 2.0]


def test_complex_parameters_are_refused() -> None:
    with pytest.raises(ValueError, match=r"real parameters, got torch\.complex64"):
        FlowAdam([torch.zeros(2, dtype=torch.complex64).requires_grad_()])


def test_torchdiffeq_is_loaded_only_when_used() -> None:
    code = (
        "import sys, torch; from flowadam.optim import FlowAdam; "
        "p = torch.ones(2, requires_grad=True); "
        "f = lambda: (opt.zero_grad(), (l := p.square().sum()).backward(), l)[2]; "
        "opt = FlowAdam([p], switch_sensitivity=1e6); [opt.step(f) for _ in range(13)]; "
        "assert opt.flow_stats()['flow_steps'] == 2; print('torchdiffeq' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]


def test_misspelt_options_of_a_group_are_refused() -> None:
    params = [torch.zeros(2).requires_grad_()]
    with pytest.raises(ValueError, match="'ode_tscale' in a group"):
        FlowAdam([{"params": params, "ode_tscale": 3}])
    assert FlowAdam([{"params": params, "initial_lr": 1.0, "note": "mine"}]).param_groups


def test_integers_and_numbers_beyond_floats_are_refused() -> None:
    with pytest.raises(ValueError, match=r"real parameters, got torch\.int64"):
        FlowAdam([torch.ones(3, dtype=torch.int64)])
    with pytest.raises(ValueError, match="`lr` must be a finite number"):
        make(lr=10**400)
