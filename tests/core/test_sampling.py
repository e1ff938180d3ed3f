"""Which configuration has which index: a function of its name alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kstest, qmc

import search_spaces
from flowadam.plan import Cell
from flowadam.sampling import Configuration, configuration
from flowadam.study import Study

SPEC = search_spaces.get("lion")
CELL = Cell("task", SPEC.name, 100)
STUDY = Study(task=("task",), optimizer=(SPEC.name,), trials=64)
INDEPENDENT = ("random", "qmc")


def _study(sampler: str, seed: int = 0) -> Study:
    return replace(STUDY, sampler=sampler, seed=seed)


def _units(sampler: str, indices: range, seed: int = 0) -> np.ndarray:
    rows = [configuration(_study(sampler, seed), CELL, SPEC, i).unit for i in indices]
    return np.array([[row[name] for name in SPEC.space.names] for row in rows])


@pytest.mark.parametrize("sampler", INDEPENDENT)
@given(st.lists(st.integers(1, 200), min_size=1, max_size=5), st.integers(1, 1000))
@settings(max_examples=15)
def test_order_and_n_do_not_matter(sampler: str, indices: list[int], trials: int) -> None:
    """Asked alone, in any order and for any N, a configuration is the same."""

    def ask(study: Study, index: int) -> Configuration:
        return configuration(study, CELL, SPEC, index)

    grown = replace(
        _study(sampler), trials=trials, seeds=3, budget=7, optimizer=("adam", SPEC.name)
    )
    forward = {i: ask(_study(sampler), i) for i in indices}
    backward = {i: ask(grown, i) for i in reversed(indices)}
    assert forward == backward


@pytest.mark.parametrize("sampler", INDEPENDENT)
def test_every_axis_of_the_name_counts(sampler: str) -> None:
    base = configuration(_study(sampler), CELL, SPEC, 3).values
    others = [
        configuration(_study(sampler, seed=1), CELL, SPEC, 3),
        configuration(_study(sampler), replace(CELL, task="other"), SPEC, 3),
        configuration(_study(sampler), replace(CELL, optimizer="other"), SPEC, 3),
        configuration(_study(sampler), CELL, SPEC, 4),
    ]
    assert all(other.values != base for other in others)
    other_budget = configuration(_study(sampler), replace(CELL, budget=7), SPEC, 3)
    assert other_budget.values == base


@pytest.mark.parametrize("sampler", INDEPENDENT)
@given(index=st.integers(1, 500))
@settings(max_examples=20)
def test_points_are_legal_and_carry_their_unit_values(sampler: str, index: int) -> None:
    found = configuration(_study(sampler), CELL, SPEC, index)
    SPEC.space.validate(found.values)
    assert found.index == index
    assert SPEC.space.from_unit(found.unit) == pytest.approx(found.values)


@pytest.mark.parametrize("sampler", [*INDEPENDENT, "tpe"])
def test_index_zero_is_the_default(sampler: str) -> None:
    assert configuration(_study(sampler), CELL, SPEC, 0).values == SPEC.defaults


def test_adaptive_samplers_have_no_index() -> None:
    with pytest.raises(ValueError, match="adaptive"):
        configuration(_study("tpe"), CELL, SPEC, 1)


def test_qmc_points_are_a_prefix_of_one_net() -> None:
    """The first 2^m of a scrambled Sobol' sequence hit each of 2^m slices of an axis once."""
    for m in (4, 5, 6):
        units = _units("qmc", range(1, 2**m + 1))
        slices = np.sort(np.floor(units * 2**m).astype(int), axis=0)
        np.testing.assert_array_equal(slices, np.arange(2**m)[:, None].repeat(5, axis=1))


def test_qmc_is_more_even_than_random() -> None:
    random, sobol = (qmc.discrepancy(_units(s, range(1, 65))) for s in INDEPENDENT)
    assert sobol < random / 2


def test_random_points_are_uniform_and_uncorrelated() -> None:
    """300 points: Kolmogorov-Smirnov per axis, correlation of neighbors and of axes."""
    units = _units("random", range(1, 301))
    assert min(kstest(column, "uniform").pvalue for column in units.T) > 1e-3
    axes = np.corrcoef(units.T) - np.eye(len(SPEC.space))
    assert np.abs(axes).max() < 4 / np.sqrt(300)
    neighbors = [np.corrcoef(column[1:], column[:-1])[0, 1] for column in units.T]
    assert np.abs(neighbors).max() < 4 / np.sqrt(300)
