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

TRACKING = (
    *("edge", "onset", "approach_steps", "oscillation"),
    *("stable_error", "stable_mean", "stable_loss", "stable_gradients", "stable_steps"),
    *("matrix_error", "matrix_mean", "matrix_extent", "matrix_loss", "matrix_gradients"),
    *("matrix_steps", "rod_error", "rod_mean", "rod_extent", "rod_loss", "rod_gradients"),
    "rod_steps",
)
"""Readings of the optimizers of ``flowadam rodflow``, see ``flowadam.rodflow.Tracker``."""


def names() -> list[str]:
    """Return the names of all probes, the cheap ones first; not those of ``TRACKING``."""
    return list(_HOMES)


def get(name: str) -> Probe:
    """Return the probe `name` with its default settings.

    Raises:
        InputError: no probe has this name.
    """
    require_known("probe", name, (*_HOMES, *TRACKING))
    if name in TRACKING:
        return import_module(f"{__name__}.tracking").TrackerReading(name)
    module, _, kind = _HOMES[name].partition(".")
    return getattr(import_module(f"{__name__}.{module}"), kind)()
