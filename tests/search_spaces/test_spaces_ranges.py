"""Ranges are shared or declare why not, and the defaults are the published ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from pytorch_optimizer import AdaBelief, Lion

import search_spaces
from flowadam.optim import FlowAdam
from flowadam.space import Float
from search_spaces import shared

SHARED = {value.name: value for value in vars(shared).values() if isinstance(value, Float)}
SPECS = search_spaces.all_specs()
LIBRARY: Mapping[str, Any] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "lion": Lion,
    "adabelief": AdaBelief,
    "flowadam": FlowAdam,
}
DEVIATIONS = {("lion", "opt.lr"), ("lion", "opt.weight_decay"), ("adabelief", "opt.eps")}


@pytest.mark.parametrize("name", SPECS)
def test_shared_ranges_are_shared_or_declared(name: str) -> None:
    for parameter in SPECS[name].space:
        declared = parameter.source.startswith("deviates")
        assert declared == ((name, parameter.name) in DEVIATIONS)
        if parameter.name in SHARED and not declared:
            assert parameter is SHARED[parameter.name]


@pytest.mark.parametrize("name", SPECS)
def test_everyone_tunes_the_penalty_from_one_default(name: str) -> None:
    spec = SPECS[name]
    assert spec.defaults["task.penalty"] == shared.PENALTY_DEFAULT
    assert shared.PENALTY in spec.space.parameters


@pytest.mark.parametrize("name", SPECS)
def test_defaults_are_those_of_the_factory_and_of_the_library(name: str) -> None:
    ours = SPECS[name].build([torch.zeros(1, 2, requires_grad=True)], SPECS[name].defaults)
    bare = SPECS[name].factory([torch.zeros(1, 2, requires_grad=True)])
    theirs = LIBRARY[name]([torch.zeros(1, 2, requires_grad=True)])
    chosen = {"foreach", "params", "stacked"}
    for group in (bare.param_groups[0], theirs.param_groups[0]):
        assert set(group) == set(ours.param_groups[0])
        for option, value in ours.param_groups[0].items():
            assert option in chosen or group[option] == value, option


def test_lion_keeps_the_product_of_rate_and_decay() -> None:
    """The advice: a rate 3 to 10 times smaller, a decay larger by the same factor."""
    lion = {p.name: p for p in SPECS["lion"].space if isinstance(p, Float)}
    rate, decay = lion["opt.lr"], lion["opt.weight_decay"]
    assert rate.low * 10 == pytest.approx(shared.LR.low)
    assert rate.high * 3 == pytest.approx(shared.LR.high)
    for factor in (3, 10):
        assert decay.low <= factor * shared.WEIGHT_DECAY.low <= decay.high
        assert decay.low <= factor * shared.WEIGHT_DECAY.high <= decay.high
    assert rate.high * decay.high < 1, "a step must not turn the sign of a weight"
