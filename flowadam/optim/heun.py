"""The second rung: adaptive Heun, a second-order method with a first-order error estimate."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from flowadam.optim.field import SolverFailure
from flowadam.optim.flat import FlatField

MAX_TRIALS = 100
MIN_STEP = 1e-6
SAFETY = 0.9
SHRINK, GROW = 0.2, 5.0


def adaptive_heun(flow: FlatField, tol: float, first_step: float) -> Tensor:
    """Return y(1) by y + d/2 (k1 + k2), k1 = f(y), k2 = f(y + d k1), with controlled d.

    A step is accepted when the root mean square of d/2 (k2 - k1) / (tol + tol max(|y|, |y_new|))
    is at most 1. A low order is on purpose: clipping makes the field kinked, and higher-order
    estimates trust a smoothness that is not there.

    Raises:
        SolverFailure: after 100 trial steps, or when a step below 1e-6 is refused.
    """
    y, slope = flow.start, flow.start_slope
    tau, step = 0.0, first_step
    for _ in range(MAX_TRIALS):
        last = tau + step >= 1
        step = 1 - tau if last else step
        ahead = flow(y + step * slope)
        trial = y + step / 2 * (slope + ahead)
        error = scaled_rms(step / 2 * (ahead - slope), y, trial, tol)
        if error <= 1:
            if last:
                return trial
            y, tau = trial, tau + step
            slope = flow(y)
        elif step < MIN_STEP:
            break
        step *= next_factor(error, GROW)
    raise SolverFailure


def next_factor(error: float, grow: float) -> float:
    """Return the factor on the step size that a scaled error of a first-order estimate asks for."""
    if not math.isfinite(error):
        return SHRINK
    return min(grow, max(SHRINK, SAFETY / math.sqrt(error))) if error > 0 else grow


def scaled_rms(error: Tensor, y: Tensor, y_new: Tensor, tol: float) -> float:
    """Return the root mean square of error / (tol + tol max(|y|, |y_new|)); at most 1 is in."""
    scale = tol + tol * torch.maximum(y.abs(), y_new.abs())
    return float(torch.linalg.vector_norm(error / scale)) / math.sqrt(max(error.numel(), 1))
