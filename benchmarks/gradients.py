"""Time of one gradient: the closed form against autograd through gathered rows.

Run ``OMP_NUM_THREADS=1 python benchmarks/gradients.py``. Both forms compute the same loss with an
L2 penalty and the gradients of both factors, float32, one thread; CPU time, the smallest of
interleaved rounds of one process. The table prints the median milliseconds per gradient and
replica over five processes, and the ratio with its smallest and largest value.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import numpy as np
import processes
import torch

import trainables
from trainables.cells import Cells, SplitCells
from trainables.completion.completion import CompletionTask
from trainables.completion.factorization import FactorizationProblem, starting_factors
from trainables.setup import Setup

PENALTY = 1e-5
SECONDS = 4.0
"""Time spent on each size."""

BURST_SECONDS = 0.02


def main() -> None:
    found = processes.gather(__file__, measured)
    if found is None:
        return
    heads = ("gather autograd", "closed R=1", "ratio", "closed R=5", "ratio")
    print("{:26}{:>16}{:>12}{:>19}{:>12}{:>19}".format("ms per gradient", *heads))
    for name in found[0]:
        gather, single, block = zip(*(table[name] for table in found), strict=True)
        ratios = [
            processes.middle([g / own for g, own in zip(gather, closed, strict=True)])
            for closed in (single, block)
        ]
        middles = map(median, (gather, single, block))
        print("{:26}{:16.3f}{:12.3f}{r[0]:>19}{:12.3f}{r[1]:>19}".format(name, *middles, r=ratios))


def measured() -> processes.Table:
    """Return milliseconds of the three forms by size, per replica."""
    torch.set_num_threads(1)
    table: processes.Table = {}
    for name, rank, data in (
        _published("small"),
        _published("medium"),
        _published("large"),
        _jester(),
    ):
        one, five = (_problem(data, rank, count) for count in (1, 5))
        gather, single, block = _best([_gather(data, rank), one.closure, five.closure])
        table[name] = [gather, single, block / 5]
    return table


def _published(size: str) -> tuple[str, int, SplitCells]:
    task = trainables.get(f"matrix_completion_{size}")
    assert isinstance(task, CompletionTask)
    data = task.data()
    return f"{size}, {data.shape[0]} x {data.shape[1]}", task.rank, data


def _jester() -> tuple[str, int, SplitCells]:
    """Random ratings in Jester's shape, 24,983 x 100, 1.27 million of them in training."""
    rng = np.random.default_rng(0)
    shape = (24_983, 100)
    chosen = np.sort(rng.permutation(shape[0] * shape[1])[:1_267_319])
    rows, cols = (a.astype(np.int32) for a in np.divmod(chosen, shape[1]))
    train = Cells(rows, cols, rng.standard_normal(len(rows)).astype(np.float32))
    few = train[np.arange(10)]
    return "Jester size, 24983 x 100", 20, SplitCells(shape, train, few, few, 0.0)


def _problem(data: SplitCells, rank: int, count: int) -> FactorizationProblem:
    setup = Setup.check(
        range(count), penalty=PENALTY, test_unlocked=False, device="cpu", dtype="float32"
    )
    factors = starting_factors(setup, "benchmark", data.shape, rank)
    return FactorizationProblem(data, factors, setup)


def _gather(data: SplitCells, rank: int) -> Callable[[], object]:
    """Return the closure of the published scripts: gather rows, multiply, sum, backward."""
    rows, cols = (torch.tensor(a, dtype=torch.int64) for a in (data.train.rows, data.train.cols))
    values = torch.tensor(data.train.values)
    u, v = (torch.randn(size, rank).mul_(0.1).requires_grad_() for size in data.shape)

    def closure() -> torch.Tensor:
        u.grad = v.grad = None
        loss = ((u[rows] * v[cols]).sum(1) - values).square().mean()
        loss = loss + PENALTY * (u.square().sum() + v.square().sum())
        loss.backward()
        return loss

    return closure


def _best(closures: list[Callable[[], object]]) -> list[float]:
    """Return CPU milliseconds per call of each closure: the best burst of interleaved rounds.

    A burst is a few calls in a row, as in training, so that each form finds its own data in cache.
    """
    best = [float("inf")] * len(closures)
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        for i, closure in enumerate(closures):
            best[i] = min(best[i], _burst(closure))
    return best


def _burst(closure: Callable[[], object]) -> float:
    start, calls = time.process_time(), 0
    while calls < 2 or time.process_time() - start < BURST_SECONDS:
        closure()
        calls += 1
    return (time.process_time() - start) * 1e3 / calls


if __name__ == "__main__":
    main()
