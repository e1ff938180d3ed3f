"""An ordinary Ray Tune Trainable, for a user's own Tuner, searcher and scheduler."""

from __future__ import annotations

import math
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from ray import tune

from flowadam.space import Float, Int, Parameter, Space
from flowadam.spec import OptimizerSpec
from flowadam.task import Task
from trainables.ray_setting import Setting, check_kinds, tuned_key

_FILE = "training.pt"


class CurveTrainable(tune.Trainable):
    """Trains one configuration; one ``step()`` leads to the next report point of its curve.

    Every result holds

    - ``val``, ``val_best``: the task's metric on the validation part (lower is better) now and at
      its lowest so far, each the mean over the seeds;
    - ``grad_evals``: gradient evaluations used per seed, and ``fraction``, their share of the
      budget (at most 1);
    - ``status``: "ok", or "diverged" once any seed's loss or metric left the finite range.

    All numbers are finite. A run that diverged ends at once with ``val = val_best = c``, and no
    value above c is reported, where ``c = w + 10 |w|`` and w is the validation metric of the
    task's worst constant predictor. The test part is never read.
    """

    def setup(self, config: dict[str, Any], setting: Setting | None = None) -> None:
        assert setting is not None
        self._setting, self._ceiling = setting, setting.ceiling()
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Begin anew with another configuration; nothing of the last one stays."""
        self._training = self._setting.start(new_config)
        self._reported = 0
        return True

    def step(self) -> dict[str, Any]:
        setting, training = self._setting, self._training
        self._reported += 1
        training.advance(math.ceil(self._reported * setting.budget / setting.reports))
        points, used = training.curve.points, training.meter.used
        diverged = any(training.diverged)
        return {
            "val": self._mean(diverged, [p[-1].val for p in points]),
            "val_best": self._mean(diverged, [min(p.val for p in curve) for curve in points]),
            "grad_evals": int(used.max()),
            "fraction": min(int(used.min()) / setting.budget, 1.0),
            "status": "diverged" if diverged else "ok",
            "done": diverged or self._reported == setting.reports,
        }

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        state = {"training": self._training.state_dict(), "reported": self._reported}
        torch.save(state, Path(checkpoint_dir) / _FILE)

    def load_checkpoint(self, checkpoint: dict[str, Any] | str | None) -> None:
        """Go on from a checkpoint bit for bit; the file may hold tensors and plain values only."""
        assert isinstance(checkpoint, str)
        state = torch.load(Path(checkpoint) / _FILE, map_location="cpu", weights_only=True)
        self._training.load_state_dict(state["training"])
        self._reported = state["reported"]

    def _mean(self, diverged: bool, values: list[float]) -> float:
        return self._ceiling if diverged else min(fmean(values), self._ceiling)


def trainable(
    task: Task,
    optimizer: OptimizerSpec,
    *,
    budget: int | None = None,
    seeds: int = 1,
    reports: int = 10,
    device: str = "cpu",
    dtype: str = "float32",
) -> type[tune.Trainable]:
    """Return a class Trainable that tunes `optimizer` on `task`; see `CurveTrainable`.

    Its configuration takes the names of the optimizer's space with real values (``opt.lr``,
    ``task.penalty``), and ``1-opt.beta1`` for 1 - beta1; what is missing takes the default. It
    asks for the task's own CPU cores and GPUs, and for one GPU at least on the device "cuda".

    Args:
        budget: gradient evaluations per seed; None takes the task's own.
        seeds: replicas run together; the results are their means.
        reports: results per run, at equal fractions of the budget; it divides 40.

    Raises:
        InputError: an argument outside its rule.
    """
    check_kinds(task, optimizer)
    setting = Setting(
        task, optimizer, task.budget if budget is None else budget, seeds, reports, device, dtype
    )
    bound = tune.with_parameters(CurveTrainable, setting=setting)
    bound.__name__ = f"{optimizer.name}_on_{task.name}"
    return tune.with_resources(bound, setting.resources)


def tune_space(space: Space) -> dict[str, Any]:
    """Return a space as Ray Tune's domains, which every searcher of Tune understands.

    A decay rate near 1 is tuned as ``1-opt.beta1``, log-uniformly, and `trainable` turns it back.
    """
    return {tuned_key(p): _domain(p) for p in space}


def _domain(p: Parameter) -> Any:
    if isinstance(p, Float):
        if p.one_minus:
            return tune.loguniform(1 - p.high, 1 - p.low)
        return tune.loguniform(p.low, p.high) if p.log else tune.uniform(p.low, p.high)
    if isinstance(p, Int):
        return tune.randint(p.low, p.high + 1)
    return tune.choice(list(p.options))
