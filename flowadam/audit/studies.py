"""From a claim to studies: which protocols it needs, who runs in them, with which settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from flowadam.audit.claims import ESSENTIAL_SEEDS, Claim, Contender
from flowadam.audit.forms import Protocol
from flowadam.audit.fresh import AuditTask
from flowadam.audit.plan import entries, forms_of, labels
from flowadam.plan import CONFIRM_SEED_START
from flowadam.space import Space, Value
from flowadam.spec import OptimizerSpec
from flowadam.study import Study
from flowadam.sweep import Catalog
from flowadam.task import Task
from flowadam.trial import run_seed

GetTask = Callable[[str], Task]
GetSpec = Callable[[str], OptimizerSpec]

TRIVIAL_SEEDS = 5
"""Data sets whose mean the trivial baselines are."""


@dataclass(frozen=True)
class Effort:
    """How much is run.

    Args:
        trials: configurations of every contender where everybody is tuned.
        search_seeds: runs of each of them.
        seeds: runs of what is compared, on seeds that no search has seen.
        time_limit: wall seconds of a run.
        device: cpu or cuda.
    """

    trials: int = 16
    search_seeds: int = 2
    seeds: int = 10
    time_limit: float | None = 600.0
    device: str = "cpu"

    def for_claim(self, claim: Claim) -> int:
        """Return the seeds of a claim: an essential one needs more than others."""
        return max(self.seeds, ESSENTIAL_SEEDS) if claim.kind == "essential" else self.seeds


def make_study(claim: Claim, protocol: Protocol, effort: Effort) -> Study:
    """Return the study of a claim under a protocol."""
    tuned = _is_tuned(claim, protocol)
    seeds, search = effort.for_claim(claim), effort.search_seeds if tuned else 1
    gradients = charged(claim, protocol) == "gradients" and claim.charged == "steps"
    return Study(
        task=claim.tasks,
        optimizer=tuple(labels(claim, protocol)),
        name=f"{claim.key}, {protocol.name}",
        trials=effort.trials if tuned else 1,
        seeds=search,
        confirm_seeds=seeds,
        substudies=1,
        budget=claim.gradients if gradients else claim.steps,
        selection=protocol.selection,
        device=effort.device,
        time_limit=effort.time_limit,
        probe=(claim.probe,) if claim.probe else (),
        search_blocks=(1,) * search,
        confirm_blocks=(1,) * seeds,
    )


def charged(claim: Claim, protocol: Protocol) -> str:
    """Return what the budget of a run counts."""
    return claim.charged if protocol.charged == "published" else "gradients"


def make_catalog(
    claim: Claim,
    protocol: Protocol,
    study: Study,
    task: GetTask,
    spec: GetSpec,
    rates: Mapping[str, float],
) -> Catalog:
    """Return the tasks and optimizers of a study.

    Args:
        rates: shares of flow steps by contender, for those that are matched to them.

    Raises:
        InputError: an unknown task, optimizer or option.
    """
    counts = charged(claim, protocol)
    drawn = range(CONFIRM_SEED_START, CONFIRM_SEED_START + TRIVIAL_SEEDS)
    seeds = tuple(run_seed(study.seed, seed) for seed in drawn)
    tasks: dict[str, Task] = {
        name: AuditTask(
            task(name),
            claim.fresh,
            "steps" if counts == "steps" else "gradients",
            claim.metric,
            seeds,
        )
        for name in claim.tasks
    }
    equal = claim.contenders[claim.optimizer].penalty
    specs = {
        label: make_spec(label, contender, spec, protocol, equal, extra | _rate(contender, rates))
        for label, contender, extra in entries(claim, protocol)
        if not contender.matched or contender.matched in rates
    }
    return Catalog(tasks, specs)


def make_spec(
    label: str,
    contender: Contender,
    spec: GetSpec,
    protocol: Protocol,
    equal: float,
    extra: Mapping[str, Value],
) -> OptimizerSpec:
    """Return the registered optimizer with the contender's settings as its default.

    Args:
        equal: the penalty of everybody under equal penalties.
        extra: options that win over the contender's.
    """
    own = spec(contender.optimizer)
    options = dict(contender.options) | (dict(contender.corrected) if protocol.corrected else {})
    options |= extra
    penalty = equal if protocol.penalty == "equal" else contender.penalty
    free = [p for p in own.space if p.name.removeprefix("opt.") not in extra]
    if protocol.penalty != "searched":
        free = [p for p in free if p.name != "task.penalty"]
    named = {f"opt.{name}": value for name, value in options.items()}
    return replace(
        own,
        name=label,
        space=Space(tuple(free)),
        defaults={**own.defaults, **named, "task.penalty": penalty},
        includes=(),
    )


def _rate(contender: Contender, rates: Mapping[str, float]) -> dict[str, Value]:
    return {"rate": rates[contender.matched]} if contender.matched else {}


def _is_tuned(claim: Claim, protocol: Protocol) -> bool:
    return any(f.tuned and f.protocol == protocol.name for f in forms_of(claim))
