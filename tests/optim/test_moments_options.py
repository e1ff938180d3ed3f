"""Constructor arguments of VRAdam, InvAdam and DualAdam."""

from __future__ import annotations

import math
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch
from moments_tools import CLASSES, tensors

from flowadam.optim import VRAdam

FINITE = "must be a finite number of at least 0, got"
SHARED: list[tuple[dict[str, Any], str]] = [
    *(
        ({name: value}, f"`{name}` {FINITE} {value!r}.")
        for name in ("lr", "eps", "weight_decay")
        for value in (-1.0, math.nan, math.inf, "0.1", True, None)
    ),
    ({"lr": torch.tensor(0.1)}, f"`lr` {FINITE} tensor(0.1000)."),
    ({"betas": (0.9, 1.0)}, "`betas` must be two numbers from 0 to below 1, got (0.9, 1.0)."),
    ({"betas": (-0.1, 0.9)}, "got (-0.1, 0.9)."),
    ({"betas": (0.9, math.nan)}, "got (0.9, nan)."),
    ({"betas": (0.9, True)}, "got (0.9, True)."),
    ({"betas": (0.9,)}, "got (0.9,)."),
    ({"betas": 0.9}, "got 0.9."),
]
OWN: dict[str, list[tuple[dict[str, Any], str]]] = {
    "InvAdam": [],
    "DualAdam": [
        ({"switch_rate": value}, f"`switch_rate` must be a number from 0 to 1, got {value!r}.")
        for value in (-0.1, 1.1, math.nan, "0.1", True)
    ],
    "VRAdam": [
        *(({"beta3": value}, f"`beta3` {FINITE} {value!r}.") for value in (-1.0, math.inf, "1")),
        ({"lr_cutoff": -1}, "`lr_cutoff` must be a number of at least 0, got -1."),
        ({"lr_cutoff": math.nan}, "`lr_cutoff` must be a number of at least 0, got nan."),
        ({"power": 0.0}, "`power` must be a positive finite number, got 0.0."),
        ({"power": math.inf}, "`power` must be a positive finite number, got inf."),
        ({"norm_of": "velocty"}, "got 'velocty'. Did you mean 'velocity'?"),
        ({"norm_of": True}, "`norm_of` must be one of 'velocity', 'gradient', got True."),
        ({"scope": "all"}, "`scope` must be one of 'global', 'group', got 'all'."),
        ({"stacked": 1}, "`stacked` must be True or False, got 1."),
    ],
}
CASES = [(name, *case) for name in CLASSES for case in [*SHARED, *OWN[name]]]


@pytest.mark.parametrize(("name", "options", "message"), CASES)
def test_wrong_values_are_named(name: str, options: dict[str, Any], message: str) -> None:
    """By the constructor, for a group of its own, and for one added later."""
    first, second = tensors([(1, 2), (1, 2)])
    optimizer = CLASSES[name]([first])
    group = {"params": [second], **options}
    for build in (
        lambda: CLASSES[name]([first], **options),
        lambda: CLASSES[name]([group]),
        lambda: optimizer.add_param_group(dict(group)),
    ):
        with pytest.raises(ValueError) as caught:
            build()
        assert message in str(caught.value)
    assert len(optimizer.param_groups) == 1


@pytest.mark.parametrize("name", CLASSES)
def test_unknown_options_are_refused(name: str) -> None:
    with pytest.raises(TypeError, match="clip"):
        CLASSES[name](tensors(), clip=1.0)


@pytest.mark.parametrize("name", CLASSES)
def test_numbers_become_plain_floats(name: str) -> None:
    """Otherwise a checkpoint could not be read with weights_only."""
    optimizer = CLASSES[name](tensors(), lr=np.float32(0.5), betas=[0, np.float64(0.9)])
    group = optimizer.param_groups[0]
    assert [type(x) for x in (group["lr"], *group["betas"])] == [float] * 3


@pytest.mark.parametrize("dtype", [torch.complex64, torch.int64])
@pytest.mark.parametrize("name", CLASSES)
def test_parameters_that_are_not_real_are_refused(name: str, dtype: torch.dtype) -> None:
    p = torch.zeros(2, dtype=dtype)
    with pytest.raises(ValueError, match=f"{name} needs real parameters, got {dtype}"):
        CLASSES[name]([p.requires_grad_() if dtype.is_complex else p])


SPANNING: dict[str, Any] = {
    "scope": "group",
    "stacked": True,
    "power": 3.0,
    "norm_of": "gradient",
}


@pytest.mark.parametrize("name", SPANNING)
def test_options_that_span_groups_must_be_equal(name: str) -> None:
    first, second = tensors([(2, 1), (2, 1)])
    groups: list[dict[str, Any]] = [{"params": [first]}, {"params": [second]}]
    groups[1][name] = SPANNING[name]
    with pytest.raises(ValueError, match=f"`{name}` must be equal in all parameter groups, got"):
        VRAdam(groups)


@pytest.mark.parametrize("name", ["power", "norm_of"])
def test_a_norm_of_its_own_may_be_another_one(name: str) -> None:
    first, second = tensors([(2, 1), (2, 1)])
    groups: list[dict[str, Any]] = [{"params": [first]}, {"params": [second]}]
    groups[1][name] = SPANNING[name]
    optimizer = VRAdam(groups, scope="group", lr=1.0, lr_cutoff=math.inf)
    for p in (first, second):
        p.grad = torch.full_like(p, 2.0)
    optimizer.step()
    velocity = 2 * 0.2**2
    other = {"power": 2 * 0.2**3, "norm_of": 2 * 2.0**2}[name]
    assert optimizer.effective_rate().tolist() == pytest.approx(
        [1 / (1 + velocity), 1 / (1 + other)], rel=1e-12
    )


def test_defaults_are_those_of_the_authors_code() -> None:
    group = VRAdam(tensors()).param_groups[0]
    expected = {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 1e-5}
    expected |= {"beta3": 1.0, "lr_cutoff": 10.0, "power": 2.0, "norm_of": "velocity"}
    assert {key: group[key] for key in expected} == expected
    assert group["scope"] == "global"


SHARDED = """
import tempfile, torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FullyShardedDataParallel, fully_shard
from flowadam.optim import DualAdam, VRAdam

def flat(**options):
    return FullyShardedDataParallel(nn.Linear(3, 2), device_id=torch.device("cpu"), **options)

with tempfile.TemporaryDirectory() as folder:
    store = dist.FileStore(f"{folder}/store", 1)
    dist.init_process_group("gloo", store=store, rank=0, world_size=1)
    mesh = init_device_mesh("cpu", (1,))
    for model in (fully_shard(nn.Linear(3, 2), mesh=mesh), flat(), flat(use_orig_params=True)):
        try:
            VRAdam(model.parameters())
        except ValueError as error:
            print(error)
        before = [p.detach().clone() for p in model.parameters()]
        optimizer = DualAdam(model.parameters(), lr=0.1)
        model(torch.ones(4, 3)).square().sum().backward()
        optimizer.step()
        print(any(bool((p != old).any()) for p, old in zip(model.parameters(), before)))
    dist.destroy_process_group()
"""


def test_sharded_parameters_are_refused_where_the_norm_spans_them() -> None:
    """DTensors and both forms of flattened ones; the elementwise optimizers train them."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SHARDED], capture_output=True, text=True, check=True
    )
    lines = done.stdout.splitlines()
    assert lines[1::2] == ["True"] * 3
    assert len(lines) == 6
    for line in lines[::2]:
        assert line.startswith("VRAdam needs whole parameters, as its norm spans them, got")
