"""Tuning curves of known distributions, and bands that hold."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opda.nonparametric import EmpiricalDistribution
from synthetic_study import Truth, bowl, small_study, write_study

from analysis.cards.tuning import tuning_card
from analysis.frames import load
from analysis.tuning_curves import (
    MOST_EXACT,
    band,
    band_ranks,
    family_level,
    median_curve,
    method,
    tuning_curve,
)

SCORES = st.lists(st.sampled_from([0.1, 0.5, 1.0, 2.0, np.inf]), min_size=8, max_size=8)


def true_curve(n: int) -> np.ndarray:
    """Return the median of the lowest of 1..n uniform numbers."""
    return 1 - 0.5 ** (1 / np.arange(1, n + 1))


def test_a_fine_uniform_sample_has_the_known_curve() -> None:
    scores = (np.arange(1000) + 0.5) / 1000
    assert median_curve(scores) == pytest.approx(true_curve(1000), abs=0.001)


def test_failures_are_worse_than_everything() -> None:
    curve = median_curve(np.array([1.0, np.inf, np.inf, np.inf]))
    assert curve.tolist() == [np.inf, np.inf, 1.0, 1.0]


@given(SCORES)
def test_the_curve_is_monotone_and_within_its_band(scores: list[float]) -> None:
    curve = median_curve(np.array(scores))
    low, high = band(np.array(scores), 0.95, 0.0)
    with np.errstate(invalid="ignore"):  # inf - inf
        assert not (np.diff(curve) > 0).any()
    assert (low <= curve).all() and (curve <= high).all()


@pytest.mark.parametrize("n", [8, 12, MOST_EXACT + 1])
def test_the_band_is_opdas(n: int) -> None:
    scores = np.random.default_rng(n).normal(3, 1, n)
    below, _, above = EmpiricalDistribution.confidence_bands(
        scores, 0.9, method=method(n), generator=np.random.default_rng(0), n_jobs=1
    )
    ns = np.arange(1, n + 1)
    expected = [b.quantile_tuning_curve(ns, 0.5, minimize=True) for b in (above, below)]
    low, high = band(scores, 0.9, -np.inf)
    assert [low.tolist(), high.tolist()] == [e.tolist() for e in expected]


def test_no_data_at_the_end_means_no_end() -> None:
    low, high = band(np.arange(1.0, 9.0), 0.95, -np.inf)
    assert low[-1] == -np.inf and high[-1] < 8


def test_the_support_bounds_the_band() -> None:
    assert band(np.arange(1.0, 9.0), 0.95, 0.0)[0][-1] == 0.0


def test_ties_make_no_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        band(np.array([1.0] * 4 + [np.inf] * 4), 0.95, 0.0)


@pytest.mark.parametrize(("n", "name"), [(8, "ld_equal_tailed"), (129, "ks"), (2000, "ks")])
def test_many_configurations_take_the_quick_band(n: int, name: str) -> None:
    assert method(n) == name


def test_a_stricter_level_is_wider() -> None:
    loose, strict = band_ranks(16, 0.9), band_ranks(16, 0.99)
    assert (strict[0] <= loose[0]).all() and (strict[1] >= loose[1]).all()


def coverage(draw: Callable[[np.ndarray], np.ndarray], n: int, level: float, repeats: int) -> float:
    """Return how often the band of n draws holds the true curve at every n together.

    Args:
        draw: quantile function of the scores, of uniform numbers.
    """
    rng, truth = np.random.default_rng(1), draw(true_curve(n))
    hits = 0
    for _ in range(repeats):
        low, high = band(draw(rng.uniform(size=n)), level, -np.inf)
        hits += bool(((low <= truth) & (truth <= high)).all())
    return hits / repeats


SHAPES: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "uniform": lambda u: u,
    "a third fails": lambda u: np.where(u > 2 / 3, np.inf, u),
    "ties": lambda u: np.ceil(5 * u),
}


def test_the_band_holds_everywhere_together() -> None:
    # 1000 repeats have a standard error of .007; four of them below the nominal level.
    assert coverage(SHAPES["uniform"], 8, 0.95, 1000) > 0.95 - 4 * 0.007


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("n", [8, 32, 64, 200])
@pytest.mark.parametrize("level", [0.8, 0.95, 1 - 0.05 / 120])
def test_the_band_holds_everywhere_together_closely(shape: str, n: int, level: float) -> None:
    repeats = 10_000
    error = np.sqrt(level * (1 - level) / repeats)
    # opda's critical value is itself simulated: an error of a tenth of 1 - level, see its source.
    assert coverage(SHAPES[shape], n, level, repeats) > level - 4 * error - 0.1 * (1 - level)


def test_a_study_has_one_curve_a_cell_at_the_level_of_the_family(tmp_path: Path) -> None:
    study = small_study(task=("a", "b"), optimizer=("flowadam", "adam"), trials=12)
    frames = load(write_study(tmp_path, study, confirm=False))
    assert family_level(frames) == pytest.approx(1 - 0.05 / 4)
    for cell, election in frames.elections.items():
        found = tuning_curve(frames, cell)
        scores = np.array([election.scores[c] for c in range(1, 13)])
        assert found.median == tuple(median_curve(scores))
        assert (found.n, found.failed) == (12, int(np.isinf(scores).sum()))
        assert (found.mean is None) == bool(found.failed)
        assert not found.refused


def test_bands_of_a_clear_difference_lie_apart(tmp_path: Path) -> None:
    def loss(task: str, optimizer: str, unit: Mapping[str, float]) -> float:
        return unit["opt.lr"] + (10 if optimizer == "adam" else 0)

    frames = load(write_study(tmp_path, small_study(trials=20), Truth(loss), confirm=False))
    card = tuning_card(frames)
    assert card.verdict[0].startswith("The bands of 1 of 1 pair of optimizers lie apart")
    assert "each band at 97.50 %" in card.verdict[0]
    assert "lowest median flowadam at n = 1, flowadam at n = 4" in card.verdict[1]
    assert card.figure is not None and card.table is not None


def test_bands_of_equal_optimizers_do_not(tmp_path: Path) -> None:
    study = small_study(trials=12, optimizer=("flowadam", "adam", "lion"))
    card = tuning_card(load(write_study(tmp_path, study, Truth(bowl), confirm=False)))
    assert card.verdict[0].startswith("The bands of 0 of 3 pairs of optimizers lie apart")
    assert "97.50" not in card.verdict[0] and "98.33 %" in card.verdict[0]


def test_qmc_has_no_bands(tmp_path: Path) -> None:
    study = small_study(trials=8, sampler="qmc")
    card = tuning_card(load(write_study(tmp_path, study, confirm=False)))
    assert card.figure is None
    assert "the sampler qmc spreads its points more evenly than chance" in card.verdict[0]
