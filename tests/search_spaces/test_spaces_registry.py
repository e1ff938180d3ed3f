"""The registry is the folder, loads nothing early and knows the nearest name."""

from __future__ import annotations

import subprocess
import sys

import pytest

import search_spaces
from flowadam.errors import InputError


def test_the_field_is_complete() -> None:
    ours = {"dualadam", "flowadam", "flowadam_p", "flowadam_preset", "invadam", "vradam"}
    controls = {"clipped_adam", "clipped_sgd"}
    from_torch = {"adam", "adamw", "lbfgs", "muon", "nadam", "radam", "rmsprop", "sgd"}
    from_pytorch_optimizer = {"adabelief", "adahessian", "lion", "lookahead", "shampoo", "sophiah"}
    assert set(search_spaces.names()) == ours | controls | from_torch | from_pytorch_optimizer


def test_every_file_holds_the_spec_of_its_name() -> None:
    assert {spec.name for spec in search_spaces.all_specs().values()} == set(search_spaces.names())
    assert all(name == spec.name for name, spec in search_spaces.all_specs().items())


def test_listing_names_loads_no_torch() -> None:
    code = "import sys, search_spaces; search_spaces.names(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ("adamm", "Unknown optimizer 'adamm'. Did you mean 'adam'?"),
        ("shared", "Unknown optimizer 'shared'."),
        ("adapters", "Unknown optimizer 'adapters'."),
    ],
)
def test_unknown_names_are_refused(wrong: str, sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        search_spaces.get(wrong)
    assert str(caught.value).startswith(sentence)
