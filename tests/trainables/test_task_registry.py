"""Tasks by name, and what importing them does not load."""

from __future__ import annotations

import subprocess
import sys

import pytest

import trainables
from flowadam.errors import InputError

NAMES = [
    "digits_mlp",
    "matrix_completion_large",
    "matrix_completion_medium",
    "matrix_completion_small",
    "photo_completion",
    "ratings",
]


def test_names_and_tasks_agree() -> None:
    assert trainables.names() == NAMES
    assert [task.name for task in trainables.all_tasks()] == NAMES
    for name in NAMES[:-1]:
        assert trainables.get(name).name == name


def test_options_reach_the_task() -> None:
    task = trainables.get("photo_completion", rank=3, hidden=0.5, data_seed=2)
    assert repr(task).endswith("data_seed=2, rank=3, hidden=0.5, square=2)")


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("photo", {}, "Unknown task 'photo'."),
        ("digit_mlp", {}, "Unknown task 'digit_mlp'. Did you mean 'digits_mlp'?"),
        ("digits_mlp", {"hiden": 3}, "digits_mlp has no option 'hiden'. Did you mean 'hidden'?"),
        ("digits_mlp", {"images": 3}, "digits_mlp has no option 'images'. Known:"),
        ("ratings", {}, "ratings needs the option 'path'."),
    ],
)
def test_wrong_names(name: str, options: dict[str, int], sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        trainables.get(name, **options)
    assert str(caught.value).startswith(sentence)


def test_tasks_load_no_heavy_library() -> None:
    code = (
        "import sys, trainables\n"
        "tasks = trainables.all_tasks()\n"
        "heavy = ('torch', 'sklearn', 'pandas', 'pyarrow', 'ray', 'optuna', 'mlflow')\n"
        "print(len(tasks), [name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"{len(NAMES)} []"
