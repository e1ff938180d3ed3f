"""Checks of training in two processes on one machine, over gloo on the loopback interface."""

from __future__ import annotations

import torch
from torch import Tensor

from flowadam.contract.drive import require_equal
from flowadam.contract.loop import weights_of
from flowadam.contract.modules import Regression, batch
from flowadam.contract.pair import Job, Seen, Wrapper, run_pair
from flowadam.contract.rank import STEPS
from flowadam.contract.result import require
from flowadam.contract.working import ordinary
from flowadam.spec import OptimizerSpec

RTOLS: dict[Wrapper, float] = {"replicated": 1e-9, "sharded": 1e-2}
"""Gradients are averaged in another order; Muon works in bfloat16, and on shards in another order.

The norm of a shard in place of the tensor's is off by more.
"""
REFUSALS = ("shard", "DTensor")
"""What a message must speak of to be about shards, whoever raised it."""


def agrees_across_processes(spec: OptimizerSpec) -> None:
    """Under DistributedDataParallel, with other data in each process, both do the same.

    Weights, calls of the closure and FlowAdam's decisions are equal, and the weights are those of
    one process that sees the data of both.
    """
    judge(("replicated", spec), _seen("replicated", spec))


def refuses_or_trains_sharded_parameters(spec: OptimizerSpec) -> None:
    """Under ``fully_shard`` training is that of one process, or ends with a sentence about shards.

    The norm of a shard is not the norm of the tensor, and nobody would notice.
    """
    judge(("sharded", spec), _seen("sharded", spec))


def judge(job: Job, seen: Seen) -> None:
    """Raise ContractBroken unless what two processes saw of a job keeps the contract."""
    wrapper, spec = job
    errors = [own["error"] for own in seen if "error" in own]
    if wrapper == "sharded" and len(errors) == 2 and all(map(_speaks_of_shards, errors)):
        return
    require(not errors, f"Of two processes failed: {'; '.join(errors)}")
    first, second = seen
    for what in ("evaluations", "decisions", "weights"):
        require(
            first[what] == second[what],
            f"The {what} of two processes are {first[what]} and {second[what]}.",
        )
    weights = [torch.tensor(values, dtype=torch.float64) for values in first["weights"]]
    rule = "Two processes must train like one that sees the data of both"
    require_equal(weights, _alone(spec), rule, RTOLS[wrapper])


def _speaks_of_shards(error: str) -> bool:
    return any(word in error for word in REFUSALS)


def _seen(wrapper: Wrapper, spec: OptimizerSpec) -> Seen:
    """Return what two processes saw of a spec; both checks share one pair, which takes seconds."""
    wrappers: tuple[Wrapper, ...] = ("replicated", "sharded")
    return run_pair([(each, spec) for each in wrappers])[wrappers.index(wrapper)]


def _alone(spec: OptimizerSpec) -> list[Tensor]:
    """Return the weights of one process whose loss is the mean over the data of both."""
    module = Regression()

    def forward(x: Tensor) -> Tensor:
        return (module(x) + module(batch(loop.steps, rank=1))) / 2

    loop = ordinary(spec, module, noisy=True, forward=forward)
    loop.advance(STEPS)
    return weights_of(loop)
