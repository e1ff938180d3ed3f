"""FlowAdam's space: it spans the presets, its clip binds, and it contains Adam."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import search_spaces
import trainables
from flowadam.contract.quadratic import QuadraticTask
from flowadam.outcome import Outcome
from flowadam.space import Values
from flowadam.training import Training
from flowadam.trial import run_trial

SPEC = search_spaces.get("flowadam")
ADAM = search_spaces.get("adam")
PRESETS = {"A": (0.40, 3.0, 2.0), "B": (0.90, 0.1, 0.5)}
THRESHOLDS = ("opt.switch_sensitivity", "opt.curvature_sensitivity", "opt.ode_t_scale")


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_lie_inside(preset: str) -> None:
    SPEC.space.validate({**SPEC.defaults, **dict(zip(THRESHOLDS, PRESETS[preset], strict=True))})


def test_defaults_are_preset_b() -> None:
    assert tuple(SPEC.defaults[name] for name in THRESHOLDS) == PRESETS["B"]


@pytest.mark.parametrize(
    ("sigma", "kappa", "flows"), [(0.0, 10.0, False), (0.0, 0.1, True), (0.9, 10.0, True)]
)
def test_each_test_can_be_switched_off_inside_the_space(
    sigma: float, kappa: float, flows: bool
) -> None:
    values = {**SPEC.defaults, THRESHOLDS[0]: sigma, THRESHOLDS[1]: kappa}
    SPEC.space.validate(values)
    outcomes = run_trial(QuadraticTask(noise=0.1), SPEC, values, [0, 1, 2], 200)
    assert any(outcome.counters.flow_steps for outcome in outcomes) == flows


@pytest.mark.parametrize("task", ["photo_completion", "digits_mlp", "matrix_completion_small"])
def test_the_clip_binds_in_part_of_the_space(task: str) -> None:
    """The upper end clips nothing, the lower third changes the run."""

    def final(clip: float) -> float | None:
        values = {**SPEC.defaults, "opt.lr": 0.01, "opt.clip_value": clip}
        return run_trial(trainables.get(task), SPEC, values, [0], 40)[0].scores.val_final

    clip = next(p for p in SPEC.space if p.name == "opt.clip_value")
    low, third, high, top = (final(float(clip.from_unit(u))) for u in (0.0, 0.3, 0.99, 1.0))
    assert high == top
    assert len({low, third, top}) == 3


def test_it_contains_adam() -> None:
    """With its triggers off FlowAdam is Adam at any point of Adam's space, to rounding."""
    (inclusion,) = SPEC.includes
    assert inclusion.other == "adam"
    ours = {p.name: p for p in SPEC.space}
    assert all(ours[p.name] == p for p in ADAM.space)
    for u in (0.2, 0.5, 0.9):
        point = ADAM.space.from_unit(dict.fromkeys(ADAM.space.names, u))
        adam = _run(ADAM.name, point)
        contained = _run(SPEC.name, {**SPEC.defaults, **point, **inclusion.overrides})
        for a, b in zip(adam, contained, strict=True):
            assert b.counters.flow_steps == 0
            assert [p.val for p in b.curve] == pytest.approx([p.val for p in a.curve], rel=1e-12)


def test_a_promise_of_determinism_saves_gradients_not_accuracy() -> None:
    """`deterministic` reaches the optimizer: more steps for the same number of gradients."""
    task = QuadraticTask()
    runs = []
    for promised in (True, False):
        training = Training(task, SPEC, SPEC.defaults, [0], 60, dtype="float64")
        optimizer: Any = training.optimizer
        for group in optimizer.param_groups:
            assert group["deterministic"] is True
            group["deterministic"] = promised
        training.advance()
        runs.append(training.steps[0])
    assert runs[0] > runs[1]


def _run(name: str, values: Values) -> list[Outcome]:
    spec = search_spaces.get(name)
    task = QuadraticTask(noise=0.1)
    torch.manual_seed(0)
    return run_trial(task, spec, values, [0, 1], 60, dtype="float64")
