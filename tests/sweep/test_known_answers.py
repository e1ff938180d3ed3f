"""A miniature study end to end, whose true ranking, tunability and interactions are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from known_truth import TASKS, catalog
from test_phases import Nobody

from analysis.across import Across, across
from analysis.compare import Comparison, compare
from analysis.frames import Frames, load
from analysis.importance import importance
from analysis.morris import screening
from analysis.report import build
from analysis.tunability import tunability
from flowadam.plan import Cell
from flowadam.study import Study
from flowadam.sweep import LocalEngine, Stop, open_store, sweep

FOUR = ("easy", "twin", "poor", "narrow")


def run(folder: Path, **keys: Any) -> Frames:
    """Run a study to its end in this process."""
    study = Study(**keys)
    store = open_store(folder, study, catalog())
    quiet = {"observer": Nobody(), "stop": Stop(None), "mirror": lambda store: None}
    try:
        result = sweep(study, catalog(), store, LocalEngine(), **quiet)
    finally:
        store.close()
    assert (result.left, result.failed) == (0, 0)
    return load(folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("known") / "study"


@pytest.fixture(scope="module")
def frames(folder: Path) -> Frames:
    keys = {"trials": 11, "substudies": 4, "confirm_seeds": 8}
    return run(folder, task=TASKS, optimizer=FOUR, **keys)


@pytest.fixture(scope="module")
def found(frames: Frames) -> Across:
    return across(frames)


def words(frames: Frames) -> dict[tuple[str, str], list[Comparison]]:
    """Return the comparisons by reference and rival."""
    pairs: dict[tuple[str, str], list[Comparison]] = {}
    for arena in frames.arenas:
        for c in compare(frames, arena):
            pairs.setdefault((c.reference, c.rival), []).append(c)
    return pairs


def test_the_worse_one_is_found_on_every_task(frames: Frames) -> None:
    against = [c for (_, rival), cs in words(frames).items() if rival == "poor" for c in cs]
    assert [c.word for c in against] == ["better"] * len(TASKS)


def test_no_difference_is_found_where_there_is_none(frames: Frames) -> None:
    """Whichever of the two is the reference."""
    equal = {"easy", "twin"}
    pairs = [c for (a, b), cs in words(frames).items() if {a, b} == equal for c in cs]
    assert pairs
    assert not any(c.word in ("better", "worse") for c in pairs)


def test_across_tasks_the_ranking_is_the_true_one(found: Across) -> None:
    assert found.focus == "easy" and not found.reason
    assert found.omnibus and found.omnibus.p < 0.01
    ranks = found.omnibus.ranks
    assert set(sorted(ranks, key=lambda name: ranks[name])[:2]) == {"easy", "twin"}
    assert found.tests["poor"].word == "better"
    assert found.tests["twin"].word == "no difference shown"


def test_tunability_tells_the_easy_from_the_narrow(frames: Frames) -> None:
    """One configuration is enough for the easy one; the narrow one gains by eleven."""
    for task in TASKS:
        easy, narrow = (tunability(frames, Cell(task, o, 30)).values for o in ("easy", "narrow"))
        gain = {k: v["one-shot"].mean / v["peak"].mean for k, v in (("e", easy), ("n", narrow))}
        assert gain["n"] - 1 > 2 * (gain["e"] - 1)


def test_the_report_is_built(folder: Path, frames: Frames) -> None:
    assert "no difference shown" in build(folder).read_text(encoding="utf-8")


def test_an_interaction_is_found_by_surrogate_and_by_direct_runs(tmp_path: Path) -> None:
    frames = run(
        tmp_path / "one",
        task=TASKS[:1],
        optimizer=("mixed",),
        trials=64,
        substudies=1,
        confirm_seeds=2,
        phase=("search", "confirm", "sensitivity"),
        trajectories=12,
    )
    cell = Cell(TASKS[0], "mixed", 30)
    knobs = {k.name: k for k in importance(frames, cell).knobs}
    for name in ("opt.lr", "opt.scale"):
        assert knobs[name].total - knobs[name].first > 0.1
        assert knobs[name].total > 5 * knobs["task.penalty"].total
    effects = {e.name: e.mu_star for e in screening(frames, cell).effects}
    assert min(effects["opt.lr"], effects["opt.scale"]) > 2 * effects["task.penalty"]
