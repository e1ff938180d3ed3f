"""Texts: parts, codes, frequencies, files, and which documentation it is."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from flowadam.errors import InputError
from trainables.language.char_transformer import CharTransformer, char_transformer
from trainables.language.documentation import (
    MOST,
    read_text,
    torch_documentation,
    tune_documentation,
)
from trainables.language.texts import (
    TextParts,
    cut,
    encode,
    frequency_baselines,
    hash_text,
    predicted,
    window_starts,
)


@given(st.text(min_size=1), st.sets(st.characters(codec="utf-8"), min_size=1))
def test_codes_are_places_in_the_alphabet(text: str, known: set[str]) -> None:
    alphabet = "".join(sorted(known))
    text = text.encode("utf-8", "ignore").decode()
    assert encode(text, alphabet).tolist() == [
        alphabet.index(c) if c in known else len(alphabet) for c in text
    ]


@pytest.mark.parametrize("data_seed", [0, 1, 2])
def test_parts_follow_one_another_on_the_ring(data_seed: int) -> None:
    text = "".join(chr(0x4E00 + i) for i in range(200))
    parts = cut(text, "any", data_seed, alphabet=text)
    assert [len(parts.train), len(parts.val), len(parts.test)] == [180, 10, 10]
    whole = np.concatenate([parts.train, parts.val, parts.test])
    assert np.array_equal((whole[0] + np.arange(200)) % 200, whole)
    other = cut(text, "any", data_seed + 1, alphabet=text)
    assert whole[0] != other.train[0]


def test_the_alphabet_is_that_of_the_training_part() -> None:
    text = "".join(chr(0x4E00 + i) for i in range(200))
    parts = cut(text, "any", 0)
    assert parts.symbols == 181
    assert sorted(parts.train.tolist()) == list(range(180))
    assert set(parts.val.tolist()) == set(parts.test.tolist()) == {180}


def test_frequencies_by_hand() -> None:
    """Codes a, b and "other": counts a 3, b 2; pairs ab 2, ba 2."""
    parts = TextParts("ab", encode("ababa", "ab"), encode("aab", "ab"), encode("b?", "ab"))
    assert frequency_baselines(parts, "val", np.array([1, 2])) == pytest.approx(
        {
            "uniform": math.log(3),
            "unigram": -(math.log(4 / 8) + math.log(3 / 8)) / 2,
            "bigram": -(math.log(1 / 5) + math.log(3 / 5)) / 2,
        }
    )
    assert frequency_baselines(parts, "test", np.array([1]))["bigram"] == pytest.approx(math.log(5))


def test_the_documentation_is_read_without_its_package() -> None:
    code = (
        "import sys\n"
        "from trainables.language.documentation import torch_documentation, tune_documentation\n"
        "from trainables.language.texts import hash_text\n"
        "print(hash_text(torch_documentation()), hash_text(tune_documentation()))\n"
        "print([name for name in ('torch', 'ray') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    hashes = f"{hash_text(torch_documentation())} {hash_text(tune_documentation())}"
    assert done.stdout.splitlines() == [hashes, "[]"]


@pytest.mark.parametrize(
    ("text", "characters", "words"),
    [
        (torch_documentation, 300_000, ["Computes", "tensor", "elements", "dimension"]),
        (tune_documentation, 90_000, ["trials", "search", "HyperBand", "metric"]),
    ],
)
def test_the_documentation_is_long_and_english(
    text: Callable[[], str], characters: int, words: list[str]
) -> None:
    found = text()
    assert len(found) > characters
    assert all(word in found for word in words)
    assert " the " in found


def test_the_users_text(tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_bytes("grüße\r\n".encode() * 200)
    task = char_transformer(path=path, context=8)
    assert set(task.data().alphabet) == set("grüße\n")
    path.unlink()
    assert task.data().symbols == 7
    assert task.fingerprint() != char_transformer(context=8).fingerprint()
    assert "grüße" not in repr(task)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"abc\n" * 10, "at least 1,000 characters, .* has 40"),
        (b"abc\n" * 500 + b"\xff", "must be UTF-8; .* is not, at byte 2000"),
        (None, "cannot be read: No such file"),
    ],
)
def test_texts_that_are_refused(tmp_path: Path, content: bytes | None, sentence: str) -> None:
    path = tmp_path / "mine.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=sentence):
        read_text(path)


def test_a_pipe_is_no_text(tmp_path: Path) -> None:
    """Reading it would wait for a writer for ever."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), tmp_path):
        with pytest.raises(InputError, match="must be a plain file"):
            read_text(path)


def test_a_text_of_any_size_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "huge.txt").open("wb") as file:
        file.truncate(MOST + 1)
    with pytest.raises(InputError, match=r"at most 200,000,000 bytes, .* has 200,000,001"):
        read_text(tmp_path / "huge.txt")


@given(count=st.integers(2, 400), context=st.integers(1, 40), most=st.integers(1, 60))
def test_scored_windows_are_disjoint_and_at_most_so_many(
    count: int, context: int, most: int
) -> None:
    starts = window_starts(count, context, most, 7)
    places = predicted(count, context, starts)
    assert len(starts) <= most
    assert len(set(places.tolist())) == len(places)
    assert places.min() >= 1 and places.max() < count
    every = -(-(count - 1) // context)
    assert len(places) == (count - 1 if every <= most else most * context)
    assert np.array_equal(starts, window_starts(count, context, most, 7))


def test_validation_of_a_long_text_reads_the_same_few_windows() -> None:
    """As many windows as asked for, those of the data seed, and the baselines read them too."""
    tasks = [
        replace(CharTransformer().tiny(), characters=0, val_windows=n, data_seed=seed)
        for n, seed in ((20, 0), (20, 0), (20, 1), (10_000, 0))
    ]
    first, same, other, whole = (task.scored()["val"].tolist() for task in tasks)
    assert first == same != other and len(first) == 20 < len(whole)
    assert set(first) < set(whole)
    assert len({task.fingerprint() for task in tasks}) == 3
    part = tasks[0].data().val
    read = torch.cat([y.flatten() for _, y in tasks[0].make([0])._parts["val"]])
    wanted = [part[s + 1 : s + 1 + tasks[0].context] for s in first]
    assert torch.equal(read, torch.from_numpy(np.concatenate(wanted)).long())
    unigram = [task.trivial("val")["unigram"] for task in tasks]
    assert unigram[0] == unigram[1] != unigram[3]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"width": 10, "heads": 4}, "`width` must be a multiple of `heads`, got 10 and 4"),
        ({"dropout": 1.0}, "`dropout` must be at least 0 and below 1, got 1.0"),
        ({"context": 0}, "`context` must be a whole number of at least 1, got 0"),
        (
            {"context": 1800, "characters": 2000, "batch": 1},
            "`context` must be below .* 1,800 characters",
        ),
    ],
)
def test_wrong_options(options: dict, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        CharTransformer(**options).data()
