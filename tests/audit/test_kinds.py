"""Claims of every kind, judged on made-up runs whose truth is known."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import audit_tools
import numpy as np
import pytest

from analysis.audit.judge import judge
from analysis.audit.readings import Reading
from flowadam.audit.claims import Claim
from flowadam.audit.plan import at_rate

Law = Callable[[str, str, float], float | None]
"""Metric of a task and a contender, given a normal number of the seed."""


def readings(claim: Claim, names: list[str], law: Law, seeds: int = 10) -> list[Reading]:
    noise = np.random.default_rng(1).normal(0, 1, seeds)
    return [
        Reading(task, name, seed, law(task, name, float(noise[seed])), 24.0)
        for task in claim.tasks
        for name in names
        for seed in range(seeds)
    ]


def said(claim: Claim, law: Law, seeds: int = 10, names: list[str] | None = None) -> str:
    """Return the one verdict on a claim."""
    found = judge(claim, "fair data", readings(claim, names or claim.names, law, seeds))
    (one,) = [f for f in found if f.verdict]
    return one.verdict


def ratio(true: float, spread: float = 0.01) -> Law:
    """Return a law in which the optimizer in focus has `true` times the other's metric."""
    return lambda task, name, z: math.exp(spread * z) * true if name == "greedy" else 1.0


@pytest.mark.parametrize(
    ("kind", "keys", "law", "word"),
    [
        ("better", {}, ratio(0.9), "holds"),
        ("better", {"claimed": {"plain": 0.5}}, ratio(0.9), "shrinks"),
        ("better", {}, ratio(1.0, 0.1), "vanishes"),
        ("better", {}, ratio(1.1), "reverses"),
        ("better", {}, lambda t, n, z: 0.0 if n == "greedy" else 1.0, "not testable"),
        ("better", {"unit": "absolute"}, lambda t, n, z: 0.0 if n == "greedy" else 1.0, "holds"),
        ("equal", {"margin": 0.05}, ratio(1.0), "holds"),
        ("equal", {"margin": 0.05}, ratio(1.0, 0.3), "vanishes"),
        ("equal", {"margin": 0.05}, ratio(1.2), "reverses"),
        ("equal", {"margin": 0.05}, ratio(0.8), "reverses"),
    ],
)
def test_pairs(kind: str, keys: dict[str, Any], law: Law, word: str) -> None:
    assert said(audit_tools.claim(kind=kind, **keys), law) == word


@pytest.mark.parametrize("level", [0.90, 0.95])
def test_equality_is_judged_at_ninety_percent(level: float) -> None:
    """A margin between the ends of the two intervals tells them apart."""
    claim = audit_tools.claim(kind="equal", margin=0.5)
    law = ratio(1.0, 0.2)
    pairs = [r.value or 0.0 for r in readings(claim, ["greedy"], law)]
    from analysis.audit.verdicts import paired_gain

    gain = paired_gain(pairs, [1.0] * 10, "relative", level)
    assert gain.low is not None and gain.high is not None
    reach = max(-gain.low, gain.high)
    tight = audit_tools.claim(kind="equal", margin=reach * 1.001)
    assert said(tight, law) == "holds"
    if level == 0.90:
        assert said(audit_tools.claim(kind="equal", margin=reach * 0.999), law) == "vanishes"


@pytest.mark.parametrize(
    ("seeds", "bad", "word"),
    [(40, 0.8, "holds"), (40, 0.0, "vanishes"), (39, 0.8, "not testable")],
)
def test_essential(seeds: int, bad: float, word: str) -> None:
    claim = audit_tools.claim(kind="essential", level=0.1)
    share = iter(range(10**6))

    def law(task: str, name: str, z: float) -> float | None:
        if name == "greedy":
            return 0.0
        return None if next(share) % 10 < 10 * bad else 0.05

    assert said(claim, law, seeds) == word


@pytest.mark.parametrize(
    ("own", "control", "word"),
    [(0.8, 1.0, "holds"), (0.8, 0.8, "vanishes"), (1.0, 0.8, "reverses"), (1.0, 1.0, "vanishes")],
)
def test_specific(own: float, control: float, word: str) -> None:
    claim = audit_tools.claim(kind="specific", control_task="other", claimed=None)
    draws = np.random.default_rng(2)

    def law(task: str, name: str, z: float) -> float:
        if name == "plain":
            return 1.0
        return (control if task == "other" else own) * math.exp(draws.normal(0, 0.01))

    assert said(claim, law) == word


def dial(slope: float, of_control: float = 0.0) -> Law:
    """Return a law whose log gain is 1 + slope * dial, with a control of a slope of its own."""
    draws = np.random.default_rng(3)

    def law(task: str, name: str, z: float) -> float:
        x = float(task.rpartition("=")[2])
        if name == "control":
            return math.exp(of_control * x)
        return math.exp(z - (1 + slope * x + draws.normal(0, 0.1) if name == "greedy" else 0))

    return law


@pytest.mark.parametrize(
    ("slope", "of_control", "word"),
    [
        (2.0, 0.0, "holds"),
        (0.0, 0.0, "vanishes"),
        (-2.0, 0.0, "reverses"),
        (2.0, 0.1, "not testable"),
        (2.0, 1e-6, "holds"),
    ],
)
def test_dial(slope: float, of_control: float, word: str) -> None:
    keys = {"dial": "coupling", "values": [0.0, 0.5, 1.0], "control": "control", "claimed": None}
    claim = audit_tools.claim(kind="dial", contender={"control": {"optimizer": "spender"}}, **keys)
    found = judge(claim, "fair data", readings(claim, claim.names, dial(slope, of_control)))
    (one,) = [f for f in found if f.verdict]
    assert one.verdict == word
    assert one.low < slope < one.high


@pytest.mark.parametrize(
    ("limits", "word"),
    [
        ((0.1, 0.001), "holds"),
        ((0.1, 0.01), "vanishes"),  # one step of the grid apart, or next to nothing
        ((0.01, 0.01), "vanishes"),
        ((0.001, 0.1), "reverses"),
        ((1.0, 0.01), "not testable"),
        ((1.0, 1.0), "not testable"),
    ],
)
def test_rate(limits: tuple[float, float], word: str) -> None:
    """A run ends well up to its optimizer's limit; above the level it counts as diverged."""
    rates = [0.001, 0.01, 0.1, 1.0]
    claim = audit_tools.claim(kind="rate", rates=rates, level=2.0, claimed=None)
    limit = dict(zip(("greedy", "plain"), limits, strict=True))

    def law(task: str, label: str, z: float) -> float | None:
        name, _, rate = label.partition(" at ")
        if float(rate) <= limit[name]:
            return 1.0
        return None if z > 0 else 3.0

    names = [at_rate(name, rate) for name in ("greedy", "plain") for rate in rates]
    assert said(claim, law, names=names) == word
    found = judge(claim, "fair data", readings(claim, names, law))
    means = {f.optimizer: f.mean for f in found if f.quantity == "rate"}
    assert means == pytest.approx(limit)
