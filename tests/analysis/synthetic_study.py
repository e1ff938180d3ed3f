"""Synthetic studies with known truths, written through the real store."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from flowadam.morris import morris_configuration
from flowadam.outcome import Cost, Counters, CurvePoint, Outcome, Scores
from flowadam.plan import (
    CONFIRM_SEED_START,
    Cell,
    Group,
    confirm_plan,
    search_plan,
    seed_blocks,
    sensitivity_plan,
    timing_plan,
)
from flowadam.rows import Row, group_rows, trivial_row
from flowadam.sampling import Configuration, make_configuration
from flowadam.seeds import derive
from flowadam.space import Float, Space
from flowadam.store import Store
from flowadam.study import Study
from flowadam.winners import elections, winners

LR = Float("opt.lr", 1e-4, 1e-1, "test", log=True)
SHARED = (
    LR,
    Float("opt.beta1", 0.5, 0.99, "test", one_minus=True),
    Float("task.penalty", 1e-6, 1e-1, "test", log=True),
)
FLOW = (
    Float("opt.clip_value", 1e-3, 10.0, "test", log=True),
    Float("opt.ode_t_scale", 0.1, 4.0, "test", log=True),
    Float("opt.momentum_blend_gamma", 0.0, 1.0, "test"),
    Float("opt.switch_sensitivity", 0.1, 1.5, "test"),
)
Loss = Callable[[str, str, Mapping[str, float]], float]


def bowl(task: str, optimizer: str, unit: Mapping[str, float]) -> float:
    """Loss that depends on the learning rate alone, with its optimum at u = 0.6; inf above 0.95."""
    u = unit["opt.lr"]
    return math.inf if u > 0.95 else 0.3 + (u - 0.6) ** 2


@dataclass(frozen=True)
class Truth:
    """What a synthetic study is made of.

    Args:
        loss: noise-free metric of a configuration; inf diverges.
        offset: added to the test metric of an optimizer: its true difference.
        seed_sd: noise that all optimizers share on a seed.
        run_sd: noise of each run alone.
        trivial: test metric of the constant predictor.
        overshoot: gradient evaluations beyond the budget.
        spaces: the space of each optimizer; SHARED for those not named.
        slowness: milliseconds per gradient of an optimizer; 1 for those not named.
    """

    loss: Loss = bowl
    offset: Mapping[str, float] = field(default_factory=dict)
    seed_sd: float = 0.02
    run_sd: float = 0.005
    trivial: float = 1.0
    overshoot: int = 0
    spaces: Mapping[str, Space] = field(default_factory=dict)
    slowness: Mapping[str, float] = field(default_factory=dict)

    def space(self, optimizer: str) -> Space:
        extra = FLOW if optimizer == "flowadam" else ()
        return self.spaces.get(optimizer, Space((*SHARED, *extra)))


def small_study(**changes: Any) -> Study:
    """Return a study of two optimizers on one task that takes milliseconds."""
    base: dict[str, Any] = {
        "task": ("bowl",),
        "optimizer": ("flowadam", "adam"),
        "trials": 6,
        "confirm_seeds": 8,
        "budget": 200,
    }
    return Study(**{**base, **changes})


def write_study(
    folder: Path,
    study: Study,
    truth: Truth = Truth(),
    *,
    confirm: bool = True,
    inclusion: tuple[str, str] | None = None,
    keep: Callable[[Group], bool] = lambda group: True,
    identity: str = "one space",
) -> Path:
    """Write the study's rows as a sweep would; `keep` drops groups, as an interruption does."""
    store = Store(folder, write=True)
    store.save_study(study)
    _run(store, study, truth, identity, filter(keep, search_plan(study, {})))
    if confirm:
        found = winners(study, store.rows())
        _run(store, study, truth, identity, filter(keep, confirm_plan(study, found)))
        if inclusion:
            _include(store, study, truth, found, *inclusion)
        if "timing" in study.phase:
            best = {c: e.best for c, e in elections(study, store.rows()).items() if e.best}
            _run(store, study, truth, identity, filter(keep, timing_plan(study, best)))
    if "sensitivity" in study.phase:
        specs: Any = {name: _Spec(truth.space(name)) for name in study.optimizer}
        _run(store, study, truth, identity, filter(keep, sensitivity_plan(study, {}, specs)))
    for task in study.task:
        store.append([trivial_row(study, "t", task, "constant", truth.trivial, truth.trivial)], [])
    store.flush()
    store.close()
    return folder


def _run(store: Store, study: Study, truth: Truth, identity: str, groups: Iterator[Group]) -> None:
    trials: list[Row] = []
    curves: list[Row] = []
    for group in groups:
        configuration = drawn(study, truth, group)
        outcomes = [_outcome(truth, group, configuration, seed) for seed in group.seeds]
        rows = group_rows(study, identity, group, configuration, outcomes)
        trials += rows[0]
        curves += rows[1]
    store.append(trials, curves)


def _include(
    store: Store, study: Study, truth: Truth, found: Mapping[Cell, list[int]], whole: str, part: str
) -> None:
    """Write `whole` set to the first winner of `part`: it takes the outcomes of `part`."""
    for cell, configs in found.items():
        chosen = next((c for c in configs if c), None)
        if cell.optimizer == part and chosen is not None:
            seeds = seed_blocks(study.confirm_blocks, CONFIRM_SEED_START)[0]
            configuration = draw(study, truth, cell, chosen)
            contained = Group("inclusion", cell, chosen, seeds)
            container = replace(contained, cell=replace(cell, optimizer=whole))
            outcomes = [_outcome(truth, contained, configuration, seed) for seed in seeds]
            store.append(*group_rows(study, "one space", container, configuration, outcomes))


@dataclass(frozen=True)
class _Spec:
    """What a Morris design needs of an optimizer."""

    space: Space
    fixed: Mapping[str, Any] = field(default_factory=dict)


def drawn(study: Study, truth: Truth, group: Group) -> Configuration:
    """Return the configuration of a group of any phase."""
    if group.phase != "sensitivity":
        return draw(study, truth, group.cell, group.config)
    spec: Any = _Spec(truth.space(group.cell.optimizer))
    return morris_configuration(study, group.cell, spec, group.config)


def draw(study: Study, truth: Truth, cell: Cell, index: int) -> Configuration:
    """Return configuration `index`, uniform on the unit cube; the default is at 0.3."""
    space = truth.space(cell.optimizer)
    rng = np.random.default_rng(derive(study.seed, cell.task, cell.optimizer, index))
    units = rng.uniform(size=len(space)).tolist() if index else [0.3] * len(space)
    values = space.from_unit(dict(zip(space.names, units, strict=True)))
    return make_configuration(space, index, values)


def _outcome(truth: Truth, group: Group, configuration: Configuration, seed: int) -> Outcome:
    cell = group.cell
    shared = np.random.default_rng(derive(cell.task, seed)).normal(0, truth.seed_sd)
    own = np.random.default_rng(derive(cell.task, cell.optimizer, group.config, seed))
    noise = float(shared + own.normal(0, truth.run_sd))
    clean = truth.loss(cell.task, cell.optimizer, configuration.unit)
    cost = Cost(cell.budget + truth.overshoot, cell.budget, 0.1, 50.0)
    counters = Counters(cell.budget // 10, 0) if cell.optimizer == "flowadam" else Counters()
    if not math.isfinite(clean):
        return Outcome(seed, "diverged", "cpu", cost=cost, message="left the finite range")
    val = clean + noise
    test = val + 0.01 + truth.offset.get(cell.optimizer, 0.0)
    reads = group.phase in ("confirm", "inclusion")
    slowness = truth.slowness.get(cell.optimizer, 1.0) / 1000
    curve = _curve(cell.budget, val, own, slowness)
    scores = Scores(val, val * 1.02, test if reads else None, test * 1.02 if reads else None)
    return Outcome(seed, "ok", "cpu", scores, cost, counters, "", curve)


def _curve(
    budget: int, end: float, rng: np.random.Generator, slowness: float
) -> tuple[CurvePoint, ...]:
    """Return an exponential descent to `end` at forty marks, with noise above it."""
    fractions = np.linspace(0, 1, 41)
    clean = end + (1.0 - end) * (np.exp(-6 * fractions) - math.exp(-6))
    wobble = np.abs(rng.normal(0, 0.01, 41)) * (fractions < 1)
    return tuple(
        CurvePoint(
            float(f), int(f * budget), int(f * budget), float(v), float(v), f * budget * slowness
        )
        for f, v in zip(fractions, clean + wobble, strict=True)
    )
