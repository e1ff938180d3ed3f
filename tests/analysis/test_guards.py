"""Analyses are refused where the data cannot support them, and the reason is a sentence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from synthetic_study import Truth, small_study, write_study

from analysis.card import Card
from analysis.cards.region import region_card
from analysis.cards.stopping import stopping_card
from analysis.cards.tunability import tunability_card
from analysis.cards.tuning import tuning_card
from analysis.frames import Frames, load
from analysis.guards import (
    lowest_reading,
    refuse_arena,
    refuse_cell,
    refuse_sampler,
    search_scores,
    timeouts,
)
from flowadam.plan import Group

CARDS = (tuning_card, tunability_card, region_card, stopping_card)
ADAPTIVE = ("tpe", "gp", "cmaes")


def searched(folder: Path, keep: Callable[[Group], bool] = lambda g: True, **changes: object):
    study = small_study(**{"trials": 10, **changes})
    return load(write_study(folder, study, Truth(), confirm=False, keep=keep))


def with_status(frames: Frames, status: str, configs: tuple[int, ...]) -> Frames:
    """Return the frames with some search runs of adam ended by `status`."""
    rows = frames.trials
    hit = (rows["optimizer"] == "adam") & rows["config"].isin(configs) & (rows["phase"] == "search")
    return replace(frames, trials=rows.assign(status=rows["status"].mask(hit, status)))


@pytest.mark.parametrize("sampler", [*ADAPTIVE, "qmc", "random"])
@pytest.mark.parametrize("bands", [False, True])
def test_only_independent_samplers_pass(sampler: str, bands: bool) -> None:
    reason = refuse_sampler(small_study(sampler=sampler), bands=bands)
    refused = sampler in ADAPTIVE or (bands and sampler == "qmc")
    assert bool(reason) == refused
    assert not refused or f"the sampler {sampler}" in reason


@pytest.mark.parametrize("sampler", ADAPTIVE)
@pytest.mark.parametrize("card", CARDS)
def test_every_card_refuses_an_adaptive_sampler(
    tmp_path: Path, card: Callable[[Frames], Card], sampler: str
) -> None:
    found = card(searched(tmp_path, sampler=sampler))
    assert found.figure is None and found.table is None
    assert f"the sampler {sampler} is adaptive" in " ".join(found.verdict)


@pytest.mark.parametrize("card", CARDS)
def test_every_card_refuses_a_cell_whose_runs_were_cut_off(
    tmp_path: Path, card: Callable[[Frames], Card]
) -> None:
    found = card(with_status(searched(tmp_path), "timeout", (2, 5)))
    told = "2 of the 10 configurations of adam ran out of time"
    assert told in " ".join(found.verdict)


@pytest.mark.parametrize("card", CARDS)
def test_every_card_refuses_too_few(tmp_path: Path, card: Callable[[Frames], Card]) -> None:
    found = card(searched(tmp_path, trials=7))
    assert found.figure is None
    assert "7 complete configurations, fewer than 8" in " ".join(found.verdict)


def test_only_runs_that_count_are_censored(tmp_path: Path) -> None:
    frames = searched(tmp_path)
    adam = next(c for c in frames.elections if c.optimizer == "adam")
    assert timeouts(with_status(frames, "timeout", (0,)), adam) == 0
    assert timeouts(with_status(frames, "diverged", (2,)), adam) == 0
    assert timeouts(with_status(frames, "timeout", (1, 9)), adam) == 2
    assert refuse_cell(frames, adam) == ""


def test_a_missing_cell_is_named(tmp_path: Path) -> None:
    frames = searched(tmp_path, lambda g: g.cell.optimizer != "adam")
    reason = refuse_arena(frames, frames.arenas[0])
    assert reason == "no search of adam is in the store"
    assert f"bowl: {reason}." in tunability_card(frames).verdict
    for card in (tuning_card, region_card):
        assert f"; {reason}." in card(frames).verdict[1]


def test_unequally_many_configurations_are_named(tmp_path: Path) -> None:
    frames = searched(tmp_path, lambda g: g.cell.optimizer != "adam" or g.config == 0)
    told = "the optimizers have unequally many configurations (flowadam 10, adam 0)"
    assert refuse_arena(frames, frames.arenas[0]) == told
    assert any(told in line for line in tunability_card(frames).verdict)


def test_cells_of_unequal_progress_count_equally(tmp_path: Path) -> None:
    frames = searched(tmp_path, lambda g: g.cell.optimizer != "adam" or g.config <= 8)
    assert {len(search_scores(frames, cell)) for cell in frames.elections} == {8}
    assert refuse_arena(frames, frames.arenas[0]) == ""


def test_scores_are_in_the_order_of_the_configurations(tmp_path: Path) -> None:
    frames = searched(tmp_path)
    for cell, election in frames.elections.items():
        expected = [election.scores[c] for c in range(1, 11)]
        assert search_scores(frames, cell).tolist() == expected


@pytest.mark.parametrize(("level", "expected"), [(0.5, 0.0), (-0.5, -np.inf)])
def test_zero_bounds_only_what_was_never_negative(
    tmp_path: Path, level: float, expected: float
) -> None:
    truth = Truth(lambda *_: level)
    frames = load(write_study(tmp_path, small_study(), truth, confirm=False))
    assert lowest_reading(frames, "bowl") == expected
