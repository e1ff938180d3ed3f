"""Practical equality across tasks: the Bayesian signed-rank test with a region of equivalence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

ROPE = 0.01
SURE = 0.95
# The standard error of a probability near 0.95 is then 0.002.
SAMPLES = 10_000

Word = Literal["better", "practically equal", "worse", "undecided"]


@dataclass(frozen=True)
class Practical:
    """How probable it is that better, equal or worse is the most frequent outcome over tasks.

    Equal: a difference below 1 % of normalized regret.
    """

    better: float
    equal: float
    worse: float

    @property
    def word(self) -> Word:
        """The outcome with at least 95 % probability, else undecided."""
        if self.better >= SURE:
            return "better"
        if self.worse >= SURE:
            return "worse"
        return "practically equal" if self.equal >= SURE else "undecided"


def practical(focus: Sequence[float], rival: Sequence[float]) -> Practical:
    """Return how surely the focus is better, practically equal, or worse.

    The only place that knows the library. There the higher value wins, so the rival's regret goes
    first: a higher regret of the rival is a win of the focus.

    Source: Benavoli et al., A Bayesian Wilcoxon signed-rank test based on the Dirichlet process
    (2014).

    Args:
        focus, rival: mean normalized regret on the same tasks.
    """
    # Needed only where tasks are many.
    from baycomp import SignedRankTest

    left, rope, right = SignedRankTest.probs(
        np.asarray(rival, dtype=float),
        np.asarray(focus, dtype=float),
        rope=ROPE,  # pyright: ignore[reportArgumentType] (inferred from its default, 0)
        nsamples=SAMPLES,
        random_state=0,
    )
    return Practical(float(left), float(rope), float(right))
