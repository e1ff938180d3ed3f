"""FlowAdam's replica-steps per second: this package's way against the published one.

``python benchmarks/replica_steps.py`` takes some minutes. The published way is R separate runs
with a gathering autograd closure and torchdiffeq's dopri5 at every flow step; ours is one stacked
run with the closed-form gradient and the ladder. Both train matrix completion with preset B, from
the same start, one thread, taking turns in one process; medians of CPU time over rounds. The
table prints medians over five processes, and the ratio with its smallest and largest value.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import processes
import torch
from torch import Tensor

import trainables
from flowadam.optim import FlowAdam
from trainables.completion.completion import CompletionTask

ROUNDS = 5
RATE, PENALTY = 0.01, 1e-5
BURN_IN = 30
"""Steps before the first measured one: the first eleven never flow."""


def published(task: CompletionTask, seed: int) -> Callable[[], object]:
    """Return one step of a separate run, gathered and by dopri5."""
    data = task.data()
    start = task.make([seed]).params
    u, v = (p.detach()[0].t().contiguous().requires_grad_() for p in start)
    rows, cols = (torch.as_tensor(a, dtype=torch.int64) for a in (data.train.rows, data.train.cols))
    values = torch.as_tensor(data.train.values)
    optimizer = FlowAdam.published([u, v], lr=RATE)

    def closure() -> Tensor:
        optimizer.zero_grad()
        errors = (u[rows] * v[cols]).sum(1) - values
        loss = errors.square().mean() + PENALTY * (u.square().sum() + v.square().sum())
        loss.backward()
        return loss

    return lambda: optimizer.step(closure)


def ours(task: CompletionTask, replicas: int) -> Callable[[], object]:
    """Return one step of a stacked run."""
    problem = task.make(range(replicas), penalty=PENALTY)
    optimizer = FlowAdam(problem.params, lr=RATE, stacked=True, deterministic=True)
    return lambda: optimizer.step(problem.closure)


def seconds(steps: list[Callable[[], object]], count: int) -> float:
    """Return CPU seconds per call of every step function, called in turn."""
    began = time.process_time()
    for _ in range(count):
        for step in steps:
            step()
    return (time.process_time() - began) / count


def compare(task: CompletionTask, replicas: int) -> list[float]:
    """Return replica-steps per second of both ways."""
    separate = [published(task, seed) for seed in range(replicas)]
    stacked = [ours(task, replicas)]
    seconds(separate, BURN_IN)
    seconds(stacked, BURN_IN)
    counts = 40 // replicas, 200
    times = [(seconds(separate, counts[0]), seconds(stacked, counts[1])) for _ in range(ROUNDS)]
    return [replicas / median(column) for column in zip(*times, strict=True)]


def measured() -> processes.Table:
    """Return the figures of every size and number of replicas."""
    torch.set_num_threads(1)
    table: processes.Table = {}
    for size in ("small", "large"):
        task = trainables.get(f"matrix_completion_{size}")
        assert isinstance(task, CompletionTask)
        for replicas in (1, 5):
            table[f"{task.name:26} R = {replicas}"] = compare(task, replicas)
    return table


def main() -> None:
    """Print the table."""
    found = processes.gather(__file__, measured)
    if found is None:
        return
    heads = ("published", "ours", "ratio")
    print("\nFlowAdam, replica-steps per second\n{:34}{:>10}{:>10}{:>21}".format("", *heads))
    for name in found[0]:
        theirs, mine = zip(*(table[name] for table in found), strict=True)
        ratio = processes.middle([own / other for other, own in zip(theirs, mine, strict=True)])
        print(f"  {name:32}{median(theirs):10.0f}{median(mine):10.0f}{ratio:>21}")


if __name__ == "__main__":
    main()
