"""Jester and MovieLens-100K as published; nothing is claimed of them in numbers that are checked.

Jester is the paper's compute-matched comparison: 80/20 without a validation part, centered with the
mean of all ratings, test included, every rate .01, Adam also with five times the steps. MovieLens
fits biases first, by Adam until 50 epochs bring nothing on validation, then factors to what they
leave, until 100 steps bring nothing.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.optim import Adam

from flowadam import datasets
from trainables.cells import Cells, SplitCells
from trainables.completion.factorization import FactorizationProblem
from trainables.published import draws
from trainables.published.contenders import DECAY, PRESET_B, adam, adamw, flowadam
from trainables.published.scenario import Contender, Scenario, tested

RANK, RATE = 20, 0.01
BIAS_EPOCHS, BIAS_PATIENCE = 500, 50
LONG = 5000
"""Steps of "adam, 5000 steps": about as many as FlowAdam takes gradients."""


def jester(seed: int, penalty: float) -> FactorizationProblem:
    """Draw split and start of one seed by the generator calls of the published script."""
    cells = Cells(*datasets.ratings("jester1"))
    order = np.random.default_rng(seed).permutation(len(cells))
    test = len(cells) // 5
    center = float(cells.values.mean(dtype=np.float64))
    train = cells[order[test:]]
    shape = _shape(cells)
    # There is no validation part; ten training ratings fill its place and are not read.
    data = SplitCells(shape, train, train[np.arange(10)], cells[order[:test]], center)
    return _problem(data, seed, penalty)


def movielens(seed: int, penalty: float) -> FactorizationProblem:
    """Return stage two of one seed: the residuals of the biases that stage one has fitted."""
    cells = Cells(*datasets.ratings("ml100k"))
    order = np.random.RandomState(seed).permutation(len(cells))
    test, held_out = len(cells) // 5, len(cells) // 5 + len(cells) // 10
    parts = cells[order[held_out:]], cells[order[test:held_out]], cells[order[:test]]
    mean = float(parts[0].values.mean(dtype=np.float64))
    users, items = _biases(parts[0], parts[1], mean, _shape(cells))
    rest = [
        Cells(p.rows, p.cols, (p.values - mean - users[p.rows] - items[p.cols]).astype(np.float32))
        for p in parts
    ]
    return _problem(SplitCells(_shape(cells), *rest, center=0.0), seed, penalty)


def _biases(
    train: Cells, val: Cells, mean: float, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Fit user and item biases by full-batch Adam; return those of the best validation RMSE."""
    biases = [torch.zeros(size, requires_grad=True) for size in shape]
    optimizer = Adam(biases, lr=RATE)
    best, kept, since = np.inf, [b.detach().clone() for b in biases], 0
    for _ in range(BIAS_EPOCHS):
        optimizer.zero_grad()
        _errors(biases, train, mean).square().mean().backward()
        optimizer.step()
        with torch.no_grad():
            found = float(_errors(biases, val, mean).square().mean())
        since = 0 if found < best else since + 1
        if found < best:
            best, kept = found, [b.detach().clone() for b in biases]
        if since >= BIAS_PATIENCE:
            break
    return kept[0].numpy(), kept[1].numpy()


def _errors(biases: list[Tensor], cells: Cells, mean: float) -> Tensor:
    rows, cols = (torch.from_numpy(a.astype(np.int64)) for a in (cells.rows, cells.cols))
    return biases[0][rows] + biases[1][cols] + mean - torch.from_numpy(cells.values)


def _shape(cells: Cells) -> tuple[int, int]:
    return int(cells.rows.max()) + 1, int(cells.cols.max()) + 1


def _problem(data: SplitCells, seed: int, penalty: float) -> FactorizationProblem:
    start = draws.factors(seed, data.shape, RANK)
    return FactorizationProblem(data, start, draws.one_run(seed, penalty))


_BOTH: dict[str, Contender] = {"adam": adam(RATE), "flowadam": flowadam(RATE, PRESET_B)}
_DECAYS = {f"adamw, decay {decay:g}": adamw(RATE, decay) for decay in (1e-5, 1e-4, 1e-3, 1e-2)}

SCENARIOS = {
    "jester": Scenario(
        name="jester",
        key="-",
        metric="test RMSE",
        steps=1000,
        problem=jester,
        contenders={
            **_BOTH,
            **_DECAYS,
            f"adam, {LONG} steps": adam(RATE, steps=LONG),
            "adam, penalty in the loss": adam(RATE, 2 * DECAY),
        },
        claims={},
        score=tested("rmse"),
        seeds=(42, 123, 456, 789, 1024),
        data="jester1",
    ),
    "movielens_residual": Scenario(
        name="movielens_residual",
        key="-",
        metric="test RMSE",
        steps=2000,
        problem=movielens,
        contenders={**_BOTH, "adam, penalty in the loss": adam(RATE, 2 * DECAY)},
        claims={},
        score=tested("rmse"),
        seeds=(42, 123, 456),
        patience=100,
        data="ml100k",
    ),
}
