"""What a flow is."""

from __future__ import annotations

from typing import Protocol, TypeVar

from torch import Tensor

from flowadam.rodflow.gradients import Gradients
from flowadam.rodflow.method import Method
from flowadam.rodflow.states import State


class Point(Protocol):
    """The state of a flow: where its center is, and whether it can go on."""

    @property
    def w(self) -> Tensor: ...
    def is_finite(self) -> bool: ...


P = TypeVar("P", bound=Point)


class Flow(Protocol[P]):
    """A continuous-time model of an optimizer, by optimizer steps.

    Attributes:
        label: its name in tables and figures.
    """

    @property
    def label(self) -> str: ...

    def start(self, first: State, second: State, third: State, /) -> P:
        """Return the state at t = 1 from those of the optimizer at t = 0, 1 and 2."""
        ...

    def advance(self, method: Method, gradients: Gradients, state: P, /) -> P:
        """Return the state one optimizer step later."""
        ...

    def middle(self, now: P, later: P, /) -> Tensor:
        """Return the center that stands for (w_t + w_{t+1}) / 2, from the states at t and t + 1."""
        ...

    def extent(self, state: P, /) -> float:
        """Return half the distance between the two ends of the oscillation."""
        ...

    def ends(self, state: P, /) -> Tensor:
        """Return where the iterates are expected, as rows [1 or 2, d]."""
        ...
