"""Gradients per optimizer step of the alternating rod, beside its error, and its wall time.

``python benchmarks/rodflow.py [FILE.npz ...]`` takes some minutes in one thread. On recorded
problems (default: five of ``tests/golden``) every integrator follows the run. First table: mean
distance of the center to the iterates after the onset. Second table: to the converged flow, RK4 in
8 substeps, to which all integrators tend as substeps are added. An error below the converged one is
no merit of a flow: one Euler step a step, without correction, is the optimizer and tracks itself.
Last, rounds of a few optimizer steps take turns with as many plain gradients of the same loss, and
the quotient of the fastest rounds of both is printed.

What was tried for fewer gradients, over 400 steps, with the largest distance to the converged flow
as a share of its own error (gd, nag, rmsprop, nadam; the bursts of adam hide the difference):

    Heun on the corrected slope   2 F for the correction x 2 stages x 3 substeps = 24 gradients, 8 %
    blended                       Y + h^2 F(Y) + h (1 - h) F(Y - F/2): correction and substep share
                                  both evaluations; 12 gradients in 3 substeps, 41 %
    fitted x2 (the default)       a third evaluation makes it exact at rest and for the decay
                                  exp(-4 h): 12 gradients, 18 %; in 4 substeps (24 gradients) 4 %
    fitted x1                     6 gradients, 63 %. Nearer to the iterates than the flow is, for
                                  heavy ball 5 times, so it must not stand for the flow
    evaluations kept from the substep before: the correction then sees the corrected velocity, and
                                  its rate n / (1 + n/2) is infinite at the threshold; unstable
    pairs of gradients by vmap    1.03 to 1.27 times the time of two backward passes; one backward
                                  pass through both losses takes 0.85 of it (the default on a CPU)
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from time import perf_counter
from typing import TypeVar

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from flowadam.rodflow.alternating import AlternatingRod
from flowadam.rodflow.corrections import Field
from flowadam.rodflow.gradients import Gradients
from flowadam.rodflow.integrators import Corrected, Fitted
from flowadam.rodflow.recorded import Recorded, read
from flowadam.rodflow.schemes import stepped
from flowadam.rodflow.states import Rod, Tensors

S = TypeVar("S", bound=Tensors)
GOLDEN = Path(__file__).parents[1] / "tests" / "golden"
FILES = [GOLDEN / f"rodflow_p1_{name}.npz" for name in ("gd", "nag", "rmsprop", "adam", "nadam")]
ROUNDS, STEPS = 25, 5


@dataclass(frozen=True)
class Blended:
    """Two evaluations of F for correction and substep together, without a fit."""

    evaluations = 2

    def __call__(self, field: Field[S], state: S, h: float) -> S:
        return stepped(field, state, [[-0.5]], [h * h, h * (1 - h)])


CONVERGED = AlternatingRod(Corrected("rk4", "difference"), 8)
ROWS = {
    "blended x2": AlternatingRod(Blended(), 2),
    "blended x3": AlternatingRod(Blended(), 3),
    "fitted x1": AlternatingRod(Fitted(), 1),
    "fitted x2, the default": AlternatingRod(),
    "fitted x3": AlternatingRod(Fitted(), 3),
    "fitted x4": AlternatingRod(Fitted(), 4),
    "Heun x3, half step": AlternatingRod(Corrected("heun", "half_step"), 3),
    "Heun x3, difference": AlternatingRod(Corrected("heun", "difference"), 3),
    "Heun x4, difference": AlternatingRod(Corrected("heun", "difference"), 4),
    "RK4 x8, converged": CONVERGED,
}


@dataclass(frozen=True)
class Measured:
    """Centers by t, and gradients per optimizer step."""

    centers: dict[int, Tensor]
    gradients: float


def follow(one: Recorded, flow: AlternatingRod) -> Measured:
    """Follow a recorded run to its last time."""
    gradients, rod, centers = Gradients(one.loss), flow.start(*one.states), {}
    last = max(one.middles)
    for t in range(1, last + 1):
        rod, before = flow.advance(one.method, gradients, rod), rod
        if t in one.middles and t >= one.onset:
            centers[t] = flow.middle(before, rod)
    return Measured(centers, gradients.count.gradients / last)


def distance(centers: dict[int, Tensor], others: Callable[[int], Tensor]) -> float:
    """Return the mean distance of centers to others."""
    return fmean(float((center - others(t)).norm()) for t, center in centers.items())


def quotient(one: Recorded) -> float:
    """Return the time of the default rod over that of as many plain gradients."""
    flow, gradients = AlternatingRod(), Gradients(one.loss)
    w, rod = one.states[1].w, flow.start(*one.states)
    flows, plain = [], []
    for _ in range(ROUNDS):
        gradients.count.gradients, began = 0, perf_counter()
        rod = advanced(flow, one, gradients, rod)
        middle, many = perf_counter(), gradients.count.gradients
        for _ in range(many):
            gradients.at(w)
        flows.append(middle - began)
        plain.append(perf_counter() - middle)
    return min(flows) / min(plain)


def advanced(flow: AlternatingRod, one: Recorded, gradients: Gradients, rod: Rod) -> Rod:
    """Return the rod some optimizer steps later."""
    for _ in range(STEPS):
        rod = flow.advance(one.method, gradients, rod)
    return rod


def main(paths: Sequence[Path]) -> None:
    """Print both tables and the quotients."""
    torch.set_num_threads(1)
    problems = {path.stem.removeprefix("rodflow_"): read(path) for path in paths}
    reference = {name: follow(one, CONVERGED) for name, one in problems.items()}
    to_iterates, to_flow = (
        Table("integrator", "gradients", *problems, title=title, box=None)
        for title in ("distance to the iterates", "distance to the converged flow")
    )
    for label, flow in ROWS.items():
        known = flow is CONVERGED
        found = reference if known else {name: follow(p, flow) for name, p in problems.items()}
        cost = f"{fmean(measured.gradients for measured in found.values()):.0f}"
        errors = [distance(m.centers, problems[n].middles.__getitem__) for n, m in found.items()]
        gaps = [distance(m.centers, reference[n].centers.__getitem__) for n, m in found.items()]
        to_iterates.add_row(label, cost, *(f"{error:.2e}" for error in errors))
        to_flow.add_row(label, cost, *(f"{gap:.2e}" for gap in gaps))
    console = Console(width=110)
    console.print(to_iterates, to_flow, sep="\n\n")
    for name, one in problems.items():
        console.print(f"{name}: {quotient(one):.2f} of the time of as many plain gradients")


if __name__ == "__main__":
    main([Path(word) for word in sys.argv[1:]] or FILES)
