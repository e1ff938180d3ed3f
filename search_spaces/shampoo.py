"""Shampoo, from pytorch-optimizer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from pytorch_optimizer import Shampoo

from flowadam.space import Float, Space
from flowadam.spec import OptimizerSpec
from search_spaces.adapters.arguments import require_non_negative
from search_spaces.adapters.copying import CopiesWhole
from search_spaces.adapters.undoing import Before
from search_spaces.shared import LR, PENALTY, PENALTY_DEFAULT

NEVER = 10**9
"""A number of steps that no run reaches."""

LONGEST_AXIS = 8192
"""Of a longer axis one decomposition takes minutes, and its matrices half a gigabyte."""


class _Shampoo(CopiesWhole, Shampoo):
    """Passes over what the package raises at.

    Tensors without entries are left out, a gradient that is not finite moves nothing, and where
    LAPACK finds no roots, as it happens in float32, the step takes those of the step before.
    """

    kept = ("preconditioning_compute_steps", "maximize")

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        super().add_param_group(param_group)
        longest = max((n for p in self.param_groups[-1]["params"] for n in p.shape), default=0)
        if longest > LONGEST_AXIS:
            self.param_groups.pop()
            raise ValueError(
                "Shampoo keeps n x n matrices for an axis of n entries, and takes at most "
                f"{LONGEST_AXIS:,}, got {longest:,}."
            )

    def step(self, closure: Callable[..., Any] | None = None) -> Any:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        params = [p for group in self.param_groups for p in group["params"]]
        for p in params:
            if not p.numel():
                p.grad = None
        if not all(bool(p.grad.isfinite().all()) for p in params if p.grad is not None):
            return loss
        before = Before(self)
        try:
            super().step()
        except torch.linalg.LinAlgError:  # pyright: ignore[reportPrivateImportUsage]
            before.restore()
            self._step_with_old_roots()
        return loss

    def _step_with_old_roots(self) -> None:
        every, self.preconditioning_compute_steps = self.preconditioning_compute_steps, NEVER
        try:
            super().step()
        finally:
            self.preconditioning_compute_steps = every


def shampoo(params: Any, *, lr: float = 1e-3, matrix_eps: float = 1e-6) -> Shampoo:
    """Return pytorch-optimizer's Shampoo: a preconditioner for each axis of a tensor.

    For a matrix ``L += G G'`` and ``R += G' G``, which begin as `matrix_eps` times the identity,
    then ``theta -= lr L^(-1/4) G R^(-1/4)``; for a vector ``theta -= lr L^(-1/2) g``. Set here: the
    roots are taken anew at each step, no momentum (the package's would mix gradients with
    preconditioned ones), no weight decay: Algorithm 1. An axis of n entries costs two n x n
    matrices and a singular value decomposition a step, 20 ms at n = 400 on one core.

    Raises:
        ValueError: an axis of more than 8,192 entries.
    """
    require_non_negative(lr=lr, matrix_eps=matrix_eps)
    return _Shampoo(
        params,
        lr=lr,
        momentum=0.0,
        weight_decay=0.0,
        weight_decouple=False,
        fixed_decay=False,
        preconditioning_compute_steps=1,
        matrix_eps=matrix_eps,
        maximize=False,
    )


SPEC = OptimizerSpec(
    name="shampoo",
    factory=shampoo,
    space=Space(
        (
            replace(
                LR,
                low=1e-2,
                high=10.0,
                source="deviates: its preconditioners only grow, so steps shrink like AdaGrad's; a "
                "hundred times the shared range, since its best rates on the tasks of this package "
                "lie between .3 and 3 (200 gradients, eight rates from 1e-3 to 30)",
            ),
            Float(
                "opt.matrix_eps",
                1e-8,
                1e-3,
                log=True,
                source="from a hundredth of the package's default 1e-6, below which singular "
                "values vanish in float32, to where it outweighs the squared gradients of the "
                "tasks of this package",
            ),
            PENALTY,
        )
    ),
    defaults={"opt.lr": 1e-3, "opt.matrix_eps": 1e-6, "task.penalty": PENALTY_DEFAULT},
    source="Gupta et al. 2018 (arXiv 1802.09568), Algorithm 1; pytorch_optimizer.Shampoo and its "
    "defaults",
    stacking="split",
)
