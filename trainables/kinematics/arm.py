"""Postures of a planar arm along a path, R replicas at once."""

from __future__ import annotations

import torch
from torch import Tensor

from trainables.kinematics.inverse_kinematics import SMOOTHNESS, Points
from trainables.problem import FullBatchProblem
from trainables.setup import Setup


class ArmProblem(FullBatchProblem[Tensor]):
    """The tip of an arm with joint angles theta_ik is at sum_k (cos phi_ik, sin phi_ik), where
    phi_ik = theta_i1 + ... + theta_ik is the direction of link k.

    With errors e_i = tip_i - target_i and changes d_i = theta_{i+1} - theta_i the loss is
    sum |e|^2 + sum |d|^2 + penalty * sum(theta^2). Metrics: "target_rmse", the root of the mean
    e^2 over waypoints and coordinates; "smoothness", sum |d|^2; "objective", both sums.

    The gradient is in closed form, which was measured at a quarter of autograd's time. A link's
    direction turns the tip across it: dL/dphi_ik = 2 (e_iy cos phi_ik - e_ix sin phi_ik); a joint
    turns all links behind it, which is the transpose of the sum above.

    Args:
        targets: waypoints [m, 2], which are validation and test as well.
        start: angles [R, m, links].
    """

    def __init__(self, targets: Points, start: Tensor, setup: Setup) -> None:
        points = setup.tensor(targets)
        super().__init__([start], dict.fromkeys(setup.splits(), points))
        waypoints, links = start.shape[1:]
        self._targets = points
        self._penalty = setup.penalty
        self._sums = start.new_ones(links, links).triu()
        changes = start.new_zeros(waypoints - 1, waypoints)
        changes.diagonal().fill_(-1)
        changes.diagonal(1).fill_(1)
        self._changes = changes
        stiffness = SMOOTHNESS * changes.T @ changes
        self._quadratic = stiffness + self._penalty * torch.eye(waypoints).to(stiffness)

    def _gradient(self, weights: tuple[Tensor, ...], slots: tuple[Tensor, ...]) -> Tensor:
        """The two sums of squares of theta are <theta, K theta>, with gradient 2 K theta."""
        (theta,), (slot,) = weights, slots
        phi = theta @ self._sums
        cos, sin = phi.cos(), phi.sin()
        ex = cos.sum(1, keepdim=True).sub_(self._targets[:, :1])
        ey = sin.sum(1, keepdim=True).sub_(self._targets[:, 1:])
        pull = self._quadratic @ theta
        loss = ex.square().sum() + ey.square().sum() + torch.sum(theta * pull)
        turned = cos.mul_(ey).sub_(sin.mul_(ex))
        torch.addmm(pull, turned, self._sums.t(), out=slot).mul_(2)
        return loss

    def _loss(self, weights: tuple[Tensor, ...]) -> Tensor:
        (theta,) = weights
        errors, smoothness = self._sums_of_squares(theta)
        return errors + SMOOTHNESS * smoothness + self._penalty * theta.square().sum()

    def _score(self, weights: tuple[Tensor, ...], part: Tensor) -> dict[str, Tensor]:
        errors, smoothness = self._sums_of_squares(weights[0])
        return {
            "target_rmse": (errors / part.numel()).sqrt(),
            "smoothness": smoothness,
            "objective": errors + SMOOTHNESS * smoothness,
        }

    def _sums_of_squares(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Return the squared errors of the tip and the squared changes, both summed."""
        changes = self._changes @ theta
        return (self.tips(theta) - self._targets).square().sum(), changes.square().sum()

    def tips(self, theta: Tensor) -> Tensor:
        """Return the positions [m, 2] of the tip at angles [m, links]."""
        phi = theta @ self._sums
        return torch.stack([phi.cos().sum(1), phi.sin().sum(1)], dim=1)
