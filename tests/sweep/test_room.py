"""How many trials fit on what Ray offers, and what is said when none does."""

from __future__ import annotations

import pytest
from sweep_plugins import SPECS, SlowTask

from flowadam.errors import InputError
from flowadam.study import make_study
from flowadam.sweep import Catalog, ray_tuner
from flowadam.task import Resources


def offer(monkeypatch: pytest.MonkeyPatch, **resources: float) -> None:
    monkeypatch.setattr(ray_tuner.ray, "cluster_resources", lambda: resources)


@pytest.mark.parametrize(
    ("cpus", "gpus", "wanted", "slots"),
    [
        (2, 0, Resources(), 2),
        (2, 0, Resources(cpu=0.1), 20),
        (3, 0, Resources(cpu=2), 1),
        (8, 1, Resources(gpu=0.5), 2),
        (8, 1, Resources(gpu=0.2), 5),
        (8, 3, Resources(gpu=0.6), 3),
        (8, 3, Resources(gpu=2), 1),
        (4, 8, Resources(gpu=1), 4),
    ],
)
def test_trials_at_a_time(
    monkeypatch: pytest.MonkeyPatch, cpus: float, gpus: float, wanted: Resources, slots: int
) -> None:
    offer(monkeypatch, CPU=cpus, GPU=gpus)
    assert ray_tuner.check_room(wanted, elastic=False) == slots


@pytest.mark.parametrize(
    ("wanted", "elastic", "said"),
    [
        (Resources(gpu=1), False, "A trial asks for 1 GPU, and this machine offers 0: use --dev"),
        (Resources(cpu=64), False, "A trial asks for 64 CPU cores, and there are 2"),
        (Resources(gpu=1), True, "no room at present .2 CPU, 0 GPU.: .* say with --workers"),
    ],
)
def test_no_room(
    monkeypatch: pytest.MonkeyPatch, wanted: Resources, elastic: bool, said: str
) -> None:
    offer(monkeypatch, CPU=2)
    with pytest.raises(InputError, match=said):
        ray_tuner.check_room(wanted, elastic=elastic)


@pytest.mark.parametrize(
    ("keys", "gpu"),
    [({}, 0.25), ({"gpu": 0.5}, 0.5), ({"device": "cuda"}, 1.0)],
)
def test_what_a_trial_asks_for(
    monkeypatch: pytest.MonkeyPatch, keys: dict[str, object], gpu: float
) -> None:
    monkeypatch.setattr(SlowTask, "resources", Resources(cpu=2, gpu=0.25))
    study = make_study({"task": ["a", "b"], "optimizer": ["sgd"], **keys})
    catalog = Catalog({"a": SlowTask(name="a"), "b": SlowTask(name="b")}, {"sgd": SPECS["sgd"]})
    assert ray_tuner.request(study, catalog) == Resources(cpu=2, gpu=gpu)


def test_one_and_a_half_gpus() -> None:
    study = make_study({"task": ["a"], "optimizer": ["sgd"], "gpu": 1.5})
    with pytest.raises(InputError, match=r"`gpu` must be whole above 1, got 1\.5"):
        ray_tuner.request(study, Catalog({"a": SlowTask(name="a")}, {"sgd": SPECS["sgd"]}))
