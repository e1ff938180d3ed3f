"""The matrix rod: Sigma of low rank on (w, m), published for rank 1."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from flowadam.rodflow.choices import require, require_count
from flowadam.rodflow.corrections import CORRECTIONS
from flowadam.rodflow.gradients import Gradients
from flowadam.rodflow.method import Method
from flowadam.rodflow.states import Rods, State


@dataclass(frozen=True)
class Spread:
    """F averaged over rods, at a center that may move while the rods stay. 1 + 2 r gradients.

    F_b = F(z) + sum_i ((F(z + delta_i) + F(z - delta_i)) / 2 - F(z)), likewise s_b, the mean of
    s(g); p is that of nu + (1 - beta2) (s_b - nu). With one rod the two ends alone: 2 gradients.

    Args:
        rods_w, rods_m: delta_i as rows [r, d].
    """

    method: Method
    gradients: Gradients
    rods_w: Tensor
    rods_m: Tensor

    def __call__(self, state: State) -> State:
        return self.with_halves(state)[0]

    def with_halves(self, state: State) -> tuple[State, Tensor, Tensor]:
        """Return F_b and D_i = (F(z + delta_i) - F(z - delta_i)) / 2, by rows of w and of m."""
        method, r = self.method, len(self.rods_w)
        points = torch.cat((state.w + self.rods_w, state.w - self.rods_w, state.w.unsqueeze(0)))
        g = self.gradients.of_rows(points[:-1] if r == 1 else points)
        nu = method.second_moment(state.nu, self._mean(method.squares(g)))
        rate = method.rate(nu)
        mean, halves = self._mean(g), (g[:r] - g[r : 2 * r]) / 2
        m, rods_m = method.momentum(state.m, mean), method.momentum(self.rods_m, halves)
        slope = State(-rate * method.direction(m, mean), m - state.m, nu - state.nu)
        return slope, -rate * method.direction(rods_m, halves), rods_m - self.rods_m

    def _mean(self, values: Tensor) -> Tensor:
        """Return the average over the rods of values at both ends and, if r > 1, at the center."""
        r = len(self.rods_w)
        ends = values[: 2 * r].sum(0) / 2
        return ends if r == 1 else ends - (r - 1) * values[-1]

    def transformed(self) -> Spread:
        return replace(self, gradients=self.gradients.transformed())


@dataclass(frozen=True)
class MatrixRod:
    """Rod flow (matrix, rank r).

    d(z, nu)/dt = F_b - (1/2) F_b' F_b at fixed Sigma, and
    dSigma/dt = (1/2) (F_b F_b^T + sum_i D_i D_i^T) - 2 Sigma.

    Midpoint rule; the decay of Sigma is exact, and the factor keeps the r leading directions of its
    w-block, so that the units of m do not matter. Rank 1 is the published form.

    Args:
        substeps: a step takes 4 (1 + 2 r) substeps gradients, 8 substeps for rank 1.
        correction: a name in ``CORRECTIONS``; "difference" needs float64.

    Raises:
        ValueError: a count below 1 or an unknown correction.

    Source: Regis and Chewi 2026 (arXiv 2602.01480, 2605.06821) for rank 1.
    """

    rank: int = 3
    substeps: int = 4
    correction: str = "half_step"

    def __post_init__(self) -> None:
        require_count("rank", self.rank)
        require_count("substeps", self.substeps)
        require("correction", self.correction, CORRECTIONS)

    @property
    def label(self) -> str:
        return f"rod flow (matrix, rank {self.rank})"

    def start(self, first: State, second: State, third: State) -> Rods:
        """Return the state at t = 1 from those of the optimizer at t = 1 and 2."""
        rods_w = second.w.new_zeros(self.rank, len(second.w))
        rods_m = second.w.new_zeros(self.rank, len(second.m))
        rods_w[0], rods_m[0] = (third.w - second.w) / 2, (third.m - second.m) / 2
        center = second.plus([0.5, -0.5], [third, second])
        return Rods(center.w, center.m, center.nu, rods_w, rods_m)

    def advance(self, method: Method, gradients: Gradients, rods: Rods) -> Rods:
        """Return the state one optimizer step later."""
        h = 1 / self.substeps
        for _ in range(self.substeps):
            half = self._moved(rods, self._slopes(method, gradients, rods), h / 2)
            rods = self._moved(rods, self._slopes(method, gradients, half), h)
        return rods

    def _slopes(self, method: Method, gradients: Gradients, rods: Rods) -> tuple[State, Rods]:
        """Return the corrected slope of the center, and F_b with D_i as they are."""
        spread = Spread(method, gradients, rods.rods_w, rods.rods_m)
        mean, halves_w, halves_m = spread.with_halves(rods.center)
        corrected = CORRECTIONS[self.correction](spread, rods.center, mean)
        return corrected, Rods(mean.w, mean.m, mean.nu, halves_w, halves_m)

    def _moved(self, rods: Rods, slopes: tuple[State, Rods], h: float) -> Rods:
        center = rods.center.moved([h], [slopes[0]])
        keep, gain = math.exp(-h), math.sqrt((1 - math.exp(-2 * h)) / 4)
        found = slopes[1]
        columns_w = torch.cat((keep * rods.rods_w, gain * found.rods_w, gain * found.w[None]))
        columns_m = torch.cat((keep * rods.rods_m, gain * found.rods_m, gain * found.m[None]))
        turn = _leading(columns_w, self.rank)
        return Rods(center.w, center.m, center.nu, turn @ columns_w, turn @ columns_m)

    def middle(self, now: Rods, later: Rods) -> Tensor:
        """Return the center at t, which stands for (w_t + w_{t+1}) / 2 as it is."""
        return now.w

    def extent(self, rods: Rods) -> float:
        """Return the square root of the trace of Sigma's w-block; it includes the drift."""
        return float(rods.rods_w.norm())

    def ends(self, rods: Rods) -> Tensor:
        """Return both ends of the leading rod, as rows [2, d]."""
        return torch.stack((rods.w + rods.rods_w[0], rods.w - rods.rods_w[0]))


def _leading(columns: Tensor, rank: int) -> Tensor:
    """Return the `rank` leading eigenvectors of the Gram matrix of rows, as rows, longest first."""
    if not torch.isfinite(columns).all():  # LAPACK refuses them; the state is found not finite
        return columns.new_full((rank, len(columns)), math.nan)
    return torch.linalg.eigh(columns @ columns.T).eigenvectors.T.flip(0)[:rank]
