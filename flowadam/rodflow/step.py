"""The discrete method."""

from __future__ import annotations

from torch import Tensor

from flowadam.rodflow.gradients import Gradients
from flowadam.rodflow.method import Method
from flowadam.rodflow.states import State


def start(method: Method, gradients: Gradients, w: Tensor) -> State:
    """Return the usual start: m = 0, nu = s(g(w)). Costs one gradient where there is a nu."""
    m = w.new_zeros(len(w) if method.has_momentum else 0)
    if not method.adapts:
        return State(w, m, w.new_zeros(0))
    return State(w, m, method.squares(gradients.at(w)))


def step(method: Method, gradients: Gradients, state: State) -> State:
    """Return (w', m', nu'), for one gradient.

    nu' = beta2 nu + (1 - beta2) s(g),  m' = beta1 m + k1 g,  w' = w - p u.
    """
    g = gradients.at(state.w)
    nu = method.second_moment(state.nu, method.squares(g))
    m = method.momentum(state.m, g)
    return State(state.w - method.rate(nu) * method.direction(m, g), m, nu)
