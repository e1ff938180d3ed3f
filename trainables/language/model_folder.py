"""Saved character transformers: a folder with ``config.json`` and ``weights.pt``.

``config.json`` holds ``{"kind": "flowadam character transformer", "alphabet", "context", "width",
"heads", "layers"}``: the sorted characters that the model knows (one more code, the last, stands
for every other) and the sizes. ``weights.pt`` is what ``torch.save(model.state_dict())`` writes for
``language.transformer.Transformer``; it is read with ``weights_only=True``, so that a foreign
file runs no code. Models of the transformers package are not read: it is no dependency.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from flowadam.errors import InputError

KIND = "flowadam character transformer"
CONFIG, WEIGHTS = "config.json", "weights.pt"


@dataclass(frozen=True)
class Sizes:
    """Sizes of a transformer.

    Args:
        symbols: number of codes.
        context: most codes that it sees at once.
        width: entries of each position's vector, a multiple of `heads`.
        heads: attention heads of a layer.
        layers: number of layers.
    """

    symbols: int
    context: int
    width: int
    heads: int
    layers: int


@dataclass(frozen=True)
class ModelConfig:
    """What ``config.json`` says."""

    alphabet: str
    sizes: Sizes

    def to_json(self) -> str:
        sizes = {name: size for name, size in asdict(self.sizes).items() if name != "symbols"}
        return json.dumps({"kind": KIND, "alphabet": self.alphabet, **sizes}, indent=1)


def read_config(folder: Path) -> ModelConfig:
    """Return the configuration of a saved model.

    Raises:
        InputError: a file is missing, or the configuration breaks the rule above.
    """
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise InputError(
                f"A model folder has the files {CONFIG} and {WEIGHTS}; {folder} has no {name}."
            )
    try:
        said = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        if not isinstance(said, dict):
            raise ValueError("it must be an object of names and values")
        return _config(said)
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder / CONFIG} does not describe a '{KIND}': {error}.") from None


def hash_folder(folder: Path) -> str:
    """Return 16 hex digits of the SHA-256 of both files."""
    content = b"".join((folder / name).read_bytes() for name in (CONFIG, WEIGHTS))
    return hashlib.sha256(content).hexdigest()[:16]


def _config(said: Any) -> ModelConfig:
    if said["kind"] != KIND:
        raise ValueError(f"its kind is {said['kind']!r}")
    alphabet = said["alphabet"]
    if not alphabet or list(alphabet) != sorted(set(alphabet)):
        raise ValueError("the alphabet must be sorted characters, each once")
    context, width, heads, layers = (
        _size(said, n) for n in ("context", "width", "heads", "layers")
    )
    if width % heads:
        raise ValueError(f"the width {width} is no multiple of the {heads} heads")
    return ModelConfig(alphabet, Sizes(len(alphabet) + 1, context, width, heads, layers))


def _size(said: Any, name: str) -> int:
    value = said[name]
    if type(value) is not int or value < 1:
        raise ValueError(f"{name} must be a whole number of at least 1, got {value!r}")
    return value
