"""One optimizer per optimizer check, each with the fault that the check is there to find."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import torch

from flowadam.space import Float, Space
from flowadam.spec import OptimizerSpec

LR = Float("opt.lr", 1e-3, 1e-1, log=True, source="a test")


class Descent(torch.optim.Optimizer):
    """Gradient descent with momentum .9, cut into the pieces that the faults replace."""

    _step_supports_amp_scaling = True
    """Asks GradScaler for the scale, in order to refuse it."""

    def __init__(self, params: Any, lr: float) -> None:
        self.check(lr)
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Callable[..., Any]) -> Any:
        self.refuse_scale()
        loss = self.evaluate(closure)
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    self.update(p, group)
        return loss

    def check(self, lr: float) -> None:
        if not lr > 0:
            raise ValueError(f"`lr` must be positive, got {lr}.")

    def refuse_scale(self) -> None:
        if getattr(self, "grad_scale", None) is not None:
            raise RuntimeError("Descent cannot take scaled gradients.")

    def update(self, p: torch.Tensor, group: dict[str, Any]) -> None:
        state = self.buffers(p)
        momentum = state.get("momentum", torch.zeros_like(p))
        state["momentum"] = 0.9 * momentum + self.direction(p, group)
        self.move(p, state["momentum"], self.rate(group))

    def evaluate(self, closure: Callable[..., Any]) -> Any:
        with torch.enable_grad():
            return closure()

    def buffers(self, p: torch.Tensor) -> dict[str, Any]:
        return self.state[p]

    def direction(self, p: torch.Tensor, group: dict[str, Any]) -> torch.Tensor:
        assert p.grad is not None
        return p.grad

    def rate(self, group: dict[str, Any]) -> float:
        return group["lr"]

    def move(self, p: torch.Tensor, momentum: torch.Tensor, lr: float) -> None:
        p -= lr * momentum


class Random(Descent):
    def direction(self, p: torch.Tensor, group: dict[str, Any]) -> torch.Tensor:
        return super().direction(p, group) + 1e-3 * torch.randn(p.shape).to(p)


class Ascent(Descent):
    def rate(self, group: dict[str, Any]) -> float:
        return -group["lr"]


class Uncharged(Descent):
    """Looks at the gradient once more behind the meter's back."""

    def evaluate(self, closure: Callable[..., Any]) -> Any:
        getattr(closure, "__self__")._problem.closure()  # noqa: B009
        return super().evaluate(closure)


class Twice(Descent):
    """Evaluates two gradients a step and declares one."""

    def evaluate(self, closure: Callable[..., Any]) -> Any:
        super().evaluate(closure)
        return super().evaluate(closure)


class MixedReplicas(Descent):
    """Divides by the norm over all replicas."""

    def direction(self, p: torch.Tensor, group: dict[str, Any]) -> torch.Tensor:
        gradient = super().direction(p, group)
        return gradient / (1 + gradient.norm())


class NanSpreads(Descent):
    """Adds a zero that is nan as soon as any replica is."""

    def direction(self, p: torch.Tensor, group: dict[str, Any]) -> torch.Tensor:
        gradient = super().direction(p, group)
        return gradient + 0 * gradient.sum()


class SwallowsErrors(Descent):
    def evaluate(self, closure: Callable[..., Any]) -> Any:
        try:
            return super().evaluate(closure)
        except RuntimeError:
            return torch.zeros(3)


class HiddenState(Descent):
    """Keeps its momentum where state_dict does not look."""

    def __init__(self, params: Any, lr: float) -> None:
        super().__init__(params, lr)
        self.hidden: dict[torch.Tensor, dict[str, Any]] = {}

    def buffers(self, p: torch.Tensor) -> dict[str, Any]:
        return self.hidden.setdefault(p, {})


class Odd:
    """Something that ``torch.load(weights_only=True)`` refuses."""


class OddState(Descent):
    def buffers(self, p: torch.Tensor) -> dict[str, Any]:
        self.state[p].setdefault("odd", Odd())
        return self.state[p]


class LostAttribute(Descent):
    """Has an attribute that torch.optim.Optimizer leaves out of a copy."""

    def __init__(self, params: Any, lr: float) -> None:
        super().__init__(params, lr)
        self.sign = 1.0

    def rate(self, group: dict[str, Any]) -> float:
        return self.sign * group["lr"]


class KeepsGraph(Descent):
    def buffers(self, p: torch.Tensor) -> dict[str, Any]:
        with torch.enable_grad():
            self.state[p]["graph"] = 2 * p
        return self.state[p]


class GroupNorms(Descent):
    """Divides by a norm over the group: another split into groups, another run."""

    def direction(self, p: torch.Tensor, group: dict[str, Any]) -> torch.Tensor:
        norms = [float(q.detach().norm()) for q in group["params"]]
        return super().direction(p, group) / (1 + sum(norms))


class FirstGroupRules(Descent):
    def rate(self, group: dict[str, Any]) -> float:
        return self.param_groups[0]["lr"]


class RemembersRate(Descent):
    """Reads the learning rate once."""

    def rate(self, group: dict[str, Any]) -> float:
        return self.defaults["lr"]


class ChangesDtype(Descent):
    def move(self, p: torch.Tensor, momentum: torch.Tensor, lr: float) -> None:
        p.data = p.data.float() - lr * momentum.float()


def spec(kind: type[Descent] = Descent) -> OptimizerSpec:
    """Return a spec for a kind of descent."""
    return OptimizerSpec(
        name=kind.__name__,
        factory=partial(_make, kind),
        space=Space((LR,)),
        defaults={"opt.lr": 0.01},
        source="a test",
    )


def _make(kind: type[Descent], params: Any, *, lr: float = 0.01) -> Descent:
    return kind(params, lr)


def _narrow(params: Any, *, lr: float = 0.01) -> Descent:
    if lr > 0.05:
        raise ValueError(f"`lr` must be at most .05, got {lr}.")
    return Descent(params, lr)


def _swallows_options(params: Any, **options: Any) -> Descent:
    return Descent(params, options["lr"])


def _hides_its_keywords() -> OptimizerSpec:
    """A decorated factory may show another signature than it has."""
    honest = spec()
    setattr(  # noqa: B010
        _swallows_options, "__signature__", inspect.signature(honest.factory)
    )
    return replace(honest, factory=_swallows_options)


BROKEN: dict[str, OptimizerSpec] = {
    "builds_from_defaults": replace(spec(), defaults={"opt.lr": -1.0}),
    "builds_in_its_whole_space": replace(spec(), factory=_narrow),
    "refuses_unknown_knobs": _hides_its_keywords(),
    "names_its_sources": replace(spec(), space=Space((replace(LR, source=""),))),
    "is_deterministic": spec(Random),
    "descends_on_a_quadratic": spec(Ascent),
    "keeps_its_budget": spec(Uncharged),
    "costs_what_it_declares": spec(Twice),
    "isolates_nan": spec(NanSpreads),
    "reports_closure_errors": spec(SwallowsErrors),
    "continues_from_its_state_dict": spec(HiddenState),
    "continues_from_a_file": spec(OddState),
    "continues_from_a_deep_copy": spec(LostAttribute),
    "leaves_no_graph": spec(KeepsGraph),
    "stacks_like_single_runs": spec(MixedReplicas),
    "splits_into_groups": spec(GroupNorms),
    "reads_lr_per_group": spec(FirstGroupRules),
    "follows_a_scheduler": spec(RemembersRate),
    "runs_in_every_dtype": spec(ChangesDtype),
}
