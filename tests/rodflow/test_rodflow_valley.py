"""Bursts in a valley of growing sharpness, in the long run."""

from __future__ import annotations

from itertools import pairwise

import pytest
from rodflow_tools import ALTERNATING, STABLE, tensor, valley

from flowadam.rodflow import AlternatingRod, Corrected, Fitted, MatrixRod, StableFlow, method, track

# mean error of the center over 1500 steps, as measured by another implementation
PUBLISHED = {STABLE: 0.55, "rod flow (matrix, rank 1)": 0.046, ALTERNATING: 5.9e-4}


@pytest.mark.slow
def test_the_valley() -> None:
    flows = (StableFlow(), MatrixRod(rank=1), AlternatingRod(Fitted(), 4))
    found = track(valley, tensor(0.02, 2.95), method("gd", 0.2), steps=1500, flows=flows)
    for label, error in PUBLISHED.items():
        assert found.trails[label].mean_error() == pytest.approx(error, rel=0.25), label
    above = [ratio >= 1 for ratio in found.run.ratios]
    assert sum(a != b for a, b in pairwise(above)) >= 10


@pytest.mark.slow
def test_the_valley_needs_the_correction() -> None:
    plain = AlternatingRod(Corrected("heun", "none"), 4)
    found = track(valley, tensor(0.02, 2.95), method("gd", 0.2), steps=1500, flows=(plain,))
    assert found.trails[ALTERNATING].mean_error() == pytest.approx(0.047, rel=0.25)
