"""The meter counts where gradients are evaluated, per replica."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from flowadam.contract.faults import Counting, RaisesAt
from flowadam.contract.quadratic import QuadraticTask
from flowadam.meter import GradMeter, TimeLimitReached

R = 3
MASKS = st.one_of(st.none(), st.lists(st.booleans(), min_size=R, max_size=R))


def _meter() -> tuple[GradMeter, Counting]:
    problem = Counting(QuadraticTask().make(range(R)))
    return GradMeter(problem), problem


@given(st.lists(st.tuples(MASKS, st.lists(st.booleans(), min_size=R, max_size=R)), max_size=6))
def test_charged_is_what_was_evaluated(calls: list[tuple[list[bool] | None, list[bool]]]) -> None:
    """Whatever is asked for and whoever is live: live and asked for is evaluated and charged."""
    meter, problem = _meter()
    expected = torch.zeros(R, dtype=torch.int64)
    for active, live in calls:
        meter.live.copy_(torch.tensor(live))
        meter.closure(None if active is None else torch.tensor(active))
        expected += torch.tensor(live) & torch.tensor([True] * R if active is None else active)
    assert torch.equal(meter.used, expected)
    assert torch.equal(problem.evaluations, expected)


def test_losses_pass_through() -> None:
    meter, problem = _meter()
    assert torch.equal(meter.closure(), problem.closure())


def test_a_passed_limit_stops_the_next_evaluation() -> None:
    meter = GradMeter(QuadraticTask().make([0]), time_limit=1e-9)
    with pytest.raises(TimeLimitReached):
        meter.closure()
    assert meter.used.tolist() == [0]


# --- gradients that carry a graph -----------------------------------------------------------------


def _leaves(problem: Counting, replica: int) -> list[torch.Tensor]:
    return [p.detach()[replica].clone().requires_grad_() for p in problem.params]


def _products(leaves: list[torch.Tensor], *, together: bool, times: int) -> None:
    """Multiply the Hessian by ones, `times` times: whole, or tensor by tensor."""
    gradients = [leaf.grad for leaf in leaves]
    assert all(g is not None for g in gradients)
    parts = [gradients] if together else [[g] for g in gradients]
    for _ in range(times):
        for part in parts:
            ones = [torch.ones_like(g) for g in part if g is not None]
            torch.autograd.grad(part, leaves, ones, retain_graph=True, allow_unused=True)


def test_graph_gradients_are_those_of_the_closure() -> None:
    meter, problem = _meter()
    losses = meter.closure().clone()
    expected = [p.grad.clone() for p in problem.params if p.grad is not None]
    for r in range(R):
        leaves = _leaves(problem, r)
        loss = meter.differentiate(r, leaves)
        torch.testing.assert_close(loss, losses[r])
        assert not loss.requires_grad
        for leaf, gradient in zip(leaves, expected, strict=True):
            assert leaf.grad is not None
            torch.testing.assert_close(leaf.grad.detach(), gradient[r])


@given(st.integers(0, R - 1), st.booleans(), st.integers(0, 3))
def test_each_pass_through_the_gradients_is_charged(
    replica: int, together: bool, times: int
) -> None:
    """One for the gradient, one for each backward pass through it, to the replica alone.

    A pass through all tensors is one product. Counted once more by the problem, on the way back to
    the parameters; a pass that touches the second tensor alone never comes to the first, where the
    problem counts.
    """
    meter, problem = _meter()
    leaves = _leaves(problem, replica)
    meter.differentiate(replica, leaves)
    _products(leaves, together=together, times=times)
    expected = torch.zeros(R, dtype=torch.int64)
    expected[replica] = 1 + times * (1 if together else len(leaves))
    assert torch.equal(meter.used, expected)
    if together:
        assert torch.equal(problem.evaluations, expected)


class Linear(Counting):
    """A loss whose gradient is constant in the first tensor and zero in the second."""

    def losses(self, params: Sequence[torch.Tensor], replicas: Sequence[int]) -> torch.Tensor:
        return 3 * params[0].flatten(1).sum(1)


def test_constant_gradients_have_a_graph_too() -> None:
    problem = Linear(QuadraticTask().make(range(R)))
    meter, leaves = GradMeter(problem), _leaves(problem, 1)
    meter.differentiate(1, leaves)
    gradients = [leaf.grad for leaf in leaves]
    assert [float(g.detach().mean()) for g in gradients if g is not None] == [3.0, 0.0]
    products = torch.autograd.grad(gradients, leaves, [torch.ones_like(leaf) for leaf in leaves])
    assert not any(bool(product.any()) for product in products)
    assert meter.used.tolist() == [0, 2, 0]


def test_the_time_limit_holds_for_graph_gradients() -> None:
    problem = Counting(QuadraticTask().make([0]))
    meter = GradMeter(problem, time_limit=1e-9)
    with pytest.raises(TimeLimitReached):
        meter.differentiate(0, _leaves(problem, 0))
    assert meter.used.tolist() == [0]


def test_a_loss_that_raises_is_charged_like_a_closure_that_does() -> None:
    problem = RaisesAt(QuadraticTask().make([0]), number=1)
    meter = GradMeter(problem)
    for evaluate in (meter.closure, lambda: meter.differentiate(0, _leaves(problem, 0))):
        before = int(meter.used)
        with pytest.raises(RuntimeError, match=RaisesAt.MESSAGE):
            evaluate()
        assert int(meter.used) == before + 1
