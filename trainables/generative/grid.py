"""A grid world with the hyper-grid reward: states, parents, children and the exact target."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RIGHT, UP, STOP = 0, 1, 2
ACTIONS = 3


@dataclass(frozen=True, eq=False)
class Grid:
    """An n x n grid; state s = n i + j; actions: i + 1, j + 1 (inside the grid), or stop.

    Args:
        side: n.
        reward: R > 0 of stopping in each state, float64 [n * n].
        child: int64 [n * n, 2], the state that each move leads to, -1 outside the grid.
        parent: int64 [n * n, 2], the state that each move comes from, -1 outside the grid.
    """

    side: int
    reward: NDArray[np.float64]
    child: NDArray[np.int64]
    parent: NDArray[np.int64]

    @property
    def target(self) -> NDArray[np.float64]:
        """The distribution of final states that is aimed at, R / sum R."""
        return self.reward / self.reward.sum()


def hyper_grid(side: int) -> Grid:
    """Return the grid with the reward .1 + .5 [both in the outer quarters] + 2 [both in the ring].

    With x = |i / (n - 1) - 1/2| for either coordinate, the outer quarters are x > .25 and the ring
    is .3 < x < .4: four modes, one in each corner. Source: E. Bengio et al., Flow Network based
    Generative Models, 2021.
    """
    states = np.arange(side * side)
    i, j = np.divmod(states, side)
    x = np.abs(np.stack([i, j]) / (side - 1) - 0.5)
    outer, ring = (x > 0.25).all(0), ((x > 0.3) & (x < 0.4)).all(0)
    reward = np.where(outer, 0.6, 0.1) + np.where(ring, 2.0, 0.0)
    last = side - 1
    child = np.where(np.stack([i, j], 1) < last, states[:, None] + [side, 1], -1)
    parent = np.where(np.stack([i, j], 1) > 0, states[:, None] - [side, 1], -1)
    return Grid(side, reward, child, parent)


def terminal_distribution(grid: Grid, policy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the chance that a walk from state 0 stops in each state, [n * n].

    A child has a higher number than its parents, so one pass in the order of the numbers is
    exact.

    Args:
        policy: chance of each action in each state, [n * n, 3]; impossible moves have chance 0.
    """
    visits = np.zeros(len(grid.reward))
    visits[0] = 1.0
    for state, (moves, chances) in enumerate(zip(grid.child, policy, strict=True)):
        for move in (RIGHT, UP):
            if moves[move] >= 0:
                visits[moves[move]] += visits[state] * chances[move]
    return visits * policy[:, STOP]


def uniform_policy(grid: Grid) -> NDArray[np.float64]:
    """Return equal chances of all actions that are possible, [n * n, 3]."""
    possible = np.concatenate([grid.child >= 0, np.ones((len(grid.child), 1), dtype=bool)], 1)
    return possible / possible.sum(1, keepdims=True)


def distances(grid: Grid, p: NDArray[np.float64]) -> dict[str, float]:
    """Return "l1" = sum |p - target| and "kl" = sum target log(target / p)."""
    t = grid.target
    return {"l1": float(np.abs(p - t).sum()), "kl": float((t * np.log(t / p)).sum())}
