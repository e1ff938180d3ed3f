"""Verdicts: the rule by table, and known truths found again."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from synthetic_study import Loss, Truth, small_study, write_study

from analysis.compare import Comparison, choose_reference, compare, judge
from analysis.confirmed import confirmed
from analysis.frames import load
from analysis.intervals import Estimate, holm
from analysis.sentences import across_tasks, all_comparisons, headline, task_sentences


def flat(task: str, optimizer: str, unit: Mapping[str, float]) -> float:
    """Every configuration is equally good, so tuning is no source of differences."""
    return 0.5


def comparisons(folder: Path) -> list[Comparison]:
    frames = load(folder)
    return compare(frames, frames.arenas[0])


@pytest.mark.parametrize(
    ("low", "high", "p_seeds", "p_both", "word"),
    [
        (-2.0, -1.0, 0.01, 0.01, "better"),
        (1.0, 2.0, 0.01, 0.01, "worse"),
        (-2.0, -1.0, 0.01, 0.0499, "better"),
        (-2.0, -1.0, 0.01, 0.05, "ahead"),  # winners of one optimizer differ as much
        (1.0, 2.0, 0.01, 1.0, "behind"),
        (-2.0, 1.0, 0.01, 0.01, "no difference shown"),  # the interval contains 0
        (-2.0, 0.0, 0.01, 0.01, "no difference shown"),  # its end belongs to it
        (-2.0, -1.0, 0.05, 0.05, "no difference shown"),  # Holm's p is not below the level
        (0.0, 0.0, 1.0, 1.0, "no difference shown"),
        (-1.0, -1.0, 0.002, 0.0, "better"),  # identical differences
    ],
)
def test_the_verdict_rule(
    low: float, high: float, p_seeds: float, p_both: float, word: str
) -> None:
    assert judge(Estimate((low + high) / 2, low, high, 10), p_seeds, p_both) == word


def test_a_true_difference_is_found(tmp_path: Path) -> None:
    truth = Truth(flat, offset={"flowadam": -0.05})
    (found,) = comparisons(write_study(tmp_path, small_study(), truth))
    assert (found.reference, found.rival, found.word) == ("flowadam", "adam", "better")
    assert found.difference is not None
    assert found.difference.low is not None and found.difference.high is not None
    assert found.difference.low < -0.05 < found.difference.high
    assert found.difference.n == 8
    assert found.relative == pytest.approx(-0.05 / 0.51, rel=0.1)
    assert found.tuning is not None and found.tuning.excludes_zero


def test_a_true_loss_is_told_as_plainly(tmp_path: Path) -> None:
    truth = Truth(flat, offset={"flowadam": 0.05})
    (found,) = comparisons(write_study(tmp_path, small_study(), truth))
    assert found.word == "worse"


@pytest.mark.parametrize("seed", range(4))
def test_where_there_is_no_difference_none_is_shown(tmp_path: Path, seed: int) -> None:
    study = small_study(task=(f"task{seed}",))
    (found,) = comparisons(write_study(tmp_path, study, Truth(flat)))
    assert found.word == "no difference shown"
    assert found.p is not None and found.p > 0.05


def test_ties_are_no_difference(tmp_path: Path) -> None:
    truth = Truth(flat, seed_sd=0.0, run_sd=0.0)
    (found,) = comparisons(write_study(tmp_path, small_study(), truth))
    assert found.word == "no difference shown"
    assert found.difference is not None and found.difference.mean == 0
    assert found.p == 1


def test_pairing_by_seed_removes_what_seeds_share(tmp_path: Path) -> None:
    noisy = Truth(flat, offset={"flowadam": -0.02}, seed_sd=0.5, run_sd=0.002)
    (found,) = comparisons(write_study(tmp_path, small_study(), noisy))
    assert found.word == "better"


def rugged(task: str, optimizer: str, unit: Mapping[str, float]) -> float:
    """Every optimizer has the same landscape, in which random search is lucky or not."""
    return 0.3 + 0.2 * unit["opt.lr"]


def test_luck_of_the_search_is_not_a_better_optimizer(tmp_path: Path) -> None:
    found = []
    for seed in range(8):
        truth = Truth(rugged, run_sd=0.001)
        folder = write_study(tmp_path / str(seed), small_study(seed=seed, trials=9), truth)
        found += comparisons(folder)
    words = [c.word for c in found]
    # Seeds alone would call nearly all of these equal optimizers different.
    assert words.count("ahead") + words.count("behind") >= 6
    assert words.count("better") + words.count("worse") <= 1


def test_one_winner_leaves_tuning_noise_unknown(tmp_path: Path) -> None:
    study = small_study(substudies=1)
    (found,) = comparisons(write_study(tmp_path, study, Truth(flat, offset={"flowadam": -0.05})))
    assert found.word == "ahead"
    assert found.tuning is not None and found.tuning.low is None


def test_winners_of_an_adaptive_search_cannot_tell_its_noise(tmp_path: Path) -> None:
    study = small_study(sampler="tpe")
    (found,) = comparisons(write_study(tmp_path, study, Truth(flat, offset={"flowadam": -0.05})))
    assert found.word == "ahead"
    assert found.tuning is None and found.p_both == 1


@pytest.mark.parametrize(
    ("seeds", "rivals", "reason"),
    [
        (1, 1, "1 common seeds give no interval"),
        (5, 1, "cannot reach p < 0.05"),  # 2/2^5 = .0625
        (6, 1, ""),  # 2/2^6 = .03125
        (6, 3, "cannot reach p < 0.017"),
        (7, 3, ""),
    ],
)
def test_too_few_seeds_cannot_be_tested(
    tmp_path: Path, seeds: int, rivals: int, reason: str
) -> None:
    optimizer = ("flowadam", "adam", "lion", "adamw")[: rivals + 1]
    study = small_study(confirm_seeds=seeds, optimizer=optimizer)
    truth = Truth(flat, offset={"flowadam": -0.1})
    for found in comparisons(write_study(tmp_path, study, truth)):
        assert reason in found.reason
        assert found.word == ("not testable" if reason else "better")


def test_a_winner_that_fails_in_confirmation_is_not_averaged_away(tmp_path: Path) -> None:
    calls = {"n": 0}

    def fragile(task: str, optimizer: str, unit: Mapping[str, float]) -> float:
        if optimizer != "adam":
            return 0.5
        calls["n"] += 1
        return math.inf if calls["n"] > 8 else 0.5

    frames = load(write_study(tmp_path, small_study(substudies=1), Truth(fragile)))
    (found,) = compare(frames, frames.arenas[0])
    failed = confirmed(frames, frames.arenas[0])[1].failed
    assert failed > 0
    assert found.word == "not testable"
    assert f"{failed} confirm runs of adam did not end well" in found.reason


def test_holm_is_over_all_rivals_of_a_task(tmp_path: Path) -> None:
    study = small_study(optimizer=("flowadam", "adam", "lion", "adamw"), confirm_seeds=10)
    truth = Truth(flat, offset={"adam": 0.004, "lion": 0.1})
    found = comparisons(write_study(tmp_path, study, truth))
    p = [c.p for c in found if c.p is not None]
    assert len(set(p)) == 3
    assert [c.p_seeds for c in found] == holm(p)
    assert all(a.p_seeds <= a.p_both for a in found if a.p_seeds and a.p_both)


def test_without_flowadam_the_leader_of_the_search_is_the_reference(tmp_path: Path) -> None:
    def ranked(task: str, optimizer: str, unit: Mapping[str, float]) -> float:
        return {"adam": 0.6, "lion": 0.4, "adamw": 0.5}[optimizer]

    # On the test part adam is best: a reference chosen there would have looked.
    truth = Truth(ranked, offset={"adam": -0.5})
    study = small_study(optimizer=("adam", "lion", "adamw"))
    frames = load(write_study(tmp_path, study, truth))
    reference = choose_reference(confirmed(frames, frames.arenas[0]))
    assert reference is not None and reference.cell.optimizer == "lion"
    words = {c.rival: c.word for c in compare(frames, frames.arenas[0])}
    assert words == {"adam": "worse", "adamw": "better"}


def test_sentences_name_every_rival_with_its_size(tmp_path: Path) -> None:
    study = small_study(optimizer=("flowadam", "adam", "lion"), task=("one", "two"))
    truth = Truth(flat, offset={"adam": 0.05, "lion": -0.05})
    frames = load(write_study(tmp_path, study, truth))
    found = all_comparisons(frames)
    assert headline(frames, found) == (
        "flowadam against 2 rivals, 4 comparisons on 2 tasks: better in 2, worse in 2."
    )
    one, two = task_sentences(found)
    assert one.startswith("one: flowadam is better than adam (−")
    assert "; is worse than lion (+" in one
    assert one.endswith("; n = 8 seeds.")
    assert two.startswith("two: ")
    (gate,) = across_tasks(found)
    assert "with 2 tasks the smallest two-sided p of a signed-rank test is 0.5" in gate
    assert "no statement across tasks can be significant" in gate


@pytest.mark.parametrize(("tasks", "possible"), [(6, False), (7, False), (8, True)])
def test_the_gate_across_tasks(tmp_path: Path, tasks: int, possible: bool) -> None:
    # Two rivals: 2/2^6 = .031 > .025 > 2/2^7 = .016, but eight tasks are the least in any case.
    names = tuple(f"t{i}" for i in range(tasks))
    study = small_study(optimizer=("flowadam", "adam", "lion"), task=names, trials=1)
    (gate,) = across_tasks(all_comparisons(load(write_study(tmp_path, study, Truth(flat)))))
    assert ("can carry a test across tasks" in gate) is possible


@pytest.mark.slow
@pytest.mark.parametrize("loss", [flat, rugged])
def test_false_verdicts_stay_below_the_level_of_the_family(tmp_path: Path, loss: Loss) -> None:
    study = small_study(optimizer=("flowadam", "adam", "lion", "adamw"), trials=6, confirm_seeds=10)
    wrong = []
    for seed in range(150):
        folder = tmp_path / str(seed)
        write_study(folder, replace(study, task=(f"task{seed}",)), Truth(loss, run_sd=0.002))
        wrong.append(any(c.word in ("better", "worse") for c in comparisons(folder)))
    # The family of three keeps .05; 150 studies have a standard error of .018.
    assert np.mean(wrong) < 0.05 + 3 * 0.018
