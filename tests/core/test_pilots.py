"""Pilots: what they extrapolate, and what they do about failures."""

from __future__ import annotations

from typing import Any

import pytest

import flowadam.cost as cost
from flowadam.contract.quadratic import QuadraticTask
from flowadam.cost import Pilot, confirm_share, pilot, pilots
from flowadam.plan import Cell
from flowadam.study import Study
from search_spaces import get

TASK = QuadraticTask()
STUDY = Study((TASK.name,), ("adam", "sgd"), confirm_seeds=20)


def test_a_budget_is_extrapolated_and_the_curve_is_not() -> None:
    small, large = (pilot(STUDY, TASK, get("adam"), budget) for budget in (100, 100_000))
    assert small.confirm > 0 and 0 < small.search < large.search
    assert large.size == pytest.approx(small.size, rel=0.2)
    assert 1e3 < small.size < 1e5, "A run of 41 points and its row."


def test_an_optimizer_that_raises_is_told() -> None:
    def broken(params: Any, **options: Any) -> Any:
        raise ValueError("no way")

    spec = get("adam")
    object.__setattr__(broken_spec := type(spec)(**vars(spec)), "factory", broken)
    found = pilot(STUDY, TASK, broken_spec, 10)
    assert (found.search, found.confirm) == (0, 0)
    assert "error: ValueError: no way" in found.failed


def test_cells_beyond_the_limit_take_the_dearest_of_their_task(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    times = iter([0.0, 1.0, 2.0, 21.0])
    monkeypatch.setattr(cost.time, "monotonic", lambda: next(times))
    prices = iter([Pilot(3.0, 1.0, 9.0), Pilot(2.0, 1.0, 9.0)])
    monkeypatch.setattr(cost, "pilot", lambda *arguments: next(prices))
    mine = [Cell("a", o, 5) for o in ("x", "y", "z")] + [Cell("b", "x", 5)]
    tasks, specs = dict.fromkeys("ab", TASK), dict.fromkeys("xyz", get("adam"))
    found = pilots(STUDY, tasks, specs, mine)
    assert found[mine[0]].search == 3.0, "Tasks are tried in turn."
    assert found[mine[3]].search == 2.0
    assert found[mine[1]] == found[mine[2]] == found[mine[0]]


def test_the_share_leaves_out_what_failed() -> None:
    assert confirm_share([Pilot(3.0, 1.0, 9.0), Pilot(1.0, 1.0, 9.0)]) == 0.5
    assert confirm_share([Pilot(2.0, 1.0, 9.0), Pilot(0.0, 0.0, 0.0, "broken")]) == 0.5
    assert confirm_share([Pilot(0.0, 0.0, 0.0, "broken")]) == 1.0
