"""A deadline ends the search early enough to confirm, on a balanced prefix of the plan."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from instant_engine import Instant
from sweep_driver import Talker
from sweep_plugins import catalog
from sweep_tools import contents, fork, order, run_to_end, study

from flowadam.store import Store
from flowadam.study import make_study
from flowadam.sweep import Stop, open_store, sweep

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


@pytest.mark.parametrize("share", [1.0, 0.25])
def test_what_is_kept_for_the_confirm_phase(tmp_path: Path, share: float) -> None:
    wanted = make_study(study(trials=3, task=["a"], optimizer=["sgd"], substudies=2))
    plugins, stop, engine = catalog({"a": 0.0}, ["sgd"]), Stop(1000.0), Instant()
    stop.confirm_share = share
    store = open_store(tmp_path, wanted, plugins)
    sweep(wanted, plugins, store, engine, observer=Talker(), stop=stop, mirror=lambda store: None)
    store.close()
    kept = 3 * wanted.confirm_seeds * 0.1 * share
    assert engine.reserves[:4] == pytest.approx([kept] * 4)
    assert set(engine.reserves[4:]) == {0.0}
