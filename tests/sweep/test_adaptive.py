"""Adaptive search: what was told is told once, and a killed study goes on with the same points."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path
from typing import Any

import optuna
import pytest
from sweep_plugins import SPECS
from sweep_tools import contents, fork, order, run_to_end

from flowadam.optuna_bridge import CellSampler, distributions, from_optuna
from flowadam.seeds import derive
from flowadam.store import Store

SPACE = SPECS["momentum"].space
KEYS: dict[str, Any] = {"task": ["a"], "trials": 14, "seeds": 2}


def score(point: dict[str, Any]) -> float:
    """A bowl, of which a part is off limits."""
    unit = SPACE.to_unit(from_optuna(SPACE, point))
    return math.inf if unit["opt.lr"] > 0.8 else sum((u - 0.4) ** 2 for u in unit.values())


def sampler(kind: str) -> CellSampler:
    return CellSampler(SPACE, kind, lambda number: derive("test", number))


def explore(kind: str, count: int, batch: int, restarts: tuple[int, ...]) -> list[dict[str, Any]]:
    """Ask and tell, from a new process's point of view at each of `restarts`."""
    points: list[dict[str, Any]] = []
    told = sampler(kind)
    while len(points) < count:
        if len(points) in restarts:
            told = sampler(kind)
            for begin in range(0, len(points), batch):
                old = list(enumerate(points[begin : begin + batch], begin))
                for number, point in old:
                    told.restore(number, json.loads(json.dumps(point)))
                for number, point in old:
                    told.tell(number, score(point))
        new = [(n, told.ask(n)) for n in range(len(points), len(points) + batch)]
        for number, point in new:
            told.tell(number, score(point))
        points += [point for _, point in new]
    return points


@pytest.mark.parametrize(("kind", "count"), [("tpe", 36), ("cmaes", 36), ("gp", 15)])
@pytest.mark.parametrize("batch", [1, 3])
def test_a_sampler_rebuilt_from_its_record_goes_on_with_the_same_points(
    kind: str, count: int, batch: int
) -> None:
    whole = explore(kind, count, batch, ())
    assert explore(kind, count, batch, (12, count - batch)) == whole
    assert len({json.dumps(point) for point in whole}) == count


def test_a_sampler_never_sees_a_number_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[float | None] = []
    tell = optuna.Study.tell

    def spy(study: optuna.Study, trial: int, values: float | None = None, **options: Any) -> Any:
        seen.append(values)
        return tell(study, trial, values, **options)

    monkeypatch.setattr(optuna.Study, "tell", spy)
    told = sampler("tpe")
    for number, value in enumerate([math.inf, math.nan, 3.0, math.inf, 1.0, 5.0, -math.inf]):
        told.ask(number)
        told.tell(number, value)
    assert seen == [None, None, 3.0, 3.0, 1.0, 5.0, 5.0]


@pytest.mark.parametrize("batch", [1, 3])
def test_killed_tpe_study_equals_the_undisturbed_one(tmp_path: Path, batch: int) -> None:
    keys = {**KEYS, "sampler": "tpe", "batch": batch}
    run_to_end(order(tmp_path / "calm", **keys))
    job = order(tmp_path / "wild", seconds=0.003, **keys)
    rng = random.Random(batch)
    for _ in range(5):
        with fork(job) as driver:
            driver.after_rows(rng.randrange(1, 9))
            assert driver.kill() == -9
    run_to_end(job)
    assert contents(tmp_path / "wild") == contents(tmp_path / "calm")
    for name in ("calm", "wild"):
        asked = Store(tmp_path / name).notes("asked")
        numbers = sorted(n for event in asked for n, _ in event["points"])
        assert numbers == sorted([*range(1, 15)] * 2)  # each once in each of two cells


@pytest.mark.parametrize("kind", ["gp", "cmaes"])
def test_other_adaptive_samplers_run_and_grow(tmp_path: Path, kind: str) -> None:
    keys = {"task": ["a"], "optimizer": ["exploding"], "sampler": kind, "batch": 2}
    run_to_end(order(tmp_path, trials=11, **keys))
    before = contents(tmp_path)[0]
    run_to_end(order(tmp_path, trials=13, **keys))
    after = contents(tmp_path)[0]
    assert {key: after[key] for key in before} == before
    search = [row for row in after.values() if row["phase"] == "search"]
    assert sorted(row["config"] for row in search) == list(range(14))


def test_growing_seeds_runs_the_new_block_and_asks_nothing_again(tmp_path: Path) -> None:
    keys = {"task": ["a"], "optimizer": ["sgd"], "sampler": "tpe", "batch": 3, "trials": 12}
    run_to_end(order(tmp_path, **keys))
    asked = Store(tmp_path).notes("asked")
    run_to_end(order(tmp_path, seeds=3, **keys))
    store = Store(tmp_path)
    assert store.notes("asked") == asked
    search = [row for row in store.rows() if row["phase"] == "search"]
    pairs = sorted((row["config"], row["seed"]) for row in search)
    assert pairs == [(config, seed) for config in range(13) for seed in range(3)]


def test_the_record_holds_what_optuna_sampled(tmp_path: Path) -> None:
    """A value 1 - x has lost digits of x; the record has not."""
    run_to_end(order(tmp_path, sampler="tpe", task=["a"], optimizer=["momentum"]))
    store = Store(tmp_path)
    rows = {row["config"]: row for row in store.rows() if row["phase"] == "search"}
    for event in store.notes("asked"):
        for number, point in event["points"]:
            assert set(point) == set(distributions(SPACE))
            values = from_optuna(SPACE, point)
            assert values == {name: rows[number][f"p.{name}"] for name in values}
