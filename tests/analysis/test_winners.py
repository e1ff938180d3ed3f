"""Who wins, which N counts, and what is confirmed."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowadam.plan import Cell
from flowadam.study import Study
from flowadam.winners import common_trials, complete_trials, elections, substudy_winners, winners

CELL = Cell("t", "adam", 100)
INF = math.inf


def study(**changes: Any) -> Study:
    return Study(**{"task": ("t",), "optimizer": ("adam", "lion"), "budget": 100, **changes})


def row(config: int, val: float | None, **changes: Any) -> dict[str, Any]:
    base = {
        "phase": "search",
        "task": "t",
        "optimizer": "adam",
        "budget": 100,
        "config": config,
        "seed": 0,
        "status": "ok",
        "val_best": val,
        "val_final": None if val is None else 10 - val,
    }
    return {**base, **changes}


def rows(scores: list[float], **changes: Any) -> list[dict[str, Any]]:
    """Return one row for each score, the first being the default's."""
    return [row(i, s, **changes) for i, s in enumerate(scores)]


@pytest.mark.parametrize(
    ("scores", "substudies", "expected"),
    [
        ([0, 3, 2, 1, 4], 1, (3,)),
        ([0, 3, 2, 1, 4], 2, (3, 2)),  # parts {1, 3} and {2, 4}
        ([0, 3, 2, 1, 4], 4, (1, 2, 3, 4)),
        ([0, 3, 2], 3, (1, 2)),  # fewer configurations than sub-studies
        ([0, 1, 1, 1, 1], 2, (1, 2)),  # ties: the lowest index
        ([0, INF, 2, INF, 4], 2, (None, 2)),  # a part without a finite score
        ([0, INF, INF], 2, (None, None)),
        ([0], 3, ()),
        ([-9, 5], 1, (1,)),  # the default cannot win
    ],
)
def test_winner_of_each_substudy(
    scores: list[float], substudies: int, expected: tuple[int | None, ...]
) -> None:
    found = elections(study(substudies=substudies), rows(scores))
    assert found[CELL].winners == expected
    assert winners(study(substudies=substudies), rows(scores))[CELL] == [
        0,
        *(c for c in expected if c is not None),
    ]


@pytest.mark.parametrize("status", ["diverged", "timeout", "error"])
def test_a_configuration_with_one_failed_seed_cannot_win(status: str) -> None:
    two = study(seeds=2, substudies=1)
    table = [*rows([0, 1, 2]), *rows([0, 1, 2], seed=1)]
    table[4] = row(1, 1, seed=1, status=status)
    assert elections(two, table)[CELL].winners == (2,)
    assert elections(two, table)[CELL].scores[1] == INF


@pytest.mark.parametrize("value", [None, math.nan, INF])
def test_a_value_that_is_no_number_never_wins(value: float | None) -> None:
    table = [row(0, 1), row(1, value), row(2, 7)]
    assert elections(study(substudies=1), table)[CELL].winners == (2,)


def test_the_score_is_the_mean_over_search_seeds() -> None:
    table = [*rows([0, 1, 2]), *rows([0, 6, 3], seed=1)]
    found = elections(study(seeds=2, substudies=1), table)[CELL]
    assert dict(found.scores) == {0: 0, 1: 3.5, 2: 2.5}
    assert found.winners == (2,)


def test_selection_chooses_the_column() -> None:
    table = rows([0, 1, 2])
    assert elections(study(substudies=1), table)[CELL].winners == (1,)
    assert elections(study(substudies=1, selection="final"), table)[CELL].winners == (2,)


def test_a_configuration_with_a_missing_seed_is_not_complete() -> None:
    table = [*rows([0, 1, 2, 3]), row(0, 0, seed=1), row(1, 1, seed=1), row(3, 3, seed=1)]
    found = elections(study(seeds=2), table)[CELL]
    assert found.complete == 1
    assert set(found.scores) == {0, 1, 3}


def test_only_what_every_cell_has_run_counts() -> None:
    table = [*rows([0, 5, 4, 3, 2]), *rows([0, 1, 2], optimizer="lion")]
    found = elections(study(substudies=1), table)
    lion = Cell("t", "lion", 100)
    assert (found[CELL].complete, found[lion].complete) == (4, 2)
    assert (found[CELL].trials, found[lion].trials) == (2, 2)
    assert (found[CELL].winners, found[lion].winners) == ((2,), (1,))


def test_a_cell_that_has_not_started_does_not_void_the_others() -> None:
    table = [*rows([0, 5, 4]), row(0, 1, optimizer="lion")]
    found = elections(study(substudies=1), table)
    assert found[CELL].winners == (2,)
    assert found[Cell("t", "lion", 100)].winners == ()
    assert winners(study(substudies=1), table)[Cell("t", "lion", 100)] == [0]


def test_rows_of_other_phases_tasks_and_budgets_do_not_count() -> None:
    strangers = [
        row(2, -1, phase="confirm"),
        row(2, -1, task="elsewhere"),
        row(2, -1, optimizer="elsewhere"),
        row(2, -1, budget=50),
    ]
    found = elections(study(substudies=1), [*rows([0, 5, 7]), *strangers])
    assert list(found) == [CELL]
    assert found[CELL].winners == (1,)


def test_without_a_budget_in_the_study_each_budget_is_a_cell() -> None:
    table = [*rows([0, 5, 7]), *rows([0, 7, 5], budget=50)]
    found = elections(study(substudies=1, budget=None), table)
    assert [(c.budget, e.winners) for c, e in found.items()] == [(50, (2,)), (100, (1,))]


def test_of_a_run_that_stands_twice_the_later_row_counts() -> None:
    found = elections(study(substudies=1), [*rows([0, 5, 7]), row(2, 1)])
    assert found[CELL].winners == (2,)


def test_cells_come_in_the_order_of_the_study() -> None:
    two = study(task=("b", "a"), optimizer=("lion", "adam"))
    table = [row(1, 1, task=t, optimizer=o) for t in ("a", "b") for o in ("adam", "lion")]
    assert [(c.task, c.optimizer) for c in elections(two, table)] == [
        ("b", "lion"),
        ("b", "adam"),
        ("a", "lion"),
        ("a", "adam"),
    ]


def test_no_rows_no_winners() -> None:
    assert winners(study(), []) == {}


SCORES = st.lists(st.sampled_from([0.0, 1.0, 1.5, 2.0, INF]), min_size=1, max_size=14)


@given(SCORES, st.integers(1, 6))
def test_winners_are_the_lowest_of_disjoint_parts_that_cover_everything(
    scores: list[float], substudies: int
) -> None:
    by_config = dict(enumerate(scores, start=1))
    found = substudy_winners(by_config, len(scores), substudies)
    parts = min(substudies, len(scores))
    assert len(found) == parts
    for k, winner in enumerate(found):
        part = [c for c in by_config if (c - 1) % parts == k]
        finite = [c for c in part if math.isfinite(by_config[c])]
        assert winner == (min(finite, key=lambda c: (by_config[c], c)) if finite else None)


@given(SCORES, st.integers(1, 6))
def test_one_of_the_winners_is_the_lowest_of_all(scores: list[float], substudies: int) -> None:
    by_config = dict(enumerate(scores, start=1))
    found = [c for c in substudy_winners(by_config, len(scores), substudies) if c is not None]
    assert min((by_config[c] for c in found), default=INF) == min(scores)


@given(st.sets(st.integers(0, 12)))
def test_complete_counts_the_gapless_prefix(configs: set[int]) -> None:
    n = complete_trials(dict.fromkeys(configs, 1.0))
    assert set(range(1, n + 1)) <= configs
    assert n + 1 not in configs


@given(st.lists(st.integers(0, 9)))
def test_the_common_n_is_the_smallest_that_has_started(complete: list[int]) -> None:
    n = common_trials(complete)
    started = [c for c in complete if c > 0]
    assert n == (min(started) if started else 0)


@given(SCORES, st.integers(1, 5), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(
    scores: list[float], substudies: int, random: Any
) -> None:
    table = rows([0.0, *scores])
    shuffled = random.sample(table, len(table))
    one = study(substudies=substudies)
    assert elections(one, table) == elections(one, shuffled)
