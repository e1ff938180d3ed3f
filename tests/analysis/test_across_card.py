"""The tests across tasks end to end: true differences are found, and none where there is none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from synthetic_study import LR, Truth, small_study, write_study

from analysis import bootstrap
from analysis.across import Across, across
from analysis.card import Card, Figure
from analysis.cards.across import across_card
from analysis.cards.regret import regret_card
from analysis.frames import Frames, load
from flowadam.space import Space

TASKS = tuple(f"task_{i}" for i in range(8))
NAMES = ("adam", "flowadam", "adamw", "lion", "clipped_sgd")
OFFSET = {"lion": 0.1, "clipped_sgd": -0.1}
SMALL = {name: Space((LR,)) for name in NAMES}


def loss(task: str, optimizer: str, unit: Mapping[str, float]) -> float:
    """Flat enough that luck of the search stays below the offsets; tasks differ in scale."""
    return 1.0 + int(task[-1]) + 0.3 * abs(unit["opt.lr"] - 0.5)


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Frames:
    study = small_study(
        task=TASKS, optimizer=NAMES, control=("clipped_sgd",), trials=6, confirm_seeds=4
    )
    truth = Truth(loss, offset=OFFSET, spaces=SMALL)
    return load(write_study(tmp_path_factory.mktemp("across"), study, truth))


@pytest.fixture(scope="module")
def found(frames: Frames) -> Across:
    return across(frames)


@pytest.fixture(scope="module")
def card(frames: Frames) -> Card:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bootstrap, "RESAMPLES", 999)
        return across_card(frames)


def test_the_true_ranking_is_found(found: Across) -> None:
    words = {name: test.word for name, test in found.tests.items()}
    assert words["lion"] == "better"
    assert words["clipped_sgd"] is None
    assert {words["adam"], words["adamw"]} == {"no difference shown"}
    assert found.tests["lion"].p_holm == pytest.approx(3 * 2 / 2**8)
    assert found.tests["lion"].biserial == -1
    assert found.tests["clipped_sgd"].biserial == 1


def test_means_are_scaled_by_the_room_of_their_task(found: Across) -> None:
    for mean, scaled, scale in zip(
        found.test_means("lion"), found.scaled("lion"), found.regrets.tasks, strict=True
    ):
        assert scaled == pytest.approx((mean - scale.best) / (scale.reference - scale.best))


def test_controls_are_not_ranked(found: Across) -> None:
    assert found.omnibus is not None and found.pairs is not None
    assert (
        set(found.omnibus.ranks) == set(found.pairs.index) == {"flowadam", "adam", "adamw", "lion"}
    )
    assert found.omnibus.ranks["lion"] == 4
    assert found.omnibus.p < 0.05


def test_practical_outcomes_agree_with_the_truth(found: Across) -> None:
    assert found.practical["lion"].word == "better"
    assert found.practical["clipped_sgd"].word == "worse"


def test_the_card_says_it(card: Card) -> None:
    assert card.verdict[0].startswith(
        "flowadam over 8 tasks: better than lion; no difference shown to"
    )
    assert card.verdict[1].startswith("Mean ranks over 8 tasks: ")
    assert isinstance(card.figure, Figure) and len(card.figure.pictures) == 2
    assert card.table is not None
    family, controls = card.table.groups
    assert [row[0] for row in family.rows] == ["adam", "adamw", "lion"]
    assert [row[:2] for row in controls.rows] == [("clipped_sgd", "control")]
    assert controls.rows[0][5] == "–"


def test_the_diagram_names_everybody_once(card: Card) -> None:
    assert isinstance(card.figure, Figure)
    svg = card.figure.pictures[0].svg
    assert all(svg.count(f">{name} (") == 1 for name in ("flowadam", "adam", "adamw", "lion"))
    assert "clipped_sgd" not in svg


def test_a_failed_winner_ranks_last_on_its_task(frames: Frames, found: Across) -> None:
    trials = frames.trials.copy()
    mine = (trials["phase"] == "confirm") & (trials["optimizer"] == "adamw")
    trials.loc[mine & (trials["task"] == TASKS[0]) & (trials["config"] > 0), "status"] = "diverged"
    after = across(replace(frames, trials=trials))
    assert found.omnibus is not None and after.omnibus is not None
    assert after.omnibus.ranks["adamw"] > found.omnibus.ranks["adamw"]
    assert after.test_means("adamw")[0] == float("inf")


def test_a_task_without_a_scale_keeps_its_ranks(frames: Frames) -> None:
    """Half of AdamW's search failed there, so there is no L_ref: who wins is known all the same."""
    elections = {
        cell: replace(e, scores=dict.fromkeys(e.scores, float("inf")))
        if (cell.task, cell.optimizer) == (TASKS[0], "adamw")
        else e
        for cell, e in frames.elections.items()
    }
    after = across(replace(frames, elections=elections))
    improvement = after.improvement["lion"]
    assert after.n == len(TASKS) - 1
    assert len(after.test_means("lion")) == len(TASKS)
    assert improvement is not None and improvement.n_tasks == len(TASKS)


def test_few_tasks_are_described_but_not_tested(frames: Frames) -> None:
    kept = {cell: e for cell, e in frames.elections.items() if cell.task in TASKS[:3]}
    few = replace(frames, elections=kept)
    card = across_card(few)
    assert card.verdict[0].startswith("No test across tasks: with 3 tasks the smallest two-sided p")
    assert card.table is not None
    assert {row[1] for row in card.table.groups[0].rows} == {"not testable"}
    assert regret_card(few).verdict[0].startswith("Interquartile mean of normalized regret")


def test_one_task_is_not_aggregated(frames: Frames) -> None:
    kept = {cell: e for cell, e in frames.elections.items() if cell.task == TASKS[0]}
    one = replace(frames, elections=kept)
    assert regret_card(one).verdict[0] == "Nothing to aggregate: 1 task with a normalized regret."
    assert across_card(one).table is None
