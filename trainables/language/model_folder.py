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
from trainables.options import MOST_WIDTH, require_parameters

KIND = "flowadam character transformer"
CONFIG, WEIGHTS = "config.json", "weights.pt"
LIMITS = {"context": 4096, "width": MOST_WIDTH, "heads": MOST_WIDTH, "layers": 100}
"""The largest size of each kind."""
MOST_KEPT = 2**30
"""Numbers that a step keeps for its gradient; in float32 4 GiB."""


@dataclass(frozen=True)
class Sizes:
    """Sizes of a transformer.

    Args:
        symbols: number of codes.
        context: most codes that it sees at once, up to 4,096.
        width: entries of each position's vector, a multiple of `heads`, up to 4,096.
        heads: attention heads of a layer.
        layers: number of layers, up to 100.
    """

    symbols: int
    context: int
    width: int
    heads: int
    layers: int

    @property
    def parameters(self) -> int:
        """Number of weights of ``language.transformer.Transformer``."""
        ends = (2 * self.symbols + self.context + 2) * self.width + self.symbols
        return ends + self.layers * (12 * self.width + 13) * self.width

    def require_room(self, windows: int) -> None:
        """Raise InputError when the network, or a step over `windows` windows, is too large.

        A step keeps, for each place of a window, about sixteen times the width and three rows of
        attention a head in every layer, and the scores.
        """
        made = f"`width` {self.width:,}, `layers` {self.layers:,}, alphabet {self.symbols:,}"
        require_parameters(self.parameters, made)
        layer = 16 * self.width + 3 * self.heads * self.context
        kept = windows * self.context * (self.layers * layer + 2 * self.symbols)
        if kept > MOST_KEPT:
            raise InputError(
                f"A step may keep at most {MOST_KEPT:,} numbers for its gradient; {windows:,} "
                f"windows of `context` {self.context:,}, {made} keep about {kept:,}."
            )


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
                f"A model folder has the files {CONFIG} and {WEIGHTS}; {folder} has no file {name}."
            )
    try:
        said = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        if not isinstance(said, dict):
            raise ValueError("it must be an object of names and values")
        return _config(said)
    except (ValueError, KeyError, TypeError, OSError, RecursionError) as error:
        raise InputError(f"{folder / CONFIG} does not describe a '{KIND}': {error}.") from None


def hash_folder(folder: Path) -> str:
    """Return 16 hex digits of the SHA-256 of both files."""
    content = b"".join((folder / name).read_bytes() for name in (CONFIG, WEIGHTS))
    return hashlib.sha256(content).hexdigest()[:16]


def _config(said: Any) -> ModelConfig:
    if said.get("kind") != KIND:
        raise ValueError(f"its kind is {said.get('kind')!r}")
    alphabet = said["alphabet"]
    if not isinstance(alphabet, str) or not alphabet or list(alphabet) != sorted(set(alphabet)):
        raise ValueError("the alphabet must be a text of sorted characters, each once")
    context, width, heads, layers = (
        _size(said, n) for n in ("context", "width", "heads", "layers")
    )
    if width % heads:
        raise ValueError(f"the width {width} is no multiple of the {heads} heads")
    return ModelConfig(alphabet, Sizes(len(alphabet) + 1, context, width, heads, layers))


def _size(said: Any, name: str) -> int:
    value = said[name]
    if type(value) is not int or not 1 <= value <= LIMITS[name]:
        most = LIMITS[name]
        raise ValueError(f"{name} must be a whole number from 1 to {most:,}, got {value!r}")
    return value
