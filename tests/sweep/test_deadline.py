"""A deadline ends the search early enough to confirm, on a balanced prefix of the plan."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from sweep_tools import contents, fork, order, run_to_end

from flowadam.store import Store

KEYS: dict[str, Any] = {"trials": 60, "substudies": 1, "confirm_seeds": 1}


def test_the_deadline_leaves_a_balanced_prefix_and_confirms_it(tmp_path: Path) -> None:
    job = order(tmp_path, seconds=0.005, deadline=5.0, **KEYS)
    with fork(job) as driver:
        assert driver.finish() == 1, driver.lines
    (result,) = driver.said("result")
    assert "late=True" in result
    assert "interrupted=False" in result
    rows = Store(tmp_path).rows()
    search = [row for row in rows if row["phase"] == "search"]
    assert 0 < len(search) < 4 * 61
    counts = Counter((row["task"], row["optimizer"]) for row in search)
    assert len(counts) == 4
    assert max(counts.values()) - min(counts.values()) <= 1
    assert {row["config"] for row in search} == set(range(max(counts.values())))
    confirmed = {(row["task"], row["optimizer"]) for row in rows if row["phase"] == "confirm"}
    assert confirmed == set(counts)

    kept = contents(tmp_path)[0]
    run_to_end(order(tmp_path, **KEYS))
    after = contents(tmp_path)[0]
    assert {key: after[key] for key in kept} == kept
    assert sum(row["phase"] == "search" for row in after.values()) == 4 * 61


@pytest.mark.parametrize("engine", ["local"])
def test_a_deadline_that_has_passed_runs_nothing(tmp_path: Path, engine: str) -> None:
    with fork(order(tmp_path, engine=engine, deadline=0.0, **KEYS)) as driver:
        assert driver.finish() == 1
    assert not driver.said("rows")
