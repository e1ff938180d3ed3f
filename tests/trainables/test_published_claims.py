"""The published numbers come out of the published form, over all published seeds."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from flowadam.errors import InputError
from trainables import published
from trainables.published import cifar
from trainables.published.checks import checks
from trainables.published.jester_tuned import CHOSEN, GRID
from trainables.published.record import read

RECORD = Path(__file__).parents[2] / "studies" / "published" / "published.parquet"

# Chaotic in every form that the scripts leave open: see the scenario's module.
NOT_MET = {("ablation_injection", "hard", "flow steps")}


@pytest.mark.slow
@pytest.mark.parametrize("name", published.names())
def test_claims_come_out(name: str) -> None:
    one = published.get(name)
    if not (one.claims or one.flow_steps or one.spread or one.margins):
        pytest.skip(f"nothing is claimed of {name}")
    runs = [one.run(contender, seed) for contender in one.contenders for seed in one.seeds]
    found = [check for check in checks(one, runs) if check.claim]
    assert found
    missed = [c for c in found if not c.holds and (name, c.contender, c.quantity) not in NOT_MET]
    assert not missed


def test_matrix_completion_comes_out_on_one_seed() -> None:
    """Adam and AdamW on seed 42, within three of the authors' deviations of their means."""
    one = published.get("matrix_completion_small")
    for contender in ("adam", "adamw"):
        value, claim = one.run(contender, 42).value, one.claims[contender]
        assert abs(value - claim.mean) < 3 * claim.tolerance


def test_chosen_rates_are_the_lowest_of_the_recorded_grid() -> None:
    runs = [run for run in read(RECORD) if run.scenario == "jester_grid"]
    if not runs:
        pytest.skip("the record has no runs of jester_grid: see `flowadam published jester_grid`")
    assert {run.contender for run in runs} == set(GRID)
    for name, chosen in CHOSEN.items():
        mine = [r for r in runs if r.contender.startswith(f"{name},") and not math.isnan(r.value)]
        assert min(mine, key=lambda run: run.value).contender == f"{name}, {chosen}"


def test_the_grid_and_the_tuned_contenders() -> None:
    """34 runs of tuning; tuned ones are of the grid."""
    assert len(GRID) == 34
    tuned = published.get("jester_tuned").contenders
    assert all(tuned[name] is GRID[f"{name}, {chosen}"] for name, chosen in CHOSEN.items())


def pictures(train: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    sizes = {"train": train, "test": 10}
    images = {f"x_{p}": rng.integers(0, 256, (n, 3, 32, 32), np.uint8) for p, n in sizes.items()}
    return images | {f"y_{p}": rng.integers(0, 10, n).astype(np.uint8) for p, n in sizes.items()}


def test_cifar10_needs_all_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cifar.datasets, "images", lambda: pictures(8))
    with pytest.raises(InputError, match=r"needs the whole of CIFAR-10, 50,000 .* 8 are here"):
        published.get("cifar10_resnet18").run("adam", 0)


@pytest.mark.parametrize("contender", ["adam", "flowadam"])
def test_cifar10_makes_a_step_and_reads_the_accuracy(
    contender: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight images in the place of 50,000, a narrow network, three steps."""
    monkeypatch.setattr(cifar, "WHOLE", 8)
    monkeypatch.setattr(cifar, "WIDTHS", (4, 4))
    monkeypatch.setattr(cifar.datasets, "images", lambda: pictures(8))
    one = published.get("cifar10_resnet18")
    assert one.steps == 19_500
    kept = {name: replace(c, steps=3) for name, c in one.contenders.items()}
    run = replace(one, contenders=kept).run(contender, 0)
    assert run.gradients >= 3
    assert run.value in [pytest.approx(10 * k) for k in range(11)]
