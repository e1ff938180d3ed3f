"""Which folders a sweep takes, which it refuses, and what may be grown in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sweep_plugins
from sweep_driver import run
from sweep_tools import contents, fork, order

from flowadam.errors import FlowAdamError, InputError
from flowadam.store import Store
from flowadam.sweep import prepare

SMALL: dict[str, Any] = {"task": ["a"], "optimizer": ["sgd"], "trials": 2, "confirm_seeds": 1}


def refused(folder: Path, said: str, **keys: Any) -> None:
    with pytest.raises(InputError, match=said):
        run(order(folder, **{**SMALL, **keys}))


def test_a_folder_with_something_else_in_it(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("three years of work")
    refused(tmp_path, "not empty and holds no study .it has thesis.tex.: choose another --out")
    (tmp_path / "thesis.tex").unlink()
    (tmp_path / "trials").mkdir()
    (tmp_path / "trials" / "mine.tmp").write_text("mine")
    refused(tmp_path, "it has trials")
    assert [p.name for p in tmp_path.rglob("*")] == ["trials", "mine.tmp"]


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    refused(tmp_path / "out", "--out must name a folder, and .* is a file")


def test_two_drivers_on_one_folder(tmp_path: Path) -> None:
    with fork(order(tmp_path, seconds=0.1, **SMALL)) as first:
        assert first.after_rows(1)
        with pytest.raises(FlowAdamError, match="Another process is writing to"):
            run(order(tmp_path, **SMALL))
        assert first.finish() == 0
    assert run(order(tmp_path, **SMALL)).left == 0


def test_a_study_that_changed_between_reading_and_writing(tmp_path: Path) -> None:
    """The folder's study is read before its lock is taken: another driver may have grown it."""
    run(order(tmp_path, **SMALL))
    before = Store(tmp_path).study
    run(order(tmp_path, **{**SMALL, "optimizer": ["sgd", "momentum"]}))
    with pytest.raises(FlowAdamError, match="another process has changed it meanwhile"):
        prepare.open_store(tmp_path, before, sweep_plugins.catalog({"a": 0.0}, ["sgd"]))
    assert Store(tmp_path).study.optimizer == ("sgd", "momentum")


def test_a_damaged_study_file(tmp_path: Path) -> None:
    run(order(tmp_path, **SMALL))
    (tmp_path / "study.toml").write_text("task = [")
    refused(tmp_path, "study.toml cannot be read")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"seed": 7}, "`seed` = 0, this one has 7"),
        ({"sampler": "qmc"}, "`sampler` = 'random', this one has 'qmc'"),
        ({"selection": "final"}, "`selection`"),
        ({"substudies": 2}, "`substudies`"),
        ({"trials": 1}, "`trials` = 2; it can grow but not shrink to 1"),
    ],
)
def test_another_study_in_the_folder(tmp_path: Path, changed: dict[str, Any], said: str) -> None:
    run(order(tmp_path, **SMALL))
    before = contents(tmp_path)
    refused(tmp_path, said, **changed)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("what", ["data of task a", "search space of optimizer sgd"])
def test_changed_data_or_space(tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run(order(tmp_path, **SMALL))
    before = contents(tmp_path)
    if what.startswith("data"):
        monkeypatch.setattr(sweep_plugins.SlowTask, "fingerprint", lambda self: "other")
    else:
        other = {**sweep_plugins.SPECS, "sgd": sweep_plugins.SPECS["momentum"]}
        monkeypatch.setattr(sweep_plugins, "SPECS", other)
    refused(tmp_path, f"The {what} differ from those of the study", trials=4)
    assert contents(tmp_path) == before
    assert Store(tmp_path).study.trials == 2


def phase_keys(folder: Path, phase: str) -> set[str]:
    return {row["key"] for row in Store(folder).rows() if row["phase"] == phase}


@pytest.mark.parametrize(
    ("grown", "search", "confirm"),
    [
        ({"optimizer": ["momentum"]}, 3, 3),
        ({"task": ["b"]}, 3, 3),
        ({"seeds": 3}, 6, None),
        ({"trials": 5}, 3, None),
        ({"confirm_seeds": 3}, 0, 6),
        ({"budget": 12}, 3, 3),
        ({"name": "another name"}, 0, 0),
        ({"time_limit": 100.0}, 0, 0),
    ],
)
def test_growth_runs_the_difference_alone(
    tmp_path: Path, grown: dict[str, Any], search: int, confirm: int | None
) -> None:
    """SMALL has 3 search runs and 3 confirm runs: of the default and of two sub-studies."""
    run(order(tmp_path, **SMALL))
    rows = {p: phase_keys(tmp_path, p) for p in ("search", "confirm")}
    assert (len(rows["search"]), len(rows["confirm"])) == (3, 3)
    result = run(order(tmp_path, **{**SMALL, **grown}))
    assert result.left == 0
    assert rows["search"] < phase_keys(tmp_path, "search") or search == 0
    assert len(phase_keys(tmp_path, "search")) == 3 + search
    assert rows["confirm"] <= phase_keys(tmp_path, "confirm")
    if confirm is not None:
        assert len(phase_keys(tmp_path, "confirm")) == 3 + confirm


def test_grown_step_by_step_or_at_once(tmp_path: Path) -> None:
    """Rows of the search do not depend on how a study grew; new seeds are a block of their own."""
    run(order(tmp_path / "steps", **SMALL))
    run(order(tmp_path / "steps", **{**SMALL, "trials": 5, "task": ["b"]}))
    run(order(tmp_path / "once", **{**SMALL, "trials": 5, "task": ["a", "b"]}))
    steps, once = (contents(tmp_path / name)[0] for name in ("steps", "once"))
    assert {k for k, r in steps.items() if r["phase"] == "search"} == {
        k for k, r in once.items() if r["phase"] == "search"
    }
    assert once.keys() <= steps.keys()
    assert {key: steps[key] for key in once} == once


def test_an_earlier_budget_with_fewer_trials_takes_no_part_in_the_election(
    tmp_path: Path,
) -> None:
    keys = {**SMALL, "substudies": 5}
    run(order(tmp_path / "both", **{**keys, "budget": 7}))
    run(order(tmp_path / "both", **{**keys, "trials": 5}))
    run(order(tmp_path / "only", **{**keys, "trials": 5}))
    assert len(phase_keys(tmp_path / "only", "confirm")) == 6
    assert phase_keys(tmp_path / "only", "confirm") < phase_keys(tmp_path / "both", "confirm")
