"""MovieLens-100K: 943 people rate 1,682 films."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from flowadam.datasets.archives import zip_members
from flowadam.datasets.base import MEGA, Arrays, DataSet, File, Source
from flowadam.datasets.content import RatingsFacts, require

MEMBERS = ["u.data", *(f"u{k}.test" for k in range(1, 6)), "ua.test", "ub.test"]
_LINES = re.compile(rb"(?:\d+\t\d+\t\d+\t\d+\r?\n)+")

FACTS = RatingsFacts(
    columns={
        "user": "int32",
        "item": "int16",
        "rating": "int8",
        "timestamp": "int32",
        "fold": "int8",
        "ua_test": "bool",
        "ub_test": "bool",
    },
    users=943,
    items=1_682,
    ratings=100_000,
    first=1,
    lowest=1.0,
    highest=5.0,
    fewest=20,
    most=737,
    sha256="ed83708502feb9c8403d83921015682fa7cc88ab92df270a99bf3eba2df63c1c",
)


def convert(files: Mapping[str, Path]) -> Arrays:
    """Return the lines of ``u.data`` in their order, with the published splits as columns.

    ``fold`` is k where the line stands in ``uk.test``; the five files share out all lines.

    Raises:
        ValueError: the archive or a member is not of this form; a rating is given twice; a split
            names a rating that is not there; a line is in no fold or in two.
    """
    names = [f"ml-100k/{name}" for name in MEMBERS]
    texts = zip_members(files["archive"], names, most=16 * MEGA)
    lines, *splits = (_table(text, name) for text, name in zip(texts, MEMBERS, strict=True))
    user, item, rating, timestamp = lines.T
    marks = [_mark(lines, split, name) for split, name in zip(splits, MEMBERS[1:], strict=True)]
    folds = np.array(marks[:5])
    require("folds of a rating", sorted({int(n) for n in folds.sum(axis=0)}), [1])
    return {
        "user": user.astype(np.int32),
        "item": item.astype(np.int16),
        "rating": rating.astype(np.int8),
        "timestamp": timestamp.astype(np.int32),
        "fold": (folds.argmax(axis=0) + 1).astype(np.int8),
        "ua_test": marks[5],
        "ub_test": marks[6],
    }


def _table(text: bytes, name: str) -> np.ndarray:
    """Return user, item, rating, timestamp [lines, 4] int64 of tab-separated lines."""
    if not _LINES.fullmatch(text):
        raise ValueError(f"{name} in it is no list of user, item, rating and timestamp")
    return np.loadtxt(io.BytesIO(text), dtype=np.int64, delimiter="\t", ndmin=2)


def _mark(lines: np.ndarray, split: np.ndarray, name: str) -> np.ndarray:
    """Return [lines] bool: True where the line's user and item stand in a split."""
    factor = int(lines[:, 1].max()) + 1
    all_pairs, pairs = (table[:, 0] * factor + table[:, 1] for table in (lines, split))
    require("distinct pairs of user and item", len(np.unique(all_pairs)), len(all_pairs))
    marked = np.isin(all_pairs, pairs)
    require(f"ratings of {name} in u.data", int(marked.sum()), len(pairs))
    return marked


ML100K = DataSet(
    name="ml100k",
    summary="943 people rate 1,682 films: 100,000 ratings from 1 to 5",
    statement="MovieLens-100K: 100,000 ratings of 1,682 films by 943 people.",
    terms=(
        "Research use, without commercial use unless permitted; no endorsement may be implied; "
        "publications acknowledge it by the reference below. The user may not redistribute the "
        "data without separate permission."
    ),
    short_terms="research use, cite; not to be passed on",
    reference=(
        "F. M. Harper, J. A. Konstan: The MovieLens Datasets: History and Context. "
        "ACM Transactions on Interactive Intelligent Systems 5(4):19, 2015."
    ),
    page="https://grouplens.org/datasets/movielens/100k/",
    files=(
        File(
            "archive",
            tuple(
                Source(
                    f"{scheme}://files.grouplens.org/datasets/movielens/ml-100k.zip",
                    "50d2a982c66986937beb9ffb3aa76efe955bf3d5c6b761f4e3a7cd717c6a3229",
                    4_924_029,
                )
                for scheme in ("https", "http")
            ),
            most=4_924_029,
        ),
    ),
    about=4_924_029,
    stored="ml100k.parquet",
    convert=convert,
    check=FACTS.check,
)
