"""Jester data set 1, part 1: 100 jokes rated by 24,983 people."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from flowadam.datasets.archives import zip_members
from flowadam.datasets.base import MEGA, Arrays, DataSet, File, Source
from flowadam.datasets.content import RatingsFacts, require

MISSING = 99.0
MEMBER = "jester-data-1.xls"
SHA256 = "cb7841756ded125b15f3d95c9f8241224065e96354c132a46ae4214deeab7615"
_OWNER = "eigentaste.berkeley.edu/dataset"
_FILE = "jester_dataset_1_1.zip"

FACTS = RatingsFacts(
    columns={"user": "int32", "item": "int16", "rating": "float32"},
    users=24_983,
    items=100,
    ratings=1_810_455,
    first=0,
    lowest=-9.95,
    highest=10.0,
    fewest=36,
    most=100,
    sha256="d5ac1322df78f9ce50849f132b9cab270a25637c933aa50b4dfdee99ca1133dd",
)


def convert(files: Mapping[str, Path]) -> Arrays:
    """Return the ratings of the workbook in row-major order, users and jokes from 0.

    A row is one person: first the number of ratings, then one column per joke, 99 where there is
    no rating. Ratings have two decimals.

    Raises:
        ValueError: the archive or the workbook is not of this form, or a row's first column is
            not the number of its ratings.
    """
    (content,) = zip_members(files["archive"], [MEMBER], most=64 * MEGA)
    sheet = workbook(content)
    values = sheet[:, 1:]
    user, item = np.nonzero(values != MISSING)
    counted = np.bincount(user, minlength=len(sheet))
    wrong = np.flatnonzero(counted != sheet[:, 0])
    if len(wrong):
        row = int(wrong[0])
        require(f"ratings in row {row + 1}", int(counted[row]), int(sheet[row, 0]))
    return {
        "user": user.astype(np.int32),
        "item": item.astype(np.int16),
        "rating": values[user, item].astype(np.float32),
    }


def workbook(content: bytes) -> np.ndarray:
    """Return the numbers of an .xls workbook's first sheet [rows, columns] float64.

    Raises:
        ValueError: it is no .xls workbook, or a cell holds no number.
    """
    import xlrd

    try:
        # xlrd prints its remarks; there is nobody to read them.
        with xlrd.open_workbook(file_contents=content, logfile=io.StringIO()) as book:
            sheet = book.sheet_by_index(0)
            rows = [sheet.row_values(row) for row in range(sheet.nrows)]
        return np.array(rows, dtype=float, ndmin=2)
    except Exception as error:  # a damaged workbook may raise anything
        raise ValueError(f"{MEMBER} is no .xls workbook of numbers ({error})") from None


JESTER1 = DataSet(
    name="jester1",
    summary="24,983 people rate 100 jokes: 1,810,455 ratings from -9.95 to 10",
    statement="Jester data set 1, part 1: 1,810,455 ratings of 100 jokes by 24,983 people.",
    terms=(
        "Freely available for research use when acknowledged by the reference below. The owner "
        "asks, as a courtesy, to be told of its use. No right to pass the data on is stated."
    ),
    short_terms="research use, cite; tell the owner",
    reference=(
        "K. Goldberg, T. Roeder, D. Gupta, C. Perkins: Eigentaste: A Constant Time Collaborative "
        "Filtering Algorithm. Information Retrieval 4(2), 133-151, 2001."
    ),
    page=f"https://{_OWNER}/",
    files=(
        File(
            "archive",
            (
                Source(f"https://{_OWNER}/archive/{_FILE}", SHA256),
                Source(f"http://{_OWNER}/{_FILE}", SHA256),
                Source(
                    f"https://web.archive.org/web/20250409222630/https://{_OWNER}/archive/{_FILE}",
                    SHA256,
                ),
                # Packed differently, no hash published: the ratings themselves decide.
                Source("https://goldberg.berkeley.edu/jester-data/jester-data-1.zip", None),
            ),
            most=16 * MEGA,
        ),
    ),
    about=3_900_000,
    stored="jester1.parquet",
    convert=convert,
    check=FACTS.check,
)
