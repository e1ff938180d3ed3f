"""A study: what is compared, with which effort, under which protocol."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

import tomli_w

from flowadam.errors import InputError, nearest
from flowadam.plugins import absolute, in_folder
from flowadam.space import digest
from flowadam.study_rules import NAMES, SAMPLERS, check

ADAPTIVE = SAMPLERS[2:]
Budget = int | tuple[int, ...] | Mapping[str, int | tuple[int, ...]] | None
_LISTS = (*NAMES, "search_blocks", "confirm_blocks")
_UNITED = ("task", "optimizer", "plugin", "probe", "phase")
_NUMBERS = ("trials", "seeds", "confirm_seeds", "trajectories", "repeats")
_GROWS = (*_UNITED, *_NUMBERS, "budget")
_FREE = (
    *("control", "sensitive", "name", "device", "gpu", "time_limit"),
    *("search_blocks", "confirm_blocks"),
)
# Fields that came after the first studies: a default leaves the hash as it was without them.
_LATER = {"schedule": "constant", "warmup": 0.0}


@dataclass(frozen=True)
class Study:
    """One comparison as data; the keys of the TOML file are these names, and so are the options.

    Args:
        task, optimizer: names from the registries, from plugins or from installed packages.
        trials: N, configurations per optimizer and task besides the default (number 0); with 0
            nothing is searched and the default alone is confirmed.
        seeds: search seeds per configuration.
        confirm_seeds: fresh seeds on which each winner runs.
        substudies: K disjoint parts of the N configurations, each electing a winner.
        phase: of search, confirm, sensitivity and timing, those that the study has.
        budget: gradient evaluations of a run: a number, several, or a table of either by task;
            None, and a task that is not in the table, take the task's own.
        sampler: random, qmc (independent of order), or tpe, gp, cmaes (adaptive).
        batch: points an adaptive sampler is asked for at a time.
        selection: "best" (early stopping on validation) or "final".
        schedule, warmup: see ``flowadam.schedule.Schedule``; one for all optimizers.
        sensitive: optimizers of the phase sensitivity; empty takes all but the controls.
        trajectories: Morris trajectories per cell of the phase sensitivity.
        repeats: runs of each winner in the phase timing.
        seed: root of every random stream.
        dtype: float32 or float64.
        data, user, item, rating: the ratings table and its columns.
        plugin: paths of Python files with the user's own optimizers and tasks.
        device: cpu or cuda.
        gpu: GPUs per trial; None takes the task's request.
        time_limit: wall seconds of a group, probes left out.
        probe: names of probes, read in every run made from now on; no run's numbers depend on them.
        control: those of the optimizers that are shown beside the others and stand outside every
            family of tests.
        search_blocks, confirm_blocks: sizes of the seed blocks; written by the program.

    Raises:
        InputError: a value outside its rule.
    """

    task: tuple[str, ...]
    optimizer: tuple[str, ...]
    name: str = "study"
    trials: int = 16
    seeds: int = 1
    confirm_seeds: int = 10
    substudies: int = 3
    phase: tuple[str, ...] = ("search", "confirm")
    budget: Budget = None
    sampler: str = "random"
    batch: int = 1
    selection: Literal["best", "final"] = "best"
    schedule: str = "constant"
    warmup: float = 0.0
    sensitive: tuple[str, ...] = ()
    trajectories: int = 10
    repeats: int = 3
    seed: int = 0
    dtype: str = "float32"
    data: str | None = None
    user: str = "user"
    item: str = "item"
    rating: str = "rating"
    plugin: tuple[str, ...] = ()
    device: str = "cpu"
    gpu: float | None = None
    time_limit: float | None = None
    probe: tuple[str, ...] = ()
    control: tuple[str, ...] = ()
    search_blocks: tuple[int, ...] = ()
    confirm_blocks: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        check(self)
        if not self.search_blocks:
            object.__setattr__(self, "search_blocks", (self.seeds,))
        if not self.confirm_blocks:
            object.__setattr__(self, "confirm_blocks", (self.confirm_seeds,))

    def budgets(self, task: str) -> tuple[int, ...] | None:
        """Return the budgets of a task, None for its own."""
        found = self.budget.get(task) if isinstance(self.budget, Mapping) else self.budget
        return found if found is None or isinstance(found, tuple) else (found,)

    @property
    def adaptive(self) -> bool:
        return self.sampler in ADAPTIVE

    @property
    def group_limit(self) -> float | None:
        """Wall seconds of a group with its probes, which have as many as the run itself."""
        return self.time_limit and self.time_limit * (2 if self.probe else 1)

    def identity(self) -> str:
        """Hash of everything that must never change while the study grows."""
        fixed = {k: v for k, v in asdict(self).items() if k not in (*_GROWS, *_FREE, "data")}
        return digest({k: v for k, v in fixed.items() if k not in _LATER or v != _LATER[k]})

    def grown(self, wanted: Study, where: str) -> Study:
        """Return this stored study extended by `wanted`.

        Lists of tasks, optimizers, plugins, probes and phases are united; trials, seeds,
        trajectories and repeats take the larger number, new seeds forming a block of their own;
        budgets are replaced (another budget is another cell). New probes look into new runs only.
        The name stays the first one, by which MLflow knows the study.

        Raises:
            InputError: any other field differs, a number shrinks, or a compared optimizer would
                become a control.
        """
        for f in fields(self):
            old, new = getattr(self, f.name), getattr(wanted, f.name)
            if f.name not in (*_GROWS, *_FREE, "data") and old != new:
                raise InputError(
                    f"{where} holds a study with `{f.name}` = {old!r}, this one has {new!r}: "
                    "only tasks, optimizers, phases, trials, seeds, confirm_seeds and budget may "
                    "change. "
                    "Choose another --out."
                )
            if f.name in _NUMBERS and new < old:
                raise InputError(
                    f"{where} holds a study with `{f.name}` = {old}; it can grow but not shrink "
                    f"to {new}. Say --{f.name.replace('_', '-')} {old}, or choose another --out."
                )
        for name in wanted.control:
            if name in self.optimizer and name not in self.control:
                raise InputError(
                    f"{where} holds a study that compares '{name}'; it cannot become a control "
                    "after its results are known. Choose another --out."
                )
        return replace(
            wanted,
            name=self.name,
            data=wanted.data or self.data,
            **{name: _united(getattr(self, name), getattr(wanted, name)) for name in _UNITED},
            search_blocks=_extended(self.search_blocks, wanted.seeds),
            confirm_blocks=_extended(self.confirm_blocks, wanted.confirm_seeds),
        )

    def to_toml(self) -> str:
        """Return the study as TOML, without the keys that are None.

        Plugins are named by their copies in the study's folder, relative to it.
        """
        data = {k: v for k, v in asdict(self).items() if v is not None and v != ()}
        if self.plugin:
            data["plugin"] = [in_folder(path) for path in self.plugin]
        return tomli_w.dumps(data)


def read_study(path: Path, overrides: Mapping[str, Any] | None = None) -> Study:
    """Read a study file; `overrides` (options of the command line) win over its keys."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise InputError(f"The study file {path} does not exist.") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"The study file {path} cannot be read: {error}.") from None
    if data.get("data"):
        data["data"] = str((path.parent / str(data["data"])).resolve())
    if "plugin" in data:
        data["plugin"] = tuple(_beside(path, p) for p in _as_tuple("plugin", data["plugin"]))
    return make_study({"name": path.stem, **data, **(overrides or {})}, where=str(path))


def make_study(data: Mapping[str, Any], where: str = "the options") -> Study:
    """Build a study from keys and values, refusing unknown keys with the nearest known one."""
    known = [f.name for f in fields(Study)]
    for key in data:
        if key not in known:
            raise InputError(f"Unknown key '{key}' in {where}.{nearest(key, known)}")
    for key in ("task", "optimizer"):
        if key not in data:
            raise InputError(f"The key '{key}' is missing in {where}.")
    values = {k: _as_tuple(k, v) for k, v in data.items()}
    return Study(**values | {"budget": _budget(data.get("budget"))})


def _budget(value: Any) -> Any:
    """Return a budget of TOML or of the command line with tuples for its lists."""
    if isinstance(value, Mapping):
        return {task: _budget(one) for task, one in value.items()}
    if isinstance(value, list | tuple):
        return value[0] if len(value) == 1 else tuple(value)
    return value


def _beside(path: Path, name: Any) -> Any:
    """Return a plugin's path, which is relative to the study file, as an absolute one."""
    return absolute(path.parent / name) if isinstance(name, str) else name


def _as_tuple(key: str, value: Any) -> Any:
    if key not in _LISTS:
        return value
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def _united(old: tuple[str, ...], new: tuple[str, ...]) -> tuple[str, ...]:
    return (*old, *(name for name in new if name not in old))


def _extended(blocks: tuple[int, ...], total: int) -> tuple[int, ...]:
    extra = total - sum(blocks)
    return (*blocks, extra) if extra else blocks
