"""The flow by a solver of torchdiffeq, which is imported when the first flow needs it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from flowadam.optim.field import SolverFailure
from flowadam.optim.flat import FlatField

ADAPTIVE = ("dopri5", "dopri8", "bosh3", "fehlberg2", "adaptive_heun")
FIXED_GRID = (
    "euler",
    "midpoint",
    "heun2",
    "heun3",
    "rk4",
    "explicit_adams",
    "implicit_adams",
    "fixed_adams",
)
METHODS = ("ladder", *ADAPTIVE, *FIXED_GRID, "scipy_solver")
MAX_STEPS = 1000


def solve(flow: FlatField, method: str, tol: float, setup: str) -> Tensor:
    """Return y(1) of dy/dtau = flow(y), y(0) = flow.start; tol is relative and absolute tolerance.

    Args:
        setup: "bounded": adaptive methods begin with the whole interval as their first step and
            never look beyond its end. "published": torchdiffeq's own start, a probe whose distance
            is its own choice, and an end interpolated within a step that may reach beyond; time
            runs to the horizon rounded to float32. Fixed-grid methods take the interval in one
            step in both.

    Raises:
        SolverFailure: the solver gave up or left the finite range.
    """
    from torchdiffeq import odeint

    device = flow.start.device
    span = flow.span if setup == "published" else 1.0
    dtype = torch.float32 if setup == "published" else torch.float64
    times = torch.tensor([0.0, span], dtype=dtype, device=device)
    if times[1] == 0:
        return flow.start
    options: dict[str, Any] = {}
    if setup == "bounded" and method in ADAPTIVE:
        options = {"first_step": 1.0, "step_t": times[1:], "max_num_steps": MAX_STEPS}
    try:
        path: Any = odeint(
            lambda _, y: flow(y),
            flow.start,
            times,
            rtol=tol,
            atol=tol,
            method=method,
            options=options,
        )
    except AssertionError as error:  # torchdiffeq's way to say that it cannot go on
        if flow.closure_failed:
            raise
        raise SolverFailure from error
    if len(path) < len(times) or not bool(torch.isfinite(path[-1]).all()):
        raise SolverFailure
    return path[-1]
