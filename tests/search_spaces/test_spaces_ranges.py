"""Ranges are shared or declare why not, and the defaults are the published ones."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import pytest
import torch
from pytorch_optimizer import AdaBelief, AdaHessian, Lion, Lookahead, Shampoo, SophiaH

import search_spaces
from flowadam.optim import DualAdam, FlowAdam, InvAdam, VRAdam
from flowadam.space import Float
from search_spaces import shared
from search_spaces.adapters.clipping import ClippedAdam, ClippedSGD

SHARED = {value.name: value for value in vars(shared).values() if isinstance(value, Float)}
SPECS = search_spaces.all_specs()
LIBRARY: Mapping[str, Any] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "lion": Lion,
    "adabelief": AdaBelief,
    "flowadam": FlowAdam,
    "vradam": VRAdam,
    "invadam": InvAdam,
    "dualadam": DualAdam,
    "nadam": torch.optim.NAdam,
    "radam": partial(torch.optim.RAdam, decoupled_weight_decay=True),
    "sgd": partial(torch.optim.SGD, momentum=0.9, nesterov=True),
    "rmsprop": torch.optim.RMSprop,
    "lbfgs": partial(torch.optim.LBFGS, max_iter=10, line_search_fn="strong_wolfe"),
    "lookahead": lambda params: Lookahead(torch.optim.AdamW(params)),
    "shampoo": Shampoo,
    "adahessian": partial(AdaHessian, lr=0.15, eps=1e-4),
    "sophiah": partial(SophiaH, lr=6e-4 / 1e-2),
    "flowadam_preset": FlowAdam,
    "clipped_adam": partial(ClippedAdam, clip_value=1.0, foreach=True),
    "clipped_sgd": partial(ClippedSGD, clip_value=10.0, lr=1e-3, foreach=True),
}
"""The library's class with what our spec says that it publishes otherwise."""

DEVIATIONS = {
    ("lion", "opt.lr"),
    ("lion", "opt.weight_decay"),
    ("adabelief", "opt.eps"),
    ("invadam", "opt.lr"),
    ("sgd", "opt.lr"),
    ("clipped_sgd", "opt.lr"),
    ("lbfgs", "opt.lr"),
    ("shampoo", "opt.lr"),
    ("adahessian", "opt.lr"),
    ("adahessian", "opt.eps"),
}


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


@pytest.mark.parametrize("name", [n for n in SPECS if n not in ("muon", "flowadam_p")])
def test_defaults_are_those_of_the_factory_and_of_the_library(name: str) -> None:
    ours = SPECS[name].build([torch.zeros(1, 2, requires_grad=True)], SPECS[name].defaults)
    bare = SPECS[name].factory([torch.zeros(1, 2, requires_grad=True)])
    theirs = LIBRARY[name]([torch.zeros(1, 2, requires_grad=True)])
    chosen = {"foreach", "params", "stacked"}
    for group in (bare.param_groups[0], theirs.param_groups[0]):
        assert set(group) == set(ours.param_groups[0])
        for option, value in ours.param_groups[0].items():
            assert option in chosen or group[option] == value, option


def test_flowadam_p_is_preset_p_with_the_isotropic_options() -> None:
    tensors = [torch.zeros(1, 2, requires_grad=True)]
    (ours,) = SPECS["flowadam_p"].build(tensors, SPECS["flowadam_p"].defaults).param_groups
    options = {"mode": "p", "precond_power": 0.0, "clip_mode": "global_norm", "stacked": True}
    theirs = FlowAdam(tensors, **options).param_groups[0]
    assert {k: v for k, v in ours.items() if k != "mode"} == {
        k: v for k, v in theirs.items() if k != "mode"
    }


def test_muon_takes_torchs_rate_and_momentum() -> None:
    """Its groups hold what its two parts share; the parts' own options are in their docstring."""
    tensors = [torch.zeros(1, 2, requires_grad=True)]
    (ours,) = SPECS["muon"].build(tensors, SPECS["muon"].defaults).param_groups
    theirs = torch.optim.Muon(tensors).param_groups[0]
    assert ours == {**{key: theirs[key] for key in ours}, "weight_decay": 0.01}


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
