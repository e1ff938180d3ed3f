"""Optimizers that cannot act on a leading replica axis run once per replica, on views."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import torch

from flowadam.seeds import derive

Closure = Callable[..., torch.Tensor]
Differentiate = Callable[[int, Sequence[torch.Tensor]], torch.Tensor]
AtPoints = Callable[[int, Sequence[torch.Tensor]], tuple[torch.Tensor, list[torch.Tensor]]]


class Stepper(Protocol):
    """What a training loop needs of an optimizer over stacked parameters."""

    def step(self, closure: Closure) -> Any: ...
    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state_dict: dict[str, Any]) -> None: ...


@dataclass(frozen=True)
class OwnClosure:
    """One replica's closure: called, it fills the gradients of the optimizer's tensors.

    Args:
        at_points: returns losses and gradients at several points at once, or None.
    """

    evaluate: Callable[[], torch.Tensor]
    at_points: Callable[[Sequence[torch.Tensor]], tuple[torch.Tensor, list[torch.Tensor]]] | None

    def __call__(self) -> torch.Tensor:
        return self.evaluate()


class SplitOptimizer:
    """R optimizers, one per replica, each on leaf views of the stacked parameters.

    What an optimizer draws from torch's global generator is a function of its run's seed and the
    number of the step, and the generator is afterwards as it was.

    Args:
        params: stacked tensors [R, ...].
        build: makes an optimizer for a list of leaf tensors.
        live: Bool[R] on the CPU, read at each step: the replicas that are still stepped.
        seeds: the run's seed of each replica.
        differentiate: ``GradMeter.differentiate`` for optimizers that differentiate gradients;
            None leaves them those of the closure, without a graph.
        at_points: ``GradMeter.at_points`` where the problem has ``losses``.
    """

    def __init__(
        self,
        params: list[torch.Tensor],
        build: Callable[[list[Any]], Any],
        live: torch.Tensor,
        seeds: Sequence[int],
        differentiate: Differentiate | None = None,
        at_points: AtPoints | None = None,
    ) -> None:
        self._params, self._live, self._seeds = params, live, list(seeds)
        self._differentiate, self._at_points = differentiate, at_points
        # Plain leaf views, not nn.Parameter: a deep copy of those no longer shares its storage.
        self._leaves = [[p.data[r].requires_grad_() for p in params] for r in range(len(live))]
        self.optimizers = [build(leaves) for leaves in self._leaves]
        self._k = 0

    def step(self, closure: Closure) -> torch.Tensor:
        """Step every live replica with its own closure; return the losses [R], nan elsewhere."""
        losses = self._params[0].new_full((len(self.optimizers),), torch.nan, requires_grad=False)
        for r in self._live.nonzero().flatten().tolist():
            with _own_generator(losses.device, self._seeds[r], self._k):
                losses[r] = self._step_one(r, closure)
        self._k += 1
        return losses

    def state_dict(self) -> dict[str, Any]:
        return {"replicas": [o.state_dict() for o in self.optimizers], "k": self._k}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        for optimizer, state in zip(self.optimizers, state_dict["replicas"], strict=True):
            optimizer.load_state_dict(state)
        self._k = state_dict["k"]

    def _step_one(self, r: int, closure: Closure) -> torch.Tensor:
        evaluate = self._copied if self._differentiate is None else self._differentiated
        points = partial(self._at_points, r) if self._at_points else None
        own = OwnClosure(partial(evaluate, r, closure), points)
        try:
            return torch.as_tensor(self.optimizers[r].step(own)).detach()
        finally:
            for leaf in self._leaves[r]:
                leaf.grad = None

    def _copied(self, r: int, closure: Closure) -> torch.Tensor:
        """Copy the closure's gradients of replica r to its leaves; return its loss."""
        only = torch.zeros(len(self.optimizers), dtype=torch.bool)
        only[r] = True
        loss = closure(only)[r].clone()
        for leaf, p in zip(self._leaves[r], self._params, strict=True):
            leaf.grad = None if p.grad is None else p.grad[r].clone()
        return loss

    def _differentiated(self, r: int, closure: Closure) -> torch.Tensor:
        assert self._differentiate is not None
        return self._differentiate(r, self._leaves[r])


@contextmanager
def _own_generator(device: torch.device, seed: int, k: int) -> Iterator[None]:
    """Give the global generators the state of step k of the run `seed`, and then their own back."""
    generators = [torch.default_generator]
    if device.type == "cuda":
        generators.append(torch.cuda.default_generators[device.index or 0])
    before = [generator.get_state() for generator in generators]
    try:
        for generator in generators:
            generator.manual_seed(derive("optimizer", seed, k))
        yield
    finally:
        for generator, state in zip(generators, before, strict=True):
            generator.set_state(state)
