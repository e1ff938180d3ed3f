"""What probes read, against spectra known in closed form and dense Hessians in float64."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import search_spaces
import trainables
from flowadam.contract.quadratic import QuadraticTask
from flowadam.probes.base import Moment, NoReading, Reading
from flowadam.probes.curvature import PreconditionedSharpness, Sharpness, Trace
from flowadam.probes.eigen import largest_eigenvalue
from flowadam.probes.landscape import Landscape
from flowadam.probes.perturbation import PerturbedLoss
from flowadam.probes.preconditioner import preconditioner
from flowadam.task import DifferentiableProblem, Problem
from flowadam.training import Training, one_thread

SEEDS = [3, 8]
PENALTY = 0.01
REAL = {
    "digits_mlp": trainables.get("digits_mlp").tiny(),
    "matrix_completion_small": trainables.get("matrix_completion_small").tiny(),
}


@pytest.fixture(autouse=True)
def single_threaded() -> Iterator[None]:
    """As in a run: beside other work a second thread costs more than it brings."""
    with one_thread():
        yield


def trained(task: Any, name: str = "adam", steps: int = 3, **values: Any) -> Training:
    """Return a run in float64 after some steps."""
    spec = search_spaces.get(name)
    chosen = {**spec.defaults, "task.penalty": PENALTY, "opt.lr": 0.01, **values}
    training = Training(task, spec, chosen, SEEDS, 100, dtype="float64")
    training.advance(steps)
    return training


def moment(training: Training, replicas: Sequence[int] = (0, 1)) -> Moment:
    problem = training.problem
    return Moment(
        training.optimizer,
        problem.params,
        Landscape(problem),
        tuple(replicas),
        None,
        frozenset(),
        {r: 10 + r for r in replicas},
    )


def dense_hessian(problem: Problem, r: int) -> np.ndarray:
    """Return the Hessian [d, d] of one replica by torch.func."""
    assert isinstance(problem, DifferentiableProblem)
    parts = [p.detach()[r] for p in problem.params]
    sizes = [p.numel() for p in parts]

    def loss(theta: Tensor) -> Tensor:
        pieces = [
            piece.reshape(p.shape)[None] for piece, p in zip(theta.split(sizes), parts, strict=True)
        ]
        return problem.losses(pieces, [r])[0]

    theta = torch.cat([p.flatten() for p in parts])
    return torch.func.hessian(loss)(theta).numpy()


def values(readings: list[Reading]) -> list[float]:
    assert [reading.message for reading in readings] == [""] * len(readings)
    return [reading.value for reading in readings]


# --- the quadratic: H = diag(h + 2 penalty), h from 0.1 to 1 on four and on six coordinates ------


def test_sharpness_of_the_quadratic() -> None:
    read = values(Sharpness().read(moment(trained(QuadraticTask()))))
    assert read == pytest.approx([1.0 + 2 * PENALTY] * 2, rel=1e-6)


def test_the_trace_of_a_diagonal_hessian_is_exact() -> None:
    """Any signs z give z^T D z = sum d, so there is no error either."""
    for reading in Trace(samples=3).read(moment(trained(QuadraticTask()))):
        assert reading.value == pytest.approx(4 * 0.55 + 6 * 0.55 + 10 * 2 * PENALTY, rel=1e-7)
        assert reading.error == pytest.approx(0.0, abs=1e-12)


def test_preconditioned_sharpness_by_hand() -> None:
    """With diagonal H and P the largest eigenvalue is the largest quotient of their entries."""
    training = trained(QuadraticTask(), steps=5)
    curvature = [torch.linspace(0.1, 1, n, dtype=torch.float64) + 2 * PENALTY for n in (4, 6)]
    read = values(PreconditionedSharpness().read(moment(training)))
    for r, value in enumerate(read):
        quotients = []
        for h, p in zip(curvature, training.problem.params, strict=True):
            v = training.optimizer.state[p]["exp_avg_sq"][r].flatten()
            quotients.append(h / ((v / (1 - 0.999**5)).sqrt() + 1e-8))
        assert value == pytest.approx(float(torch.cat(quotients).max()), rel=1e-6)


def test_the_perturbed_loss_of_a_quadratic() -> None:
    """The mean over pairs has no first-order term: delta^2 / 2 sum h theta^2 xi^2 remains."""
    training, size = trained(QuadraticTask()), 0.05
    probe = PerturbedLoss(size=size, pairs=400)
    curvature = [torch.linspace(0.1, 1, n, dtype=torch.float64) + 2 * PENALTY for n in (4, 6)]
    for r, reading in enumerate(probe.read(moment(training))):
        parts = zip(curvature, training.problem.params, strict=True)
        terms = torch.cat([h * p.detach()[r].flatten().square() for h, p in parts])
        # xi^2 has mean 1 and variance 2.
        error = size**2 / 2 * math.sqrt(2 * float(terms.square().sum()) / 400)
        assert reading.value == pytest.approx(size**2 / 2 * float(terms.sum()), abs=4 * error)
        assert reading.error == pytest.approx(error, rel=0.3)


# --- real tasks against dense Hessians ------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")
@pytest.mark.parametrize("name", REAL)
def test_curvature_agrees_with_the_dense_hessian(name: str) -> None:
    training = trained(REAL[name], steps=10)
    now = moment(training)
    sharp = values(Sharpness(tolerance=1e-8).read(now))
    scaled = values(PreconditionedSharpness(tolerance=1e-8).read(now))
    traces = Trace(samples=50).read(now)
    for r in (0, 1):
        h = dense_hessian(training.problem, r)
        p = preconditioner(training.optimizer, training.problem.params, r)
        assert p is not None
        root = p.rsqrt().numpy()
        assert sharp[r] == pytest.approx(np.linalg.eigvalsh(h)[-1], rel=1e-7)
        top = np.linalg.eigvalsh(root[:, None] * h * root)[-1]
        assert scaled[r] == pytest.approx(top, rel=1e-7)
        # The variance of z^T H z over random signs is 2 sum of the squares off the diagonal.
        error = math.sqrt(2 * (np.square(h).sum() - np.square(np.diag(h)).sum()) / 50)
        assert traces[r].value == pytest.approx(np.trace(h), abs=4 * error)
        assert traces[r].error == pytest.approx(error, rel=0.5)


@pytest.mark.parametrize("name", REAL)
def test_the_default_tolerance_gives_three_digits(name: str) -> None:
    now = moment(trained(REAL[name], steps=10))
    exact = values(Sharpness(tolerance=1e-10).read(now))
    assert values(Sharpness().read(now)) == pytest.approx(exact, rel=1e-3)


# --- the eigenvalue solver ------------------------------------------------------------------------


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=30), st.integers(0, 2**62))
@settings(max_examples=50)
def test_the_largest_eigenvalue_of_any_diagonal(spectrum: list[float], seed: int) -> None:
    d = np.array(spectrum)
    found = largest_eigenvalue(lambda x: d * x, len(d), seed=seed, tolerance=1e-8, products=1000)
    assert found == pytest.approx(d.max(), abs=1e-5 * np.abs(d).max())


def test_a_slow_spectrum_is_given_up() -> None:
    d = np.linspace(1, 1.0001, 2000)
    with pytest.raises(NoReading, match="not converged within 30 products"):
        largest_eigenvalue(lambda x: d * x, 2000, seed=0, tolerance=1e-12, products=30)


def test_a_product_that_is_not_finite_is_said() -> None:
    with pytest.raises(NoReading, match="product is not finite"):
        largest_eigenvalue(lambda x: x * np.nan, 5, seed=0, tolerance=1e-3, products=30)


# --- the preconditioner is the optimizer's own ----------------------------------------------------

NUMERATORS = {
    "adam": "exp_avg",
    "adamw": "exp_avg",
    "radam": "exp_avg",
    "adabelief": "exp_avg",
    "flowadam": "exp_avg",
    "vradam": "exp_avg",
    "invadam": "exp_avg",
    "dualadam": "exp_avg",
    "rmsprop": "gradient",
    "sgd": "gradient",  # to which torch's foreach form has added the momentum, in place
}
"""What the step of an optimizer is, times its preconditioner and over its rate."""

PLAIN = {"opt.weight_decay": 0.0, "opt.momentum": 0.9, "opt.beta1": 0.9}


OPTIONS: list[tuple[str, dict[str, Any]]] = [
    *((name, {}) for name in NUMERATORS),
    ("flowadam", {"eps_placement": "torch"}),
    *(
        ("flowadam", {"precond_power": power, "precond_scalar": scalar, "eps": 1e-3})
        for power in (0.0, 0.5)
        for scalar in ("rms", "geomean")
    ),
]


@pytest.mark.parametrize("steps", [1, 4, 9])
@pytest.mark.parametrize(("name", "options"), OPTIONS)
def test_the_preconditioner_is_what_the_step_was_divided_by(
    name: str, options: dict[str, Any], steps: int
) -> None:
    spec = search_spaces.get(name)
    plain = {key: value for key, value in PLAIN.items() if key in spec.space.names}
    training = trained(QuadraticTask(), name, 0, **plain)
    optimizer: Any = training.optimizer
    optimizer.param_groups[0].update(options)
    training.advance(steps - 1)
    before = torch.cat([p.detach()[1].flatten() for p in training.problem.params])
    training.advance(steps)
    after = torch.cat([p.detach()[1].flatten() for p in training.problem.params])
    p = preconditioner(training.optimizer, training.problem.params, 1)
    assert p is not None
    kept = [_numerator(training, NUMERATORS[name], q) for q in training.problem.params]
    momentum = torch.cat([k[1].flatten() for k in kept])
    if NUMERATORS[name] == "exp_avg":
        momentum = momentum / (1 - 0.9**steps)
    rate = _rate(training)
    torch.testing.assert_close((before - after) * p / rate, momentum, rtol=1e-6, atol=1e-12)


def _numerator(training: Training, kind: str, p: Tensor) -> Tensor:
    assert p.grad is not None
    if kind == "gradient":
        return p.grad
    return training.optimizer.state[p][kind]


def _rate(training: Training) -> float:
    own: Any = training.optimizer
    if hasattr(own, "effective_rate"):
        return float(own.effective_rate()[0, 1])
    return own.param_groups[0]["lr"]


@pytest.mark.parametrize("name", search_spaces.names())
def test_every_optimizer_has_a_preconditioner_or_none(name: str) -> None:
    training = trained(REAL["digits_mlp"], name, 4)
    p = preconditioner(training.optimizer, training.problem.params, 1)
    if name in ("lion", "muon", "shampoo", "lbfgs", "sophiah"):
        assert p is None
        assert PreconditionedSharpness().read(moment(training)) == [Reading()] * 2
    else:
        assert p is not None and bool((p > 0).all())
        assert p.shape == (sum(q[1].numel() for q in training.problem.params),)


def test_adahessian_divides_by_the_diagonal_of_a_diagonal_hessian() -> None:
    """Hutchinson's estimate is exact there: P = |h + 2 penalty| + eps."""
    training = trained(QuadraticTask(), "adahessian", 6, **{"task.penalty": 0.01, "opt.eps": 1e-3})
    p = preconditioner(training.optimizer, training.problem.params, 1)
    assert p is not None
    curvature = torch.cat([torch.linspace(0.1, 1.0, n, dtype=torch.float64) for n in (4, 6)])
    torch.testing.assert_close(p, (curvature + 0.02 + 1e-3).to(p), rtol=1e-6, atol=1e-12)


def test_there_is_none_before_the_first_step() -> None:
    training = trained(QuadraticTask(), steps=0)
    assert preconditioner(training.optimizer, training.problem.params, 0) is None
