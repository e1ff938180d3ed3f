"""A run with all probes equals the run without, bit for bit: every optimizer on every task."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

import search_spaces
import trainables
from flowadam import probes
from flowadam.contract.quadratic import QuadraticTask
from flowadam.outcome import Outcome
from flowadam.probes.curvature import PreconditionedSharpness, Sharpness, Trace
from flowadam.probes.perturbation import PerturbedLoss
from flowadam.probes.recorder import ProbeRecorder
from flowadam.spec import OptimizerSpec
from flowadam.training import Training
from flowadam.trial import run_trial

SPECS = search_spaces.all_specs()
SPECS["adam, split"] = replace(SPECS["adam"], stacking="split")
DIGITS = trainables.get("digits_mlp").tiny()
MATRIX = trainables.get("matrix_completion_small").tiny()
SEEDS = [5, 6]
QUICK = {"opt.lr": 0.02, "task.penalty": 1e-3, "opt.switch_sensitivity": 1.2}


def undetermined(task: Any) -> Any:
    """Return the task without the promise that its closure depends on the parameters alone."""
    kind = type(task)
    return type(kind.__name__, (kind,), {"deterministic": False})(**vars(task))


TASKS = {
    "quadratic": QuadraticTask(),
    "noisy quadratic": QuadraticTask(noise=0.1),
    "digits": DIGITS,
    "matrix": MATRIX,
    "digits, undetermined": undetermined(DIGITS),
    "matrix, undetermined": undetermined(MATRIX),
}
CASES = [
    (name, task)
    for name, spec in SPECS.items()
    for task in TASKS
    # Only native optimizers are told whether a task is deterministic.
    if spec.stacking == "native" or "undetermined" not in task
]


def frozen(value: Any) -> Any:
    """Return anything nested as plain values that compare bit by bit."""
    if isinstance(value, torch.Tensor):
        flat = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
        return (str(value.dtype), tuple(value.shape), value.requires_grad, flat.numpy().tobytes())
    if isinstance(value, Mapping):
        return {repr(key): frozen(entry) for key, entry in value.items()}
    if isinstance(value, str):
        return value
    if isinstance(value, Sequence):
        return [frozen(entry) for entry in value]
    return repr(value)


def everything(training: Training) -> dict[str, Any]:
    """Return all that a probe could have changed."""
    problem: Any = training.problem
    grads = [p.grad for p in problem.params]
    return {
        "params": frozen(problem.params),
        "addresses": [p.data_ptr() for p in problem.params],
        "versions": [p._version for p in problem.params],
        "gradients": frozen(grads),
        "gradient identities": [id(g) for g in grads],
        "optimizer": frozen(training.optimizer.state_dict()),
        "problem": frozen({k: v for k, v in vars(problem).items() if k != "params"}),
        "curve": frozen(training.curve.state_dict()),
        "meter": frozen([training.meter.used, training.meter.live]),
        "random": [
            frozen(torch.get_rng_state()),
            repr(np.random.get_state()),
            random.getstate(),
        ],
        "modes": [torch.is_grad_enabled(), torch.get_num_threads(), torch.get_default_dtype()],
    }


def run(spec: OptimizerSpec, task: Any, chosen: Sequence[str]) -> list[Outcome]:
    known = {k: v for k, v in QUICK.items() if k in spec.space.names}
    # FlowAdam flows from its twelfth step on.
    budget = 14 if spec.name == "flowadam" else 3
    return run_trial(
        task, spec, {**spec.defaults, **known}, SEEDS, budget, phase="confirm", probes=chosen
    )


def bare(outcome: Outcome) -> str:
    """Return an outcome as text without its probes, its times and its memory."""
    cost = replace(
        outcome.cost,
        seconds=0.0,
        peak_mem_mb=0.0,
        probe_evals=0,
        probe_loss_evals=0,
        probe_seconds=0.0,
    )
    return repr(replace(outcome, cost=cost, probes=()))


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the probes do everything they do, less often."""
    get = probes.get
    quick: dict[str, Any] = {
        "trace": Trace(samples=2),
        "perturbed_loss": PerturbedLoss(pairs=2),
        "sharpness": Sharpness(tolerance=0.1),
        "preconditioned_sharpness": PreconditionedSharpness(tolerance=0.1),
    }
    monkeypatch.setattr(probes, "get", lambda name: quick.get(name) or get(name))


@pytest.mark.parametrize(("name", "task"), CASES)
def test_a_run_with_probes_equals_the_run_without(
    name: str, task: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = probes.names()
    without = run(SPECS[name], TASKS[task], [])
    assert {o.probes for o in without} == {()}
    watch(monkeypatch)
    outcomes = run(SPECS[name], TASKS[task], chosen)
    assert [bare(o) for o in outcomes] == [bare(o) for o in without]
    assert any(o.counters.flow_steps for o in outcomes) == (name == "flowadam")
    for outcome in outcomes:
        assert outcome.status == "ok", outcome.message
        assert {p.message for p in outcome.probes} == {""}
        marks = [(p.fraction, p.grad_evals, name) for p in outcome.curve for name in chosen]
        assert [(p.fraction, p.grad_evals, p.probe) for p in outcome.probes] == marks
        assert outcome.cost.probe_evals == sum(p.evals for p in outcome.probes) > 0


def watch(monkeypatch: pytest.MonkeyPatch) -> None:
    """See at every mark that nothing but the probes' own points changes."""
    step, record = Training._step, ProbeRecorder.record
    running: list[Training] = []

    def watched_step(self: Training) -> None:
        running[:] = [self]
        step(self)

    def watched_record(self: ProbeRecorder, *args: Any) -> None:
        (training,) = running
        before = everything(training)
        record(self, *args)
        after = everything(training)
        for key, value in before.items():
            assert after[key] == value, key

    monkeypatch.setattr(Training, "_step", watched_step)
    monkeypatch.setattr(ProbeRecorder, "record", watched_record)
