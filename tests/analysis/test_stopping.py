"""Early stopping replayed on curves whose outcome is known."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic_study import Truth, small_study, write_study

from analysis.cards.stopping import stopping_card
from analysis.frames import Frames, load
from analysis.search_curves import SearchCurves, search_curves
from analysis.stopping import NEVER, RULES, halving, median_rule, replay, replays
from flowadam.plan import Cell

CELL = Cell("t", "o", 100)


def curves_of(values: list[list[float]], scores: list[float] | None = None) -> SearchCurves:
    """Return curves at equal marks; the score is the last value unless given."""
    table = np.array(values, dtype=float)
    fractions = np.linspace(0, 1, table.shape[1])
    costs = np.tile(fractions, (len(table), 1))
    return SearchCurves(fractions, table, costs, np.array(scores) if scores else table[:, -1])


def flat(*levels: float) -> SearchCurves:
    return curves_of([[9.0, level, level, level, level] for level in levels])


def test_the_median_rule_by_hand() -> None:
    # Five run to their end; 6 is above their median 3 at the first mark, 2 is not. 3.5 is above
    # the median 3 of 1, 2, 2, 3, 4, 5, 6. 3 is above none but the median 2.5 of 1, 2, 2, 3, 4, 5,
    # for at the second mark the one with 6 is no longer there.
    found = median_rule(flat(1, 2, 3, 4, 5, 6, 2, 3.5, 3))
    assert found.tolist() == [NEVER] * 5 + [1, NEVER, 1, 2]


def test_a_value_at_the_median_goes_on() -> None:
    assert median_rule(flat(1, 1, 1, 1, 1, 1)).tolist() == [NEVER] * 6


def test_those_that_were_stopped_speak_up_to_where_they_came() -> None:
    late = [9.0, 0.0, 8.0, 8.0, 8.0]
    values = [[9.0, i, i, i, i] for i in (1, 2, 3, 4, 5)]
    stopped = median_rule(curves_of([*values, late, [9.0, 2.5, 2.5, 3.0, 3.0]]))
    assert stopped.tolist() == [NEVER] * 5 + [2, NEVER]
    # At mark 3 only the first five count: their median is 3, and 3.1 is above it.
    again = median_rule(curves_of([*values, late, [9.0, 2.5, 2.5, 3.1, 3.1]]))
    assert again[-1] == 3


def test_halving_by_hand() -> None:
    # Nine marks of an eighth: the rungs 1/9 and 1/3 are met at marks 1 and 3.
    values = [[9.0, i, i, 9 - i, 9 - i, 1, 1, 1, 1] for i in range(1, 10)]
    found = halving(curves_of(values))
    assert found.tolist() == [3, 3, NEVER, 1, 1, 1, 1, 1, 1]


@given(st.lists(st.sampled_from([1.0, 2.0, math.inf]), min_size=1, max_size=40))
def test_halving_keeps_a_third_of_a_third(levels: list[float]) -> None:
    found = halving(flat(*levels))
    n = len(levels)
    assert (found == NEVER).sum() == max(max(n // 3, 1) // 3, 1)
    assert levels[int(np.flatnonzero(found == NEVER)[0])] == min(levels)


@pytest.mark.parametrize("rule", RULES)
def test_the_best_throughout_is_never_lost(rule: str) -> None:
    levels = [5, 4, 6, 7, 8, 9, 1, 3, 5, 6, 7, 8]
    found = replay(CELL, rule, flat(*levels))
    assert (found.best, found.elected, found.lost, found.regret) == (7, 7, False, 0.0)
    assert 0 < found.saved < 1


@pytest.mark.parametrize("rule", RULES)
def test_a_late_bloomer_is_lost(rule: str) -> None:
    others = [[9.0, i, i, i, i] for i in (2.0, 2.1, 2.2, 2.3, 2.4, 2.5)]
    found = replay(CELL, rule, curves_of([*others, [9.0, 8.0, 8.0, 8.0, 1.0]]))
    assert (found.best, found.elected, found.lost) == (7, 1, True)
    assert found.regret == pytest.approx(1.0)
    assert found.relative == pytest.approx(1.0)


def test_what_is_saved_is_the_rest_of_the_budget() -> None:
    # Nine of which six stop at 1/4, two at 1/2.
    found = replay(CELL, "successive halving", flat(*range(1, 10)))
    assert found.saved == pytest.approx(1 - (6 * 0.25 + 2 * 0.5 + 1) / 9)
    # The median rule stops the sixth and all after it at the first mark, a quarter of the budget.
    found = replay(CELL, "median rule", flat(*range(1, 10)))
    assert found.saved == pytest.approx(4 * 0.75 / 9)


def test_none_left_is_an_infinite_regret() -> None:
    values = [[9.0, 1.0, 1.0, 1.0, math.inf]] + [[9.0, 5.0, 5.0, 5.0, 2.0]] * 8
    found = replay(CELL, "successive halving", curves_of(values))
    assert found.elected is None and found.lost and math.isinf(found.regret)


def calm(task: str, optimizer: str, unit: Mapping[str, float]) -> float:
    """A loss that never fails."""
    return 0.3 + (unit["opt.lr"] - 0.6) ** 2


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Frames:
    where = tmp_path_factory.mktemp("study")
    study = small_study(task=("a", "b", "c"), trials=27, seeds=2)
    return load(write_study(where, study, Truth(calm), confirm=False))


def test_curves_of_a_study_end_at_their_scores(frames: Frames) -> None:
    for cell, election in frames.elections.items():
        curves = search_curves(frames, cell)
        assert curves is not None and curves.values.shape == (27, 41)
        scores = [election.scores[c] for c in range(1, 28)]
        assert curves.scores.tolist() == scores
        assert curves.values[:, -1] == pytest.approx(curves.scores)
        assert (np.diff(curves.fractions) > 0).all() and curves.fractions[-1] == 1


def test_a_run_that_failed_is_infinite_after_its_last_reading(frames: Frames) -> None:
    cell = next(iter(frames.elections))
    rows = frames.rows("search", cell)
    key = rows.loc[(rows["config"] == 3) & (rows["seed"] == 0), "key"].iloc[0]
    trials = frames.trials.assign(
        status=frames.trials["status"].mask(frames.trials["key"] == key, "diverged")
    )
    cut = frames.curves.loc[(frames.curves["key"] != key) | (frames.curves["fraction"] <= 0.5)]
    curves = search_curves(replace(frames, trials=trials, curves=cut), cell)
    assert curves is not None
    assert np.isfinite(curves.values[2, :21]).all() and np.isinf(curves.values[2, 21:]).all()
    assert curves.costs[2, -1] == pytest.approx((0.5 + 1) / 2)
    assert curves.costs[1, -1] == 1


def test_a_skipped_mark_keeps_the_reading_before_it(frames: Frames) -> None:
    cell = next(iter(frames.elections))
    keys = frames.rows("search", cell).query("config == 1")["key"]
    skipped = frames.curves["key"].isin(keys) & np.isclose(frames.curves["fraction"], 0.5)
    whole = search_curves(frames, cell)
    gap = search_curves(replace(frames, curves=frames.curves.loc[~skipped]), cell)
    assert whole is not None and gap is not None
    assert gap.values[0, 20] == whole.values[0, 19]
    assert (
        np.delete(gap.values, 20, axis=1).tolist() == np.delete(whole.values, 20, axis=1).tolist()
    )


def test_a_missing_curve_is_no_replay(frames: Frames) -> None:
    cell = next(iter(frames.elections))
    key = frames.rows("search", cell).query("config == 4")["key"].iloc[0]
    without = replace(frames, curves=frames.curves.loc[frames.curves["key"] != key])
    assert replays(without, cell) == (
        [],
        f"{cell.optimizer} has search runs without a stored curve",
    )


def test_the_latest_reading_decides_where_the_last_one_is_selected(tmp_path: Path) -> None:
    study = small_study(selection="final", trials=8)
    frames = load(write_study(tmp_path, study, confirm=False))
    curves = search_curves(frames, next(iter(frames.elections)))
    assert curves is not None
    good = np.isfinite(curves.scores)
    assert (np.diff(curves.values[good], axis=1) > 0).any()


def test_the_card_counts_every_search(frames: Frames) -> None:
    card = stopping_card(frames)
    # 27 configurations: 9 beyond 1/9, met at mark 5 of 40, 3 beyond 1/3, met at mark 14.
    assert pytest.approx(1 - 0.728, abs=0.001) == (18 * 0.125 + 6 * 0.35 + 3) / 27
    assert "Successive halving: 73\N{NO-BREAK SPACE}%" in card.verdict[1]
    assert "of 6 searches" in card.verdict[0]
    assert card.table is not None
    assert [row[0] for row in card.table.groups[0].rows] == ["flowadam", "adam", "all"]


def test_all_failed_is_said(tmp_path: Path) -> None:
    def fails(task: str, optimizer: str, unit: Mapping[str, float]) -> float:
        return math.inf

    frames = load(write_study(tmp_path, small_study(trials=8), Truth(fails), confirm=False))
    assert "every configuration of" in stopping_card(frames).verdict[0]
