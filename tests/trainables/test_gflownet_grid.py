"""Flow matching on the grid: exact distributions, flows by hand, batches by (seed, step)."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from flowadam.errors import InputError
from trainables.generative.gflownet import GFlowNetProblem, visits
from trainables.generative.gflownet_grid import GFlowNetGrid, gflownet_grid
from trainables.generative.grid import (
    Grid,
    distances,
    hyper_grid,
    terminal_distribution,
    uniform_policy,
)


def some_policy(grid: Grid, seed: int) -> NDArray[np.float64]:
    chances = uniform_policy(grid) * np.random.default_rng(seed).exponential(1, (grid.side**2, 3))
    return chances / chances.sum(1, keepdims=True)


def problem_of(task: GFlowNetGrid, seeds: list[int]) -> GFlowNetProblem:
    problem = task.make(seeds, dtype="float64", test_unlocked=True)
    assert isinstance(problem, GFlowNetProblem)
    return problem


def policy_of(problem: GFlowNetProblem, r: int) -> NDArray[np.float64]:
    """Return the softmax of the network's outputs, worked out with numpy from the weights."""
    w1, b1, w2, b2, w3, b3 = (p[r].detach().numpy() for p in problem.params)
    side = w1.shape[1] // 2
    x = np.zeros((side * side, 2 * side))
    for i in range(side):
        for j in range(side):
            x[side * i + j, [i, side + j]] = 1
    z = np.tanh(np.tanh(x @ w1.T + b1) @ w2.T + b2) @ w3.T + b3
    flows = np.exp(z) * (uniform_policy(hyper_grid(side)) > 0)
    return flows / flows.sum(1, keepdims=True)


def test_the_reward_is_the_published_one() -> None:
    reward = hyper_grid(8).reward.reshape(8, 8)
    corner = np.full((4, 4), 0.1)
    corner[:2, :2] = [[0.6, 0.6], [0.6, 2.6]]
    assert reward[:4, :4] == pytest.approx(corner)
    for mirrored in (reward[::-1], reward[:, ::-1], reward.T):
        assert np.array_equal(mirrored, reward)


def test_terminal_chances_are_those_of_sampled_walks() -> None:
    grid = hyper_grid(4)
    policy = some_policy(grid, 0)
    exact = terminal_distribution(grid, policy)
    assert exact.sum() == pytest.approx(1.0, abs=1e-12)
    rng, walks = np.random.default_rng(1), 20_000
    ends = np.zeros(16)
    for coins in rng.random((walks, 7)):
        i = j = 0
        for coin in coins:
            right, up, _ = np.cumsum(policy[4 * i + j])
            if coin >= up:
                break
            i, j = (i + 1, j) if coin < right else (i, j + 1)
        ends[4 * i + j] += 1
    spread = np.sqrt(exact * (1 - exact) / walks)
    assert (np.abs(ends / walks - exact) < 5 * spread + 1e-9).all()


@pytest.mark.parametrize("side", [2, 3, 8])
def test_the_metric_is_the_exact_distance(side: int) -> None:
    problem = problem_of(gflownet_grid(side=side, hidden=7), [0, 1])
    scores = problem.evaluate("val")
    for r in (0, 1):
        grid = hyper_grid(side)
        expected = distances(grid, terminal_distribution(grid, policy_of(problem, r)))
        assert {name: float(s[r]) for name, s in scores.items()} == pytest.approx(expected)
    assert torch.equal(problem.evaluate("test")["l1"], scores["l1"])


def test_distances_by_hand() -> None:
    grid = hyper_grid(2)
    grid = Grid(2, np.array([1.0, 1.0, 2.0, 4.0]), grid.child, grid.parent)
    found = distances(grid, np.array([0.25, 0.25, 0.25, 0.25]))
    assert found == pytest.approx({"l1": 0.5, "kl": 0.25 * math.log(0.5) + 0.5 * math.log(2)})


@pytest.mark.parametrize("side", [2, 5])
def test_the_loss_by_hand(side: int) -> None:
    """Every flow and every visit summed up one by one."""
    problem = problem_of(GFlowNetGrid(side=side, hidden=3, trajectories=3), [4])
    problem.begin_step(2)
    passed, ends = (t.tolist() for t in visits(side, 3, problem.noise(0, "trajectories")))
    w1, b1, w2, b2, w3, b3 = (p[0].detach() for p in problem.params)

    def flow(i: int, j: int, action: int) -> float:
        x = torch.zeros(2 * side, dtype=torch.float64)
        x[i] = x[side + j] = 1
        z = w3 @ torch.tanh(w2 @ torch.tanh(w1 @ x + b1) + b2) + b3
        return math.exp(z[action])

    reward, total, count = hyper_grid(side).reward, 0.0, 0
    for i in range(side):
        for j in range(side):
            state = side * i + j
            total += ends[state] * (math.log(flow(i, j, 2)) - math.log(reward[state])) ** 2
            count += ends[state]
            if state:
                came = (flow(i - 1, j, 0) if i else 0) + (flow(i, j - 1, 1) if j else 0)
                gone = flow(i, j, 2) + (flow(i, j, 0) if i < side - 1 else 0)
                gone += flow(i, j, 1) if j < side - 1 else 0
                total += passed[state] * (math.log(came) - math.log(gone)) ** 2
                count += passed[state]
    assert float(problem.closure()[0]) == pytest.approx(total / count, rel=1e-10)


def test_trajectories_begin_at_the_first_state_and_end_anywhere() -> None:
    """Diagonals are passed once by each trajectory that ends on them or behind them."""
    side, count = 4, 8000
    passed, ends = (t.view(side, side) for t in visits(side, count, torch.Generator()))
    assert passed[0, 0] == ends.sum() == count
    diagonal = torch.arange(side)[:, None] + torch.arange(side)
    for d in range(2 * side - 1):
        assert passed[diagonal == d].sum() == ends[diagonal >= d].sum()
    assert (ends - count / 16).abs().max() < 5 * math.sqrt(count / 16)
    corner = float(passed[1, 0] - passed[0, 1])
    assert abs(corner) < 5 * math.sqrt(count)


def test_batches_are_functions_of_seed_and_step_and_not_of_the_parameters() -> None:
    task = GFlowNetGrid().tiny()
    problem, alone = problem_of(task, [5, 6]), problem_of(task, [6])
    losses = []
    for k in (0, 3, 0):
        problem.begin_step(k)
        losses.append(problem.closure())
        assert torch.equal(problem.closure(), losses[-1])
        problem.evaluate("val")
    assert torch.equal(losses[0], losses[2])
    assert not torch.equal(losses[0], losses[1])
    alone.begin_step(3)
    assert float(alone.closure()[0]) == pytest.approx(float(losses[1][1]), rel=1e-12)


def test_trivial_baselines() -> None:
    values = GFlowNetGrid().trivial("val")
    grid = hyper_grid(8)
    assert values["uniform"] == pytest.approx(np.abs(1 / 64 - grid.target).sum())
    assert values["random walk"] > values["uniform"] > 1


def test_second_derivatives_are_finite() -> None:
    problem = problem_of(GFlowNetGrid().tiny(), [0])
    leaves = [p.detach().clone().requires_grad_() for p in problem.params]
    first = torch.autograd.grad(problem.losses(leaves, [0]).sum(), leaves, create_graph=True)
    second = torch.autograd.grad(sum(g.square().sum() for g in first), leaves)
    assert all(s.isfinite().all() and s.abs().max() > 0 for s in second)


@pytest.mark.parametrize(("option", "value"), [("side", 1), ("hidden", 0), ("trajectories", 0.5)])
def test_wrong_options(option: str, value: object) -> None:
    with pytest.raises(InputError, match=f"`{option}` must be a whole number of at least"):
        gflownet_grid(**{option: value})


def test_adam_comes_near_the_target() -> None:
    """300 gradients; equal chances for all states are at 1.07."""
    problem = GFlowNetGrid().make([0], test_unlocked=True)
    optimizer = torch.optim.Adam(problem.params, lr=0.01)
    for k in range(300):
        problem.begin_step(k)
        optimizer.step(lambda: problem.closure().sum())
    assert float(problem.evaluate("test")["l1"][0]) < 0.2
