"""Training on images: parts, augmentation, batches by (seed, step), scores by parameters alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import trainables
from flowadam.errors import InputError
from trainables.images.batch_norm import calibrated
from trainables.images.cifar10 import Cifar10CNN, cnn_sample, resnet18_sample
from trainables.images.image_problem import MEAN, SCALE, ImageProblem, shifted
from trainables.images.pictures import Pictures


def rows(pictures: Pictures) -> set[bytes]:
    return {image.tobytes() for image in pictures.x}


def parts(task: Cifar10CNN) -> Mapping[str, Pictures]:
    return task.data()


def test_the_validation_part_is_held_out_of_the_training_images() -> None:
    task = replace(cnn_sample(), images=60)
    data = parts(task)
    assert [len(data[name].y) for name in ("train", "val", "test")] == [54, 6, 40]
    train, val, test = (rows(data[name]) for name in ("train", "val", "test"))
    assert len(train | val | test) == 100
    other = parts(replace(task, data_seed=1))
    assert rows(other["train"]) | rows(other["val"]) == train | val
    assert rows(other["val"]) != val
    assert rows(other["test"]) == test


def test_without_the_data_set_listings_work_and_runs_do_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FLOWADAM_DATA", str(tmp_path))
    task = trainables.get("cifar10_cnn", images=50)
    assert task.summary
    with pytest.raises(InputError, match="flowadam data get"):
        task.make([0])


def test_trivial_baselines_by_hand() -> None:
    task = cnn_sample()
    data = parts(task)
    counts = 1 + np.bincount(data["train"].y, minlength=10)
    expected = -np.mean([math.log(counts[c] / counts.sum()) for c in data["test"].y])
    assert task.trivial("test") == pytest.approx(
        {"uniform": math.log(10), "class frequencies": expected}
    )


def test_every_shift_is_a_window_of_the_padded_image() -> None:
    """Each result is among the 81 windows and their mirror images; all 162 come up."""
    image = torch.arange(1, 76, dtype=torch.uint8).view(1, 3, 5, 5)
    padded = F.pad(image, [4] * 4)
    windows = [padded[0, :, i : i + 5, j : j + 5] for i in range(9) for j in range(9)]
    known = {w.numpy().tobytes() for win in windows for w in (win.contiguous(), win.flip(2))}
    found = shifted(image.expand(4000, -1, -1, -1), torch.Generator().manual_seed(0))
    assert found.dtype == torch.uint8
    seen = [one.contiguous().numpy().tobytes() for one in found]
    assert set(seen) == known
    untouched = sum(one == image[0].numpy().tobytes() for one in seen)
    assert abs(untouched - 4000 / 162) < 5 * math.sqrt(4000 / 162)


@pytest.mark.parametrize("make", [cnn_sample, resnet18_sample], ids=["cnn", "resnet18"])
def test_extra_closure_calls_and_scores_change_nothing(make: type[Cifar10CNN]) -> None:
    """Neither batch nor batch norm knows how often a closure was called within a step."""
    once, often = (make().tiny().make([0, 1]) for _ in range(2))
    for k in range(3):
        losses = []
        for problem, calls in ((once, 1), (often, 4)):
            problem.begin_step(k)
            for _ in range(calls):
                losses.append(problem.closure())
                if calls > 1:
                    problem.evaluate("val")
            with torch.no_grad():
                for p in problem.params:
                    assert p.grad is not None
                    p -= 0.1 * p.grad
        assert all(torch.equal(loss, losses[0]) for loss in losses)
        for a, b in zip(once.params, often.params, strict=True):
            assert torch.equal(a, b)
        assert torch.equal(once.evaluate("val")["nll"], often.evaluate("val")["nll"])


def test_batches_are_functions_of_seed_and_step() -> None:
    task = cnn_sample().tiny()
    problem, later = task.make([3, 4]), task.make([4])
    with torch.no_grad():
        for p, q in zip(problem.params, later.params, strict=True):
            p[0] = p[1]
            q[0] = p[1]
    losses = []
    for k in (0, 5, 0):
        problem.begin_step(k)
        losses.append(problem.closure())
    later.begin_step(5)
    assert torch.equal(losses[0], losses[2])
    assert not torch.equal(losses[0], losses[1])
    assert losses[1][1] == later.closure()[0]
    assert losses[1][0] != losses[1][1]


def test_an_epoch_sees_every_image_once() -> None:
    problem = cnn_sample().tiny().make([0])
    assert isinstance(problem, ImageProblem)
    seen = []
    for k in range(9):
        problem.begin_step(k)
        seen += problem.batch(0, 54, 6).tolist()
    assert sorted(seen) == list(range(54))


def test_scores_by_hand() -> None:
    """Normalized pixels, statistics of the first training images as they are."""
    task = replace(cnn_sample().tiny(), images=80)
    problem = task.make([0, 1], test_unlocked=True, dtype="float64")
    network = task.network().double()
    with torch.no_grad():
        for p, q in zip(network.parameters(), problem.params, strict=True):
            p.copy_(q[1])
    data = parts(task)
    mean, scale = (torch.tensor(v, dtype=torch.float64).view(3, 1, 1) for v in (MEAN, SCALE))
    train, test = (
        (torch.from_numpy(data[n].x).double() / 255 - mean) / scale for n in ("train", "test")
    )
    with torch.no_grad(), calibrated(network):
        network(train[: task.calibration])
        logs = network(test).log_softmax(1)
    y = torch.from_numpy(data["test"].y)
    scores = problem.evaluate("test")
    torch.testing.assert_close(scores["nll"][1], -logs[torch.arange(len(y)), y].mean())
    assert scores["error"][1] == (logs.argmax(1) != y).double().mean()
