"""From a claim to studies: which protocols it needs, who runs in them, with which settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from flowadam.audit.claims import ESSENTIAL_SEEDS, Claim, Contender
from flowadam.audit.forms import Protocol
from flowadam.audit.fresh import AuditTask
from flowadam.audit.plan import entries, forms_of, labels
from flowadam.errors import require_known
from flowadam.plan import CONFIRM_SEED_START
from flowadam.space import Choice, Parameter, Space, Value
from flowadam.spec import OptimizerSpec
from flowadam.study import Study
from flowadam.sweep import Bench, Catalog
from flowadam.trial import run_seed

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


@dataclass(frozen=True)
class AuditBench(Bench):
    """What an audit runs with, and how much it runs."""

    effort: Effort


def make_study(claim: Claim, protocol: Protocol, effort: Effort) -> Study:
    """Return the study of a claim under a protocol."""
    tuned = _is_tuned(claim, protocol)
    matched = any(contender.matched for contender in claim.contenders.values())
    search = effort.search_seeds if tuned or matched else 1
    seeds = effort.for_claim(claim)
    gradients = charged(claim, protocol) == "gradients" and claim.charged == "steps"
    return Study(
        task=claim.tasks,
        optimizer=tuple(labels(claim, protocol)),
        name=f"{claim.key}, {protocol.name}",
        trials=effort.trials if tuned else 0,
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


def charged(claim: Claim, protocol: Protocol) -> Literal["steps", "gradients"]:
    """Return what the budget of a run counts."""
    return claim.charged if protocol.charged == "published" else "gradients"


def make_catalog(
    claim: Claim,
    protocol: Protocol,
    study: Study,
    bench: AuditBench,
    rates: Mapping[str, float],
) -> Catalog:
    """Return the tasks and optimizers of a study.

    Args:
        rates: shares of flow steps by contender; one that is matched to a contender without is
            left out.

    Raises:
        InputError: an unknown task, optimizer or option.
    """
    drawn = range(CONFIRM_SEED_START, CONFIRM_SEED_START + TRIVIAL_SEEDS)
    seeds = tuple(run_seed(study.seed, seed) for seed in drawn)
    rules = claim.fresh, charged(claim, protocol), claim.metric, seeds
    tasks = {name: AuditTask(bench.task(name), *rules) for name in claim.tasks}
    specs = {
        label: make_spec(label, contender, claim, protocol, bench.spec, fixed, rates)
        for label, contender, fixed in entries(claim, protocol)
        if not contender.matched or contender.matched in rates
    }
    return Catalog(tasks, specs)


def make_spec(
    label: str,
    contender: Contender,
    claim: Claim,
    protocol: Protocol,
    find: GetSpec,
    fixed: Mapping[str, Value],
    rates: Mapping[str, float],
) -> OptimizerSpec:
    """Return the registered optimizer with the contender's settings as its default.

    Args:
        fixed: options that the label stands for, and that no search changes.
        rates: see `make_catalog`.
    """
    own, options = find(contender.optimizer), dict(contender.options)
    if protocol.corrected:
        options |= contender.corrected
    if contender.matched:
        options["rate"] = rates[contender.matched]
    penalty = contender.penalty
    if protocol.penalty == "equal":
        penalty = claim.contenders[claim.optimizer].penalty
    held = {f"opt.{name}" for name in fixed}
    held |= {"task.penalty"} if protocol.penalty != "searched" else set()
    named = {f"opt.{name}": value for name, value in {**options, **fixed}.items()}
    return replace(
        own,
        name=label,
        space=Space(tuple(p for p in _ranged(own, contender) if p.name not in held)),
        defaults={**own.defaults, **named, "task.penalty": penalty},
        includes=(),
    )


def _ranged(spec: OptimizerSpec, contender: Contender) -> list[Parameter]:
    """Return the parameters of a search, in the contender's own ranges where it has some."""
    numbers = {p.name: p for p in spec.space if not isinstance(p, Choice)}
    ranges = {f"opt.{name}": ends for name, ends in contender.ranges.items()}
    for name in ranges:
        require_known(f"number in the search space of {spec.name}", name, numbers)
    said = f"the claim's range of '{contender.name}'"
    return [
        replace(numbers[p.name], low=ranges[p.name][0], high=ranges[p.name][1], source=said)
        if p.name in ranges
        else p
        for p in spec.space
    ]


def _is_tuned(claim: Claim, protocol: Protocol) -> bool:
    return any(f.tuned and f.protocol == protocol.name for f in forms_of(claim))
