"""The Trainable for a user's own Tuner: the same numbers as a sweep's, and ordinary behaviour."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from tune_driver import BUDGET, RATES, readme_lines

import search_spaces
import trainables
from flowadam.errors import InputError
from flowadam.task import Task, TestSplitLocked
from flowadam.trial import run_seed, run_trial
from trainables.ray_setting import Setting
from trainables.ray_trainable import tune_space

HUGE = {"opt.lr": 1e30}


@pytest.fixture(autouse=True)
def in_an_empty_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep Tune's default folder out of the user's home."""
    monkeypatch.chdir(tmp_path)
    for module in ("ray.train.constants", "ray.tune.trainable.trainable"):
        monkeypatch.setattr(f"{module}.DEFAULT_STORAGE_PATH", str(tmp_path / "results"))


def task() -> Task:
    return trainables.get("digits_mlp").tiny()


def make(name: str = "adam", **options: Any) -> Any:
    return trainables.trainable(task(), search_spaces.get(name), budget=BUDGET, **options)


def numbers(one: Any, steps: int = 10) -> list[tuple[float, float, int, float]]:
    """Return what a trainable reports in its next steps, up to its end."""
    found = []
    for _ in range(steps):
        result = one.train()
        found.append(tuple(result[k] for k in ("val", "val_best", "grad_evals", "fraction")))
        if result["done"]:
            break
    return found


@pytest.mark.parametrize("name", search_spaces.names())
@pytest.mark.parametrize("seeds", [1, 3])
def test_its_reports_are_points_of_the_curve_of_a_run(name: str, seeds: int) -> None:
    spec = search_spaces.get(name)
    outcomes = run_trial(
        task(), spec, dict(spec.defaults), [run_seed(0, s) for s in range(seeds)], BUDGET
    )
    reported = numbers(make(name, seeds=seeds)({}))
    assert len(reported) == 10
    assert reported[-1][0] == pytest.approx(mean([o.scores.val_final for o in outcomes]), rel=1e-12)
    assert reported[-1][1] == pytest.approx(mean([o.scores.val_best for o in outcomes]), rel=1e-12)
    if seeds == 1:
        points = {p.grad_evals: p.val for p in outcomes[0].curve}
        assert all(points[used] == val for val, _, used, _ in reported[:-1])
        assert all(f >= k / 10 for k, (*_, f) in enumerate(reported[:-1], 1))


def mean(values: list[float | None]) -> float:
    assert None not in values
    return math.fsum(v for v in values if v is not None) / len(values)


@pytest.mark.parametrize("name", search_spaces.names())
def test_a_checkpoint_in_mid_run_continues_bit_for_bit(name: str, tmp_path: Path) -> None:
    cls = make(name, seeds=2)
    whole = cls({"opt.lr": 3e-3})
    before = numbers(whole, 4)
    saved = whole.save(str(tmp_path / "checkpoint"))
    again = cls({"opt.lr": 3e-3})
    again.restore(saved)
    after = numbers(whole)
    assert len(before) + len(after) == 10
    assert numbers(again) == after
    for a, b in zip(whole._training.problem.params, again._training.problem.params, strict=True):
        assert torch.equal(a, b)


def test_a_reset_actor_equals_a_fresh_one() -> None:
    cls = make("flowadam", seeds=2)
    fresh = numbers(cls({"opt.lr": 1e-2}))
    used = cls({"opt.lr": 1e-1, "opt.beta1": 0.5})
    numbers(used, 3)
    assert used.reset({"opt.lr": 1e-2}) is True
    assert numbers(used) == fresh


def test_a_diverged_run_reports_finite_numbers_and_ends() -> None:
    one = make(seeds=2)(HUGE)
    result = one.train()
    worst = max(task().trivial("val").values())
    assert result["status"] == "diverged" and result["done"]
    assert result["val"] == result["val_best"] == pytest.approx(worst + 10 * abs(worst))


def test_no_finite_value_exceeds_that_of_a_diverged_run() -> None:
    result = make("lion", dtype="float64")({"opt.lr": 1e3}).train()
    assert result["val"] == pytest.approx(max(task().trivial("val").values()) * 11)
    assert result["status"] == "ok"


def test_the_test_part_stays_locked() -> None:
    one = make()({})
    numbers(one)
    with pytest.raises(TestSplitLocked):
        one._training.problem.evaluate("test")


def setting(name: str = "adam") -> Setting:
    return Setting(task(), search_spaces.get(name), BUDGET, 1, 10, "cpu", "float32")


def test_missing_names_take_the_default() -> None:
    defaults = search_spaces.get("adam").defaults
    assert setting().values({}) == defaults
    assert setting().values({"opt.lr": 0.5}) == {**defaults, "opt.lr": 0.5}
    assert setting().values({"1-opt.beta1": 0.2})["opt.beta1"] == 0.8


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"opt.lrr": 1}, "adam has no parameter 'opt.lrr'. Did you mean 'opt.lr'?"),
        ({"lr": 1}, "adam has no parameter 'lr'. Did you mean 'opt.lr'?"),
        ({"1-opt.lr": 1}, "adam has no parameter '1-opt.lr'. Did you mean 'opt.lr'?"),
        ({"opt.beta1": 0.9, "1-opt.beta1": 0.1}, "`opt.beta1` must be given once"),
    ],
)
def test_other_names_are_refused(config: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        make()(config)


@pytest.mark.parametrize("name", search_spaces.names())
def test_every_point_of_the_tune_space_lies_in_the_space(name: str) -> None:
    space = search_spaces.get(name).space
    domains = tune_space(space)
    assert len(domains) == len(space)
    for _ in range(20):
        values = setting(name).values({key: d.sample() for key, d in domains.items()})
        units = space.to_unit(values)
        assert all(-1e-9 <= u <= 1 + 1e-9 for u in units.values()), values


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"budget": 0}, "`budget` must be at least 1, got 0."),
        ({"seeds": 0}, "`seeds` must be at least 1, got 0."),
        ({"reports": 7}, "`reports` must divide 40, the points of a curve, got 7."),
        ({"reports": 0}, "`reports` must divide 40, the points of a curve, got 0."),
        ({"device": "gpu"}, "Unknown device 'gpu'."),
        ({"dtype": "float16"}, "Unknown dtype 'float16'."),
    ],
)
def test_arguments_outside_their_rule(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        trainables.trainable(task(), search_spaces.get("adam"), **options)


def test_names_in_place_of_a_task_or_an_optimizer() -> None:
    name: Any = "adam"
    with pytest.raises(InputError, match=r"must be an OptimizerSpec.*got 'adam'"):
        trainables.trainable(task(), name)
    with pytest.raises(InputError, match=r"must be a Task.*got 'adam'"):
        trainables.trainable(name, search_spaces.get("adam"))


@pytest.mark.parametrize(
    ("device", "wanted"), [("cpu", {"CPU": 1}), ("cuda", {"CPU": 1, "GPU": 1})]
)
def test_the_resource_request_is_the_tasks(device: str, wanted: dict[str, float]) -> None:
    request = make(device=device).default_resource_request({})
    assert request.required_resources == wanted


def test_importing_trainables_loads_neither_ray_nor_torch() -> None:
    check = "import sys, trainables; assert {'ray', 'torch'}.isdisjoint(sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return what two Tuners reported, their files in a home of their own."""
    home = {"HOME": str(tmp_path_factory.mktemp("home"))}
    command = [sys.executable, str(Path(__file__).with_name("tune_driver.py"))]
    done = subprocess.run(
        command,
        env={**os.environ, **home},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout)


def test_a_reused_actor_gives_the_numbers_of_fresh_ones(tuned: dict[str, Any]) -> None:
    found = tuned["rates"]
    assert found["errors"] == []
    assert len({pid for _, results in found["results"] for *_, pid in results}) == 1
    assert found["requests"] == [{"CPU": 1.0}] * len(RATES)
    for rate, results in found["results"]:
        fresh = numbers(make("flowadam")({"opt.lr": rate}), len(results))
        assert [tuple(r[:4]) for r in results] == fresh


def test_asha_stops_some_trials_early(tuned: dict[str, Any]) -> None:
    lengths = {rate: len(results) for rate, results in tuned["rates"]["results"]}
    assert lengths[RATES[0]] == 10
    assert any(length < 10 for rate, length in lengths.items() if rate < 1)
    status = {rate: results[-1][4] for rate, results in tuned["rates"]["results"]}
    assert (lengths[1e30], status[1e30]) == (1, "diverged")


def test_the_lines_of_the_readme(tuned: dict[str, Any]) -> None:
    found = tuned["readme"]
    assert len(readme_lines().strip().splitlines()) <= 15
    assert len(found["iterations"]) == 12
    assert min(found["iterations"]) < 10 and max(found["iterations"]) == 10
    assert set(found["best"]) == set(tune_space(search_spaces.get("flowadam").space))
    assert f"{found['val_best']}" in found["printed"]
