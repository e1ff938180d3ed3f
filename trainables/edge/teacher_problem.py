"""A tanh network under the squared loss whose gradients can be had at many points at once."""

from __future__ import annotations

from trainables.edge.at_once import AtOnce
from trainables.mlp import Labeled, MLPProblem


class TeacherProblem(AtOnce[Labeled], MLPProblem):
    """See `MLPProblem`."""
