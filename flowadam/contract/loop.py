"""An ordinary training loop: somebody drops the optimizer into code that knows nothing of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from flowadam.contract.modules import batch
from flowadam.space import Values
from flowadam.spec import OptimizerSpec
from flowadam.training import one_thread


class Loop:
    """``optimizer.step(closure)`` with the closure of torch's documentation, step after step.

    A spec with ``needs_graph`` gets gradients that carry a graph. The global random state is a
    function of the step's number while the optimizer works, as if it were part of checkpoints.

    Args:
        module: ``module(batch) -> loss``.
        values: every option.
        params: what the optimizer is given: parameters or groups; default all of the module's.
        noisy: every step has its own batch; otherwise all have the same.
        forward: what the closure calls in place of the module.
        rank: whose batches are used.

    Attributes:
        params: the module's parameters.
        steps: steps made.
        evaluations: calls of the closure.
    """

    def __init__(
        self,
        spec: OptimizerSpec,
        module: nn.Module,
        values: Values,
        *,
        params: Sequence[Any] | None = None,
        noisy: bool = False,
        forward: Callable[[Tensor], Tensor] | None = None,
        rank: int = 0,
    ) -> None:
        self.module = module
        self.params = list(self.module.parameters())
        self.optimizer: Any = spec.build(
            self.params if params is None else list(params),
            values,
            stacked=False,
            deterministic=not noisy,
        )
        self.steps = self.evaluations = 0
        self._noisy, self._rank, self._graph = noisy, rank, spec.needs_graph
        self._forward = self.module if forward is None else forward

    def advance(self, until: int, closure: Callable[[], Tensor] | None = None) -> None:
        """Make steps until there are `until`, with `closure` in place of the usual one."""
        self.repeat(until, lambda: self.optimizer.step(closure or self.closure))

    def repeat(self, until: int, step: Callable[[], Any]) -> None:
        """Do `step` until there were `until`, whatever the loop writes for a step."""
        with one_thread(), torch.random.fork_rng(devices=[]):
            while self.steps < until:
                torch.default_generator.manual_seed(self.steps)
                step()
                self.steps += 1

    def closure(self) -> Tensor:
        """Clear gradients, evaluate the loss on the batch of this step, go backward."""
        self.evaluations += 1
        self.optimizer.zero_grad()
        loss = self.loss()
        self.backward(loss)
        return loss

    def loss(self) -> Tensor:
        """Return the loss on the batch of this step."""
        x = batch(self.steps if self._noisy else 0, rank=self._rank).to(self.params[0].device)
        return self._forward(x)

    def backward(self, loss: Tensor) -> None:
        """Fill gradients; with a graph they come from ``torch.autograd.grad``, which leaks none."""
        if not self._graph:
            loss.backward()
            return
        live = [p for p in self.params if p.requires_grad]
        gradients = torch.autograd.grad(loss, live, create_graph=True, allow_unused=True)
        for p, gradient in zip(live, gradients, strict=True):
            p.grad = gradient

    def state_dict(self) -> dict[str, Any]:
        """Return what a user saves: module and optimizer."""
        return {
            "module": deepcopy(self.module.state_dict()),
            "optimizer": deepcopy(self.optimizer.state_dict()),
            "steps": self.steps,
            "evaluations": self.evaluations,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from `state`."""
        self.module.load_state_dict(state["module"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.steps, self.evaluations = state["steps"], state["evaluations"]


def weights_of(loop: Loop) -> list[Tensor]:
    """Return copies of the parameters."""
    return [p.detach().clone() for p in loop.params]
