"""Ranges recovered from the store, surrogates, Sobol' indices and their gate."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from synthetic_study import FLOW, SHARED, Truth, small_study, write_study

from analysis.card import Figure, Tag
from analysis.cards.knobs import knobs_card
from analysis.frames import load
from analysis.importance import Importance, importance, snap
from analysis.ped_anova import ped_anova
from analysis.ranges import Range, find_range, ranges
from analysis.surrogate import fit_surrogate
from flowadam.space import Choice, Float, Int, Parameter, Space

UNITS = np.linspace(0.03, 0.97, 7)


def pairs(parameter: Parameter) -> tuple[pd.Series, pd.Series]:
    """Return units and values as the store holds them."""
    values = [parameter.from_unit(float(u)) for u in UNITS]
    return pd.Series([parameter.to_unit(v) for v in values]), pd.Series(values)


@pytest.mark.parametrize("parameter", [*SHARED, *FLOW], ids=lambda p: p.name)
def test_real_ranges_are_recovered(parameter: Float) -> None:
    found = find_range(parameter.name, *pairs(parameter))
    assert (found.low, found.high) == pytest.approx((parameter.low, parameter.high))
    expected = "log of 1 - x" if parameter.one_minus else "log" if parameter.log else "linear"
    assert found.scale == expected
    assert float(found.at(0.5)) == pytest.approx(parameter.from_unit(0.5), rel=0.01)


def test_a_decay_rate_near_one_does_not_read_as_one() -> None:
    beta = Float("opt.beta2", 0.8, 0.9999, "test", one_minus=True)
    assert find_range("opt.beta2", *pairs(beta)).at(1) == "0.9999"


@given(st.floats(-50, 50), st.floats(0.01, 100), st.booleans())
def test_any_real_range_is_recovered(low: float, width: float, log: bool) -> None:
    low = abs(low) + 1e-6 if log else low
    parameter = Float("x", low, low + width, "test", log=log)
    found = find_range("x", *pairs(parameter))
    assert (found.low, found.high) == pytest.approx((low, low + width), rel=1e-5, abs=1e-5)


def test_whole_numbers_and_choices_are_recovered() -> None:
    whole = find_range("n", *pairs(Int("n", 2, 9, "test")))
    assert (whole.low, whole.high, whole.levels) == (2, 9, 8)
    assert "whole numbers" in whole.text()
    choice = find_range("c", *pairs(Choice("c", ("soft", "hard", "none"), "test")))
    assert (choice.options, choice.levels) == (("soft", "hard", "none"), 3)
    assert [choice.at(u) for u in (0.0, 0.5, 1.0)] == ["soft", "hard", "none"]


def test_an_option_that_was_never_drawn_stays_open() -> None:
    found = find_range("c", pd.Series([1 / 6, 5 / 6]), pd.Series(["soft", "none"]))
    assert found.options == ("soft", "?", "none")


@pytest.mark.parametrize(
    ("units", "values"),
    [([], []), ([0.2], [1.0]), ([0.2, 0.4], [1.0, 2.0]), ([0.1, 0.5, 0.9], [1.0, 5.0, 2.0])],
)
def test_too_few_or_crooked_pairs_tell_nothing(units: list[float], values: list[float]) -> None:
    found = find_range("x", pd.Series(units, dtype=float), pd.Series(values, dtype=float))
    assert found == Range("x")
    assert (found.text(), found.at(0.5)) == ("too few points to tell", "")


def test_ranges_of_a_study_are_its_space(tmp_path: Path) -> None:
    frames = load(write_study(tmp_path, small_study(), confirm=False))
    cell = next(c for c in frames.elections if c.optimizer == "flowadam")
    found = {r.name: (r.low, r.high) for r in ranges(frames, cell)}
    assert found == {p.name: pytest.approx((p.low, p.high)) for p in (*SHARED, *FLOW)}


def product_loss(task: str, optimizer: str, unit: Mapping[str, float]) -> float:
    """1 + x y + 0.3 x on three knobs, the third idle: y matters only together with x."""
    x, y = unit["opt.lr"], unit["opt.beta1"]
    return 1 + x * y + 0.3 * x


def knobs_of(folder: Path, trials: int, truth: Truth, **changes: object) -> Importance:
    study = small_study(optimizer=("adam",), trials=trials, **changes)
    frames = load(write_study(folder, study, truth, confirm=False))
    return importance(frames, next(iter(frames.elections)))


def true_indices() -> tuple[np.ndarray, np.ndarray]:
    """Return first-order and total indices of the rank of x y + 0.3 x, by brute force."""
    sample = np.random.default_rng(0).uniform(size=(2, 20_000))
    ordered = np.sort(sample[0] * sample[1] + 0.3 * sample[0])

    def rank(x: np.ndarray) -> np.ndarray:
        return np.searchsorted(ordered, x[0] * x[1] + 0.3 * x[0]) / len(ordered)

    uniform = [stats.uniform()] * 2
    found = stats.sobol_indices(func=rank, n=8192, dists=uniform, rng=np.random.default_rng(0))
    return found.first_order, found.total_order


def test_known_shares_are_found(tmp_path: Path) -> None:
    found = knobs_of(tmp_path, 60, Truth(product_loss, seed_sd=0, run_sd=0.005))
    assert found.surrogate is not None and found.surrogate.r2 > 0.9
    assert found.trusted and not found.refused
    first, total = true_indices()
    assert [k.name for k in found.knobs] == ["opt.lr", "opt.beta1", "task.penalty"]
    assert [k.first for k in found.knobs] == pytest.approx([*first, 0.0], abs=0.06)
    assert [k.total for k in found.knobs] == pytest.approx([*total, 0.0], abs=0.06)
    assert all(k.low - 0.03 <= k.total <= k.high + 0.03 for k in found.knobs)
    ped = [k.ped for k in found.knobs]
    assert sum(p or 0 for p in ped) == pytest.approx(1)
    assert ped[0] == max(p or 0 for p in ped)


def test_noise_is_greyed_out(tmp_path: Path) -> None:
    noise = Truth(lambda *_: 0.5, seed_sd=0.0, run_sd=0.1)
    study = small_study(optimizer=("adam",), trials=16)
    card = knobs_card(load(write_study(tmp_path, study, noise, confirm=False)))
    assert "so the indices are not interpretable" in card.verdict[1]
    assert isinstance(card.figure, Figure) and card.table is not None
    assert "indices not interpretable" in card.figure.pictures[0].muted
    values = [value for row in card.table.groups[0].rows for value in row[1:]]
    assert all(isinstance(value, Tag) and value.tone == "grey" for value in values)


@pytest.mark.parametrize("sampler", ["tpe", "gp", "cmaes"])
def test_adaptive_samplers_are_refused_with_a_sentence(tmp_path: Path, sampler: str) -> None:
    found = knobs_of(tmp_path, 20, Truth(product_loss), sampler=sampler)
    assert not found.knobs
    assert found.refused.startswith(f"the sampler {sampler} is adaptive")


@pytest.mark.parametrize("trials", [1, 4, 11])
def test_few_configurations_get_a_reason_instead_of_indices(tmp_path: Path, trials: int) -> None:
    found = knobs_of(tmp_path, trials, Truth(product_loss))
    assert found.refused == f"a surrogate needs at least 12 configurations, got {trials}"
    card = knobs_card(load(tmp_path))
    assert card.figure is None and card.table is None
    assert f"no indices at N = {trials}, because" in card.verdict[1]


def test_equal_scores_are_refused(tmp_path: Path) -> None:
    found = knobs_of(tmp_path, 14, Truth(lambda *_: math.inf))
    assert found.refused == "all configurations have the same score"
    assert found.failed == 14


def test_failed_configurations_share_the_worst_rank(tmp_path: Path) -> None:
    def cliff(task: str, optimizer: str, unit: Mapping[str, float]) -> float:
        return math.inf if unit["opt.lr"] > 0.7 else 1 + unit["opt.lr"]

    found = knobs_of(tmp_path, 40, Truth(cliff))
    assert 5 < found.failed < 20
    assert found.trusted
    assert found.knobs[0].name == "opt.lr"
    assert found.knobs[0].total > 0.8


def test_below_fifty_ped_anova_is_refused(tmp_path: Path) -> None:
    found = knobs_of(tmp_path, 20, Truth(product_loss))
    assert "at least 50" in found.ped_refused
    assert all(k.ped is None for k in found.knobs)


def test_a_choice_enters_as_its_levels(tmp_path: Path) -> None:
    space = Space((SHARED[0], Choice("opt.mode", ("a", "b"), "test")))

    def by_mode(task: str, optimizer: str, unit: Mapping[str, float]) -> float:
        return 1 + (unit["opt.mode"] > 0.5) + 0.01 * unit["opt.lr"]

    found = knobs_of(tmp_path, 30, Truth(by_mode, run_sd=0, spaces={"adam": space}))
    assert found.knobs[0].name == "opt.mode"
    assert found.knobs[0].total > 0.6


def test_levels_are_met_in_their_middle() -> None:
    units = np.array([[0.1, 0.1], [0.49, 0.4], [1.0, 0.9]])
    assert snap(units, [2, 0]).tolist() == [[0.25, 0.1], [0.25, 0.4], [0.75, 0.9]]


def test_ped_anova_sees_the_knob_that_leads_to_the_best() -> None:
    units = np.random.default_rng(0).uniform(size=(120, 3))
    found = ped_anova(["a", "b", "c"], units, (units[:, 1] - 0.2) ** 2)
    assert max(found, key=lambda name: found[name]) == "b"
    assert sum(found.values()) == pytest.approx(1)


def test_the_better_surrogate_is_chosen() -> None:
    units = np.random.default_rng(0).uniform(size=(60, 2))
    smooth = fit_surrogate(units, np.sin(3 * units[:, 0]) + units[:, 1])
    assert smooth.name.startswith("Gaussian process")
    steps = fit_surrogate(units, np.floor(4 * units[:, 0]) % 2)
    assert steps.n == 60 and steps.folds == 10
    assert smooth.r2 > 0.99


def test_qmc_points_are_accepted(tmp_path: Path) -> None:
    assert not knobs_of(tmp_path, 12, Truth(product_loss), sampler="qmc").refused
