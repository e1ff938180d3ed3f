"""The closed forms against autograd."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from trainables.completion import choice, kernels
from trainables.completion.choice import choose
from trainables.completion.kernels import Dense, Gather, Kernel, Observed
from trainables.completion.sparse import Sparse

Case = tuple[tuple[int, int], Observed, torch.Tensor, torch.Tensor]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """A random matrix with a random non-empty set of cells, in random order, and factors."""
    rows, cols, rank = (draw(st.integers(1, 9)) for _ in range(3))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32 - 1)))
    count = draw(st.integers(1, rows * cols))
    chosen = torch.randperm(rows * cols, generator=generator)[:count]
    u, v, values = (
        torch.randn(shape, generator=generator, dtype=torch.float64)
        for shape in ((rank, rows), (rank, cols), (count,))
    )
    return (rows, cols), Observed(chosen // cols, chosen % cols, values), u, v


def autograd(
    cells: Observed, u: torch.Tensor, v: torch.Tensor, penalty: float
) -> tuple[torch.Tensor, ...]:
    u, v = u.clone().requires_grad_(), v.clone().requires_grad_()
    errors = (u[:, cells.rows] * v[:, cells.cols]).sum(0) - cells.values
    loss = errors.square().mean() + penalty * (u.square().sum() + v.square().sum())
    return loss.detach(), *torch.autograd.grad(loss, (u, v))


def made(form: type, shape: tuple[int, int], cells: Observed, penalty: float) -> Kernel:
    return Gather(cells, penalty) if form is Gather else form(shape, cells, penalty)


@pytest.mark.parametrize("form", [Dense, Sparse, Gather])
@given(case=cases(), penalty=st.sampled_from([0.0, 1e-3, 2.0]))
@settings(max_examples=60, deadline=None)
def test_closed_forms_equal_autograd(form: type, case: Case, penalty: float) -> None:
    shape, cells, u, v = case
    kernel = made(form, shape, cells, penalty)
    grad_u, grad_v = torch.full_like(u, 9.0), torch.full_like(v, 9.0)
    loss = kernel.gradient(u, v, grad_u, grad_v)
    expected = autograd(cells, u, v, penalty)
    for got, want in zip((loss, grad_u, grad_v), expected, strict=True):
        assert (got - want).abs().max() <= 1e-12 * max(1.0, float(want.abs().max()))
    want = (u.t() @ v)[cells.rows, cells.cols]
    torch.testing.assert_close(kernel.predict(u, v, cells), want, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(kernel.loss(u, v), expected[0], rtol=1e-12, atol=1e-12)


def test_the_gather_form_works_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(0)
    chosen = torch.randperm(600, generator=generator)[:500]
    cells = Observed(chosen // 20, chosen % 20, torch.randn(500, generator=generator).double())
    u, v = (torch.randn(3, n, generator=generator).double() for n in (30, 20))
    results = []
    for block in (64, 10_000):
        monkeypatch.setattr(kernels, "_BLOCK", block)
        grads = torch.empty_like(u), torch.empty_like(v)
        kernel = Gather(cells, 0.1)
        results.append([kernel.gradient(u, v, *grads), *grads, kernel.predict(u, v, cells)])
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("shape", "count", "form"),
    [
        ((24_983, 100), 1_267_319, Dense),  # Jester: half of the cells
        ((943, 1_682), 70_000, Sparse),  # MovieLens-100K: 4.4 %
        ((400, 500), 26_919, Sparse),  # The large published matrix: 13 %
        ((300, 400), 21_528, Dense),  # The medium one: 18 %
        ((3_000, 3_000), 90_000, Gather),  # 1 %: dense work would be wasted
        ((20_000, 10_000), 10_000_000, Gather),  # 5 %, but 1.6 GB as float64
    ],
)
def test_which_form_is_chosen(shape: tuple[int, int], count: int, form: type) -> None:
    zeros = torch.zeros(1, dtype=torch.int64).expand(count)
    cells = Observed(zeros, zeros, torch.zeros(1).expand(count))
    assert type(choose(shape, cells, 0.0)) is form


def test_without_sparse_products_the_form_is_dense(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "supported", lambda train: False)
    zeros = torch.zeros(1, dtype=torch.int64).expand(70_000)
    cells = Observed(zeros, zeros, torch.zeros(1).expand(70_000))
    assert type(choose((943, 1_682), cells, 0.0)) is Dense
    assert type(choose((2_000, 1_682), cells, 0.0)) is Gather


@pytest.mark.parametrize("form", [Dense, Sparse, Gather])
def test_a_form_repeats_its_bits(form: type) -> None:
    """Also after factors of another rank, and ones that are not finite, used the work memory."""
    generator = torch.Generator().manual_seed(1)
    chosen = torch.randperm(600, generator=generator)[:200]
    cells = Observed(chosen // 20, chosen % 20, torch.randn(200, generator=generator))
    kernel = made(form, (30, 20), cells, 0.1)
    first, other = (
        [torch.randn(rank, n, generator=generator) for n in (30, 20)] for rank in (3, 5)
    )

    def results(factors: list[torch.Tensor]) -> list[torch.Tensor]:
        grads = [torch.empty_like(f) for f in factors]
        return [kernel.gradient(*factors, *grads), *grads]

    before = results(first)
    results(other)
    results([torch.full_like(f, torch.nan) for f in first])
    assert all(torch.equal(a, b) for a, b in zip(before, results(first), strict=True))
