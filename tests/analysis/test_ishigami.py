"""Sobol' indices on Ishigami's function, whose values are known in closed form."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from analysis.importance import _sobol as sobol_of
from analysis.surrogate import fit_surrogate

A, B = 7.0, 0.1
# Variances of the parts: x1 alone, x2 alone, x1 with x3.
ALONE_1 = 0.5 * (1 + B * math.pi**4 / 5) ** 2
ALONE_2 = A**2 / 8
WITH_3 = B**2 * math.pi**8 * (1 / 18 - 1 / 50)
WHOLE = ALONE_1 + ALONE_2 + WITH_3
FIRST = [ALONE_1 / WHOLE, ALONE_2 / WHOLE, 0.0]
TOTAL = [(ALONE_1 + WITH_3) / WHOLE, ALONE_2 / WHOLE, WITH_3 / WHOLE]


class Ishigami:
    """sin x1 + a sin^2 x2 + b x3^4 sin x1, x uniform on [-pi, pi]."""

    def predict(self, units: np.ndarray) -> np.ndarray:
        x1, x2, x3 = (math.pi * (2 * units - 1)).T
        return np.sin(x1) + A * np.sin(x2) ** 2 + B * x3**4 * np.sin(x1)


def indices(model: Any) -> tuple[list[float], list[float]]:
    found = sobol_of(model, [0, 0, 0], 4096, seed=0)
    return found.first_order.tolist(), found.total_order.tolist()


def test_the_function_itself() -> None:
    assert pytest.approx([0.3139, 0.4424, 0.0], abs=1e-4) == FIRST
    first, total = indices(Ishigami())
    assert first == pytest.approx(FIRST, abs=0.01)
    assert total == pytest.approx(TOTAL, abs=0.01)


def test_a_surrogate_of_two_hundred_points_finds_them() -> None:
    units = np.random.default_rng(0).uniform(size=(200, 3))
    surrogate = fit_surrogate(units, Ishigami().predict(units))
    assert surrogate.r2 > 0.9
    first, total = indices(surrogate.model)
    assert first == pytest.approx(FIRST, abs=0.05)
    assert total == pytest.approx(TOTAL, abs=0.05)
