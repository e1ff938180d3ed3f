"""Checks of parameters that have no gradient, never or for a while."""

from __future__ import annotations

from flowadam.contract.drive import require_equal
from flowadam.contract.loop import Loop, weights_of
from flowadam.contract.modules import Bowl, start
from flowadam.contract.result import require
from flowadam.contract.working import ordinary
from flowadam.spec import OptimizerSpec

FREEZE, THAW, END = 15, 25, 40
RTOL = 1e-5
"""Sums over one more tensor may be taken in another order, and L-BFGS stops at a tolerance."""


def ignores_parameters_without_gradients(spec: OptimizerSpec) -> None:
    """A parameter that the loss does not use stays as it is and changes nothing for the others."""
    bowl, unused = Bowl([start(2, 3), start(5)]), start(4).requires_grad_()
    first, second = bowl.tensors
    loop, plain = ordinary(spec, bowl, params=[first, unused, second]), _bowl_loop(spec)
    for run in (loop, plain):
        run.advance(END)
    require(bool((unused == start(4)).all()), "A parameter without a gradient moved.")
    rule = "A parameter without a gradient must change nothing for the others"
    require_equal(weights_of(loop), weights_of(plain), rule, RTOL)


def leaves_frozen_parameters_alone(spec: OptimizerSpec) -> None:
    """A parameter frozen in mid-run stands still, the others go on, and thawed it goes on too."""
    for noisy in (False, True):
        loop = _bowl_loop(spec, noisy=noisy)
        frozen, free = loop.params
        loop.advance(FREEZE)
        frozen.requires_grad_(False)
        at = [p.detach().clone() for p in (frozen, free)]
        loop.advance(THAW)
        require(bool((frozen == at[0]).all()), "A frozen parameter moved.")
        moved = bool((free != at[1]).any())
        require(moved or not noisy, "Freezing one parameter stopped the other.")  # or it is solved
        frozen.requires_grad_(True)
        loop.advance(END)
        moved = bool((frozen != at[0]).any())
        require(moved or not noisy, "A thawed parameter stands still.")
        require(all(bool(p.isfinite().all()) for p in loop.params), "A parameter is not finite.")


def _bowl_loop(spec: OptimizerSpec, *, noisy: bool = False) -> Loop:
    return ordinary(spec, Bowl([start(2, 3), start(5)]), noisy=noisy)
