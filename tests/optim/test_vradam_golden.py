"""VRAdam against recorded trajectories of the authors' code."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from moments_golden import STEPS, close, load

from flowadam.optim import VRAdam

FILES = (
    "vradam_quad_default",
    "vradam_quad_unsaturated",
    "vradam_quad_normgrad",
    "vradam_quad_power3",
    "vradam_mlp_1group",
    "vradam_mlp_2groups",
    "vradam_gradseq",
)


def options(group: dict[str, Any]) -> dict[str, Any]:
    same = ("eps", "weight_decay", "beta3", "lr_cutoff", "power")
    return {
        "lr": group["eta"],
        "betas": (group["beta1"], group["beta2"]),
        "norm_of": "gradient" if group["normgrad"] else "velocity",
        **{name: group[name] for name in same},
    }


@pytest.mark.parametrize("name", FILES)
def test_the_norm_by_group_follows_the_recording(name: str) -> None:
    golden = load(name)
    optimizer = VRAdam(golden.groups(options), scope="group")
    rates = []
    for step in range(STEPS):
        golden.run(optimizer, range(step, step + 1))
        rates.append(optimizer.effective_rate().numpy())
    close(rates, golden.record["series_eta_t"])
    for key, p in golden.params.items():
        state = optimizer.state[p]
        assert state["step"] == golden.record[f"final_step_{key}"]
        close(state["exp_avg"], golden.record[f"final_momentum_buffer_{key}"])
        close(state["exp_avg_sq"], golden.record[f"final_sec_momentum_buffer_{key}"])


@pytest.mark.parametrize(
    ("name", "same"), [("vradam_mlp_1group", True), ("vradam_mlp_2groups", False)]
)
def test_the_global_norm_is_another_method_where_there_are_groups(name: str, same: bool) -> None:
    golden = load(name)
    optimizer = VRAdam(golden.groups(options))
    for step in range(STEPS):
        golden.set_gradients(step)
        optimizer.step()
    ends = [
        p.detach().numpy() - golden.record[f"traj_{key}"][-1] for key, p in golden.params.items()
    ]
    gap = max(np.abs(end).max() for end in ends)
    assert (gap < 1e-10) == same
    assert same or gap > 1e-3


def test_the_files_tell_the_choices_apart() -> None:
    """A brake that is off, or measures something else, is seen: the tolerance is not idle."""
    for change in ({"beta3": 0.0}, {"norm_of": "gradient"}, {"power": 3.0}, {"lr_cutoff": 1.0}):
        golden = load("vradam_quad_unsaturated")
        optimizer = VRAdam(golden.groups(lambda g, change=change: options(g) | change))
        with pytest.raises(AssertionError):
            golden.run(optimizer)
