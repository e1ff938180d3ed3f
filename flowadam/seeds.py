"""Seed streams: one root, named axes, no collisions."""

from __future__ import annotations

import hashlib

import numpy as np

Axis = str | int


def derive(*axes: Axis) -> int:
    """Return the 63-bit seed of the stream named by `axes`.

    The seed is the first word of ``numpy.random.SeedSequence`` over the SHA-256 of each axis, so
    streams with different names are independent and the order of calls never matters.

    Args:
        axes: names or numbers, for example ``(study_seed, "search", task, optimizer, index)``.
            ``1`` and ``"1"`` name different streams.
    """
    words = [_word(axis) for axis in axes]
    return int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0] >> 1)


def _word(axis: Axis) -> int:
    text = f"{type(axis).__name__}:{axis}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "big")
