"""L-BFGS, from torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch

from flowadam.space import Int, Space
from flowadam.spec import OptimizerSpec
from search_spaces.adapters.arguments import require_non_negative, require_positive
from search_spaces.adapters.copying import CopiesWhole
from search_spaces.adapters.undoing import Before
from search_spaces.shared import LR, PENALTY, PENALTY_DEFAULT

MAX_ITER = 10
MAX_EVAL = MAX_ITER * 5 // 4
HIGH = 1e30
"""What the line search sees in place of nan and inf, to go back from there."""


class _LBFGS(CopiesWhole, torch.optim.LBFGS):
    """Mends what breaks torch's: strided gradients, losses of nan, closures that raise.

    Gradients are made contiguous; a loss that is not finite counts as a very high one in the
    search, and is returned as it is where the step began with it; when the closure raises,
    parameters and state are those before the step.
    """

    kept = ("_params", "_numel_cache")

    def step(self, closure: Callable[..., Any] | None = None) -> Any:
        if closure is None:
            raise RuntimeError("L-BFGS needs a closure that evaluates loss and gradient, got None.")
        evaluate = closure
        params = [p for group in self.param_groups for p in group["params"]]
        before = Before(self)
        losses: list[torch.Tensor] = []

        def mended() -> torch.Tensor:
            losses.append(torch.as_tensor(evaluate()).detach())
            for p in params:
                p.grad = None if p.grad is None else p.grad.contiguous()
            return losses[-1].nan_to_num(nan=HIGH, posinf=HIGH)

        try:
            super().step(mended)
            return losses[0]
        except BaseException:
            before.restore()
            raise


def lbfgs(
    params: Any, *, lr: float = 1.0, max_iter: int = MAX_ITER, history_size: int = 100
) -> torch.optim.LBFGS:
    """Return torch's L-BFGS with a line search for the strong Wolfe conditions.

    A step makes up to `max_iter` iterations ``theta += t d``, d the quasi-Newton direction of the
    last `history_size` changes of theta and gradient, t found by a search that starts at `lr`. It
    evaluates the closure once at its start and at least once an iteration, and stops when it has
    done so 12 times (``max_eval``, torch's 5/4 of the largest `max_iter`), 13 at the very most.
    """
    require_non_negative(lr=lr)
    require_positive(max_iter=max_iter, history_size=history_size)
    return _LBFGS(
        params,
        lr=lr,
        max_iter=max_iter,
        max_eval=MAX_EVAL,
        tolerance_grad=1e-7,
        tolerance_change=1e-9,
        history_size=history_size,
        line_search_fn="strong_wolfe",
    )


_ONE_GROUP = "torch.optim.LBFGS takes one parameter group, and says so"
_LOCAL_LOSS = "its line search decides by the loss, which every process has of its own data"

SPEC = OptimizerSpec(
    name="lbfgs",
    factory=lbfgs,
    space=Space(
        (
            replace(
                LR,
                low=0.1,
                high=10.0,
                source="deviates: it is the first trial length of a line search in units of the "
                "quasi-Newton step, for which 1 is right (Nocedal & Wright 2006, section 3.5); a "
                "decade to either side",
            ),
            Int(
                "opt.max_iter",
                2,
                MAX_ITER,
                source="a step that would end beyond the budget is undone, so torch's default 20 "
                "could cost 26 of 200 gradients; 10 costs 13 at most, and below 2 half of all "
                "gradients repeat the last one of the step before",
            ),
            Int(
                "opt.history_size",
                3,
                100,
                source="from the lower end of Nocedal & Wright 2006, section 7.2 (3 to 20 often "
                "suffice), to torch's default",
            ),
            PENALTY,
        )
    ),
    defaults={
        "opt.lr": 1.0,
        "opt.max_iter": MAX_ITER,
        "opt.history_size": 100,
        "task.penalty": PENALTY_DEFAULT,
    },
    source="Liu & Nocedal 1989 (Mathematical Programming 45, 503-528); torch.optim.LBFGS and its "
    "defaults but for max_iter and the line search",
    stacking="split",
    extra_cost=MAX_EVAL,
    exempt={
        "splits_into_groups": _ONE_GROUP,
        "reads_lr_per_group": _ONE_GROUP,
        "adds_groups_in_mid_run": _ONE_GROUP,
        "leaves_frozen_parameters_alone": "its directions are of all tensors together, so those of "
        "before the freeze still move a frozen one",
        "agrees_across_processes": _LOCAL_LOSS,
        "refuses_or_trains_sharded_parameters": _LOCAL_LOSS,
    },
)
