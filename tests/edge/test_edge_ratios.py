"""Ratios of errors: a worked example, endings, runs that never came to the edge."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from analysis.edge.card import edge_card, sentences
from analysis.edge.figure import draw
from analysis.edge.ratios import ratios
from analysis.edge.runs import Series, TrackedRun
from analysis.edge.trace import edge_of, flow_shares, trace_text
from analysis.figures.style import canvas


def run(
    seed: int,
    *,
    stable: float = 1.0,
    rod: float = 0.1,
    onset: float = 7.0,
    ending: str = "",
    name: str = "gd",
) -> TrackedRun:
    means = {"stable": stable, "rod": rod, "matrix": rod}
    readings = {f"{flow}_mean": Series((4, 8), (math.nan, v)) for flow, v in means.items()}
    readings["onset"] = Series((4, 8), (math.nan, onset))
    readings["rod_error"] = Series((4, 8), (0.1, math.nan if ending else 0.2), ending)
    return TrackedRun("edge_mlp", name, seed, 0.1, 0.9, "ok", readings, Series((4, 8), (2.0, 1.0)))


def test_the_geometric_mean_with_students_interval() -> None:
    """Ratios 0.1 and 0.4: center 0.2; half width t(1) sd / sqrt(2) = 12.706 * 0.98026 / 1.41421."""
    found = ratios([run(0, rod=0.1), run(1, rod=0.4)])
    rod = next(r for r in found if r.flow == "rod")
    assert rod.value is not None and rod.value.low is not None and rod.value.high is not None
    assert rod.value.mean == pytest.approx(0.2)
    assert math.log(rod.value.high / 0.2) == pytest.approx(12.7062 * 0.980258 / math.sqrt(2), 1e-4)
    assert rod.value.high * rod.value.low == pytest.approx(0.04)
    assert (rod.runs, rod.reached, rod.worse, rod.better) == (2, 2, (), False)


def test_close_ratios_are_better() -> None:
    runs = [run(seed, rod=0.1 + seed / 100) for seed in range(5)]
    assert all(r.better for r in ratios(runs))
    assert "1 of 1 optimizer" in sentences(ratios(runs))[0]


def test_a_rod_that_ended_is_not_better_and_says_how() -> None:
    runs = [run(seed) for seed in range(4)] + [run(4, ending="The flow has ended: diverged.")]
    matrix, rod = ratios(runs)
    assert matrix.better and not rod.better
    assert rod.worse == (4,) and rod.value is not None and rod.value.n == 4
    card = edge_card("mlp", runs)
    assert card.table is not None
    cells = card.table.groups[0].rows[0]
    assert str(cells[4]).endswith("n=4, ended in 1") and "ended" not in str(cells[5])
    assert any("seed 4: The flow has ended: diverged" in line for line in sentences([matrix, rod]))


def test_a_stable_flow_that_ended_keeps_its_mean() -> None:
    one = run(0, stable=2.0)
    assert one.ratio("rod") == pytest.approx(0.05)


def test_runs_that_never_came_to_the_edge_have_no_ratio() -> None:
    matrix, rod = ratios([run(0, onset=math.nan), run(1, onset=math.nan)])
    assert (rod.runs, rod.reached, rod.value, rod.better) == (2, 0, None, False)
    assert sentences([matrix, rod])[-1] == "Never at the edge: gd."


def test_a_card_has_a_picture_for_every_optimizer() -> None:
    card = edge_card("mlp", [run(0), run(1), run(0, name="adam")])
    assert card.figure is not None and card.table is not None
    assert [p.title for p in card.figure.pictures] == ["gd on edge_mlp", "adam on edge_mlp"]  # pyright: ignore
    assert [row[0] for row in card.table.groups[0].rows] == ["gd", "adam"]


def test_traces_count_flow_steps_at_the_edge_and_below() -> None:
    """beta1 = 0.5 and rate 0.1: S* = 60. Two flow steps of four at the edge, one of four below."""
    readings = {
        "preconditioned_sharpness": Series((0, 4, 8), (math.nan, 30.0, 60.0)),
        "effective_rate": Series((0, 4, 8), (0.1, 0.1, 0.1)),
        "triggers": Series((0, 4, 8), (0.0, 1.0, 3.0)),
    }
    one = TrackedRun("edge_mlp", "flowadam", 0, 0.1, 0.5, "ok", readings, Series((), ()))
    assert edge_of(one).values[1:] == pytest.approx((0.5, 1.0))
    assert flow_shares([one]) == (0.5, 0.25)


def test_what_has_no_threshold_is_said() -> None:
    sharp = {"preconditioned_sharpness": Series((0, 4), (20.0, 30.0))}
    one = TrackedRun("edge_mlp", "sgd", 0, 0.1, math.nan, "ok", sharp, Series((), ()))
    none = replace(one, optimizer="lion", readings={})
    ended = replace(one, optimizer="muon", status="diverged")
    told = trace_text({"mlp": [one, none, ended]}).splitlines()[-3:]
    assert told[0].startswith("sgd: S / S* is not known, as the threshold is for")
    assert (
        told[1]
        == "lion: S / S* is not known, as no diagonal preconditioner of its update can be read."
    )
    assert told[2] == "muon: S / S* is not known, as runs did not end well."


def test_the_median_goes_by_marks_where_steps_differ() -> None:
    first, second = (
        replace(run(0), loss=Series(steps, values))
        for steps, values in (((4, 8), (2.0, 1.0)), ((5, 10), (4.0, math.nan)))
    )
    with canvas(100, 100) as figure:
        ax = figure.subplots()
        draw(ax, [first, second], lambda one: one.loss, 0)
        line = ax.lines[-1]
    assert [list(line.get_xdata()), list(line.get_ydata())] == [[4.5, 8], [3.0, 1.0]]  # pyright: ignore
