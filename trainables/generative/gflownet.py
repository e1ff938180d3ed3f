"""Flow matching on a grid whose states are all enumerated, R replicas."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from trainables.generative.grid import ACTIONS, STOP, Grid
from trainables.modules import ModuleProblem, stacked_module
from trainables.setup import Setup


class GFlowNetProblem(ModuleProblem[None]):
    """Squared mismatch of log flows in the states that a batch of trajectories visits.

    The network gives log F(s, a) for each state and action. In a state s other than the first, the
    flows that come in must be equal to those that go out, and the flow of stopping to the reward:

        L = mean over visits of (log sum_in F - log sum_out F)^2 and (log F(s, stop) - log R(s))^2.

    Each trajectory ends in a state drawn with equal chances and goes back to the first state
    through parents drawn with equal chances. So batches are functions of (seed, step), not of the
    parameters, and every state is visited however the policy looks; flow matching needs no
    trajectories of its own policy. A trajectory of n states counts n - 1 mismatches of the first
    kind and one of the second. Metrics: see `grid.distances`, exact, for the policy
    F(s, a) / sum F(s, .); the same for validation and test, since nothing is estimated.

    Args:
        grid: the states.
        hidden: width of the two hidden layers, tanh; the input is the one-hot code of i and j.
        trajectories: of a step.
    """

    def __init__(
        self, grid: Grid, *, hidden: int, trajectories: int, name: str, setup: Setup
    ) -> None:
        parts = dict.fromkeys(setup.splits())
        module, params = stacked_module(lambda: _network(2 * grid.side, hidden), name, setup)
        super().__init__(module, params, parts, name=name, setup=setup)
        self._side, self._trajectories = grid.side, trajectories
        self._inputs = setup.tensor(one_hot(grid.side))
        self._reward, self._target = setup.tensor(grid.reward), setup.tensor(grid.target)
        self._log_reward = self._reward.log()
        self._parent, self._inside = setup.index(grid.parent.clip(0)), setup.index(grid.parent) >= 0
        outside = setup.index(grid.child) < 0
        self._outside = torch.cat([outside, torch.zeros_like(outside[:, :1])], 1)

    def _batch_loss(self, r: int, weights: tuple[Tensor, ...]) -> Tensor:
        inner, ends = visits(self._side, self._trajectories, self.noise(r, "trajectories"))
        inner, ends = (t.to(self._reward) for t in (inner, ends))
        flows = self._log_flows(weights)
        balance = (self._log_inflow(flows) - flows[1:].logsumexp(1)).square()
        stopping = (flows[:, STOP] - self._log_reward).square()
        return (inner[1:] @ balance + ends @ stopping) / (inner[1:].sum() + ends.sum())

    def _log_flows(self, weights: tuple[Tensor, ...]) -> Tensor:
        """Return log F [states, 3], -inf for moves that leave the grid."""
        return self.run(weights, self._inputs).masked_fill(self._outside, -torch.inf)

    def _log_inflow(self, flows: Tensor) -> Tensor:
        """Return the log of the flow into each state but the first."""
        moves = torch.arange(2, device=flows.device)
        arriving = flows[self._parent, moves].masked_fill(~self._inside, -torch.inf)
        return arriving[1:].logsumexp(1)

    def _score(self, weights: tuple[Tensor, ...], part: None) -> dict[str, Tensor]:
        p, t = self._terminal(self._log_flows(weights).softmax(1)), self._target
        return {"l1": (p - t).abs().sum(), "kl": (t * (t / p).log()).sum()}

    def _terminal(self, policy: Tensor) -> Tensor:
        """Return the chance of stopping in each state, one diagonal of the grid after another."""
        reached = torch.zeros_like(self._target)
        reached[0] = 1
        arriving = policy[self._parent, torch.arange(2, device=policy.device)] * self._inside
        now = reached
        for _ in range(2 * (self._side - 1)):
            now = (now[self._parent] * arriving).sum(1)
            reached = reached + now
        return reached * policy[:, STOP]


def visits(side: int, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return how often `count` trajectories pass each state, and how often they end there, int64.

    The last state of a trajectory is passed too. Both are [side * side].
    """
    state = torch.randint(side * side, (count,), generator=generator)
    ends = state.bincount(minlength=side * side)
    coins = torch.randint(2, (2 * side, count), generator=generator)
    passed = ends
    for coin in coins:
        i, j = state // side, state % side
        back = torch.where((i > 0) & ((j == 0) | (coin == 0)), side, 1)
        moving = state > 0
        state = torch.where(moving, state - back, 0)
        passed = passed + state[moving].bincount(minlength=side * side)
    return passed, ends


def one_hot(side: int) -> Tensor:
    """Return the inputs [side * side, 2 side]: the one-hot codes of i and of j."""
    eye = torch.eye(side)
    return torch.cat([eye.repeat_interleave(side, 0), eye.repeat(side, 1)], 1)


def _network(inputs: int, hidden: int) -> nn.Module:
    first, second = nn.Linear(inputs, hidden), nn.Linear(hidden, hidden)
    return nn.Sequential(first, nn.Tanh(), second, nn.Tanh(), nn.Linear(hidden, ACTIONS))
