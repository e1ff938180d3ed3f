"""Morris screening on functions whose elementary effects are known."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from synthetic_study import Truth, small_study, write_study

from analysis.cards.sensitivity import sensitivity_card
from analysis.frames import Frames, load
from analysis.morris import screening


def planned(folder: Path, truth: Truth, trajectories: int = 12, **keys: Any) -> Frames:
    study = small_study(
        phase=("search", "confirm", "sensitivity"), sensitive=("adam",), trajectories=trajectories
    )
    return load(write_study(folder / "s", study, truth, **keys))


def additive(task: str, optimizer: str, unit: Mapping[str, float]) -> float:
    return 0.2 + unit["opt.lr"] + 0.3 * unit["opt.beta1"]


def test_additive_effects_come_in_their_order_and_the_inert_one_is_small(tmp_path: Path) -> None:
    frames = planned(tmp_path, Truth(loss=additive, seed_sd=0.0, run_sd=1e-9))
    found = screening(frames, frames.cells(frames.arenas[0])[1])
    names = [e.name for e in found.effects]
    assert names == ["opt.lr", "opt.beta1", "task.penalty"]
    lr, beta, penalty = found.effects
    assert lr.mu_star > 2 * beta.mu_star > 4 * penalty.mu_star
    assert all(0 < e.confidence < e.mu_star for e in (lr, beta))
    assert found.trajectories == 12 and found.failed == 0
    card = sensitivity_card(frames)
    assert card.verdict[1].startswith("adam on bowl: lr (")
    assert card.table and len(card.table.groups) == 1


def product(task: str, optimizer: str, unit: Mapping[str, float]) -> float:
    return 0.5 + (unit["opt.lr"] - 0.5) * (unit["opt.beta1"] - 0.5)


def test_an_interaction_has_sigma_beyond_mu_star(tmp_path: Path) -> None:
    frames = planned(tmp_path, Truth(loss=product, seed_sd=0.0, run_sd=1e-9))
    found = screening(frames, frames.cells(frames.arenas[0])[1])
    assert {e.name for e in found.effects if e.sigma > e.mu_star} >= {"opt.lr", "opt.beta1"}


def test_failed_runs_share_the_worst_rank(tmp_path: Path) -> None:
    """The bowl diverges above u = .95, which a quarter of a design's levels are."""
    frames = planned(tmp_path, Truth())
    found = screening(frames, frames.cells(frames.arenas[0])[1])
    assert found.failed > 0
    assert found.effects[0].name == "opt.lr"


@pytest.mark.parametrize("trajectories", [1, 3])
def test_few_trajectories_are_refused(tmp_path: Path, trajectories: int) -> None:
    frames = planned(tmp_path, Truth(), trajectories)
    found = screening(frames, frames.cells(frames.arenas[0])[1])
    assert found.refused.startswith(f"{trajectories} complete trajectories give no interval")
    assert sensitivity_card(frames).verdict[1].endswith("4 do.")


def test_a_trajectory_with_a_gap_is_left_out(tmp_path: Path) -> None:
    frames = planned(tmp_path, Truth(), keep=lambda g: g.phase != "sensitivity" or g.config != 6)
    found = screening(frames, frames.cells(frames.arenas[0])[1])
    assert found.trajectories == 11
