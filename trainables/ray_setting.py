"""One task and one optimizer as the Ray Tune Trainable runs them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flowadam.curve import MARKS
from flowadam.errors import InputError, nearest, require_known
from flowadam.space import Float, Parameter, Value
from flowadam.spec import OptimizerSpec
from flowadam.task import Task
from flowadam.training import Training
from flowadam.trial import run_seed

ONE_MINUS = "1-"


@dataclass(frozen=True)
class Setting:
    """What every configuration is run with; the arguments are those of `trainable`."""

    task: Task
    spec: OptimizerSpec
    budget: int
    seeds: int
    reports: int
    device: str
    dtype: str

    def __post_init__(self) -> None:
        for name in ("budget", "seeds"):
            if getattr(self, name) < 1:
                raise InputError(f"`{name}` must be at least 1, got {getattr(self, name)}.")
        if self.reports < 1 or MARKS % self.reports:
            raise InputError(
                f"`reports` must divide {MARKS}, the points of a curve, got {self.reports}."
            )
        require_known("device", self.device, ("cpu", "cuda"))
        require_known("dtype", self.dtype, ("float32", "float64"))

    @property
    def resources(self) -> dict[str, float]:
        """The request of one trial: the task's own, and at least one GPU on the device cuda."""
        wanted = self.task.resources
        return {"cpu": wanted.cpu, "gpu": max(wanted.gpu, float(self.device == "cuda"))}

    def values(self, config: Mapping[str, Value]) -> dict[str, Value]:
        """Return the optimizer's values: those of `config`, defaults for the others.

        Raises:
            InputError: a name that the optimizer's space does not have, or one given twice.
        """
        keys = {key: p.name for p in self.spec.space for key in (p.name, tuned_key(p))}
        given: dict[str, Value] = {}
        for key, value in config.items():
            if key not in keys:
                like = key if "." in key else f"opt.{key}"
                raise InputError(f"{self.spec.name} has no parameter '{key}'.{nearest(like, keys)}")
            name = keys[key]
            if name in given:
                raise InputError(
                    f"`{name}` must be given once, got '{name}' and '{ONE_MINUS}{name}'."
                )
            given[name] = value if key == name else 1 - float(value)
        return {**self.spec.defaults, **given}

    def start(self, config: Mapping[str, Value]) -> Training:
        """Return the run of one configuration, its test part locked."""
        return Training(
            self.task,
            self.spec,
            self.values(config),
            [run_seed(0, seed) for seed in range(self.seeds)],
            self.budget,
            device=self.device,
            dtype=self.dtype,
        )

    def ceiling(self) -> float:
        """Return ``w + 10 |w|`` with w the task's worst constant predictor (10 where w is 0)."""
        worst = max(self.task.trivial("val").values(), default=0.0)
        return worst + 10 * (abs(worst) or 1.0)


def check_kinds(task: object, optimizer: object) -> None:
    """Refuse anything but a task and an optimizer, names above all."""
    if not isinstance(task, Task):
        raise InputError(
            f"`task` must be a Task such as trainables.get('digits_mlp'), got {task!r}."
        )
    if not isinstance(optimizer, OptimizerSpec):
        raise InputError(
            "`optimizer` must be an OptimizerSpec such as search_spaces.get('adam'), "
            f"got {optimizer!r}."
        )


def tuned_key(parameter: Parameter) -> str:
    """Return the name under which a parameter is tuned: ``1-<name>`` on the scale of 1 - x."""
    turned = isinstance(parameter, Float) and parameter.one_minus
    return f"{ONE_MINUS}{parameter.name}" if turned else parameter.name
