"""Optimizers with the faults that show in ordinary training loops, one per check."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist
from broken_optimizers import ChangesDtype, Descent, RemembersRate, spec

from flowadam.spec import OptimizerSpec


class Unchecked(Descent):
    def check(self, lr: float) -> None:
        if not lr >= 0 and not math.isnan(lr):
            raise ValueError("The learning rate is wrong.")


class FixedParameters(Descent):
    """Takes the list of its parameters once, as L-BFGS does."""

    def __init__(self, params: Any, lr: float) -> None:
        super().__init__(params, lr)
        self.first = [p for group in self.param_groups for p in group["params"]]

    def update(self, p: torch.Tensor, group: dict[str, Any]) -> None:
        if any(p is q for q in self.first):
            super().update(p, group)


class FixedRate(Descent):
    def rate(self, group: dict[str, Any]) -> float:
        return 0.01


class DecaysAll(Descent):
    """Moves parameters without a gradient too."""

    def evaluate(self, closure: Callable[..., Any]) -> Any:
        loss = super().evaluate(closure)
        for group in self.param_groups:
            for p in group["params"]:
                p *= 0.999
        return loss


class RollsOn(Descent):
    """A parameter goes on by its momentum when it has no gradient any more."""

    def evaluate(self, closure: Callable[..., Any]) -> Any:
        loss = super().evaluate(closure)
        for p, state in self.state.items():
            if p.grad is None and isinstance(state, dict):
                p -= 0.01 * state["momentum"]
        return loss


class DividesByLargest(Descent):
    def direction(self, p: torch.Tensor, group: dict[str, Any]) -> torch.Tensor:
        gradient = super().direction(p, group)
        return gradient / (1 + gradient.abs().max())


class NeedsLength(Descent):
    def direction(self, p: torch.Tensor, group: dict[str, Any]) -> torch.Tensor:
        return super().direction(p, group) / (1 + len(p))


class MovesCopies(Descent):
    """Flattens a parameter, which copies it where its memory is not in order."""

    def move(self, p: torch.Tensor, momentum: torch.Tensor, lr: float) -> None:
        p.reshape(-1).sub_(lr * momentum.reshape(-1))


class StateOnCpu(Descent):
    def update(self, p: torch.Tensor, group: dict[str, Any]) -> None:
        state = self.buffers(p)
        momentum = state.get("momentum", torch.zeros(p.shape))
        state["momentum"] = momentum + self.direction(p, group)
        self.move(p, state["momentum"], self.rate(group))


class GradientsOff(Descent):
    def evaluate(self, closure: Callable[..., Any]) -> Any:
        return closure()


class LooksAhead(Descent):
    """Moves before it evaluates."""

    def evaluate(self, closure: Callable[..., Any]) -> Any:
        for group in self.param_groups:
            for p in group["params"]:
                p *= 0.99
        return super().evaluate(closure)


class StopsUnseen(Descent):
    """Scales by a running norm, and takes what is not finite for zero."""

    def direction(self, p: torch.Tensor, group: dict[str, Any]) -> torch.Tensor:
        gradient, state = super().direction(p, group), self.buffers(p)
        state["norm"] = 0.9 * state.get("norm", 0.0) + 0.1 * float(gradient.norm())
        return (gradient / (1 + state["norm"])).nan_to_num(0.0)

    def move(self, p: torch.Tensor, momentum: torch.Tensor, lr: float) -> None:
        super().move(p, momentum.nan_to_num(0.0), lr)


class KeepsLosses(Descent):
    def evaluate(self, closure: Callable[..., Any]) -> Any:
        loss = super().evaluate(closure)
        self.__dict__.setdefault("losses", []).append(loss.detach())
        return loss


class NarrowState(Descent):
    def update(self, p: torch.Tensor, group: dict[str, Any]) -> None:
        super().update(p, group)
        state = self.buffers(p)
        state["momentum"] = state["momentum"].bfloat16()


class IgnoresScale(Descent):
    def refuse_scale(self) -> None:
        pass


class Relays(Descent):
    """Gives every parameter memory of another layout at each step."""

    def move(self, p: torch.Tensor, momentum: torch.Tensor, lr: float) -> None:
        super().move(p, momentum, lr)
        if p.dim() == 2:
            p.data = p.data.t().contiguous().t() if p.is_contiguous() else p.data.contiguous()


class OwnWay(Descent):
    """Draws a step of its own in each process."""

    def rate(self, group: dict[str, Any]) -> float:
        return super().rate(group) * (1 + (dist.get_rank() if dist.is_initialized() else 0))


class OutOfStep(Descent):
    """Evaluates once more in one of the processes."""

    def evaluate(self, closure: Callable[..., Any]) -> Any:
        if dist.is_initialized() and dist.get_rank() == 1:
            super().evaluate(closure)
        return super().evaluate(closure)


class ShardNorms(Descent):
    """Divides by the norm of the part of a tensor that lives in this process."""

    def direction(self, p: torch.Tensor, group: dict[str, Any]) -> torch.Tensor:
        gradient = super().direction(p, group)
        local = getattr(gradient, "to_local", lambda: gradient)()
        return gradient / (1 + local.norm().item())


BROKEN_IN_LOOPS: dict[str, OptimizerSpec] = {
    "checks_its_arguments": spec(Unchecked),
    "takes_options_per_group": spec(RemembersRate),
    "adds_groups_in_mid_run": spec(FixedParameters),
    "follows_one_cycle": spec(RemembersRate),
    "follows_cosine_annealing": spec(FixedRate),
    "ignores_parameters_without_gradients": spec(DecaysAll),
    "leaves_frozen_parameters_alone": spec(RollsOn),
    "takes_empty_tensors": spec(DividesByLargest),
    "takes_scalars": spec(NeedsLength),
    "takes_strided_tensors": spec(MovesCopies),
    "mixes_dtypes": spec(ChangesDtype),
    "agrees_on_gpu": spec(StateOnCpu),
    "evaluates_with_gradients_on": spec(GradientsOff),
    "closure_errors_change_nothing": spec(LooksAhead),
    "survives_non_finite_losses": spec(StopsUnseen),
    "keeps_memory_flat": spec(KeepsLosses),
    "runs_under_autocast": spec(NarrowState),
    "never_steps_on_scaled_losses": spec(IgnoresScale),
    "runs_with_compiled_models": spec(Relays),
    "agrees_across_processes": spec(OwnWay),
    "refuses_or_trains_sharded_parameters": spec(ShardNorms),
}
