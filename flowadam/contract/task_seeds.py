"""Checks of what may change the numbers of a problem: seed and step, nothing else."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from flowadam.contract.drive import SEEDS
from flowadam.contract.result import require
from flowadam.spec import OptimizerSpec
from flowadam.task import Problem, Task


def is_driven_by_its_seeds(task: Task, adam: OptimizerSpec) -> None:
    """Equal seeds give equal starts, different seeds different ones."""
    tiny = task.tiny()
    first, again = _params(tiny.make(SEEDS)), _params(tiny.make(SEEDS))
    require(_equal(first, again), "Equal seeds gave different starts.")
    for a in range(len(SEEDS)):
        for b in range(a):
            alike = all(torch.equal(p[a], p[b]) for p in first)
            require(not alike, f"The seeds {SEEDS[a]} and {SEEDS[b]} gave equal starts.")


def replicas_do_not_depend_on_their_block(task: Task, adam: OptimizerSpec) -> None:
    """A replica has the same start, loss and gradient wherever it stands in a block.

    The start is equal bit for bit; losses and gradients to 1e-10 in float64.
    """
    tiny = task.tiny()
    block = tiny.make(SEEDS, dtype="float64")
    block.begin_step(0)
    losses = block.closure().clone()
    for r, seed in enumerate(SEEDS):
        alone = tiny.make([seed], dtype="float64")
        alone.begin_step(0)
        require(
            _equal([p[0] for p in _params(alone)], [p[r] for p in _params(block)]),
            f"The start of seed {seed} depends on the block it stands in.",
        )
        close = torch.allclose(alone.closure()[0], losses[r], rtol=1e-10, atol=0)
        require(close, f"The loss of seed {seed} depends on the block it stands in.")
        for one, all_ in zip(_gradients(alone), _gradients(block), strict=True):
            close = torch.allclose(one[0], all_[r], rtol=1e-10, atol=1e-14)
            require(close, f"The gradient of seed {seed} depends on the block it stands in.")


def steps_are_a_function_of_their_number(task: Task, adam: OptimizerSpec) -> None:
    """Step 3 is the same after step 1; on a deterministic task all steps are the same."""
    problem = task.tiny().make(SEEDS)
    losses = {}
    for name, k in (("first", 3), ("other", 1), ("again", 3)):
        problem.begin_step(k)
        losses[name] = problem.closure().clone()
    require(torch.equal(losses["first"], losses["again"]), "Step 3 changed after step 1.")
    if task.deterministic:
        require(
            torch.equal(losses["first"], losses["other"]),
            "The task says it is deterministic, but two steps differ.",
        )


def evaluation_changes_nothing(task: Task, adam: OptimizerSpec) -> None:
    """``evaluate`` leaves parameters, gradients, random state and the next closure alone."""
    problem = task.tiny().make(SEEDS)
    problem.begin_step(0)
    losses = problem.closure().clone()
    before = [*_params(problem), *_gradients(problem), torch.get_rng_state()]
    problem.evaluate("val")
    after = [*_params(problem), *_gradients(problem), torch.get_rng_state()]
    require(_equal(before, after), "evaluate changed a parameter, a gradient or the random state.")
    require(torch.equal(problem.closure(), losses), "evaluate changed the next closure.")


def makes_every_dtype(task: Task, adam: OptimizerSpec) -> None:
    """float32 and float64 start from the same point, to float32's precision."""
    tiny = task.tiny()
    single, double = tiny.make(SEEDS, dtype="float32"), tiny.make(SEEDS, dtype="float64")
    for a, b in zip(single.params, double.params, strict=True):
        kinds = (a.dtype, b.dtype)
        require(kinds == (torch.float32, torch.float64), f"The dtypes are {kinds}.")
        require(torch.allclose(a.double(), b, rtol=1e-5), "The start depends on the dtype.")


def _params(problem: Problem) -> list[torch.Tensor]:
    return [p.detach().clone() for p in problem.params]


def _gradients(problem: Problem) -> list[torch.Tensor]:
    return [p.grad.detach().clone() for p in problem.params if p.grad is not None]


def _equal(ours: Sequence[torch.Tensor], theirs: Sequence[torch.Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))
