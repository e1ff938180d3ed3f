"""A character transformer that is trained once and kept."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from flowadam.datasets.folder import cache_folder
from flowadam.durable import sync
from flowadam.errors import InputError
from flowadam.space import digest
from trainables.language.char_transformer import CharTransformer
from trainables.language.model_folder import CONFIG, WEIGHTS, ModelConfig, read_config
from trainables.language.transformer import Transformer

RATE = 5e-3
KEPT_FROM = 100
"""Steps from which a result is written to the disk: shorter ones are quicker done again."""
OVERHEAD = 10_000_000
"""Bytes that a file of weights may have beyond eight for each."""


@dataclass(frozen=True, eq=False)
class Model:
    """A trained transformer: its configuration and its weights by name, float32 on the CPU."""

    config: ModelConfig
    weights: Mapping[str, Tensor]


@lru_cache(maxsize=4)
def pretrained(task: CharTransformer, steps: int) -> Model:
    """Return the network of `task` after `steps` steps of Adam with seed 0.

    The rate falls from .005 to 0 by a half cosine. Up to the rounding of the machine, the result
    is a function of (task, steps). It is kept in the user's cache under the hash of both, written
    whole or not at all; where that cannot be written, every process says so and trains its own.
    """
    folder = cache_folder() / "models" / f"{task.name}-{recipe_hash(task, steps)}"
    if model := _kept(folder):
        return model
    model = _train(task, steps)
    if steps >= KEPT_FROM:
        _keep(model, folder)
    return model


def _kept(folder: Path) -> Model | None:
    """Return what the folder holds; a damaged one is removed, as it can be made again."""
    if not folder.exists():
        return None
    try:
        return load(folder)
    except InputError as error:
        print(f"{error} It is trained again.", file=sys.stderr)
        shutil.rmtree(folder, ignore_errors=True)
        return None


def _keep(model: Model, folder: Path) -> None:
    try:
        save(model, folder)
    except OSError as error:
        print(
            f"The trained model cannot be kept in {folder.parent} ({error.strerror}), so that "
            "every process trains its own. XDG_CACHE_HOME names another cache.",
            file=sys.stderr,
        )


def recipe_hash(task: CharTransformer, steps: int) -> str:
    """Return the hash of everything that fixes the result of `pretrained`."""
    return digest(["adam", RATE, "cosine", steps, task.fingerprint()])


def _train(task: CharTransformer, steps: int) -> Model:
    problem = task.make([0])
    optimizer = torch.optim.Adam(problem.params, lr=RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(steps, 1))
    for k in range(steps):
        problem.begin_step(k)
        optimizer.step(lambda: problem.closure().sum())
        schedule.step()
    config = task.config()
    names = (name for name, _ in skeleton(config).named_parameters())
    weights = dict(zip(names, (p.detach()[0].clone() for p in problem.params), strict=True))
    return Model(config, weights)


def skeleton(config: ModelConfig) -> Transformer:
    """Return the network without numbers."""
    with torch.device("meta"):
        return Transformer(config.sizes)


def save(model: Model, folder: Path) -> None:
    """Write a model folder under a temporary name and rename it; one that exists stays.

    Raises:
        OSError: the disk refused; nothing is left behind.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=folder.parent))
    try:
        (temporary / CONFIG).write_text(model.config.to_json(), encoding="utf-8")
        torch.save(dict(model.weights), temporary / WEIGHTS)
        for name in (CONFIG, WEIGHTS):
            sync(temporary / name)
        _rename(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _rename(temporary: Path, folder: Path) -> None:
    """Give a folder its name, unless another process was quicker."""
    try:
        temporary.rename(folder)
    except OSError:
        if not folder.exists():
            raise


def load(folder: Path) -> Model:
    """Read a model folder; see ``language.model_folder``.

    Raises:
        InputError: a file is missing or damaged, or the weights are not those of the sizes, or not
            finite.
    """
    config = read_config(folder)
    _require_size(folder / WEIGHTS, config.sizes.parameters)
    try:
        weights = torch.load(folder / WEIGHTS, map_location="cpu", weights_only=True)
        shapes = {name: tuple(w.shape) for name, w in weights.items()}
    except Exception as error:  # torch's reader raises whatever a foreign file leads it to
        # Its own words are left out: they advise to load what is not trusted.
        raise InputError(
            f"{folder / WEIGHTS} must be a dictionary of tensors, saved by torch.save; it is "
            "damaged or holds something else, which is not loaded."
        ) from error
    expected = {name: tuple(p.shape) for name, p in skeleton(config).named_parameters()}
    wrong = sorted(n for n in expected | shapes if expected.get(n) != shapes.get(n))
    if wrong:
        name = wrong[0]
        raise InputError(
            f"The weights in {folder} must be those that {CONFIG} describes: {name} must have "
            f"shape {expected.get(name)}, got {shapes.get(name)}."
        )
    for name in expected:
        if not weights[name].isfinite().all():
            raise InputError(f"Weights must be finite numbers, {name} in {folder} has others.")
    return Model(config, {name: weights[name].float() for name in expected})


def _require_size(path: Path, parameters: int) -> None:
    """Refuse a file that no weights of this number make, before it is read into the memory."""
    if (size := path.stat().st_size) > 8 * parameters + OVERHEAD:
        raise InputError(f"{parameters:,} weights do not take {size:,} bytes, as {path} has.")
