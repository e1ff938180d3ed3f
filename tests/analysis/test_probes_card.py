"""The card of the probes: known means and intervals, and no card without probes."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from synthetic_study import small_study, write_study

from analysis.cards.probes import probes_card
from analysis.figures.probes import band_ends, probe_picture
from analysis.figures.style import legend
from analysis.frames import Frames, load
from analysis.probes import probe_curves, probe_names
from analysis.report import CARDS, build
from flowadam.ledger import Ledger
from flowadam.rows import Row
from flowadam.store import Store

FRACTIONS = (0.0, 0.5, 1.0)
Value = Callable[[Row, float], float]


def reading(row: Row, probe: str, fraction: float, value: float) -> Row:
    return {
        "key": row["key"],
        "probe": probe,
        "fraction": fraction,
        "grad_evals": int(fraction * row["budget"]),
        "value": value,
        "error": math.nan,
        "evals": 17,
        "loss_evals": 0,
        "message": "It failed." if math.isnan(value) else "",
    }


def probed(folder: Path, value: Value, probe: str = "trace", **changes: object) -> Frames:
    """Return a synthetic study in whose runs one probe read ``value(row, fraction)``."""
    write_study(folder, small_study(probe=(probe,), trials=3, **changes))
    rows = [row for row in Store(folder).rows() if row["phase"] != "trivial"]
    number = 1 + max(event["n"] for event in Ledger(folder / "ledger.jsonl").events())
    read = [reading(row, probe, f, value(row, f)) for row in rows for f in FRACTIONS]
    ledger = Ledger(folder / "ledger.jsonl", write=True)
    ledger.append({"n": number, "event": "rows", "trials": rows, "curves": [], "probes": read})
    ledger.close()
    return load(folder)


def by_seed(row: Row, fraction: float) -> float:
    """The seeds' numbers 0, 1, ..., and the configuration's on top of it."""
    return row["seed"] % 1000 + 100.0 * fraction + row["config"] / 100


def test_means_and_intervals_are_those_of_the_seeds(tmp_path: Path) -> None:
    frames = probed(tmp_path, by_seed)
    (arena,) = frames.arenas
    flowadam, adam = probe_curves(frames, arena, "trace")
    assert (flowadam.optimizer, adam.optimizer) == ("flowadam", "adam")
    for cell, curve in zip(frames.cells(arena), (flowadam, adam), strict=True):
        elected = frames.elections[cell].elected
        assert curve.winners == len(elected) == 3
        assert curve.grad_evals == (0, 100, 200)
        half = stats.t.ppf(0.975, 7) * np.std(range(8), ddof=1) / math.sqrt(8)
        for point, fraction in zip(curve.points, FRACTIONS, strict=True):
            mean = 3.5 + 100 * fraction + float(np.mean(elected)) / 100
            assert point.n == 8
            assert point.mean == pytest.approx(mean)
            assert (point.low, point.high) == pytest.approx((mean - half, mean + half))


def test_a_failed_reading_keeps_the_value_before_it(tmp_path: Path) -> None:
    frames = probed(tmp_path, lambda row, f: math.nan if f == 0.5 else by_seed(row, f))
    (arena,) = frames.arenas
    for curve in probe_curves(frames, arena, "trace"):
        assert curve.points[0] == curve.points[1] != curve.points[2]
        assert (curve.failed, curve.readings) == (24, 72)
    # Two optimizers, four configurations searched and confirmed, on one and eight seeds; 3 marks.
    assert "72 of 216 readings failed" in probes_card(frames).verdict[0]


def test_a_seed_counts_once_every_winner_has_a_value(tmp_path: Path) -> None:
    def some(row: Row, fraction: float) -> float:
        late = row["seed"] % 1000 == 0 and fraction == 0
        return math.nan if late else by_seed(row, fraction)

    frames = probed(tmp_path, some)
    (arena,) = frames.arenas
    for curve in probe_curves(frames, arena, "trace"):
        assert [point.n for point in curve.points] == [7, 8, 8]
    rows = [
        row for group in (probes_card(frames).table or pytest.fail()).groups for row in group.rows
    ]
    assert {row[1] for row in rows} == {"7 to 8 (3 winners)"}


def test_runs_that_did_not_end_well_are_left_out(tmp_path: Path) -> None:
    frames = probed(tmp_path, by_seed)
    frames.trials.loc[frames.trials["seed"] % 1000 == 7, "status"] = "diverged"
    (arena,) = frames.arenas
    for curve in probe_curves(frames, arena, "trace"):
        assert {point.n for point in curve.points} == {7}


def test_an_optimizer_without_the_quantity_has_no_curve(tmp_path: Path) -> None:
    frames = probed(
        tmp_path, lambda row, f: by_seed(row, f) if row["optimizer"] == "flowadam" else math.nan
    )
    (arena,) = frames.arenas
    assert [curve.optimizer for curve in probe_curves(frames, arena, "trace")] == ["flowadam"]


def test_one_seed_has_no_interval_and_is_drawn(tmp_path: Path) -> None:
    frames = probed(tmp_path, by_seed, confirm_seeds=1)
    (arena,) = frames.arenas
    curves = probe_curves(frames, arena, "trace")
    assert all(point.low is None for curve in curves for point in curve.points)
    keys = {key.name: key for key in legend(frames.optimizers)}
    assert "<svg" in probe_picture("trace", "trace", curves, keys).svg
    assert "one seed, no interval" in build(tmp_path).read_text()


def test_a_log_axis_survives_an_interval_below_zero(tmp_path: Path) -> None:
    def steep(row: Row, fraction: float) -> float:
        return 1000 ** (row["seed"] % 1000 == 0) * math.exp(5 * fraction)

    frames = probed(tmp_path, steep)
    (arena,) = frames.arenas
    curves = probe_curves(frames, arena, "trace")
    assert any(point.low is not None and point.low < 0 for c in curves for point in c.points)
    for curve in curves:
        low, high = band_ends(curve, 0.25)
        assert min(low) == 0.25 and high == [point.high for point in curve.points]
    keys = {key.name: key for key in legend(frames.optimizers)}
    assert "<svg" in probe_picture("trace", "trace", curves, keys).svg


def test_the_card_stands_behind_the_progress_card(tmp_path: Path) -> None:
    probed(tmp_path, by_seed)
    html = build(tmp_path).read_text()
    titles = [
        html.index(words) for words in ("How fast?", "What did the probes", "What did the se")
    ]
    assert titles == sorted(titles)
    assert html.count("Method, and what this does not say") == len(CARDS) + 1
    assert "trace on bowl" in html and "8 (3 winners)" in html
    assert "1 probe in" in html and "None of" in html


def test_names_stand_in_the_order_of_the_study(tmp_path: Path) -> None:
    frames = probed(tmp_path, by_seed, probe="sharpness")
    assert probe_names(frames) == ["sharpness"]
