"""Texts as sequences of characters, cut into three contiguous parts."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from flowadam.seeds import derive
from flowadam.task import SPLITS, Split

Codes = NDArray[np.int32]
Places = NDArray[np.int64]


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
    codes = np.full(sys.maxunicode + 1, len(alphabet), dtype=np.int32)
    codes[[ord(c) for c in alphabet]] = np.arange(len(alphabet))
    return codes[np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)]


def window_starts(count: int, context: int, most: int, seed: int) -> Places:
    """Return where the windows that are scored begin in a part of `count` characters, ascending.

    Windows of `context` characters follow one another; the last may be shorter. Where there are
    more than `most`, as many whole ones are drawn by ``default_rng(seed)`` without replacement.
    """
    starts = np.arange(0, count - 1, context)
    if len(starts) <= most:
        return starts
    whole = (count - 1) // context
    return context * np.sort(np.random.default_rng(seed).choice(whole, most, replace=False))


def scored_windows(
    parts: TextParts, context: int, most: tuple[int, int], name: str, data_seed: int
) -> dict[Split, Places]:
    """Return the `window_starts` of both held-out parts, a function of text, task and data seed.

    Args:
        most: windows of validation, which is read at every mark of a run, and of test, once.
    """
    splits: tuple[Split, ...] = SPLITS
    return {
        split: window_starts(
            len(parts.part(split)), context, count, derive("windows", name, data_seed, split)
        )
        for split, count in zip(splits, most, strict=True)
    }


def predicted(count: int, context: int, starts: Places) -> Places:
    """Return the places of the characters that windows predict: all of a window but its first,
    and the one after it."""
    places = (starts[:, None] + np.arange(1, context + 1)).ravel()
    return places[places < count]


def hash_text(text: str) -> str:
    """Return 16 hex digits of the SHA-256 of the text in UTF-8."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def frequency_baselines(parts: TextParts, split: Split, places: Places) -> dict[str, float]:
    """Return the log loss per character, in nats, of three predictors without a network.

    "uniform": all codes alike; "unigram": training frequencies; "bigram": training frequencies
    after the character before. Every count is one more than seen.

    Args:
        places: of the characters that are predicted, from 1.
    """
    from scipy.sparse import csr_array

    codes, train, n = parts.part(split), parts.train, parts.symbols
    before, after = codes[places - 1], codes[places]
    follow = csr_array((np.ones(len(train) - 1, np.int32), (train[:-1], train[1:])), shape=(n, n))
    pairs = np.asarray(follow[before, after]).ravel() + 1.0
    bigram = np.log(pairs / (follow.sum(1)[before] + n))
    single = np.bincount(train, minlength=n) + 1.0
    unigram = np.log(single / single.sum())[after]
    return {
        "uniform": float(np.log(n)),
        "unigram": float(-unigram.mean()),
        "bigram": float(-bigram.mean()),
    }
