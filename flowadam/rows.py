"""Outcomes as rows: the columns of `trials`, `curves` and `probes`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pyarrow as pa

from flowadam.outcome import Outcome
from flowadam.plan import Cell, Group, TrialKey
from flowadam.sampling import Configuration
from flowadam.study import Study

Row = dict[str, Any]

TRIALS = pa.schema(
    [
        ("key", pa.string()),
        ("study", pa.string()),
        ("phase", pa.string()),
        ("task", pa.string()),
        ("optimizer", pa.string()),
        ("budget", pa.int64()),
        ("config", pa.int64()),
        ("seed", pa.int64()),
        ("contained", pa.string()),
        ("sampler", pa.string()),
        ("plugins", pa.string()),
        ("status", pa.string()),
        ("device", pa.string()),
        ("val_best", pa.float64()),
        ("val_final", pa.float64()),
        ("test_best", pa.float64()),
        ("test_final", pa.float64()),
        ("grad_evals", pa.int64()),
        ("steps", pa.int64()),
        ("seconds", pa.float64()),
        ("peak_mem_mb", pa.float64()),
        ("flow_steps", pa.int64()),
        ("field_evals", pa.int64()),
        ("fallbacks", pa.int64()),
        ("plateau_triggers", pa.int64()),
        ("stiffness_triggers", pa.int64()),
        ("capped_injections", pa.int64()),
        ("clipped_share", pa.float64()),
        ("probe_evals", pa.int64()),
        ("probe_loss_evals", pa.int64()),
        ("probe_seconds", pa.float64()),
        ("probe_failures", pa.int64()),
        ("message", pa.string()),
    ]
)
CURVES = pa.schema(
    [
        ("key", pa.string()),
        ("fraction", pa.float64()),
        ("grad_evals", pa.int64()),
        ("steps", pa.int64()),
        ("loss", pa.float64()),
        ("val", pa.float64()),
        ("seconds", pa.float64()),
    ]
)
PROBES = pa.schema(
    [
        ("key", pa.string()),
        ("probe", pa.string()),
        ("fraction", pa.float64()),
        ("grad_evals", pa.int64()),
        ("value", pa.float64()),
        ("error", pa.float64()),
        ("evals", pa.int64()),
        ("loss_evals", pa.int64()),
        ("message", pa.string()),
    ]
)


def trial_row(
    study: Study,
    key: TrialKey,
    configuration: Configuration,
    outcome: Outcome,
    plugins: str = "",
) -> Row:
    """Return the row of `trials` for one run.

    Args:
        plugins: the foreign code that it ran with, ``flowadam.sweep.Catalog.code``.
    """
    scores, cost, counters = outcome.scores, outcome.cost, outcome.counters
    return {
        "key": key.hash(),
        "study": study.identity(),
        "phase": key.phase,
        "task": key.task,
        "optimizer": key.optimizer,
        "budget": key.budget,
        "config": key.config,
        "seed": key.seed,
        "contained": key.contained or None,
        "sampler": study.sampler,
        "plugins": plugins,
        "status": outcome.status,
        "device": outcome.device,
        "val_best": scores.val_best,
        "val_final": scores.val_final,
        "test_best": scores.test_best,
        "test_final": scores.test_final,
        "grad_evals": cost.grad_evals,
        "steps": cost.steps,
        "seconds": cost.seconds,
        "peak_mem_mb": cost.peak_mem_mb,
        **asdict(counters),
        "probe_evals": cost.probe_evals,
        "probe_loss_evals": cost.probe_loss_evals,
        "probe_seconds": cost.probe_seconds,
        "probe_failures": sum(bool(point.message) for point in outcome.probes),
        "message": outcome.message,
        **{f"p.{name}": value for name, value in configuration.values.items()},
        **{f"u.{name}": unit for name, unit in configuration.unit.items()},
    }


def curve_rows(key: TrialKey, outcome: Outcome) -> list[Row]:
    """Return the rows of `curves` for one run."""
    name = key.hash()
    return [
        {
            "key": name,
            "fraction": p.fraction,
            "grad_evals": p.grad_evals,
            "steps": p.steps,
            "loss": p.loss,
            "val": p.val,
            "seconds": p.seconds,
        }
        for p in outcome.curve
    ]


def group_rows(
    study: Study,
    identity: str,
    group: Group,
    configuration: Configuration,
    outcomes: list[Outcome],
    plugins: str = "",
) -> tuple[list[Row], list[Row]]:
    """Return the rows of `trials` and of `curves` for one group."""
    pairs = list(zip(group.keys(identity), outcomes, strict=True))
    trials = [trial_row(study, key, configuration, outcome, plugins) for key, outcome in pairs]
    curves = [row for key, outcome in pairs for row in curve_rows(key, outcome)]
    return trials, curves


def probe_rows(identity: str, group: Group, outcomes: list[Outcome]) -> list[Row]:
    """Return the rows of `probes` for one group."""
    pairs = zip(group.keys(identity), outcomes, strict=True)
    return [{"key": key.hash(), **asdict(p)} for key, o in pairs for p in o.probes]


def trivial_row(
    study: Study,
    identity: str,
    task: str,
    name: str,
    val: float,
    test: float,
    plugins: str = "",
) -> Row:
    """Return the row of a constant predictor: phase "trivial", no gradients."""
    cell = Cell(task, name, 0)
    key = Group("trivial", cell, 0, (0,)).keys(identity)[0]
    scores = {"val_best": val, "val_final": val, "test_best": test, "test_final": test}
    zeros = dict.fromkeys(("grad_evals", "steps"), 0)
    return {
        **trial_row(study, key, Configuration(0, {}, {}), Outcome(0, "ok", "cpu"), plugins),
        **scores,
        **zeros,
    }
