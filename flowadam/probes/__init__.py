"""Probes: what a run looks like from inside, read at the marks of its curve.

A probe is a read-only function of problem and optimizer. Probes are off by default and chosen by
name, one list a study; a run with probes equals the run without, bit for bit. Their gradients are
counted apart from the budget. Importing this package loads no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from flowadam.errors import require_known

if TYPE_CHECKING:
    from flowadam.probes.base import Probe

_HOMES = {
    "update_norm": "steps.UpdateNorm",
    "effective_rate": "steps.EffectiveRate",
    "mixing_weight": "steps.MixingWeight",
    "triggers": "steps.Triggers",
    "sharpness": "curvature.Sharpness",
    "preconditioned_sharpness": "curvature.PreconditionedSharpness",
    "trace": "curvature.Trace",
    "perturbed_loss": "perturbation.PerturbedLoss",
}


def names() -> list[str]:
    """Return the names of all probes, the cheap ones first."""
    return list(_HOMES)


def get(name: str) -> Probe:
    """Return the probe `name` with its default settings.

    Raises:
        InputError: no probe has this name.
    """
    require_known("probe", name, _HOMES)
    module, _, kind = _HOMES[name].partition(".")
    return getattr(import_module(f"{__name__}.{module}"), kind)()
