"""Optimizers whose ranking, tunability and interactions are known, on noisy quadratics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from flowadam.contract.quadratic import QuadraticTask
from flowadam.seeds import derive
from flowadam.space import Float, Space
from flowadam.spec import OptimizerSpec
from flowadam.sweep import Catalog

RATE = 0.4
TASKS = tuple(f"bowl_{i}" for i in range(8))
LR = Float("opt.lr", 1e-6, 1.0, "test", log=True)
SCALE = Float("opt.scale", 1e-3, 1e3, "test", log=True)
PENALTY = Float("task.penalty", 1e-9, 1e-8, "test", log=True)


class Known(torch.optim.SGD):
    """Gradient descent whose every step ends `offset` beside where it should.

    Args:
        wobble: standard deviation of a draw per step, from a stream of its own.
    """

    def __init__(self, params: Any, lr: float, offset: float, wobble: float, stream: str) -> None:
        super().__init__(params, lr=lr)
        self._offset, self._wobble = offset, wobble
        self._rng = torch.Generator().manual_seed(derive("known", stream) % 2**31)

    def step(self, closure: Any = None) -> Any:
        loss = super().step(closure)
        with torch.no_grad():
            for group in self.param_groups:
                for p in group["params"]:
                    draw = torch.randn(p.shape, generator=self._rng)
                    p.add_(self._offset + self._wobble * draw)
        return loss


def _known(
    stream: str, lr: float, offset: float = 0.0, wobble: float = 0.005
) -> Callable[..., Any]:
    return lambda params: Known(params, lr, offset, wobble, f"{stream} {lr}")


def easy(params: Any, *, lr: float) -> Known:
    """Its rate hardly depends on the option: any configuration is good."""
    return _known("easy", RATE * lr**0.01)(params)


def twin(params: Any, *, lr: float) -> Known:
    """The same, with another stream of random numbers: no difference to `easy`."""
    return _known("twin", RATE * lr**0.01)(params)


def poor(params: Any, *, lr: float) -> Known:
    """As `easy`, but every step ends beside: worse everywhere."""
    return _known("poor", RATE * lr**0.01, offset=0.15)(params)


def narrow(params: Any, *, lr: float) -> Known:
    """As good as `easy` where the rate is right, which a small part of the space is."""
    return _known("narrow", min(lr, RATE))(params)


def mixed(params: Any, *, lr: float, scale: float) -> Known:
    """Its rate is a product: neither option matters but through the other."""
    return _known("mixed", min(lr * scale, RATE))(params)


def _spec(factory: Callable[..., Any], *parameters: Float) -> OptimizerSpec:
    defaults = {"opt.lr": 1e-2, "opt.scale": 1.0, "task.penalty": 1e-9}
    space = Space((*parameters, PENALTY))
    known: Mapping[str, float] = {name: defaults[name] for name in space.names}
    return OptimizerSpec(factory.__name__, factory, space, known, "test")


SPECS = {
    "mixed": _spec(mixed, LR, SCALE),
    **{f.__name__: _spec(f, LR) for f in (easy, twin, narrow, poor)},
}


@dataclass(frozen=True)
class Bowl(QuadraticTask):
    """The quadratic under a name of its own."""

    name: str = "bowl"
    budget: int = 30


def catalog() -> Catalog:
    """Return the tasks, which differ in their noise, and the optimizers."""
    tasks = {name: Bowl(noise=0.02 * (i + 1), name=name) for i, name in enumerate(TASKS)}
    return Catalog(tasks, SPECS)
