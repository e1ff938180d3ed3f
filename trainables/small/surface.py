"""What tasks share that minimize a function without data."""

from __future__ import annotations

from dataclasses import dataclass

from trainables.base import BenchmarkTask


@dataclass(frozen=True, kw_only=True)
class SurfaceTask(BenchmarkTask):
    """Minimize f(theta), a function that is known in full.

    There is nothing to hold out: the metric "loss" is f itself, without the penalty, for
    validation and test alike. Seeds differ in the start. Trivial predictors are points that need
    no search.
    """

    metric = "loss"
