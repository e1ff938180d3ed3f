"""Tuning: where it starts, what it trains, and the model that is kept on the disk."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch

import trainables
from flowadam.errors import InputError
from trainables.language import pretraining
from trainables.language.char_finetuning import CharFinetuning, char_finetuning
from trainables.language.char_transformer import CharTransformer
from trainables.language.model_folder import CONFIG, KIND, WEIGHTS, read_config
from trainables.language.transformer import Transformer

TINY = CharFinetuning().tiny()
SOURCE = CharTransformer().tiny()


@pytest.fixture(autouse=True)
def kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty cache of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    pretraining.pretrained.cache_clear()
    return tmp_path / "cache" / "flowadam" / "models"


def untuned_loss(task: CharFinetuning) -> torch.Tensor:
    """Return the loss of the model before the tuning on the first batch of seed 0, by hand."""
    model = Transformer(task.config().sizes).double()
    model.load_state_dict(dict(task.trained().weights))
    problem = task.make([0], dtype="float64")
    full = replace(task, method="full").make([0], dtype="float64")
    with torch.no_grad():
        for p, q in zip(full.params, model.parameters(), strict=True):
            p.copy_(q[None])
    problem.begin_step(0)
    return full.closure()[0]


@pytest.mark.parametrize("method", ["full", "low_rank"])
def test_the_start_is_the_trained_model(method: Any) -> None:
    task = replace(TINY, method=method)
    problem = task.make([0, 1], dtype="float64")
    torch.testing.assert_close(problem.closure()[0], untuned_loss(task), rtol=1e-12, atol=0)
    scores = problem.evaluate("val")["nll"]
    assert scores[0] == scores[1]
    assert float(scores[0]) == pytest.approx(task.trivial("val")["untuned model"], rel=1e-6)


def test_low_rank_trains_a_product_for_each_matrix() -> None:
    problem = TINY.make([0, 1])
    shapes = [tuple(p.shape[1:]) for p in problem.params]
    assert shapes == [(2, 4), (2, 4), (2, 4), (2, 16), (12, 2), (4, 2), (16, 2), (4, 2)]
    assert all(p.abs().max() == 0 for p in problem.params[4:])
    assert all(not torch.equal(p[0], p[1]) for p in problem.params[:4])


def test_low_rank_is_full_tuning_of_the_changed_weights() -> None:
    """The loss at A, B is that of the whole model with W + B A in its place."""
    low, full = (replace(TINY, method=m).make([0], dtype="float64") for m in ("low_rank", "full"))
    names = list(TINY.trained().weights)
    wanted = ("attention.mix.weight", "attention.out.weight", "up.weight", "down.weight")
    places = [i for i, name in enumerate(names) if name.endswith(wanted)]
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in low.params[4:]:
            p.add_(torch.randn(p.shape, generator=generator, dtype=p.dtype))
        for place, a, b in zip(places, low.params[:4], low.params[4:], strict=True):
            full.params[place].add_(b @ a)
    torch.testing.assert_close(low.closure(), full.closure(), rtol=1e-12, atol=0)
    assert not torch.allclose(low.closure(), untuned_loss(TINY), rtol=1e-3)


def test_the_penalty_acts_on_what_is_trained() -> None:
    plain, penalized = (TINY.make([0], penalty=w, dtype="float64") for w in (0.0, 0.5))
    squares = sum(p.detach().square().sum() for p in plain.params)
    torch.testing.assert_close((penalized.closure() - plain.closure())[0], 0.5 * squares)


def test_a_model_is_trained_once_and_kept(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretraining, "KEPT_FROM", 2)
    first = pretraining.pretrained(SOURCE, 3)
    (folder,) = kept.iterdir()
    assert sorted(path.name for path in folder.iterdir()) == [CONFIG, WEIGHTS]
    pretraining.pretrained.cache_clear()
    monkeypatch.setattr(pretraining, "_train", lambda *_: pytest.fail("trained twice"))
    again = pretraining.pretrained(SOURCE, 3)
    assert again.config == first.config
    assert list(again.weights) == list(first.weights)
    assert all(torch.equal(w, first.weights[name]) for name, w in again.weights.items())


def test_a_damaged_model_is_trained_again(
    kept: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pretraining, "KEPT_FROM", 2)
    first = pretraining.pretrained(SOURCE, 3)
    (folder,) = kept.iterdir()
    (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:100])
    pretraining.pretrained.cache_clear()
    again = pretraining.pretrained(SOURCE, 3)
    assert "It is trained again." in capsys.readouterr().err
    assert all(torch.equal(w, again.weights[name]) for name, w in first.weights.items())
    assert pretraining.load(folder).config == first.config


def test_training_is_a_function_of_the_recipe() -> None:
    first = pretraining.pretrained(SOURCE, 3)
    pretraining.pretrained.cache_clear()
    torch.rand(1)
    again = pretraining.pretrained(SOURCE, 3)
    assert all(torch.equal(w, again.weights[name]) for name, w in first.weights.items())
    recipes = [(SOURCE, 3), (SOURCE, 4), (replace(SOURCE, width=2), 3)]
    assert len({pretraining.recipe_hash(*recipe) for recipe in recipes}) == 3


def test_short_training_leaves_nothing_on_the_disk(kept: Path) -> None:
    TINY.make([0])
    assert not kept.exists()


def test_a_folder_that_cannot_be_written(
    kept: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kept.parent.parent.mkdir()
    kept.parent.write_text("a file where the cache should be")
    monkeypatch.setattr(pretraining, "KEPT_FROM", 2)
    assert pretraining.pretrained(SOURCE, 3).weights
    assert f"cannot be kept in {kept}" in capsys.readouterr().err


def test_saving_never_leaves_half_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = pretraining.pretrained(SOURCE, 3)
    with monkeypatch.context() as patch:
        patch.setattr(pretraining, "sync", lambda path: (_ for _ in ()).throw(OSError("full")))
        with pytest.raises(OSError, match="full"):
            pretraining.save(model, tmp_path / "out" / "model")
    assert list((tmp_path / "out").iterdir()) == []
    for _ in range(2):
        pretraining.save(model, tmp_path / "out" / "model")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["model"]


def test_the_users_model(tmp_path: Path) -> None:
    model = pretraining.pretrained(SOURCE, 3)
    pretraining.save(model, tmp_path / "mine")
    task = replace(char_finetuning(model=tmp_path / "mine"), batch=2, rank=2, characters=2000)
    ours = TINY.make([0], dtype="float64")
    assert torch.equal(task.make([0], dtype="float64").closure(), ours.closure())
    before = task.fingerprint()
    shutil.copytree(tmp_path / "mine", tmp_path / "copy")
    assert replace(task, model=str(tmp_path / "copy")).fingerprint() == before
    weights = {name: w + 1 for name, w in model.weights.items()}
    torch.save(weights, tmp_path / "mine" / WEIGHTS)
    assert task.fingerprint() != before


GOOD = {"kind": KIND, "alphabet": "ab", "context": 4, "width": 4, "heads": 2, "layers": 1}


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({**GOOD, "kind": "gpt2"}, "its kind is 'gpt2'"),
        ({**GOOD, "alphabet": "ba"}, "sorted characters, each once"),
        ({**GOOD, "width": "4"}, "width must be a whole number from 1 to 4,096, got '4'"),
        ({**GOOD, "layers": 10**9}, "layers must be a whole number from 1 to 100, got 1000000000"),
        ({**GOOD, "context": 10**9}, "context must be a whole number from 1 to 4,096"),
        ({**GOOD, "heads": 3}, "the width 4 is no multiple of the 3 heads"),
        ({"kind": KIND, "alphabet": "ab"}, "'context'"),
        ([1, 2], "does not describe"),
    ],
)
def test_configurations_that_are_refused(tmp_path: Path, config: object, sentence: str) -> None:
    (tmp_path / CONFIG).write_text(json.dumps(config))
    (tmp_path / WEIGHTS).write_bytes(b"")
    with pytest.raises(InputError, match=sentence):
        read_config(tmp_path)


@dataclass
class Trap:
    """Makes a folder when it is unpickled."""

    path: Path

    def __reduce__(self) -> tuple[Any, tuple[Path]]:
        return os.mkdir, (self.path,)


def test_weights_that_are_refused(tmp_path: Path) -> None:
    model = pretraining.pretrained(SOURCE, 3)
    folder = tmp_path / "mine"
    with pytest.raises(InputError, match=r"has the files config.json and weights.pt; .* has no"):
        char_finetuning(model=folder)
    pretraining.save(model, folder)
    whole = (folder / WEIGHTS).read_bytes()
    weights = dict(model.weights)
    torch.save({**weights, "head.bias": weights["head.bias"][:-1]}, folder / WEIGHTS)
    with pytest.raises(InputError, match=r"head\.bias must have shape"):
        pretraining.load(folder)
    torch.save({**weights, "head.bias": Trap(tmp_path / "trap")}, folder / WEIGHTS)
    with pytest.raises(InputError, match="must be a dictionary of tensors"):
        pretraining.load(folder)
    assert not (tmp_path / "trap").exists()
    for content in (whole[:1000], b"", b"text"):
        (folder / WEIGHTS).write_bytes(content)
        with pytest.raises(InputError, match="must be a dictionary of tensors"):
            pretraining.load(folder)


def test_a_model_is_read_when_the_task_is_made(tmp_path: Path) -> None:
    """No run begins with weights that are damaged, not finite, of a pipe, or far too large."""
    model, folder = pretraining.pretrained(SOURCE, 3), tmp_path / "mine"
    pretraining.save(model, folder)
    assert char_finetuning(model=folder).trained().config == model.config
    weights = dict(model.weights)
    torch.save({**weights, "head.bias": weights["head.bias"] * torch.nan}, folder / WEIGHTS)
    with pytest.raises(InputError, match=r"finite numbers, head\.bias in .* has others"):
        char_finetuning(model=folder)
    (folder / WEIGHTS).write_bytes(b"text")
    with pytest.raises(InputError, match="must be a dictionary of tensors"):
        char_finetuning(model=folder)
    with (folder / WEIGHTS).open("wb") as file:
        file.truncate(10**9)
    with pytest.raises(InputError, match=r"weights do not take 1,000,000,000 bytes"):
        char_finetuning(model=folder)
    (folder / WEIGHTS).unlink()
    os.mkfifo(folder / WEIGHTS)
    with pytest.raises(InputError, match=r"has no file weights\.pt"):
        char_finetuning(model=folder)


def test_sizes_that_would_never_end_are_refused(tmp_path: Path) -> None:
    (tmp_path / WEIGHTS).write_bytes(b"")
    said = {**GOOD, "context": 4096, "width": 4096, "layers": 100}
    (tmp_path / CONFIG).write_text(json.dumps(said))
    with pytest.raises(InputError, match=r"at most 100,000,000 parameters, .* make 20,"):
        char_finetuning(model=tmp_path)
    (tmp_path / CONFIG).write_text(json.dumps({**GOOD, "context": 4096}))
    with pytest.raises(InputError, match="numbers for its gradient; 16 windows of `context` 4,096"):
        char_finetuning(model=tmp_path)


def test_the_number_of_parameters_is_the_networks() -> None:
    sizes = SOURCE.config().sizes
    assert sizes.parameters == sum(p.numel() for p in Transformer(sizes).parameters())


def final_nll(task: CharFinetuning, rate: float, gradients: int) -> float:
    problem = task.make([0], test_unlocked=True)
    optimizer = torch.optim.Adam(problem.params, lr=rate)
    for k in range(gradients):
        problem.begin_step(k)
        optimizer.step(lambda: problem.closure().sum())
    return float(problem.evaluate("test")["nll"][0])


def test_tuning_beats_the_model_and_every_frequency() -> None:
    """150 steps of training before, 150 gradients of full tuning, 16 characters at once."""
    source = CharTransformer(context=16)
    task = replace(CharFinetuning(), source=source, method="full", steps=150)
    assert final_nll(task, 0.01, 150) < 0.95 * min(task.trivial("test").values())


@pytest.mark.slow
@pytest.mark.parametrize(("method", "level"), [("low_rank", 1.9), ("full", 1.65)])
def test_default_tuning(method: str, level: float) -> None:
    """500 gradients; bigrams are at 2.64, the model before the tuning at 2.4."""
    task = trainables.get("char_finetuning", method=method)
    assert isinstance(task, CharFinetuning)
    assert final_nll(task, 0.01 if method == "low_rank" else 0.001, 500) < level
