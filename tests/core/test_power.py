"""What a study of a given size can show."""

from __future__ import annotations

import pytest
from scipy.stats import wilcoxon

from flowadam.power import feasibility, pairs_needed, smallest_p


@pytest.mark.parametrize("n", range(2, 12))
def test_the_smallest_p_is_that_of_the_signed_rank_test(n: int) -> None:
    assert smallest_p(n) == pytest.approx(wilcoxon(range(1, n + 1), method="exact").pvalue)


@pytest.mark.parametrize(("rivals", "needed"), [(1, 6), (2, 7), (5, 8), (8, 9), (16, 10)])
def test_pairs_needed(rivals: int, needed: int) -> None:
    assert pairs_needed(rivals) == needed
    assert smallest_p(needed) <= 0.05 / rivals < smallest_p(needed - 1)


def test_five_seeds_cannot_pass() -> None:
    within, across = feasibility(tasks=8, rivals=5, seeds=5)
    assert "NOTHING can be significant with 5 confirm seeds against 5 rivals" in within
    assert within.endswith("8 confirm seeds would do.")
    assert across.startswith("Across tasks, 8 tasks can be significant")


def test_seven_tasks_are_not_tested_though_they_could_pass() -> None:
    assert "from 8 tasks on, and 7 are fewer" in feasibility(tasks=7, rivals=2, seeds=10)[-1]
    assert len(feasibility(tasks=8, rivals=2, seeds=10)) == 2


def test_one_optimizer_has_no_rival() -> None:
    assert feasibility(8, 0, 10) == ["One optimizer alone: there is nothing to compare."]
