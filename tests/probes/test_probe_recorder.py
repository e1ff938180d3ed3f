"""Marks, failures, time, frozen replicas: what a probe may meet in a run."""

from __future__ import annotations

import gc
import math
import time
import weakref
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

import search_spaces
from flowadam import probes
from flowadam.contract.faults import Counting
from flowadam.contract.quadratic import QuadraticTask
from flowadam.errors import InputError
from flowadam.outcome import Outcome, ProbePoint, decode, encode
from flowadam.probes.base import Moment, Reading
from flowadam.probes.curvature import Sharpness
from flowadam.probes.landscape import Hessian, Landscape
from flowadam.space import Float, Space
from flowadam.spec import OptimizerSpec
from flowadam.training import Training
from flowadam.trial import run_trial

ADAM = search_spaces.get("adam")
QUICK = {**ADAM.defaults, "opt.lr": 0.05}
SEEDS = [3, 4, 5]
LR = Float("opt.lr", 1e-3, 1.0, "a test", log=True)


def run(chosen: Sequence[str], spec: OptimizerSpec = ADAM, **options: Any) -> list[Outcome]:
    task, budget = options.pop("task", QuadraticTask()), options.pop("budget", 8)
    seeds, values = options.pop("seeds", SEEDS), options.pop("values", None)
    values = values or (QUICK if spec is ADAM else spec.defaults)
    return run_trial(task, spec, values, seeds, budget, dtype="float64", probes=chosen, **options)


class WithoutLosses:
    """The quadratic with what ``Problem`` asks for and nothing more."""

    def __init__(self, problem: Any) -> None:
        self.problem, self.params = problem, problem.params
        self.evaluate = problem.evaluate

    def begin_step(self, k: int) -> None:
        self.problem.begin_step(k)

    def closure(self, active: Tensor | None = None) -> Tensor:
        return self.problem.closure(active)


class Whole(WithoutLosses):
    """The quadratic, to be changed by subclasses."""

    def losses(self, params: Sequence[Tensor], replicas: Sequence[int]) -> Tensor:
        return self.problem.losses(params, replicas)


class NanFromStep3(Whole):
    """The loss of replica 1 is nan from the fourth step on."""

    k = 0

    def begin_step(self, k: int) -> None:
        self.k = k
        super().begin_step(k)

    def closure(self, active: Tensor | None = None) -> Tensor:
        losses = super().closure(active)
        return losses.where(torch.tensor([True, self.k < 3, True]), torch.nan)


def points(outcome: Outcome, probe: str) -> list[ProbePoint]:
    return [p for p in outcome.probes if p.probe == probe]


def values(outcome: Outcome, probe: str) -> list[float]:
    return [p.value for p in points(outcome, probe)]


# --- what is read, and when -----------------------------------------------------------------------


def test_there_are_no_probes_by_default() -> None:
    for outcome in run_trial(QuadraticTask(), ADAM, QUICK, SEEDS, 8):
        assert outcome.probes == ()
        assert (outcome.cost.probe_evals, outcome.cost.probe_loss_evals) == (0, 0)


def test_probes_are_read_at_every_mark_and_at_the_start() -> None:
    for outcome in run(["update_norm"], budget=80):
        read = points(outcome, "update_norm")
        assert [(p.fraction, p.grad_evals) for p in read] == [(m / 40, 2 * m) for m in range(41)]


def test_the_update_norm_is_that_of_the_last_step() -> None:
    training = Training(QuadraticTask(), ADAM, QUICK, SEEDS, 80, probes=["update_norm"])
    training.advance(11)
    before = [p.detach().clone() for p in training.problem.params]
    training.advance(12)
    now = [p.detach() for p in training.problem.params]
    for r, read in enumerate(training.probes.points):
        assert math.isnan(read[0].value) and read[0].message == ""
        moved = torch.cat([(b[r] - a[r]).flatten() for a, b in zip(before, now, strict=True)])
        assert (read[-1].grad_evals, read[-1].value) == (12, pytest.approx(float(moved.norm())))


def test_an_undone_step_has_no_norm() -> None:
    """The last of three steps at three gradients each is undone for all replicas."""
    for outcome in run(["update_norm"], costly(3), budget=200):
        read = points(outcome, "update_norm")
        assert (read[-1].grad_evals, read[-1].fraction) == (198, 39 / 40)
        assert math.isnan(read[-1].value) and read[-1].message == ""
        assert all(p.value > 0 for p in read[1:-1])


def costly(cost: int) -> OptimizerSpec:
    """Return gradient descent that evaluates every gradient `cost` times."""

    class Costly(torch.optim.SGD):
        @torch.no_grad()
        def step(self, closure: Callable[..., Any]) -> Any:
            for _ in range(cost - 1):
                closure()
            return super().step(closure)

    def factory(params: Any, *, lr: float = 0.1) -> torch.optim.SGD:
        return Costly(params, lr=lr)

    return OptimizerSpec("costly", factory, Space((LR,)), {"opt.lr": 0.1}, "a test")


def test_the_effective_rate_is_the_mean_over_coordinates() -> None:
    """Four coordinates at the rate, six at three times the rate."""

    def factory(params: Any, *, lr: float = 0.1) -> torch.optim.SGD:
        first, second = params
        return torch.optim.SGD([{"params": [second], "lr": 3 * lr}, {"params": [first]}], lr=lr)

    spec = OptimizerSpec("two", factory, Space((LR,)), {"opt.lr": 0.1}, "a test")
    for kind in (spec, replace(spec, stacking="split")):
        for outcome in run(["effective_rate"], kind):
            assert values(outcome, "effective_rate") == pytest.approx([0.1 * (4 + 18) / 10] * 9)
    for outcome in run(["effective_rate"]):
        assert set(values(outcome, "effective_rate")) == {0.05}


@pytest.mark.skipif("vradam" not in search_spaces.names(), reason="VRAdam is not there")
@pytest.mark.parametrize("stacked", [True, False])
def test_the_effective_rate_of_vradam_is_braked(stacked: bool) -> None:
    spec = search_spaces.get("vradam")
    chosen = {**spec.defaults, "opt.lr": 0.05, "opt.beta3": 1.0}
    own = spec if stacked else replace(split_vradam(spec), stacking="split")
    for outcome in run(["effective_rate"], own, values=chosen):
        start, *read = values(outcome, "effective_rate")
        assert math.isnan(start)
        assert all(0.05 / (1 + chosen["opt.lr_cutoff"]) <= rate < 0.05 for rate in read)


def split_vradam(spec: OptimizerSpec) -> OptimizerSpec:
    return replace(spec, factory=partial(spec.factory, stacked=False))


def test_the_mixing_weight_of_dualadam() -> None:
    spec = search_spaces.get("dualadam")
    chosen = {**spec.defaults, "opt.switch_rate": 0.15}
    for outcome in run(["mixing_weight"], spec, values=chosen):
        start, *read = values(outcome, "mixing_weight")
        assert math.isnan(start)
        # The cut-off: below the switching rate the weight is 0.
        assert read == pytest.approx([0.85, 0.7, 0.55, 0.4, 0.25, 0, 0, 0])


def test_triggers_count_flow_steps() -> None:
    spec = search_spaces.get("flowadam")
    for outcome in run(["triggers"], spec, task=QuadraticTask(noise=0.1), budget=40):
        counts = values(outcome, "triggers")
        # The last step may have been undone, after the last mark.
        assert counts[0] == 0 and 0 <= outcome.counters.flow_steps - counts[-1] <= 1
        assert counts == sorted(counts) and counts[-1] > 5


@pytest.mark.parametrize("probe", ["triggers", "mixing_weight", "preconditioned_sharpness"])
def test_what_an_optimizer_does_not_have_is_nan_without_a_message(probe: str) -> None:
    for outcome in run([probe], search_spaces.get("lion")):
        assert all(math.isnan(p.value) and not p.message for p in outcome.probes)


# --- replicas -------------------------------------------------------------------------------------


@pytest.mark.parametrize("stacking", ["elementwise", "split"])
def test_a_replica_reads_the_same_alone(stacking: Any) -> None:
    spec, task = replace(ADAM, stacking=stacking), QuadraticTask(noise=0.1)
    together = run(probes.names(), spec, task=task, values=QUICK, budget=2)
    for r, seed in enumerate(SEEDS):
        (alone,) = run(probes.names(), spec, task=task, values=QUICK, budget=2, seeds=[seed])
        assert repr(together[r].probes) == repr(alone.probes)


def test_stacked_and_split_read_the_same() -> None:
    split = run(probes.names(), replace(ADAM, stacking="split"), values=QUICK, budget=2)
    stacked = run(probes.names(), budget=2)
    assert [repr(o.probes) for o in split] == [repr(o.probes) for o in stacked]


def test_a_replica_that_diverged_is_read_no_more_and_disturbs_nobody() -> None:
    chosen = ["update_norm", "sharpness", "trace"]
    task = QuadraticTask(wrap=NanFromStep3)
    outcomes, calm = run(chosen, task=task), run(chosen)
    assert [o.status for o in outcomes] == ["ok", "diverged", "ok"]
    assert {p.grad_evals for p in outcomes[1].probes} == {0, 1, 2, 3}
    for r in (0, 2):
        assert repr(outcomes[r].probes) == repr(calm[r].probes)


def test_replicas_that_are_done_are_read_no_more() -> None:
    """Replica 0 pays two gradients a step, the others one."""

    class Greedy(torch.optim.SGD):
        @torch.no_grad()
        def step(self, closure: Callable[..., Any]) -> Any:
            closure(torch.tensor([True, False, False]))
            return super().step(closure)

    def factory(params: Any, *, lr: float = 0.1) -> torch.optim.SGD:
        return Greedy(params, lr=lr)

    spec = OptimizerSpec("greedy", factory, Space((LR,)), {"opt.lr": 0.1}, "a test")
    outcomes = run(["sharpness"], spec)
    assert [[p.grad_evals for p in o.probes] for o in outcomes] == [
        [0, 2, 4, 6, 8],
        [*range(9)],
        [*range(9)],
    ]


def test_draws_depend_on_run_seed_and_mark_alone() -> None:
    """Other optimizers draw the same at the same mark; other seeds and marks draw others."""
    seen: list[int] = []

    def spy(self: Any, moment: Moment) -> list[Reading]:
        seen.extend(moment.seeds.values())
        return [Reading() for _ in moment.replicas]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(probes.get("trace").__class__, "read", spy)
        run(["trace"])
        first, seen = seen, []
        run(["trace"], search_spaces.get("lion"))
    assert first == seen and len(set(seen)) == len(seen) == 27


@pytest.mark.parametrize("probe", ["sharpness", "preconditioned_sharpness", "trace"])
def test_evaluations_are_those_that_the_problem_counts(probe: str) -> None:
    """One for the gradient, one for each Hessian-vector product; the meter sees none of them."""
    training = Training(QuadraticTask(wrap=Counting), ADAM, QUICK, SEEDS, 8, probes=[probe])
    training.advance()
    problem: Any = training.problem
    spent = [sum(p.evals for p in read) for read in training.probes.points]
    assert training.meter.used.tolist() == [8, 8, 8]
    assert [n - 8 for n in problem.evaluations.tolist()] == spent
    if probe == "trace":
        assert spent == [9 * 17] * 3


@pytest.mark.parametrize("probe", ["sharpness", "preconditioned_sharpness", "trace", "failing"])
def test_no_graph_outlives_its_reading(probe: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the help of the garbage collector, so nothing waits in a cycle."""
    made: list[weakref.ref[Hessian]] = []
    hessian = Landscape.hessian

    def watched(self: Landscape, replicas: Sequence[int]) -> Hessian:
        made.append(weakref.ref(found := hessian(self, replicas)))
        return found

    monkeypatch.setattr(Landscape, "hessian", watched)
    chosen = "sharpness" if probe == "failing" else probe
    training = Training(QuadraticTask(), ADAM, QUICK, SEEDS, 8, probes=[chosen])
    if probe == "failing":
        training.probes._chosen["sharpness"] = Sharpness(products=3)
    gc.collect()
    gc.disable()
    try:
        training.advance(2)
    finally:
        gc.enable()
    assert made and not any(ref() for ref in made)


# --- failures -------------------------------------------------------------------------------------


class Broken:
    """A probe that raises at its second mark, after two evaluations."""

    summary, usual_evals, most_evals, loss_evals = "broken", 2, 2, 0

    def __init__(self) -> None:
        self.marks = 0

    def read(self, moment: Moment) -> list[Reading]:
        self.marks += 1
        hessian = moment.landscape.hessian(moment.replicas)
        hessian.product(torch.zeros(len(moment.replicas), hessian.size).to(hessian.like))
        if self.marks == 2:
            raise ValueError("no way")
        return [Reading(1.0) for _ in moment.replicas]


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    get = probes.get
    monkeypatch.setattr(probes, "get", lambda name: Broken() if name == "trace" else get(name))


@pytest.mark.usefixtures("broken")
def test_a_probe_that_raises_leaves_its_message_and_the_run_goes_on() -> None:
    for outcome in run(["trace", "update_norm"]):
        assert outcome.status == "ok"
        read = points(outcome, "trace")
        assert [p.message for p in read] == ["", "ValueError: no way", *[""] * 7]
        assert math.isnan(read[1].value) and read[2].value == 1
        assert {p.evals for p in read} == {2}
        assert outcome.cost.probe_evals == 18
        assert not any(p.message for p in points(outcome, "update_norm"))


def test_a_probe_with_too_few_readings_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sharpness, "read", lambda self, moment: [Reading(1.0)])
    for outcome in run(["sharpness"]):
        assert outcome.status == "ok"
        assert all(p.message.startswith("ValueError: zip()") for p in outcome.probes)


def test_an_eigenvalue_that_does_not_converge_is_nan_with_a_sentence() -> None:
    training = Training(QuadraticTask(), ADAM, QUICK, SEEDS, 8, probes=["sharpness"])
    training.probes._chosen["sharpness"] = Sharpness(products=3)
    training.advance()
    for read in training.probes.points:
        assert {p.message for p in read} == {"The eigenvalue has not converged within 3 products."}
        assert all(math.isnan(p.value) and p.evals == 4 for p in read)


def test_a_problem_without_losses_says_so() -> None:
    chosen = ["sharpness", "trace", "perturbed_loss", "update_norm"]
    for outcome in run(chosen, task=QuadraticTask(wrap=WithoutLosses)):
        assert outcome.status == "ok"
        for probe in chosen[:3]:
            (message,) = {p.message for p in points(outcome, probe)}
            assert (
                message == "This probe needs a problem with `losses`, and WithoutLosses has none."
            )
        assert {p.message for p in points(outcome, "update_norm")} == {""}
        assert outcome.cost.probe_evals == 0


class Infinite(Whole):
    """The losses of replica 1 overflow."""

    def losses(self, params: Sequence[Tensor], replicas: Sequence[int]) -> Tensor:
        factor = torch.tensor([math.inf if r == 1 else 1.0 for r in replicas])
        return super().losses(params, replicas) * factor


@pytest.mark.parametrize("probe", ["sharpness", "trace", "perturbed_loss"])
def test_values_that_are_not_finite_are_failures_of_their_replica(probe: str) -> None:
    outcomes = run([probe], task=QuadraticTask(wrap=Infinite))
    assert [o.status for o in outcomes] == ["ok"] * 3
    for r, outcome in enumerate(outcomes):
        for p in outcome.probes:
            assert math.isnan(p.value) == ("finite" in p.message) == (r == 1)


def test_an_unknown_probe_is_refused() -> None:
    with pytest.raises(InputError, match=r"Unknown probe 'sharpnes'. Did you mean 'sharpness'\?"):
        probes.get("sharpnes")


# --- time, travel, checkpoints --------------------------------------------------------------------


class SlowLosses(Whole):
    """Each loss of a probe takes 5 ms."""

    def losses(self, params: Sequence[Tensor], replicas: Sequence[int]) -> Tensor:
        time.sleep(0.005)
        return super().losses(params, replicas)


@pytest.fixture(scope="module")
def warm() -> None:
    """Torch imports much at the first optimizer, which must not count here."""
    run([])


@pytest.mark.usefixtures("warm")
def test_time_of_probes_is_not_the_runs_own() -> None:
    task = QuadraticTask(wrap=SlowLosses)
    outcomes = run(["perturbed_loss"], task=task, time_limit=60.0)
    for outcome in outcomes:
        cost = outcome.cost
        assert outcome.status == "ok"
        assert cost.probe_seconds * len(SEEDS) >= 9 * 17 * 0.005
        assert cost.seconds < cost.probe_seconds / 2


@pytest.mark.usefixtures("warm")
def test_probes_have_a_time_limit_of_their_own() -> None:
    """After 0.5 s the probes fall silent; the run, whose own time is short, goes on to its end."""
    task = QuadraticTask(wrap=SlowLosses)
    for outcome in run(["perturbed_loss"], task=task, budget=40, time_limit=0.5):
        assert (outcome.status, outcome.cost.grad_evals) == ("ok", 40)
        read = points(outcome, "perturbed_loss")
        late = [p for p in read if p.message]
        assert 0 < len(late) < len(read) == 41
        assert {p.message for p in late} == {"The probes' own time limit of 0.5 s has passed."}
        assert outcome.cost.probe_seconds * len(SEEDS) < 1


def test_probe_points_travel_as_json() -> None:
    outcomes = run(["trace", "triggers"])
    assert repr(decode(encode(outcomes))) == repr(outcomes)


def test_a_run_from_a_checkpoint_reads_on() -> None:
    def start() -> Training:
        return Training(
            QuadraticTask(noise=0.1), ADAM, QUICK, SEEDS, 8, probes=["trace", "update_norm"]
        )

    whole, first, second = start(), start(), start()
    whole.advance()
    first.advance(4)
    second.load_state_dict(first.state_dict())
    second.advance()
    assert repr(second.probes.points) == repr(whole.probes.points)
