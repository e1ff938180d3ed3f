"""An optimizer and flows from one start, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from flowadam.rodflow.admission import check_loss, check_start, check_transformed
from flowadam.rodflow.alternating import AlternatingRod
from flowadam.rodflow.choices import require_count
from flowadam.rodflow.flows import Flow
from flowadam.rodflow.follower import Follower
from flowadam.rodflow.gradients import Loss
from flowadam.rodflow.iterates import Iterates
from flowadam.rodflow.matrix import MatrixRod
from flowadam.rodflow.method import Method
from flowadam.rodflow.stable import StableFlow
from flowadam.rodflow.states import State
from flowadam.rodflow.tracking import Tracking

FLOWS: tuple[Flow[Any], ...] = (StableFlow(), MatrixRod(), AlternatingRod())


def track(
    loss: Loss,
    start: Tensor | State,
    method: Method,
    *,
    steps: int,
    flows: Sequence[Flow[Any]] = FLOWS,
    every: int = 4,
) -> Tracking:
    """Run a method, and flows from t = 1 of the same run; return how far apart they are.

    Like is compared with like: the center of a flow at t + 1/2 with (w_t + w_{t+1}) / 2. A run or
    flow that fails has a status; errors are measured as long as the run lasts.

    Args:
        loss: [d] -> scalar, smooth, on the full batch; see ``flattened`` for a module.
        start: w_0 [d] (then m = 0 and nu = s(g(w_0))), or a state.
        steps: optimizer steps, at least 3.
        flows: which; their labels must differ.
        every: steps between two readings of the sharpness and of the flows' losses.

    Raises:
        ValueError: an argument is out of range.
    """
    _check(steps, flows, every)
    _check_problem(loss, start, method, flows)
    iterates = Iterates(loss, start, method, every)
    while iterates.status == "ok" and iterates.t < 2:
        iterates.step()
    known = tuple(iterates.states) if iterates.status == "ok" else ()
    followers = [Follower(flow, method, loss, known) for flow in flows]
    while iterates.status == "ok":
        for follower in followers:
            if (iterates.t - 1) % every == 0:
                follower.read_loss()
            follower.step(iterates.middle())
        if iterates.t == steps:
            break
        iterates.step()
    trails = [follower.trail(smooth=iterates.smooth) for follower in followers]
    return Tracking(method, iterates.run(), {trail.label: trail for trail in trails})


def _check_problem(
    loss: Loss, start: Tensor | State, method: Method, flows: Sequence[Flow[Any]]
) -> None:
    if not isinstance(method, Method):
        raise ValueError(f"`method` must be a Method, as `method('adam', 1e-3)`, got {method!r}.")
    if not isinstance(start, Tensor | State):
        raise ValueError(f"`start` must be a tensor [d] or a State, got {type(start).__name__}.")
    check_start(start, method)
    w = (start if isinstance(start, Tensor) else start.w).detach().clone().requires_grad_()
    check_loss(loss, w)
    if any(isinstance(flow, MatrixRod) for flow in flows):
        check_transformed(loss, w.detach())


def _check(steps: int, flows: Sequence[Flow[Any]], every: int) -> None:
    require_count("every", every)
    require_count("steps", steps)
    if steps < 3:
        raise ValueError(f"`steps` must be at least 3, because a rod starts from 3, got {steps}.")
    if any(isinstance(flow, type | str) or not hasattr(flow, "label") for flow in flows):
        raise ValueError(f"`flows` must be flows, as `[StableFlow()]`, got {list(flows)!r}.")
    labels = [flow.label for flow in flows]
    if len({*labels}) < len(labels):
        raise ValueError(f"Every flow must have a label of its own, got {labels}.")
