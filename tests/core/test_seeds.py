"""Seed streams do not collide and never change."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from flowadam.seeds import derive

AXES = st.lists(st.one_of(st.integers(0, 3), st.text("01ab", max_size=2)), max_size=4).map(tuple)


@given(st.lists(AXES, unique_by=repr))
def test_different_names_give_different_seeds(names: list[tuple[str | int, ...]]) -> None:
    seeds = [derive(*axes) for axes in names]
    assert len(set(seeds)) == len(names)
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_ten_thousand_streams_are_distinct() -> None:
    names = [("search", task, config) for task in "abcd" for config in range(2_500)]
    assert len({derive(0, *axes) for axes in names}) == len(names)


def test_streams_are_pinned() -> None:
    """A change here would change every stored study."""
    assert derive(0, "search", "task", 1) == 6245574512912831994
