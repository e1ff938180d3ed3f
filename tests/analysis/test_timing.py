"""Seconds: clocks, the comparison at equal seconds, and the front."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic_study import Truth, small_study, write_study

from analysis.cards.timing import timing_card
from analysis.frames import Frames, load
from analysis.timing import clock, equal_seconds, front

PHASES = ("search", "confirm", "timing")


def timed(folder: Path, **slowness: float) -> Frames:
    study = small_study(phase=PHASES, trials=9, confirm_seeds=8)
    return load(write_study(folder / "s", study, Truth(slowness=slowness, run_sd=0.0005)))


def test_a_clock_reads_the_timed_runs(tmp_path: Path) -> None:
    frames = timed(tmp_path, flowadam=2.0)
    (arena,) = frames.arenas
    slow, quick = (clock(frames, cell) for cell in frames.cells(arena))
    assert slow and quick
    assert (slow.total.mean, slow.total.n) == (pytest.approx(0.4), 3)
    assert quick.total.mean == pytest.approx(0.2)
    assert slow.seconds == pytest.approx(2 * quick.seconds)
    assert slow.memory == 50.0


def test_at_equal_seconds_the_slow_one_is_read_half_way(tmp_path: Path) -> None:
    """Equal optimizers, of which one takes four times as long, differ at equal seconds alone."""
    frames = timed(tmp_path, flowadam=4.0)
    found = equal_seconds(frames, frames.arenas[0])
    assert found
    assert found.seconds == pytest.approx(0.2)
    (there,), (whole,) = found.by_seconds, found.by_gradients
    assert there.word in ("behind", "worse")
    assert there.difference and there.difference.mean > 0.1
    assert whole.difference and abs(whole.difference.mean) < 0.05
    card = timing_card(frames)
    assert "goes against adam from" in card.verdict[1]
    assert card.table


def test_equal_speed_changes_no_verdict(tmp_path: Path) -> None:
    frames = timed(tmp_path)
    found = equal_seconds(frames, frames.arenas[0])
    assert found and found.by_seconds == found.by_gradients
    assert "no verdict of 1 rival differs" in timing_card(frames).verdict[1]


def test_one_clock_compares_nothing(tmp_path: Path) -> None:
    study = small_study(phase=PHASES)
    keep = write_study(
        tmp_path / "s",
        study,
        keep=lambda g: g.phase != "timing" or g.cell.optimizer == "adam",
    )
    frames = load(keep)
    assert equal_seconds(frames, frames.arenas[0]) is None
    assert timing_card(frames).table


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=12))
def test_the_front_is_what_nobody_beats(points: list[tuple[float, float]]) -> None:
    on = front(points)
    assert any(on)
    for (x, y), is_on in zip(points, on, strict=True):
        beaten = any((a < x and b <= y) or (a <= x and b < y) for a, b in points)
        assert is_on == (not beaten)
