"""What each of two processes does that train together.

It reads ``jobs`` (pickled by the check that started it), runs them in order, and writes what it
saw of each as one JSON line to ``RANK.jsonl``.
"""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from flowadam.contract.loop import Loop
from flowadam.contract.modules import Regression
from flowadam.contract.working import ordinary
from flowadam.spec import OptimizerSpec

STEPS = 30
MEETING, COLLECTIVE = timedelta(seconds=120), timedelta(seconds=30)
"""How long a process waits for the other between jobs, and within one."""

Outcome = dict[str, Any]


def main(folder: Path, rank: int) -> None:
    """Run every job, each in a process group of its own: a broken one cannot disturb the next."""
    torch.set_num_threads(1)
    jobs = pickle.loads((folder / "jobs").read_bytes())
    with (folder / f"{rank}.jsonl").open("w") as lines:
        for number, (wrapper, spec) in enumerate(jobs):
            _meet(folder / f"store {number}", rank)
            outcome = _outcome(spec, WRAPPERS[wrapper], rank)
            dist.destroy_process_group()
            lines.write(json.dumps(outcome) + "\n")
            lines.flush()
    # Threads of gloo that are still there when Python ends would end it with an abort.
    os._exit(0)


def _meet(path: Path, rank: int) -> None:
    """Open a process group over a file: no port is taken, and gloo itself stays on loopback."""
    store = dist.FileStore(str(path), 2)  # pyright: ignore[reportPrivateImportUsage]
    store.set_timeout(MEETING)
    store.set(f"here {rank}", "")
    store.wait(["here 0", "here 1"], MEETING)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=2, timeout=COLLECTIVE)


def _outcome(spec: OptimizerSpec, wrap: Callable[[nn.Module], Any], rank: int) -> Outcome:
    try:
        return _train(spec, wrap, rank)
    except Exception as error:  # whatever breaks is a finding; the parent words it
        return {"error": f"{type(error).__name__}: {error}"}


def _train(spec: OptimizerSpec, wrap: Callable[[nn.Module], Any], rank: int) -> Outcome:
    """Train with other data in each process; return what must be equal in both."""
    module = Regression()
    wrapped = wrap(module)

    def forward(x: Tensor) -> Tensor:
        _keep_pace(loop)
        return wrapped(x)

    loop = ordinary(spec, module, noisy=True, forward=forward, rank=rank)
    loop.advance(STEPS)
    _keep_pace(loop)
    stats = getattr(loop.optimizer, "flow_stats", dict)()
    return {
        "weights": [_whole(p).tolist() for p in loop.params],
        "evaluations": loop.evaluations,
        "decisions": {name: str(count) for name, count in stats.items()},
    }


def _keep_pace(loop: Loop) -> None:
    """Raise in both processes when one evaluates more often in a step: gloo would end them."""
    own = torch.tensor([loop.steps, loop.evaluations])
    both = [torch.zeros_like(own), torch.zeros_like(own)]
    dist.all_gather(both, own)
    if not torch.equal(*both):
        places = [f"step {step + 1} at evaluation {number}" for step, number in torch.stack(both)]
        raise RuntimeError(f"One process is in {places[0]}, the other in {places[1]}.")


def _whole(p: Tensor) -> Tensor:
    value: Any = p.detach()
    return value.full_tensor() if hasattr(value, "full_tensor") else value


def _replicate(module: nn.Module) -> Any:
    return nn.parallel.DistributedDataParallel(module)


def _shard(module: nn.Module) -> Any:
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    return fully_shard(module, mesh=init_device_mesh("cpu", (2,)))


WRAPPERS: dict[str, Callable[[nn.Module], Any]] = {"replicated": _replicate, "sharded": _shard}
