"""Variance components by hand, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from synthetic_study import LR, Truth, bowl, small_study, write_study

from analysis.cards.variance import variance_card
from analysis.frames import Frames, load
from analysis.variance import decompose, variance
from flowadam.space import Space


def test_the_components_of_a_small_table() -> None:
    table = np.array([[1.0, 2.0, 3.0], [5.0, 6.0, 10.0]])
    seeds, winners, share = decompose(table)
    # Means of winners 2 and 7, of seeds 3, 4 and 6.5; mean 4.5; rest +-0.5, +-0.5, +-1.
    a, b, e = 3 * (2.5**2 * 2) / 1, 2 * (1.5**2 + 0.5**2 + 2**2) / 2, 2 * (0.25 + 0.25 + 1) / 2
    assert seeds.center == pytest.approx(b / 2 + e / 2)
    assert seeds.center == pytest.approx(np.mean(table.var(axis=1, ddof=1)))
    assert winners is not None and share is not None
    assert winners.center == pytest.approx((a - e) / 3)
    assert share.center == pytest.approx(winners.center / (winners.center + seeds.center))


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (np.ones((3, 4)), (0.0, 0.0, 0.0)),
        (np.arange(3.0)[:, None] + np.zeros((1, 4)), (0.0, 1.0, 1.0)),
        (np.zeros((3, 1)) + np.array([0.0, 2.0, 4.0]), (4.0, 0.0, 0.0)),
    ],
    ids=["constant", "winners alone", "seeds alone"],
)
def test_pure_cases(table: np.ndarray, expected: tuple[float, float, float]) -> None:
    found = decompose(table)
    assert [part.center for part in found if part] == pytest.approx(list(expected))


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_variances_scale_by_the_square_and_shares_not_at_all(scale: float) -> None:
    table = np.random.default_rng(0).normal(size=(3, 10))
    (s, w, r), (s2, w2, r2) = decompose(table), decompose(scale * table)
    assert w and w2 and r and r2
    assert (s2.low, s2.high) == pytest.approx((scale**2 * s.low, scale**2 * s.high))
    assert w2.high == pytest.approx(scale**2 * w.high)
    assert (r2.low, r2.center, r2.high) == pytest.approx((r.low, r.center, r.high))


def frames(folder: Path, **changes: Any) -> Frames:
    spaces = {name: Space((LR,)) for name in ("flowadam", "adam")}
    return load(write_study(folder, small_study(**changes), Truth(bowl, spaces=spaces)))


def test_every_cell_is_split_into_seeds_and_substudies(tmp_path: Path) -> None:
    found = frames(tmp_path)
    components = variance(found, found.arenas[0])
    assert [c.cell.optimizer for c in components] == ["flowadam", "adam"]
    assert {(c.n_winners, c.n_seeds, c.reason) for c in components} == {(3, 8, "")}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"sampler": "tpe"}, "tpe is adaptive, so its winners are not independent"),
        ({"substudies": 1}, "one winner has no spread"),
    ],
)
def test_what_the_winners_cannot_tell_is_refused(tmp_path: Path, changes: Any, told: str) -> None:
    found = frames(tmp_path, **changes)
    for c in variance(found, found.arenas[0]):
        assert (c.substudies, c.share, c.reason) == (None, None, told)
        assert c.seeds.low < c.seeds.center < c.seeds.high
    assert f"No part of the sub-studies: {told}." in variance_card(found).verdict


def test_two_seeds_say_nothing(tmp_path: Path) -> None:
    found = frames(tmp_path, confirm_seeds=2)
    assert variance(found, found.arenas[0]) == []
    assert variance_card(found).verdict == ("No cell has three confirm seeds yet.",)
