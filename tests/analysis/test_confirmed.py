"""Confirmed results, baselines, inclusion, curves: numbers recomputed by hand."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from synthetic_study import Truth, bowl, small_study, write_study

from analysis.baselines import inclusions, trivials, worse_than_trivial
from analysis.cards.results import results_card
from analysis.confirmed import confirmed
from analysis.curves import best_so_far
from analysis.frames import Frames, load
from analysis.health import cell_health
from flowadam.plan import CONFIRM_SEED_START
from flowadam.store import Store


def frames_of(folder: Path, **changes: object) -> Frames:
    return load(write_study(folder, small_study(**changes)))


def test_the_mean_is_over_seeds_of_means_over_winners(tmp_path: Path) -> None:
    frames = frames_of(tmp_path)
    (arena,) = frames.arenas
    result = confirmed(frames, arena)[0]
    rows = frames.rows("confirm", result.cell)
    rows = rows.loc[rows["config"].isin(result.winners)]
    assert len(result.winners) == 3
    assert result.test is not None and result.test.n == 8
    assert result.test.mean == pytest.approx(rows["test_best"].mean())
    by_winner = rows.groupby("config")["test_best"].mean()
    assert dict(result.by_winner) == pytest.approx(by_winner.to_dict())
    assert result.spread == pytest.approx(float(np.std(by_winner, ddof=1)))
    assert (result.failed, result.missing) == (0, 0)


def test_the_best_winner_is_the_winner_of_all_configurations(tmp_path: Path) -> None:
    frames = frames_of(tmp_path)
    for result in confirmed(frames, frames.arenas[0]):
        scores = frames.elections[result.cell].scores
        assert result.best is not None
        assert result.best[0] == min((c for c in scores if c > 0), key=lambda c: scores[c])
        assert result.best[1].mean == pytest.approx(result.by_winner[result.best[0]])


def test_selection_final_reads_the_final_column(tmp_path: Path) -> None:
    frames = frames_of(tmp_path, selection="final")
    result = confirmed(frames, frames.arenas[0])[0]
    rows = frames.rows("confirm", result.cell)
    final = rows.loc[rows["config"].isin(result.winners), "test_final"]
    assert result.test is not None and result.test.mean == pytest.approx(final.mean())


def test_the_default_stands_apart(tmp_path: Path) -> None:
    frames = frames_of(tmp_path)
    result = confirmed(frames, frames.arenas[0])[0]
    rows = frames.rows("confirm", result.cell)
    assert result.default is not None
    default = rows.loc[rows["config"] == 0, "test_best"]
    assert result.default.mean == pytest.approx(default.mean())
    assert 0 not in result.winners


def test_missing_confirm_runs_are_counted_and_their_seeds_left_out(tmp_path: Path) -> None:
    study = small_study(confirm_blocks=(4, 4))
    late = CONFIRM_SEED_START + 4
    folder = write_study(
        tmp_path,
        study,
        keep=lambda g: not (g.cell.optimizer == "adam" and g.seeds[0] == late and g.config),
    )
    frames = load(folder)
    flow, adam = confirmed(frames, frames.arenas[0])
    assert (flow.missing, adam.missing) == (0, 12)
    assert (len(flow.by_seed), len(adam.by_seed)) == (8, 4)


def test_a_run_that_did_not_end_well_gives_no_reading(tmp_path: Path) -> None:
    frames = frames_of(tmp_path)
    (arena,) = frames.arenas
    whole = confirmed(frames, arena)[0]
    trials = frames.trials.copy()
    mine = (trials["phase"] == "confirm") & (trials["optimizer"] == "flowadam")
    one = mine & (trials["config"] == whole.winners[0]) & (trials["seed"] == CONFIRM_SEED_START)
    trials.loc[one, "status"] = "timeout"
    result = confirmed(replace(frames, trials=trials), arena)[0]
    assert result.failed == 1
    assert set(whole.by_seed) - set(result.by_seed) == {CONFIRM_SEED_START}


def test_superseded_winners_are_counted_and_not_used(tmp_path: Path) -> None:
    small = small_study(trials=3)
    write_study(tmp_path, small)
    before = load(tmp_path)
    write_study(tmp_path, replace(small, trials=20))
    after = load(tmp_path)
    (cell, *_) = after.elections
    gone = set(before.elections[cell].elected) - set(after.elections[cell].elected)
    assert gone
    health = cell_health(after, cell)
    assert health.superseded == 8 * len(gone)
    assert health.read == 1 + 3 + len(gone)
    result = confirmed(after, after.arenas[0])[0]
    assert set(result.winners) == set(after.elections[cell].elected)


def test_trivial_predictors_come_best_first(tmp_path: Path) -> None:
    folder = write_study(tmp_path, small_study(), Truth(trivial=0.2))
    frames = load(folder)
    (arena,) = frames.arenas
    (only,) = trivials(frames, arena)
    assert (only.name, only.test) == ("constant", 0.2)
    results = confirmed(frames, arena)
    assert all(worse_than_trivial(r, [only]) for r in results)
    assert "2 worse than the best trivial predictor" in results_card(frames).verdict[0]


def test_without_a_trivial_predictor_nothing_is_flagged(tmp_path: Path) -> None:
    frames = frames_of(tmp_path)
    (result, *_) = confirmed(frames, frames.arenas[0])
    assert worse_than_trivial(result, []) is None


def test_the_contained_optimizer_is_found_by_its_values(tmp_path: Path) -> None:
    study = small_study(optimizer=("flowadam", "lion", "adam"))
    frames = load(write_study(tmp_path, study, inclusion=("flowadam", "adam")))
    (found,) = inclusions(frames, frames.arenas[0])
    adam = next(c for c in frames.elections if c.optimizer == "adam")
    assert (found.container, found.other) == ("flowadam", "adam")
    assert found.config == frames.elections[adam].elected[0]
    assert (found.knobs, found.failed) == (4, 0)
    result = next(r for r in confirmed(frames, frames.arenas[0]) if r.cell == adam)
    assert found.test is not None
    assert found.test.mean == pytest.approx(result.by_winner[found.config])


def test_the_price_of_the_knobs_is_told_when_the_container_loses(tmp_path: Path) -> None:
    truth = Truth(offset={"flowadam": 0.2})
    frames = load(write_study(tmp_path, small_study(), truth, inclusion=("flowadam", "adam")))
    told = results_card(frames).verdict[1]
    assert "flowadam contains adam" in told
    assert "the gap is that of 4 more knobs at 2 configurations a winner, or luck" in told


def test_bands_are_order_statistics_of_running_minima(tmp_path: Path) -> None:
    frames = frames_of(tmp_path)
    (cell, *_) = frames.elections
    band = best_so_far(frames, cell)
    assert band is not None
    assert (band.runs, band.winners, band.failed) == (24, 3, 0)
    assert band.grad_evals[0] == 0 and band.grad_evals[-1] == pytest.approx(200)
    assert all(np.diff(band.median) <= 0)
    ends = []
    rows = frames.rows("confirm", cell)
    for key in rows.loc[rows["config"] > 0, "key"]:
        run = frames.curves.loc[frames.curves["key"] == key]
        ends.append(run.sort_values("fraction")["val"].min())
    assert band.median[-1] == pytest.approx(np.quantile(ends, 0.5, method="inverted_cdf"))
    assert min(ends) <= band.low[-1] <= band.median[-1] <= band.high[-1] <= max(ends)


def test_a_skipped_mark_keeps_the_value_before_it(tmp_path: Path) -> None:
    frames = frames_of(tmp_path)
    thinned = frames.curves.loc[(frames.curves["fraction"] * 40).round() % 3 == 0]
    (cell, *_) = frames.elections
    dense, sparse = best_so_far(frames, cell), best_so_far(replace(frames, curves=thinned), cell)
    assert dense is not None and sparse is not None
    assert len(sparse.median) < len(dense.median)
    assert all(np.diff(sparse.median) <= 0)


def test_failed_runs_count_as_infinite_in_the_band(tmp_path: Path) -> None:
    write_study(tmp_path, small_study())
    frames = load(tmp_path)
    (cell, *_) = frames.elections
    trials = frames.trials.copy()
    mine = (trials["phase"] == "confirm") & (trials["optimizer"] == cell.optimizer)
    trials.loc[mine & (trials["seed"] < CONFIRM_SEED_START + 2), "status"] = "diverged"
    band = best_so_far(replace(frames, trials=trials), cell)
    assert band is not None
    assert band.failed == 6
    assert math.isfinite(band.median[-1]) and math.isinf(band.high[-1])


def test_no_curves_no_band(tmp_path: Path) -> None:
    frames = load(write_study(tmp_path, small_study(), confirm=False))
    assert best_so_far(frames, next(iter(frames.elections))) is None


def test_rows_that_wait_in_the_ledger_are_read_too(tmp_path: Path) -> None:
    write_study(tmp_path, small_study())
    flushed = load(tmp_path)
    for part in (tmp_path / "trials").iterdir():
        part.unlink()
    waiting = load(tmp_path)
    assert len(Store(tmp_path).keys()) == len(waiting.trials) == len(flushed.trials)
    assert waiting.elections == flushed.elections


def test_a_changed_space_leaves_stale_rows(tmp_path: Path) -> None:
    study = small_study()
    write_study(tmp_path, study)

    def shifted(task: str, optimizer: str, unit: Mapping[str, float]) -> float:
        return bowl(task, optimizer, unit) + 1

    write_study(tmp_path, study, Truth(shifted), identity="another space")
    frames = load(tmp_path)
    assert frames.stale == len(frames.trials) - 1
    assert min(frames.elections[next(iter(frames.elections))].scores.values()) > 1
