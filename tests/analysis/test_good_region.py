"""The good region of spaces whose geometry is known."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from synthetic_study import LR, SHARED, Loss, Truth, small_study, write_study

from analysis.card import Tag
from analysis.cards.region import region_card
from analysis.frames import Frames, load
from analysis.good_region import CLOSENESS, RateSpan, Region, region, yardstick
from analysis.guards import search_scores
from analysis.proportion import median_wait, share
from flowadam.space import Space

ONE_KNOB = {"adam": Space((LR,)), "adamw": Space((LR,)), "flowadam": Space((LR,))}


def frames_of(folder: Path, loss: Loss, **changes: Any) -> Frames:
    study = small_study(**{"optimizer": ("adam", "adamw"), "trials": 64, **changes})
    truth = Truth(loss, seed_sd=0, run_sd=0, spaces=ONE_KNOB)
    return load(write_study(folder, study, truth, confirm=False))


def regions(frames: Frames) -> dict[str, Region]:
    scale = yardstick(frames, frames.arenas[0])
    return {cell.optimizer: region(frames, cell, scale) for cell in frames.elections}


def test_clopper_and_pearson_on_the_worked_example() -> None:
    found = share(9, 64)
    assert (found.low, found.high) == pytest.approx((0.066, 0.250), abs=0.001)


@given(st.integers(1, 80), st.data())
def test_the_interval_is_made_of_exact_tails(n: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, n))
    found = share(k, n)
    if k:
        assert stats.binom.sf(k - 1, n, found.low) == pytest.approx(0.025)
    if k < n:
        assert stats.binom.cdf(k, n, found.high) == pytest.approx(0.025)
    assert found.low <= k / n <= found.high


@pytest.mark.parametrize(
    ("p", "n"), [(0.0, math.inf), (0.5, 1), (0.7, 1), (1.0, 1), (0.25, 3), (0.1, 7), (0.01, 69)]
)
def test_the_median_wait(p: float, n: float) -> None:
    assert median_wait(p) == n
    if 0 < p < 1:
        assert 1 - (1 - p) ** n >= 0.5 - 1e-9
        assert n == 1 or 1 - (1 - p) ** (n - 1) < 0.5


def test_the_wait_turns_the_interval_around() -> None:
    center, low, high = share(9, 64).wait
    assert low <= center <= high and (low, high) == (3, 11)


def ramp(task: str, optimizer: str, unit: Mapping[str, float]) -> float:
    """Uniform scores: from 1 to 2 for adamw, from 1 to 3 for others."""
    return 1 + unit["opt.lr"] * (1 if optimizer == "adamw" else 2)


def test_the_share_of_a_ramp_is_its_length(tmp_path: Path) -> None:
    frames = frames_of(tmp_path, ramp)
    for name, slope in (("adamw", 1), ("adam", 2)):
        found, scores = regions(frames)[name], search_scores(frames, _cell(frames, name))
        scale = yardstick(frames, frames.arenas[0])
        assert scale is not None and scale.source == "adamw"
        for x, own, useful in zip(CLOSENESS, found.own, found.any, strict=True):
            limit = scores.min() + x * (scale.reference - scores.min())
            assert own.k == (scores <= limit).sum() >= 1
            limit = scale.best + x * (scale.reference - scale.best)
            assert useful.k == (scores <= limit).sum() <= own.k
            truth = x * (scale.reference - scale.best) / slope
            assert useful.low <= truth <= useful.high


def _cell(frames: Frames, optimizer: str):
    return next(c for c in frames.elections if c.optimizer == optimizer)


def test_the_reference_is_adamws_median(tmp_path: Path) -> None:
    frames = frames_of(tmp_path, ramp)
    scores = np.sort(search_scores(frames, _cell(frames, "adamw")))
    scale = yardstick(frames, frames.arenas[0])
    assert scale is not None and scale.reference == scores[31]


def test_without_adamw_everybody_is_the_reference(tmp_path: Path) -> None:
    frames = frames_of(tmp_path, ramp, optimizer=("adam", "flowadam"), trials=10)
    scale = yardstick(frames, frames.arenas[0])
    pooled = np.sort(np.concatenate([search_scores(frames, c) for c in frames.elections]))
    assert scale is not None and scale.source == "all optimizers"
    assert scale.reference == pooled[9]
    assert "the median of all optimizers" in region_card(frames).verdict[1]


def test_a_reference_that_failed_measures_nothing(tmp_path: Path) -> None:
    def failing(task: str, optimizer: str, unit: Mapping[str, float]) -> float:
        return math.inf if optimizer == "adamw" and unit["opt.lr"] > 0.2 else 1.0

    card = region_card(frames_of(tmp_path, failing, trials=20))
    assert card.figure is None and "no better than a failure" in card.verdict[0]


def test_who_never_beats_the_reference_has_no_own_region(tmp_path: Path) -> None:
    def poor(task: str, optimizer: str, unit: Mapping[str, float]) -> float:
        return unit["opt.lr"] + (5 if optimizer == "adam" else 1)

    found = regions(frames_of(tmp_path, poor, trials=20))["adam"]
    assert found.own == () and found.rates is None
    assert [s.k for s in found.any] == [0, 0, 0]


def valley(task: str, optimizer: str, unit: Mapping[str, float]) -> float:
    """A flat valley from u = .4 to .6 of the rate, 0.6 decades of the three that are searched."""
    return 1 + max(abs(unit["opt.lr"] - 0.5) - 0.1, 0.0)


def test_the_good_rates_span_the_valley(tmp_path: Path) -> None:
    span = regions(frames_of(tmp_path, valley, trials=120))["adam"].rates
    assert span is not None and span.k > 15
    assert 0.5 < span.decades < 0.75
    assert math.log10(span.low) == pytest.approx(-4 + 3 * 0.4, abs=0.1)
    assert span.holds == (span.k - 1) / (span.k + 1)


def test_a_span_of_two_decades() -> None:
    span = RateSpan(1e-4, 1e-2, 7)
    assert (span.decades, span.holds) == pytest.approx((2.0, 0.75))


def test_a_best_at_the_edge_greys_the_numbers_out(tmp_path: Path) -> None:
    frames = frames_of(tmp_path, ramp, trials=40)
    found = regions(frames)["adam"]
    assert [e.knob for e in found.edges] == ["opt.lr"]
    assert found.chance == pytest.approx(0.1)
    card = region_card(frames)
    assert card.verdict[0].startswith("Of 2 searches, 0 have their best configuration away from")
    assert card.table is not None
    row = card.table.groups[0].rows[0]
    assert all(isinstance(v, Tag) and v.tone == "grey" for v in row[1:-1])
    assert isinstance(row[-1], Tag) and row[-1].tone == "warn" and "chance 10" in row[-1].text


def test_a_best_in_the_middle_is_no_edge(tmp_path: Path) -> None:
    assert regions(frames_of(tmp_path, valley, trials=40))["adam"].edges == ()


def test_the_chance_of_an_edge_grows_with_the_knobs(tmp_path: Path) -> None:
    frames = load(write_study(tmp_path, small_study(trials=8), confirm=False))
    chance = {name: r.chance for name, r in regions(frames).items()}
    assert chance["adam"] == pytest.approx(1 - 0.9 ** len(SHARED))
    assert chance["flowadam"] == pytest.approx(1 - 0.9 ** (len(SHARED) + 4))


@pytest.mark.slow
@pytest.mark.parametrize("n", [8, 32, 100])
def test_clopper_and_pearson_cover_every_probability(n: int) -> None:
    intervals = [share(k, n) for k in range(n + 1)]
    for p in np.linspace(0.001, 0.999, 400):
        inside = [i.low <= p <= i.high for i in intervals]
        assert stats.binom.pmf(np.arange(n + 1), n, p)[inside].sum() >= 0.95 - 1e-9


@pytest.mark.slow
@pytest.mark.parametrize("n", [8, 12])
def test_it_covers_the_mean_of_unequal_probabilities(n: int) -> None:
    rng = np.random.default_rng(0)
    p = np.linspace(0.02, 0.6, n)
    intervals = [share(k, n) for k in range(n + 1)]
    hits = [intervals[int((rng.uniform(size=n) < p).sum())] for _ in range(4000)]
    covered = np.mean([s.low <= p.mean() <= s.high for s in hits])
    assert covered > 0.95 - 4 * 0.0035


@pytest.mark.slow
@pytest.mark.parametrize("x", CLOSENESS)
@pytest.mark.parametrize("n", [16, 32, 64])
@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_the_share_by_a_best_found_on_the_same_data_is_covered(
    x: float, n: int, power: float
) -> None:
    """Best and reference come from the n scores themselves; the truth is taken at both."""
    rng, hits, repeats = np.random.default_rng(0), 0, 4000
    intervals = [share(k, n) for k in range(n + 1)]
    for _ in range(repeats):
        scores = rng.uniform(size=n) ** power
        limit = scores.min() + x * (np.median(scores) - scores.min())
        found = intervals[int((scores <= limit).sum())]
        hits += found.low <= limit ** (1 / power) <= found.high
    assert hits / repeats > 0.95 - 4 * 0.0035


@pytest.mark.slow
@pytest.mark.parametrize("k", [2, 5, 12])
def test_a_span_holds_a_further_one_as_often_as_it_says(k: int) -> None:
    draws = np.random.default_rng(0).lognormal(size=(40_000, k + 1))
    low, high = draws[:, :k].min(axis=1), draws[:, :k].max(axis=1)
    inside = ((low <= draws[:, k]) & (draws[:, k] <= high)).mean()
    assert inside == pytest.approx(RateSpan(1.0, 2.0, k).holds, abs=4 * 0.0025)
