"""Rules that every task keeps, on its tiny version."""

from __future__ import annotations

import math
import pickle
import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

import trainables
from flowadam.errors import InputError
from flowadam.task import Problem, Resources, Task, TestSplitLocked
from trainables.completion.completion import CompletionTask

TASKS = trainables.all_tasks()
# The objective itself is what is tested, so there is nothing to lock.
WITHOUT_TEST_PART = {
    "coupling_quadratic",
    "gflownet_grid",
    "inverse_kinematics_arc",
    "inverse_kinematics_spiral",
    "inverse_kinematics_zigzag",
    "rosenbrock",
    "rotated_quadratic",
}
# Nothing is drawn besides the start.
WITHOUT_DATA = WITHOUT_TEST_PART - {"coupling_quadratic", "rotated_quadratic"}
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


@pytest.fixture(params=TASKS, ids=lambda task: task.name)
def task(request: pytest.FixtureRequest) -> Any:
    return request.param.tiny()


def grads(problem: Problem) -> list[torch.Tensor]:
    gradients = [p.grad for p in problem.params]
    assert all(g is not None for g in gradients)
    return [g.clone() for g in gradients if g is not None]


def away_from_the_start(problem: Problem) -> Problem:
    """Move every parameter, since some start at zero."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in problem.params:
            p.add_(torch.randn(p.shape, generator=generator, dtype=p.dtype), alpha=0.1)
    return problem


def test_protocol(task: Any) -> None:
    assert isinstance(task, Task)
    assert task.summary
    assert task.budget > 0
    assert isinstance(task.resources, Resources)
    problem = task.make([0, 1, 2])
    assert isinstance(problem, Problem)
    assert all(p.shape[0] == 3 and p.is_leaf and p.requires_grad for p in problem.params)
    scores = problem.evaluate("val")
    assert task.metric in scores
    assert all(s.shape == (3,) and not s.requires_grad for s in scores.values())


def test_tiny_is_tiny(task: Any) -> None:
    assert sum(p.numel() for p in task.make([0]).params) < 1000
    assert task.tiny().name == task.name


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype_and_device(task: Any, dtype: str, device: str) -> None:
    problem = task.make([0, 1], penalty=1e-3, device=device, dtype=dtype)
    losses = problem.closure()
    reference = task.make([0, 1], penalty=1e-3, dtype="float64")
    assert losses.dtype == problem.params[0].dtype == getattr(torch, dtype)
    assert losses.device.type == problem.params[0].device.type == device
    torch.testing.assert_close(losses.cpu().double(), reference.closure(), rtol=1e-5, atol=1e-7)
    for g, h in zip(grads(problem), grads(reference), strict=True):
        torch.testing.assert_close(g.cpu().double(), h, rtol=1e-4, atol=1e-6)


def test_a_start_depends_on_its_seed_alone(task: Any) -> None:
    block, alone = task.make([5, 6, 7]), task.make([7])
    other = task.make([7, 5], dtype="float64", penalty=1.0)
    for b, a, o in zip(block.params, alone.params, other.params, strict=True):
        assert torch.equal(b[2], a[0])
        assert torch.equal(o[0].float(), a[0])
        assert torch.equal(o[1].float(), b[0])
    assert any(not torch.equal(p[0], p[1]) for p in block.params)


def test_zero_is_a_seed_like_any_other(task: Any) -> None:
    """Where code says `if seed`, 0 means no seed, and the process's random state decides."""
    torch.manual_seed(1)
    first, step = task.make([0]), task.make([0]).closure()
    torch.manual_seed(2)
    again = task.make([0])
    assert all(map(torch.equal, first.params, again.params))
    assert torch.equal(step, again.closure())


@pytest.mark.parametrize("penalty", [0.0, 0.01])
def test_a_stacked_gradient_is_the_single_one(task: Any, penalty: float) -> None:
    block = task.make([3, 4, 5], penalty=penalty, dtype="float64")
    losses = block.closure()
    scores = block.evaluate("val")[task.metric]
    for r, seed in enumerate([3, 4, 5]):
        alone = task.make([seed], penalty=penalty, dtype="float64")
        torch.testing.assert_close(alone.closure()[0], losses[r], rtol=1e-12, atol=1e-15)
        for g, h in zip(grads(alone), grads(block), strict=True):
            torch.testing.assert_close(g[0], h[r], rtol=1e-12, atol=1e-15)
        torch.testing.assert_close(
            alone.evaluate("val")[task.metric][0], scores[r], rtol=1e-12, atol=1e-15
        )


def test_gradient_is_the_slope_of_the_loss(task: Any) -> None:
    """Central differences along a random direction, replica by replica."""
    problem = away_from_the_start(task.make([0, 1], penalty=0.01, dtype="float64"))
    generator = torch.Generator().manual_seed(1)
    step = [1e-5 * torch.randn(p.shape, generator=generator, dtype=p.dtype) for p in problem.params]
    problem.closure()
    slopes = sum((g * s).flatten(1).sum(1) for g, s in zip(grads(problem), step, strict=True))
    shifted = []
    for sign in (1, -2):
        with torch.no_grad():
            for p, s in zip(problem.params, step, strict=True):
                p.add_(s, alpha=sign)
        shifted.append(problem.closure())
    torch.testing.assert_close(slopes, (shifted[0] - shifted[1]) / 2, rtol=1e-6, atol=0)


def test_the_penalty_is_w_times_the_sum_of_squares(task: Any) -> None:
    plain, penalized = (
        away_from_the_start(task.make([0, 1], penalty=w, dtype="float64")) for w in (0.0, 0.3)
    )
    extra = penalized.closure() - plain.closure()
    squares = sum(p.detach().square().flatten(1).sum(1) for p in plain.params)
    torch.testing.assert_close(extra, 0.3 * squares, rtol=1e-12, atol=1e-14)
    for p, g, h in zip(plain.params, grads(plain), grads(penalized), strict=True):
        torch.testing.assert_close(h - g, 0.6 * p.detach(), rtol=1e-9, atol=1e-14)


def test_only_active_replicas_are_evaluated(task: Any) -> None:
    problem = task.make([0, 1, 2])
    losses = problem.closure()
    expected = grads(problem)
    for p in problem.params:
        assert p.grad is not None
        p.grad[1] = 7.0
    partial = problem.closure(torch.tensor([True, False, True]))
    assert partial.isnan().tolist() == [False, True, False]
    for g, h in zip(grads(problem), expected, strict=True):
        assert torch.equal(g[0], h[0])
        assert torch.equal(g[2], h[2])
        assert (g[1] == 7.0).all()
    assert torch.equal(partial[[0, 2]], losses[[0, 2]])


def test_gradients_come_back_after_exchanged_grad_and_data(task: Any) -> None:
    # Batches and noise belong to the seeds, so a stochastic problem keeps its own.
    seeds = [2, 3] if task.deterministic else [0, 1]
    problem, other = task.make([0, 1]), away_from_the_start(task.make(seeds))
    problem.closure()
    for p, q in zip(problem.params, other.params, strict=True):
        p.grad = torch.zeros_like(p) if p is problem.params[0] else None
        p.data = q.detach().clone()
    assert torch.equal(problem.closure(), other.closure())
    assert all(torch.equal(g, h) for g, h in zip(grads(problem), grads(other), strict=True))
    problem.params[0].data = problem.params[0].detach() * 2
    assert not torch.equal(problem.closure(), other.closure())


def test_the_closure_is_a_function_of_the_parameters_and_the_step(task: Any) -> None:
    """Nothing else: neither of other steps, nor of evaluations, nor of how often it was called."""
    problem = task.make([0, 1])
    first, gradients = problem.closure(), grads(problem)
    problem.evaluate("val")
    problem.begin_step(3)
    other = problem.closure()
    assert task.deterministic is bool(torch.equal(first, other))
    problem.begin_step(0)
    with torch.no_grad():
        again = problem.closure()
    assert torch.equal(first, again)
    assert not again.requires_grad
    assert all(torch.equal(g, h) for g, h in zip(gradients, grads(problem), strict=True))


def test_the_test_part_is_locked(task: Any) -> None:
    locked, unlocked = task.make([0, 1]), task.make([0, 1], test_unlocked=True)
    with pytest.raises(TestSplitLocked, match="confirm phase"):
        locked.evaluate("test")
    with pytest.raises(InputError, match=r"Unknown split 'tests'\. Did you mean 'test'"):
        unlocked.evaluate("tests")
    assert unlocked.evaluate("test")[task.metric].isfinite().all()
    assert torch.equal(locked.evaluate("val")[task.metric], unlocked.evaluate("val")[task.metric])


def test_a_locked_problem_does_not_hold_the_test_part(task: Any) -> None:
    """All that unlocking adds to what a problem holds is the test part."""
    held = [_held(task.make([0], test_unlocked=unlocked)) for unlocked in (False, True)]
    added = held[1] - held[0]
    if isinstance(task, CompletionTask):
        assert added == 3 * len(task.data().test)
    elif task.name == "digits_mlp":
        images = task.data()["test"]
        assert added == images.x.size + images.y.size
    else:
        assert (added == 0) is (task.name in WITHOUT_TEST_PART)


def _held(thing: Any, seen: set[int] | None = None) -> int:
    """Count the numbers in all distinct tensors and arrays that `thing` reaches."""
    seen = set() if seen is None else seen
    if id(thing) in seen:
        return 0
    seen.add(id(thing))
    if isinstance(thing, torch.Tensor):
        return thing.numel()
    if isinstance(thing, dict):
        children = list(thing.values())
    elif isinstance(thing, list | tuple):
        children = list(thing)
    else:
        children = list(getattr(thing, "__dict__", {}).values())
        assert not hasattr(thing, "__array__")
    return sum(_held(child, seen) for child in children)


def test_trivial_baselines_are_finite(task: Any) -> None:
    for split in ("val", "test"):
        values = task.trivial(split)
        assert values
        assert all(math.isfinite(v) and v >= 0 for v in values.values())


def test_unknown_splits_and_masks_of_another_length_are_refused(task: Any) -> None:
    problem = task.make([0, 1])
    for split in ("train", None):
        for ask in (task.trivial, problem.evaluate):
            with pytest.raises(InputError, match=f"Unknown split '{split}'."):
                ask(split)
    for active in ([True], [True, False, True]):
        with pytest.raises(ValueError, match=f"one value per replica, 2, got {len(active)}"):
            problem.closure(torch.tensor(active))


def test_pickle_round_trip(task: Any) -> None:
    copy = pickle.loads(pickle.dumps(task))
    assert copy == task
    assert copy.fingerprint() == task.fingerprint()
    assert torch.equal(copy.make([1]).closure(), task.make([1]).closure())


def test_another_data_seed_is_another_task(task: Any) -> None:
    other = replace(task, data_seed=1)
    assert other.fingerprint() != task.fingerprint()
    same = torch.equal(other.make([0]).closure(), task.make([0]).closure())
    assert same is (task.name in WITHOUT_DATA)


def test_seeds_of_numpy_are_the_same_seeds() -> None:
    task = trainables.get("matrix_completion_small").tiny()
    ours, theirs = task.make([3, 5]), task.make(list(np.array([3, 5])))
    assert all(map(torch.equal, ours.params, theirs.params))


def test_fingerprints_differ_between_tasks_and_sizes() -> None:
    prints = [t.fingerprint() for task in TASKS for t in (task, task.tiny())]
    assert len(set(prints)) == len(prints)


def test_fingerprints_are_the_same_in_another_process() -> None:
    code = (
        "import trainables\n"
        "for task in trainables.all_tasks(): print(task.fingerprint(), task.tiny().fingerprint())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    expected = [f"{task.fingerprint()} {task.tiny().fingerprint()}" for task in TASKS]
    assert done.stdout.splitlines() == expected


@pytest.mark.parametrize(
    ("seeds", "options", "sentence"),
    [
        ([], {}, "at least one seed, got none"),
        ([0, 0.5], {}, "A seed must be a whole number of at least 0, got 0.5"),
        (["1"], {}, "got '1'"),
        ([True], {}, "got True"),
        ([-1], {}, "got -1"),
        ("12", {}, "`seeds` must be a list of whole numbers, got '12'"),
        (5, {}, "`seeds` must be a list of whole numbers, got 5"),
        ([0], {"penalty": True}, "`penalty` must be a finite number of at least 0, got True"),
        ([0], {"penalty": "a"}, "got 'a'"),
        ([0], {"test_unlocked": "no"}, "`test_unlocked` must be True or False, got 'no'"),
        ([0], {"dtype": torch.float32}, "Unknown dtype 'torch.float32'"),
        ([0], {"device": "meta"}, "`device` must be 'cpu' or 'cuda', got 'meta'"),
        ([0], {"device": None}, "`device` must be 'cpu' or 'cuda', got None"),
        ([0], {"penalty": -1.0}, "`penalty` must be a finite number of at least 0, got -1.0"),
        ([0], {"penalty": math.nan}, "got nan"),
        ([0], {"dtype": "float23"}, "Unknown dtype 'float23'. Did you mean 'float32'"),
        ([0], {"device": "gpu"}, "`device` must be 'cpu' or 'cuda', got 'gpu'"),
        pytest.param(
            [0],
            {"device": "cuda"},
            "needs a GPU that torch can see, got none",
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU"),
        ),
    ],
)
def test_wrong_arguments_of_make(
    task: Any, seeds: Any, options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        task.make(seeds, **options)
