"""The small published problems, and checks: claims beside what was measured."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from trainables import published
from trainables.published.checks import checks
from trainables.published.scenario import Claim, Margin, Run, Scenario

NAMES = [
    "ablation_injection",
    "ill_conditioned_regression",
    "rosenbrock",
    "rotated_quadratic",
    "two_spirals",
]


def run(contender: str, value: float, flow_steps: int = 0) -> Run:
    return Run("rosenbrock", contender, 1, value, 10, flow_steps, 0.1)


def scenario() -> Scenario:
    return replace(
        published.get("rosenbrock"),
        claims={"adam": Claim(5.0, 0.1)},
        margins={"flowadam": (Margin(0.12, 0.02, "adam"),)},
        flow_steps={"flowadam": Claim(50, 10)},
    )


def test_checks_are_means_beside_claims() -> None:
    runs = [run("adam", 4.0), run("adam", 6.0), run("flowadam", 4.0, 41), run("flowadam", 4.8, 56)]
    runs.append(replace(run("adam", 99.0), scenario="another"))
    found = checks(scenario(), runs)
    assert [(c.contender, c.quantity, c.mean, c.claim, c.holds, c.n) for c in found] == [
        ("adam", "last loss", 5.0, Claim(5.0, 0.1), True, 2),
        ("flowadam", "last loss", 4.4, None, None, 2),
        ("flowadam", "share below adam", pytest.approx(0.12), Margin(0.12, 0.02, "adam"), True, 2),
        ("flowadam", "flow steps", 48.5, Claim(50, 10), True, 2),
    ]


@pytest.mark.parametrize(
    ("runs", "broken"),
    [
        ([run("adam", 5.11)], ["last loss"]),
        ([run("adam", 5.0), run("flowadam", 4.6, 50)], ["share below adam"]),
        ([run("adam", 5.0), run("flowadam", 4.2, 50)], ["share below adam"]),
        ([run("adam", 5.0), run("flowadam", 4.4, 39)], ["flow steps"]),
        ([run("adam", math.nan)], ["last loss"]),
        ([run("flowadam", 9.0, 50)], []),  # without the other contender there is no margin
        ([], []),
    ],
)
def test_a_number_outside_its_tolerance_does_not_hold(runs: list[Run], broken: list[str]) -> None:
    assert [c.quantity for c in checks(scenario(), runs) if c.holds is False] == broken


def test_a_tolerance_that_reaches_the_number_decides_nothing() -> None:
    assert [Claim(156.2, 160).holds(x) for x in (0.002, 500.0)] == [None, None]
    assert [Claim(156.2, 156).holds(x) for x in (0.002, 0.3)] == [False, True]


@pytest.mark.parametrize("name", NAMES)
def test_every_contender_runs_and_claims_name_contenders(name: str) -> None:
    short = replace(published.get(name), steps=15)
    assert short.name == name
    assert set(short.claims) | set(short.flow_steps) | set(short.margins) <= set(short.contenders)
    values = {c: short.run(c, short.seeds[0]) for c in short.contenders}
    assert all(math.isfinite(r.value) and r.gradients >= 15 for r in values.values())
    again = short.run("adam", short.seeds[0])
    assert again.value == values["adam"].value


@pytest.mark.parametrize("name", NAMES)
def test_the_seed_draws_what_the_script_draws(name: str) -> None:
    one = published.get(name)
    first, again, other = (one.problem(seed, 0.0) for seed in (42, 42, 123))
    assert torch.equal(first.closure(), again.closure())
    assert torch.equal(first.closure(), other.closure()) is (name == "rosenbrock")


def test_the_ridge_of_the_regression_is_equal_for_all() -> None:
    contenders = published.get("ill_conditioned_regression").contenders
    assert {contender.penalty for contender in contenders.values()} == {1e-3}


def test_the_spread_compares_the_worst_with_the_best() -> None:
    one = replace(scenario(), claims={}, margins={}, flow_steps={}, spread=Claim(0.25, 0.01))
    runs = [run("adam", 5.0), run("flowadam", 4.0)]
    spread = checks(one, runs)[-1]
    assert (spread.contender, spread.mean, spread.holds) == ("all", pytest.approx(0.25), True)
    assert len(checks(one, runs[:1])) == 1


def test_rosenbrock_as_published() -> None:
    """500 steps: Adam 4.869, FlowAdam 4.289, which is 11.9 % less, with 49 flow steps."""
    one = published.get("rosenbrock")
    runs = [one.run(contender, 42) for contender in one.contenders]
    found = [check for check in checks(one, runs) if check.claim]
    assert [check.quantity for check in found] == ["share below adam", "flow steps"]
    assert all(check.holds for check in found), found
