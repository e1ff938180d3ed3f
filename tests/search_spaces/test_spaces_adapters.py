"""What the adapters add to library optimizers: whole copies, arguments, what they pass over."""

from __future__ import annotations

import math
from copy import deepcopy

import pytest
import pytorch_optimizer.optimizer.shampoo as library
import torch

import search_spaces
from flowadam.contract.quadratic import QuadraticTask
from flowadam.errors import InputError
from flowadam.training import Training
from search_spaces.adapters.arguments import require_non_negative, require_positive
from search_spaces.lbfgs import lbfgs
from search_spaces.nadam import nadam
from search_spaces.shampoo import shampoo

SPECS = search_spaces.all_specs()
LIBRARY = [name for name, spec in SPECS.items() if spec.stacking != "native"]
NOT_COPIED = {"_warned_capturable_if_run_uncaptured"}


@pytest.mark.parametrize("name", LIBRARY)
def test_a_deep_copy_lacks_no_attribute(name: str) -> None:
    """A new attribute of the library has to be named in `kept`."""
    optimizer = SPECS[name].build([torch.zeros(2, 2, requires_grad=True)], SPECS[name].defaults)
    assert set(vars(optimizer)) - set(vars(deepcopy(optimizer))) <= NOT_COPIED


@pytest.mark.parametrize("value", [math.nan, math.inf, -1, 0])
def test_numbers_are_checked(value: float) -> None:
    for check, limit in ((require_non_negative, "at least 0"), (require_positive, "above 0")):
        check(lr=1.0)
        if check is require_non_negative and value == 0:
            check(lr=value)
            continue
        with pytest.raises(InputError, match=f"`lr` must be finite and {limit}, got {value}"):
            check(lr=value)


def test_nadam_restores_its_product_as_it_was_saved() -> None:
    """The sharpest case: bfloat16 parameters would leave it two digits."""
    p = torch.ones(3, dtype=torch.bfloat16, requires_grad=True)
    optimizer, other = nadam([p]), nadam([p])
    p.grad = torch.ones_like(p)
    optimizer.step()
    other.load_state_dict(optimizer.state_dict())
    saved, restored = optimizer.state[p]["mu_product"], other.state[p]["mu_product"]
    assert restored.dtype == torch.float32
    assert torch.equal(restored, saved)
    assert restored is not saved


def test_shampoo_refuses_an_axis_that_it_could_not_decompose() -> None:
    with pytest.raises(ValueError, match="takes at most 8,192, got 9,000"):
        shampoo([torch.zeros(2, 9000, requires_grad=True)])


def test_shampoo_passes_over_a_gradient_that_is_not_finite() -> None:
    p = torch.ones(2, 3, requires_grad=True)
    optimizer = shampoo([p], lr=1.0)
    p.grad = torch.full((2, 3), torch.nan)
    optimizer.step()
    assert torch.equal(p, torch.ones(2, 3))
    p.grad = torch.ones(2, 3)
    optimizer.step()
    assert bool(p.isfinite().all())
    assert not torch.equal(p, torch.ones(2, 3))


def test_shampoo_steps_with_the_roots_before_where_lapack_finds_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The decomposition fails for the second of two tensors, when the first has been stepped."""
    params = [torch.ones(2, 3, requires_grad=True), torch.ones(4, requires_grad=True)]
    gradients = [torch.arange(6.0).reshape(2, 3) + 1, torch.arange(4.0) + 1]
    optimizer, power = shampoo(params, lr=0.5, matrix_eps=1e-3), library.compute_power_svd

    def step() -> None:
        for p, gradient in zip(params, gradients, strict=True):
            p.grad = gradient.clone()
        optimizer.step()

    step()
    first = [p.detach().clone() for p in params]

    def failing(matrix: torch.Tensor, root: float) -> torch.Tensor:
        if len(matrix) == 4:
            raise torch.linalg.LinAlgError("no convergence")
        return power(matrix, root)

    monkeypatch.setattr(library, "compute_power_svd", failing)
    step()
    for p, before in zip(params, first, strict=True):
        torch.testing.assert_close(p.detach() - before, before - 1)  # the first move once more
    outer = torch.outer(gradients[1], gradients[1])
    grown = optimizer.state[params[1]]["pre_cond_0"]
    torch.testing.assert_close(grown, 1e-3 * torch.eye(4) + 2 * outer)
    monkeypatch.undo()
    step()
    assert optimizer.param_groups[0]["step"] == 3
    assert bool((params[0] != first[0] + 2 * (first[0] - 1)).any()), "new roots, not the old ones"


def test_lbfgs_goes_back_from_a_loss_that_is_nan() -> None:
    """The first trial length leads where the loss is undefined; the search returns from there."""
    p = torch.tensor([0.5], dtype=torch.float64, requires_grad=True)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = -p.log().sum() + 4 * p.sum()  # undefined below 0, least at 1/4
        loss.backward()
        return loss

    optimizer = lbfgs([p], lr=10.0)
    for _ in range(4):
        optimizer.step(closure)
    assert float(p.detach()) == pytest.approx(0.25, rel=1e-6)


def test_lbfgs_stays_within_its_evaluations() -> None:
    """Also where no search succeeds: the noise changes with every step."""
    spec = SPECS["lbfgs"]
    training = Training(QuadraticTask(noise=1.0), spec, spec.defaults, [0, 1, 2], 500)
    most = 0
    while not training.done:
        before = training.meter.used.clone()
        training.advance(int(training.meter.used[training.meter.live].min()) + 1)
        most = max(most, int((training.meter.used - before).max()))
    assert 10 < most <= 1 + spec.extra_cost
