"""The price of knobs that are worthless, harmful or needed, where the truth is known."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from synthetic_study import FLOW, SHARED, Loss, Truth, small_study, write_study

from analysis import report
from analysis.cards.knob_price import knob_price_card
from analysis.expected_best import expected_best
from analysis.frames import Frames, load
from analysis.guards import search_scores
from analysis.knob_price import EFFORTS, knob_pairs, knob_price
from flowadam.space import Space

PAIR = ("flowadam", "flowadam_preset")
SPACES = {"flowadam": Space((*SHARED, *FLOW)), "flowadam_preset": Space(SHARED)}


def distance(task: str, optimizer: str, unit: Mapping[str, float]) -> float:
    """A needed rate, and two more knobs that the preset already has right."""
    extra = [unit.get(f"opt.{name}", 0.5) for name in ("clip_value", "ode_t_scale")]
    return 0.2 + abs(unit["opt.lr"] - 0.5) + sum(abs(u - 0.5) for u in extra)


def frames_of(folder: Path, loss: Loss, tasks: int = 5, trials: int = 32) -> Frames:
    study = small_study(task=tuple(f"t{i}" for i in range(tasks)), optimizer=PAIR, trials=trials)
    truth = Truth(loss, seed_sd=0, run_sd=0, trivial=9.0, spaces=SPACES)
    return load(write_study(folder, study, truth, confirm=False))


def test_knobs_that_the_preset_has_right_only_cost(tmp_path: Path) -> None:
    price = knob_price(frames_of(tmp_path, distance), *PAIR)
    assert (price.knobs, len(price.tasks)) == (4, 5)
    for n in EFFORTS:
        e = price.overall[n]
        assert e.n == 5 and e.low is not None and e.low > 0
    shares = [price.overall[n].mean for n in EFFORTS]
    assert shares[0] > 0.2


def test_knobs_that_do_nothing_cost_nothing(tmp_path: Path) -> None:
    def idle(task: str, optimizer: str, unit: Mapping[str, float]) -> float:
        return 0.2 + abs(unit["opt.lr"] - 0.5)

    price = knob_price(frames_of(tmp_path, idle), *PAIR)
    for n in EFFORTS:
        e = price.overall[n]
        assert e.low is not None and e.high is not None and e.low < 0 < e.high


def test_knobs_that_are_needed_pay(tmp_path: Path) -> None:
    def needed(task: str, optimizer: str, unit: Mapping[str, float]) -> float:
        return 0.2 + unit.get("opt.clip_value", 1.0)

    price = knob_price(frames_of(tmp_path, needed), *PAIR)
    highs = [price.overall[n].high for n in EFFORTS]
    assert all(high is not None and high < 0 for high in highs)


def test_the_price_on_a_task_is_the_difference_of_the_expected_best(tmp_path: Path) -> None:
    frames = frames_of(tmp_path, distance, tasks=1)
    (task,) = knob_price(frames, *PAIR).tasks
    full, frozen = (expected_best(search_scores(frames, c)) for c in frames.elections)
    for n in EFFORTS:
        assert task.at[n].mean == pytest.approx(full[n - 1] - frozen[n - 1])
        assert task.relative[n] == pytest.approx(full[n - 1] / frozen[n - 1] - 1)


def test_efforts_beyond_n_have_no_price(tmp_path: Path) -> None:
    price = knob_price(frames_of(tmp_path, distance, tasks=2, trials=16), *PAIR)
    assert list(price.overall) == [4, 16]
    assert (
        "best of n differs by" in knob_price_card(frames_of(tmp_path, distance, 2, 16)).verdict[0]
    )


@pytest.mark.parametrize(
    ("optimizers", "pairs"),
    [(PAIR, [PAIR]), (PAIR[::-1], [PAIR]), (("flowadam", "adam"), []), (PAIR[1:], [])],
)
def test_the_card_is_there_for_a_pair_only(
    tmp_path: Path, optimizers: tuple[str, ...], pairs: list[tuple[str, str]]
) -> None:
    study = small_study(optimizer=optimizers, trials=2)
    folder = write_study(tmp_path, study, Truth(spaces=SPACES), confirm=False)
    assert knob_pairs(load(folder)) == pairs
    html = report.build(folder).read_text(encoding="utf-8")
    assert ("What do the knobs cost?" in html) == bool(pairs)


def test_too_few_configurations_have_no_price(tmp_path: Path) -> None:
    card = knob_price_card(frames_of(tmp_path, distance, tasks=1, trials=6))
    assert "their price cannot be told" in card.verdict[0]
    assert "6 complete configurations, fewer than 8" in card.verdict[1]
    assert card.figure is None and card.table is None
