"""How near a run is to the edge of stability."""

from __future__ import annotations

import math

from torch import Tensor

from flowadam.rodflow.gradients import Gradients
from flowadam.rodflow.method import Method
from flowadam.rodflow.sharpness import preconditioned_sharpness
from flowadam.rodflow.states import State
from flowadam.rodflow.threshold import eos_threshold


class Edge:
    """Readings of S / S*, the preconditioned sharpness over its threshold.

    Attributes:
        ratio: the last one; nan before the first, and where it did not converge.
        vector: unit eigenvector [d] of the last one, in the scale of the preconditioner.
    """

    def __init__(self, method: Method, gradients: Gradients) -> None:
        self._method, self._gradients = method, gradients
        self._threshold = eos_threshold(method)
        self.ratio, self.vector = math.nan, None

    vector: Tensor | None

    def read(self, state: State) -> float:
        """Return S / S* at a state, usually the mean of two."""
        found = preconditioned_sharpness(self._method, self._gradients, state, near=self.vector)
        self.ratio, self.vector = found.value / self._threshold, found.vector
        return self.ratio

    def direction(self, state: State) -> Tensor:
        """Return the top eigenvector [d] in parameters, P^-1/2 v, of length 1."""
        vector = state.w.new_ones(len(state.w)) if self.vector is None else self.vector
        turned = self._method.preconditioner(state.nu).rsqrt() * vector
        return turned / turned.norm()
