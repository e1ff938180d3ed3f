"""FlowAdam with one part changed does what its name says."""

from __future__ import annotations

import pytest
import torch

import search_spaces
from flowadam.cli.registry import Registry
from flowadam.contract import OPTIMIZER_CHECKS
from flowadam.contract.result import CheckSkipped, ContractBroken
from flowadam.optim import FlowAdam
from search_spaces.ablations import SPECS


def test_the_list_is_the_table() -> None:
    assert set(SPECS) == set(search_spaces.ABLATIONS)
    assert not set(SPECS) & set(search_spaces.names())
    assert all(search_spaces.get(name).name == name for name in SPECS)


def test_they_are_known_by_name_and_run_by_name_alone() -> None:
    registry = Registry()
    assert registry.origin("optimizer", "flowadam_skip") is None
    assert "flowadam_skip" in registry.names("optimizer")
    assert "flowadam_skip" not in registry.all_specs()


def _trained(steps: int, **options: object) -> tuple[FlowAdam, torch.Tensor]:
    """Train a bowl; from the twelfth step on every step is a flow step."""
    x = torch.tensor([3.0, -2.0], dtype=torch.float64, requires_grad=True)
    optimizer = FlowAdam(
        [x],
        lr=0.1,
        curvature_sensitivity=0.0,
        switch_sensitivity=10.0,
        ode_method="euler",
        **options,  # pyright: ignore[reportArgumentType]
    )

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = (x * x).sum() / 2
        loss.backward()
        return loss

    for _ in range(steps):
        optimizer.step(closure)
    return optimizer, x


def _after(**options: object) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return move, old momentum and new momentum of the first flow step."""
    before, x0 = _trained(11, **options)
    after, x1 = _trained(12, **options)
    assert after.flow_stats()["flow_steps"] == 1
    m0, m1 = (o.state[x]["exp_avg"] for o, x in ((before, x0), (after, x1)))
    return (x1 - x0).detach(), m0, m1


def test_skip_does_nothing() -> None:
    move, old, new = _after(moves=False, injection="none")
    assert not move.any() and torch.equal(old, new)


def test_damped_scales_the_momentum() -> None:
    move, old, new = _after(moves=False, injection="damped", momentum_blend_gamma=0.3)
    assert not move.any()
    torch.testing.assert_close(new, 0.7 * old)


def test_still_injects_what_the_moving_one_injects() -> None:
    moved, _, blended = _after()
    move, old, new = _after(moves=False)
    assert moved.any() and not move.any()
    assert torch.equal(new, blended) and not torch.equal(new, old)


def test_unmixed_moves_alone() -> None:
    move, old, new = _after(injection="none")
    assert move.any() and torch.equal(old, new)


@pytest.mark.parametrize("wrong", [{"ode_method": "ladder"}, {"velocity": "difference"}])
def test_staying_is_for_euler_and_exact_slopes(wrong: dict[str, str]) -> None:
    x = torch.zeros(1, requires_grad=True)
    with pytest.raises(ValueError, match="moves=False"):
        FlowAdam([x], moves=False, **{"ode_method": "euler", **wrong})  # pyright: ignore


@pytest.mark.parametrize("part", [{"moves": False}, {"injection": "damped"}])
def test_masked_steps_refuse_what_they_do_not_do(part: dict[str, object]) -> None:
    x = torch.zeros(1, requires_grad=True)
    with pytest.raises(ValueError, match="steps that move"):
        FlowAdam([x], ode_method="euler", capturable=True, **part)  # pyright: ignore


@pytest.mark.slow
@pytest.mark.parametrize("check", OPTIMIZER_CHECKS)
@pytest.mark.parametrize("name", SPECS)
def test_the_contract(name: str, check: str) -> None:
    """What stands still is exempt from the one check that wants it to move, and needs to be."""
    if check in SPECS[name].exempt:
        with pytest.raises(ContractBroken):
            OPTIMIZER_CHECKS[check](SPECS[name])
        return
    try:
        OPTIMIZER_CHECKS[check](SPECS[name])
    except CheckSkipped as reason:
        pytest.skip(str(reason))
