"""The gradient of a CP model in closed form, against autograd and against plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import trainables
from trainables.cells import SplitCells, dense_cells
from trainables.completion import factorization
from trainables.completion.kernels import Dense, Gather, Kernel, Observed
from trainables.completion.sparse import Sparse
from trainables.setup import Setup
from trainables.tensors.tensor_factorization import CPProblem, Shape

Factors = list[torch.Tensor]


def build(shape: Shape, rank: int, share: float, penalty: float, seed: int) -> CPProblem:
    """Random values at a random non-empty set of entries, centered by 0.5; two replicas."""
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((shape[0], shape[1] * shape[2])).astype(np.float32)
    count = max(1, round(share * values.size))
    order = rng.permutation(values.size)
    train, rest = dense_cells(values, order[:count]), dense_cells(values, order[-1:])
    data = SplitCells((values.shape[0], values.shape[1]), train, rest, rest, 0.5)
    setup = Setup.check([0, 1], penalty=penalty, test_unlocked=False, device="cpu", dtype="float64")
    return CPProblem(
        data, [torch.from_numpy(rng.standard_normal((2, rank, n))) for n in shape], setup
    )


def gradients(problem: CPProblem) -> Factors:
    return [p.grad.clone() for p in problem.params if p.grad is not None]


def by_loops(problem: CPProblem, data: SplitCells, penalty: float, r: int) -> tuple[float, list]:
    """Loss and gradients of replica r, entry by entry from the definition."""
    a, b, c = (p.detach()[r].numpy() for p in problem.params)
    grads = [2 * penalty * factor for factor in (a, b, c)]
    loss = penalty * sum(float((factor**2).sum()) for factor in (a, b, c))
    count, width = len(data.train), c.shape[1]
    for i, column, value in zip(data.train.rows, data.train.cols, data.train.values, strict=True):
        j, k = divmod(int(column), width)
        error = float((a[:, i] * b[:, j] * c[:, k]).sum()) - (float(value) - data.center)
        loss += error**2 / count
        slope = 2 * error / count
        grads[0][:, i] += slope * b[:, j] * c[:, k]
        grads[1][:, j] += slope * a[:, i] * c[:, k]
        grads[2][:, k] += slope * a[:, i] * b[:, j]
    return loss, grads


sides = st.integers(1, 6)


@given(
    shape=st.tuples(sides, sides, sides),
    rank=st.integers(1, 4),
    share=st.sampled_from([0.01, 0.3, 1.0]),
    penalty=st.sampled_from([0.0, 1e-3, 2.0]),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=60, deadline=None)
def test_the_closed_form_equals_autograd(
    shape: Shape, rank: int, share: float, penalty: float, seed: int
) -> None:
    problem = build(shape, rank, share, penalty, seed)
    losses = problem.closure()
    leaves = [p.detach().clone().requires_grad_() for p in problem.params]
    expected = problem.losses(leaves, [0, 1])
    torch.testing.assert_close(losses, expected.detach(), rtol=1e-12, atol=1e-14)
    for got, want in zip(
        gradients(problem), torch.autograd.grad(expected.sum(), leaves), strict=True
    ):
        torch.testing.assert_close(got, want, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("penalty", [0.0, 0.1])
@pytest.mark.parametrize("form", [Dense, Sparse, Gather])
def test_all_forms_equal_plain_loops(
    form: type, penalty: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    def chosen(shape: tuple[int, int], train: Observed, penalty: float) -> Kernel:
        return Gather(train, penalty) if form is Gather else form(shape, train, penalty)

    monkeypatch.setattr(factorization, "choose", chosen)
    task = trainables.get("tensor_completion_small").tiny()
    data = task.data()
    problem = task.make([3, 4], penalty=penalty, dtype="float64")
    assert isinstance(problem, CPProblem)
    assert type(problem.kernel) is form
    losses = problem.closure()
    for r in (0, 1):
        loss, expected = by_loops(problem, data, penalty, r)
        assert float(losses[r]) == pytest.approx(loss, rel=1e-12)
        for got, want in zip(gradients(problem), expected, strict=True):
            np.testing.assert_allclose(got[r].numpy(), want, rtol=1e-10, atol=1e-14)


def test_the_score_is_the_error_of_the_sum_of_outer_products() -> None:
    task = trainables.get("tensor_completion_small").tiny()
    problem = task.make([0, 1], test_unlocked=True, dtype="float64")
    test = task.data().test
    for r in (0, 1):
        model = np.einsum("ri,rj,rk->ijk", *(p.detach()[r].numpy() for p in problem.params))
        errors = model.reshape(len(model), -1)[test.rows, test.cols] - test.values
        expected = math.sqrt(float((errors**2).mean()))
        assert float(problem.evaluate("test")["rmse"][r]) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("tensor_completion_small", Dense),
        ("tensor_completion_medium", Sparse),
        ("tensor_completion_large", Sparse),
        ("indian_pines", Gather),
    ],
)
def test_the_form_measured_to_be_faster_is_taken(name: str, form: type) -> None:
    """Microseconds of the kernel, dense / sparse / gather: 99 / 110 / 441, 225 / 188 / 815,
    378 / 308 / 1,489 and 12,554 / 5,886 / 5,772.
    """
    problem = trainables.get(name).make([0])
    assert isinstance(problem, CPProblem)
    assert type(problem.kernel) is form


def test_replicas_share_their_work_memory() -> None:
    sizes = []
    for replicas in (1, 50):
        problem = trainables.get("tensor_completion_small").make(range(replicas))
        assert isinstance(problem, CPProblem)
        tensors = [v for v in vars(problem).values() if isinstance(v, torch.Tensor)]
        tensors += [v for v in vars(problem.kernel).values() if isinstance(v, torch.Tensor)]
        sizes.append(sum(t.numel() for t in tensors))
    assert sizes[0] == sizes[1]
