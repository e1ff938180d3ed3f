"""Checks of what a task says about itself and of the shapes its problems give."""

from __future__ import annotations

import math
import pickle
import time

import torch

from flowadam.contract.drive import SEEDS
from flowadam.contract.result import ContractBroken, require
from flowadam.spec import OptimizerSpec
from flowadam.task import SPLITS, Problem, Task, TestSplitLocked
from flowadam.training import Training
from flowadam.trial import run_trial

TINY_SECONDS, TINY_GRADIENTS = 1.0, 20


def follows_the_protocol(task: Task, adam: OptimizerSpec) -> None:
    """Task and problem have every member, and every tensor its leading axis of replicas."""
    require(isinstance(task, Task), "The task lacks a member of flowadam.task.Task.")
    problem = task.tiny().make(SEEDS)
    require(isinstance(problem, Problem), "The problem lacks a member of flowadam.task.Problem.")
    for p in problem.params:
        require(
            p.is_leaf and p.requires_grad and p.shape[0] == len(SEEDS),
            f"Parameters must be leaves of shape [{len(SEEDS)}, ...], got {list(p.shape)}.",
        )
    problem.begin_step(0)
    _require_replicas(problem.closure(), "closure")
    for p in problem.params:
        require(p.grad is not None and p.grad.shape == p.shape, "A gradient is missing.")
    metrics = problem.evaluate("val")
    require(task.metric in metrics, f"The metric '{task.metric}' is not among {list(metrics)}.")
    for name, values in metrics.items():
        _require_replicas(values, name)


def asks_for_sane_effort(task: Task, adam: OptimizerSpec) -> None:
    """The budget is positive; a run asks for some CPU and no negative GPU."""
    for each in (task, task.tiny()):
        require(each.budget >= 1, f"The budget must be at least 1, got {each.budget}.")
        wanted = each.resources
        require(wanted.cpu > 0 and wanted.gpu >= 0, f"Resources must be sane, got {wanted}.")
    require(bool(task.name) and bool(task.summary), "Name and summary must not be empty.")


def locks_its_test_part(task: Task, adam: OptimizerSpec) -> None:
    """The test part is refused unless the problem was made with `test_unlocked`."""
    tiny = task.tiny()
    try:
        tiny.make(SEEDS).evaluate("test")
    except TestSplitLocked:
        values = tiny.make(SEEDS, test_unlocked=True).evaluate("test")[task.metric]
        require(bool(torch.isfinite(values).all()), "The test metric is not finite at the start.")
        return
    raise ContractBroken("The test part was read without `test_unlocked`.")


def has_trivial_baselines(task: Task, adam: OptimizerSpec) -> None:
    """There is a constant predictor, and its metric is finite on validation and test."""
    for split in SPLITS:
        values = task.tiny().trivial(split)
        require(len(values) > 0, "A task needs at least one trivial baseline.")
        require(all(math.isfinite(v) for v in values.values()), f"Not finite: {dict(values)}.")


def travels_pickled(task: Task, adam: OptimizerSpec) -> None:
    """A pickled copy has the same fingerprint and makes the same problem, bit for bit."""
    tiny = task.tiny()
    copy = pickle.loads(pickle.dumps(tiny))
    require(copy.fingerprint() == tiny.fingerprint(), "A pickled copy has another fingerprint.")
    pairs = zip(copy.make(SEEDS).params, tiny.make(SEEDS).params, strict=True)
    require(all(torch.equal(a, b) for a, b in pairs), "A pickled copy starts elsewhere.")


def has_a_stable_fingerprint(task: Task, adam: OptimizerSpec) -> None:
    """The fingerprint is a function of the data: equal when asked twice, other for tiny data."""
    require(task.fingerprint() == task.fingerprint(), "The fingerprint changes when asked again.")
    require(bool(task.fingerprint()), "The fingerprint is empty.")


def tiny_is_quick(task: Task, adam: OptimizerSpec) -> None:
    """Twenty gradients of three replicas of the tiny task take less than a CPU second."""
    tiny = task.tiny()
    run_trial(tiny, adam, adam.defaults, SEEDS, 1)  # pays for reading data and late imports
    started = time.process_time()
    run_trial(tiny, adam, adam.defaults, SEEDS, TINY_GRADIENTS)
    seconds = time.process_time() - started
    require(seconds < TINY_SECONDS, f"{TINY_GRADIENTS} gradients took {seconds:.1f} CPU seconds.")


def learns(task: Task, adam: OptimizerSpec) -> None:
    """Adam's defaults lower the training loss, on the first batch, of every replica."""
    training = Training(task.tiny(), adam, adam.defaults, SEEDS, TINY_GRADIENTS)
    losses = []
    for until in (0, TINY_GRADIENTS):
        training.advance(until)
        training.problem.begin_step(0)
        losses.append(training.problem.closure().clone())
    start, end = losses
    require(bool((end < start).all()), f"The loss went from {start.tolist()} to {end.tolist()}.")


def _require_replicas(values: torch.Tensor, what: str) -> None:
    require(
        values.shape == (len(SEEDS),) and bool(torch.isfinite(values).all()),
        f"`{what}` must return {len(SEEDS)} finite values, got {values}.",
    )
