"""Tasks by name, and what importing them does not load."""

from __future__ import annotations

import subprocess
import sys

import pytest

import trainables
from flowadam.errors import InputError

NAMES = [
    "char_finetuning",
    "char_transformer",
    "cifar10_cnn",
    "cifar10_resnet18",
    "cora_links",
    "coupling_digits",
    "coupling_quadratic",
    "digits_mlp",
    "edge_cnn",
    "edge_mlp",
    "edge_transformer",
    "gflownet_grid",
    "ill_conditioned_regression",
    "indian_pines",
    "inverse_kinematics_arc",
    "inverse_kinematics_spiral",
    "inverse_kinematics_zigzag",
    "jester",
    "karate_club",
    "link_prediction_calibration",
    "link_prediction_large",
    "link_prediction_medium",
    "link_prediction_small",
    "matrix_completion_large",
    "matrix_completion_medium",
    "matrix_completion_small",
    "matrix_sensing",
    "movielens",
    "movielens_residual",
    "photo_completion",
    "ratings",
    "robust_factorization_large",
    "robust_factorization_medium",
    "robust_factorization_small",
    "rosenbrock",
    "rotated_quadratic",
    "tensor_completion_large",
    "tensor_completion_medium",
    "tensor_completion_small",
    "two_spirals",
]
WITH_DATA_ELSEWHERE = {
    "cifar10_cnn",
    "cifar10_resnet18",
    "cora_links",
    "jester",
    "movielens",
    "movielens_residual",
    "ratings",
}


def test_names_and_tasks_agree() -> None:
    assert trainables.names() == NAMES
    assert [task.name for task in trainables.all_tasks()] == NAMES
    for name in set(NAMES) - WITH_DATA_ELSEWHERE:
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


SIZES = [
    (name, option)
    for name in NAMES
    for option, default in trainables.options_of(name).items()
    if type(default) is int and option not in ("data_seed", "images")
]


@pytest.mark.parametrize(("name", "option"), SIZES)
def test_sizes_that_no_machine_holds_are_refused(name: str, option: str) -> None:
    if name == "ratings":
        pytest.skip("needs a file, see test_ratings")
    try:
        trainables.get(name)
    except InputError as missing:
        pytest.skip(str(missing))
    with pytest.raises(InputError, match=f"`{option}` must be at most [0-9,]+, got 1,000,000,000"):
        trainables.get(name, **{option: 10**9})
