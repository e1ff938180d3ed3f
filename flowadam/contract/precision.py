"""Checks of mixed precision: autocast, and losses that were scaled."""

from __future__ import annotations

import torch
from torch import Tensor

from flowadam.contract.drive import require_equal, tensors_in
from flowadam.contract.loop import Loop, weights_of
from flowadam.contract.modules import Regression
from flowadam.contract.result import require
from flowadam.contract.working import ordinary
from flowadam.spec import OptimizerSpec

STEPS = 20
SCALE = 2.0**12
RTOL = 1e-3
"""Adam and its kin see the scale in eps alone; whoever steps on it is off by orders."""
REFUSALS = (RuntimeError, ValueError, TypeError, NotImplementedError)


def runs_under_autocast(spec: OptimizerSpec) -> None:
    """Under bfloat16 autocast parameters and state stay float32, and the loss falls."""
    module = Regression(torch.float32)

    def forward(x: Tensor) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return module(x)

    loop = ordinary(spec, module, forward=forward)
    before = loop.loss().item()
    loop.advance(STEPS)
    after = loop.loss().item()
    require(after < before, f"The loss went from {before:.3g} to {after:.3g}.")
    found = [*loop.params, *tensors_in(loop.optimizer.state_dict())]
    narrow = [t.dtype for t in found if t.dtype in (torch.bfloat16, torch.float16)]
    require(not narrow, f"Parameters or state became {narrow}.")


def never_steps_on_scaled_losses(spec: OptimizerSpec) -> None:
    """With torch's GradScaler a run is that without, or it is refused with a sentence.

    Checked for ``scaler.step(optimizer)`` after a backward pass, and for a closure handed through
    it, which no scaler can unscale. Who does not feel the scale may go on.
    """
    for uses_closure in (False, True):
        plain, scaled = ordinary(spec), ordinary(spec)
        try:
            _scaled_steps(scaled, uses_closure)
        except REFUSALS as refusal:
            said = str(refusal)
            require("scal" in said or "closure" in said, f"The refusal says only: {said!r}.")
            continue
        _plain_steps(plain, uses_closure)
        rule = "Scaled losses must be refused or give the run without a scale"
        require_equal(weights_of(scaled), weights_of(plain), rule, RTOL)


def _scaled_steps(loop: Loop, uses_closure: bool) -> None:
    scaler = torch.amp.GradScaler("cpu", init_scale=SCALE)

    def scaled() -> Tensor:
        loop.optimizer.zero_grad()
        loss = scaler.scale(loop.loss())
        loop.backward(loss)
        return loss

    def step() -> None:
        scaled()
        scaler.step(loop.optimizer, *([scaled] if uses_closure else []))
        scaler.update()

    loop.repeat(STEPS, step)


def _plain_steps(loop: Loop, uses_closure: bool) -> None:
    def step() -> None:
        loop.closure()
        loop.optimizer.step(*([loop.closure] if uses_closure else []))

    loop.repeat(STEPS, step)
