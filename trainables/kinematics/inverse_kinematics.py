"""Inverse kinematics of a planar arm along three paths.

Source: the benchmark of the FlowAdam paper (arXiv 2604.06652), whose arc this is. The zigzag and
the spiral are named there without sizes; theirs are our own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from flowadam.errors import require_known
from flowadam.task import Split
from trainables.base import BenchmarkTask
from trainables.cells import hash_arrays, rmse
from trainables.options import require_whole

if TYPE_CHECKING:
    from trainables.kinematics.arm import ArmProblem
    from trainables.setup import Setup

Points = NDArray[np.float64]
"""Waypoints [m, 2] in units of a link's length."""

SMOOTHNESS = 1.0
"""Weight of the squared changes of the angles from waypoint to waypoint, as published."""

START_SCALE = 0.5
"""Standard deviation of the angles at the start in radians, as published."""


def arc(share: Points) -> Points:
    """Return a half circle of 0.6 of the reach around the base, from right to left."""
    return 0.6 * _polar(np.pi * share)


def zigzag(share: Points) -> Points:
    """Return points from left to right, in turn at 0.4 and 0.6 of the reach above the base."""
    return np.stack([share - 0.5, np.resize([0.4, 0.6], len(share))], axis=1)


def spiral(share: Points) -> Points:
    """Return one and a half turns around the base, from 0.3 to 0.8 of the reach."""
    return (0.3 + 0.5 * share[:, None]) * _polar(3 * np.pi * share)


PATHS: dict[str, Callable[[Points], Points]] = {"arc": arc, "spiral": spiral, "zigzag": zigzag}
"""Paths by name: waypoints in units of the reach, at the given shares in [0, 1] of their course."""


@dataclass(frozen=True, kw_only=True)
class InverseKinematics(BenchmarkTask):
    """Joint angles of an arm of `links` unit links that bring its tip to every waypoint in turn.

    The loss is sum_i |tip(theta_i) - target_i|^2 + sum_i |theta_{i+1} - theta_i|^2. The metric is
    "target_rmse", the root mean square error per coordinate in units of a link's length;
    "smoothness", the second sum, and "objective", both sums, are reported beside it: a target error
    without its smoothness says little, since windings of the arm are paid for there.

    The angles themselves are what is asked for, and nothing unseen is predicted. So validation
    and test are the same waypoints, and what protects from a lucky choice is that the confirm
    phase starts from fresh seeds.

    Args:
        path: one of ``PATHS``.
        links: unit links of the arm, at least 1.
        waypoints: points of the path, at least 2.
        data_seed: changes nothing but the fingerprint, since only the start is drawn.

    Raises:
        InputError: an unknown path, or a number out of its range.
    """

    path: str
    budget: int = 1500
    links: int = 8
    waypoints: int = 10

    metric = "target_rmse"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_known("path", self.path, PATHS)
        require_whole("links", self.links, 1)
        require_whole("waypoints", self.waypoints, 2)

    def targets(self) -> Points:
        """Return the waypoints [m, 2]."""
        return self.links * PATHS[self.path](np.linspace(0, 1, self.waypoints))

    def content_hash(self) -> str:
        """Hash of the waypoints to 1e-6: sines may differ in their last bit between processors."""
        return hash_arrays(np.round(1e6 * self.targets()).astype(np.int64))

    def tiny(self) -> InverseKinematics:
        return replace(self, links=3, waypoints=4)

    def problem(self, setup: Setup) -> ArmProblem:
        from trainables.kinematics.arm import ArmProblem

        start = setup.stacked_normal(self.name, ((self.waypoints, self.links), START_SCALE))
        return ArmProblem(self.targets(), start[0], setup)

    def constants(self, split: Split) -> Mapping[str, float]:
        """Return the error of the arm stretched to the right and of the best single posture."""
        targets = self.targets()
        return {
            "stretched arm": rmse(targets - [self.links, 0]),
            "one posture": rmse(targets - targets.mean(0)),
        }


def inverse_kinematics_arc(*, data_seed: int = 0) -> InverseKinematics:
    """Return the half circle; see ``InverseKinematics``."""
    return _scenario("arc", "a half circle", data_seed)


def inverse_kinematics_spiral(*, data_seed: int = 0) -> InverseKinematics:
    """Return the spiral; see ``InverseKinematics``."""
    return _scenario("spiral", "a spiral", data_seed)


def inverse_kinematics_zigzag(*, data_seed: int = 0) -> InverseKinematics:
    """Return the zigzag; see ``InverseKinematics``."""
    return _scenario("zigzag", "a zigzag", data_seed)


def _scenario(path: str, words: str, data_seed: int) -> InverseKinematics:
    return InverseKinematics(
        name=f"inverse_kinematics_{path}",
        summary=f"planar arm of 8 links along 10 waypoints of {words}",
        path=path,
        data_seed=data_seed,
    )


def _polar(angle: Points) -> Points:
    """Return the unit vectors [..., 2] at `angle`."""
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1)
