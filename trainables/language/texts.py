"""Texts as sequences of characters, cut into three contiguous parts."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from flowadam.seeds import derive
from flowadam.task import Split

Codes = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class TextParts:
    """A text as codes: character c is its place in the sorted `alphabet`.

    The alphabet has the characters of the training part; one more code, the last, stands for every
    other character.
    """

    alphabet: str
    train: Codes
    val: Codes
    test: Codes

    @property
    def symbols(self) -> int:
        """Number of codes."""
        return len(self.alphabet) + 1

    def part(self, split: Split) -> Codes:
        return self.val if split == "val" else self.test


@lru_cache(maxsize=4)
def cut(text: str, name: str, data_seed: int, alphabet: str | None = None) -> TextParts:
    """Return training (90 %), validation and test part (5 % each), contiguous and disjoint.

    The text is closed to a ring, and the parts follow one another from a place that
    ``default_rng(derive("data", name, data_seed))`` draws.

    Args:
        alphabet: sorted characters of a model that exists already; by default those of the
            training part.
    """
    start = int(np.random.default_rng(derive("data", name, data_seed)).integers(len(text)))
    turned = text[start:] + text[:start]
    held_out = len(text) // 20
    ends = len(text) - 2 * held_out, len(text) - held_out
    alphabet = "".join(sorted(set(turned[: ends[0]]))) if alphabet is None else alphabet
    codes = encode(turned, alphabet)
    return TextParts(alphabet, codes[: ends[0]], codes[ends[0] : ends[1]], codes[ends[1] :])


def encode(text: str, alphabet: str) -> Codes:
    """Return the place of each character in the sorted `alphabet`, its length where absent."""
    known = np.array([ord(c) for c in alphabet])
    points = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32).astype(np.int64)
    places = np.minimum(np.searchsorted(known, points), len(known) - 1)
    return np.where(known[places] == points, places, len(known))


def hash_text(text: str) -> str:
    """Return 16 hex digits of the SHA-256 of the text in UTF-8."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def frequency_baselines(parts: TextParts, split: Split) -> dict[str, float]:
    """Return the log loss per character, in nats, of three predictors without a network.

    "uniform": all codes alike; "unigram": training frequencies; "bigram": training frequencies
    after the character before. Every count is one more than seen. All three predict each character
    of the part but the first.
    """
    codes, n = parts.part(split), parts.symbols
    pairs = np.bincount(parts.train[:-1] * n + parts.train[1:], minlength=n * n).reshape(n, n) + 1.0
    single = np.bincount(parts.train, minlength=n) + 1.0
    bigram = np.log(pairs / pairs.sum(1, keepdims=True))[codes[:-1], codes[1:]]
    unigram = np.log(single / single.sum())[codes[1:]]
    return {
        "uniform": float(np.log(n)),
        "unigram": float(-unigram.mean()),
        "bigram": float(-bigram.mean()),
    }
