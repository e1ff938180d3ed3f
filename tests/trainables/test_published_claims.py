"""The published numbers come out of the published form, over all published seeds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from flowadam.errors import InputError
from trainables import published
from trainables.completion.collaborative import movielens_sample
from trainables.published import cifar, jester_tuned
from trainables.published.checks import checks

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


def test_the_grid_has_the_published_number_of_rates() -> None:
    assert len(jester_tuned.GRID) == 34


@pytest.mark.parametrize("name", ["adam", "adamw", "flowadam"])
def test_tuned_contenders_take_the_lowest_of_the_grid(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few ratings in the place of Jester's, thirty steps, every rate of the grid by hand."""
    cells = movielens_sample().tiny().cells
    ratings = (cells.rows, cells.cols, cells.values)
    monkeypatch.setattr(jester_tuned.datasets, "ratings", lambda _: ratings)
    short = {n: replace(s, steps=30) for n, s in jester_tuned.SCENARIOS.items()}
    monkeypatch.setattr(jester_tuned, "SCENARIOS", short)
    monkeypatch.setattr(jester_tuned, "chosen", jester_tuned.chosen.__wrapped__)
    values = {
        contender: short["jester_grid"].run(contender, 42).value
        for contender in jester_tuned.GRID
        if contender.startswith(f"{name},")
    }
    best = min(values, key=lambda contender: values[contender])
    assert jester_tuned.chosen(name) == best
    tuned, one = short["jester_tuned"], jester_tuned.GRID[best]
    plain = replace(tuned, contenders={name: one})
    assert tuned.run(name, 123).value == plain.run(name, 123).value
    assert tuned.contenders[name].penalty == one.penalty


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
