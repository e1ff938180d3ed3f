"""Any torch module as a problem: R copies of its weights, run one replica at a time."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.func import functional_call

from flowadam.seeds import derive
from flowadam.task import Split
from trainables.problem import Part
from trainables.setup import Setup
from trainables.stochastic import StochasticProblem


class ModuleProblem(StochasticProblem[Part]):
    """Loss of a module's output on this step's batch + penalty * sum(theta^2), by autograd.

    The module holds no numbers of its own: it is run with the weights it is given, and must have no
    buffers.

    Args:
        module: on the device "meta".
        params: its weights [R, ...], in the module's order; see `stacked_module`.
        parts, name, setup: see `StochasticProblem`.
    """

    def __init__(
        self,
        module: nn.Module,
        params: list[Tensor],
        parts: Mapping[Split, Part],
        *,
        name: str,
        setup: Setup,
    ) -> None:
        super().__init__(params, parts, name=name, setup=setup)
        self._module, self._penalty = module, setup.penalty
        self._leaves = [leaf for leaf, _ in module.named_parameters()]

    def run(self, weights: tuple[Tensor, ...], *inputs: object) -> Tensor:
        """Return the module's output with the weights of one replica."""
        return functional_call(self._module, self._named(weights), inputs)

    def _named(self, weights: tuple[Tensor, ...]) -> dict[str, Tensor]:
        """Return the module's weights by name, made from the parameters of one replica."""
        return dict(zip(self._leaves, weights, strict=True))

    def _replica_loss(self, r: int, weights: tuple[Tensor, ...]) -> Tensor:
        loss = self._batch_loss(r, weights)
        if self._penalty:
            loss = loss + self._penalty * torch.stack([w.square().sum() for w in weights]).sum()
        return loss

    @abstractmethod
    def _batch_loss(self, r: int, weights: tuple[Tensor, ...]) -> Tensor:
        """Return the loss of replica r on this step's batch, without the penalty, 0-d."""


def stacked_module(
    build: Callable[[], nn.Module], name: str, setup: Setup
) -> tuple[nn.Module, list[Tensor]]:
    """Return a module on the device "meta" and its weights [R, ...], in the module's order.

    The weights of each replica start as the module's own constructor draws them. Replica r depends
    on (name, seed r) alone. Weights are drawn in float32 on the CPU and then cast, so dtype and
    device do not change the start; torch's own random state is left alone.

    Args:
        build: makes the module, with torch's random numbers.
    """
    modules = [seeded(build, derive("init", name, seed)) for seed in setup.seeds]
    columns = zip(*(module.parameters() for module in modules), strict=True)
    params = [setup.tensor(torch.stack(column).detach()) for column in columns]
    return modules[0].to("meta"), params


def seeded(build: Callable[[], nn.Module], seed: int) -> nn.Module:
    """Return a module in float32 on the CPU, drawn from `seed` whatever torch's defaults are."""
    usual = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        with torch.random.fork_rng(devices=[]), torch.device("cpu"):
            torch.manual_seed(seed)
            return build()
    finally:
        torch.set_default_dtype(usual)
