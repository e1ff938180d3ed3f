"""Presets, ranges and sharing rules of FlowAdam's options."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from flowadam.optim import checks
from flowadam.optim.detector import DETECTORS
from flowadam.optim.masks import MASKED
from flowadam.optim.ode import METHODS

Group = dict[str, Any]

PRESETS: dict[str, dict[str, float]] = {
    "A": {"switch_sensitivity": 0.40, "curvature_sensitivity": 3.0, "ode_t_scale": 2.0},
    "B": {"switch_sensitivity": 0.90, "curvature_sensitivity": 0.1, "ode_t_scale": 0.5},
    "p": {"switch_sensitivity": 0.50, "curvature_sensitivity": 2.0, "ode_t_scale": 1.0},
}

# One decision and one solve span all groups, so these cannot differ between them.
SHARED = (
    "switch_sensitivity",
    "curvature_sensitivity",
    "detector",
    "rate",
    "detector_seed",
    "ode_method",
    "ode_setup",
    "ode_tol",
    "clip_mode",
    "precond_power",
    "precond_scalar",
    "injection",
    "moves",
    "velocity",
    "eps_placement",
    "deterministic",
    "capturable",
    "stacked",
)

PUBLISHED: dict[str, Any] = {
    "ode_method": "dopri5",
    "ode_setup": "published",
    "velocity": "difference",
    "eps_placement": "published",
}

_CHOICES: dict[str, tuple[str, ...]] = {
    "mode": tuple(PRESETS),
    "ode_method": METHODS,
    "ode_setup": ("bounded", "published"),
    "clip_mode": ("coordinate", "global_norm"),
    "injection": ("soft", "hard", "none", "damped"),
    "velocity": ("slope", "difference"),
    "precond_scalar": ("rms", "geomean"),
    "eps_placement": ("published", "torch"),
}

_NUMBERS: dict[str, checks.Rule] = {
    "eps": checks.FINITE,
    "switch_sensitivity": checks.NOT_NEGATIVE,
    "curvature_sensitivity": checks.NOT_NEGATIVE,
    "ode_t_scale": checks.POSITIVE,
    "rate": checks.SHARE,
    "ode_tol": checks.POSITIVE,
    "momentum_blend_gamma": checks.SHARE,
    "clip_value": ("a positive number", lambda x: x > 0),
    "precond_power": checks.SHARE,
}

_FLAGS = ("moves", "deterministic", "capturable", "stacked")


def resolve(group: Group) -> Group:
    """Return a copy of `group` with checked options and the preset in place of every None.

    Raises:
        ValueError: an option outside its range, with its name and value.
    """
    for name, allowed in _CHOICES.items():
        checks.choice(name, group[name], allowed)
    if group["detector"] != "custom":
        checks.choice("detector", group["detector"], DETECTORS)
    for name in _FLAGS:
        checks.flag(name, group[name])
    seed = group["detector_seed"]
    if not isinstance(seed, int) or isinstance(seed, bool):
        raise ValueError(f"`detector_seed` must be a whole number, got {seed!r}.")
    preset = PRESETS[group["mode"]]
    resolved = group | {name: preset[name] for name in preset if group[name] is None}
    numbers = {name: checks.number(name, resolved[name], rule) for name, rule in _NUMBERS.items()}
    return resolved | numbers | {"lr": _rate(group), "betas": checks.betas(group["betas"])}


def _rate(group: Group) -> float | Tensor:
    """Return the checked rate; a tensor, which only `capturable` takes, as it is."""
    lr = group["lr"]
    if group["capturable"] and isinstance(lr, Tensor) and lr.dim() == 0:
        checks.number("lr", lr.item(), checks.FINITE)
        return lr
    if isinstance(lr, Tensor):
        raise ValueError(f"`lr` must be a number, or a tensor [] where `capturable`, got {lr!r}.")
    return checks.number("lr", lr, checks.FINITE)


def check_moves(group: Group) -> None:
    """Raise ValueError when parameters are to stay under options that need them to move."""
    if not group["moves"] and (group["ode_method"], group["velocity"]) != ("euler", "slope"):
        raise ValueError(
            "`moves=False` needs ode_method='euler' and velocity='slope', "
            f"got {group['ode_method']!r} and {group['velocity']!r}."
        )


def check_capturable(group: Group) -> None:
    """Raise ValueError when `capturable` is asked of options that need the host."""
    if not group["capturable"]:
        return
    if group["ode_method"] != "euler":
        raise ValueError(
            "`capturable` needs ode_method='euler', because any other flow asks the host whether "
            f"to call the closure again, got {group['ode_method']!r}."
        )
    if not group["moves"] or group["injection"] == "damped":
        raise ValueError("`capturable` is for steps that move: not moves=False, not 'damped'.")
    if group["detector"] not in MASKED:
        names = ", ".join(repr(name) for name in MASKED)
        raise ValueError(
            "`capturable` needs a detector that decides on the device, "
            f"one of {names}, got {group['detector']!r}."
        )


def check_shared(first: Group, group: Group) -> None:
    """Raise ValueError when `group` differs from `first` in an option that spans all groups."""
    spanning = (*SHARED, "clip_value") if group["clip_mode"] == "global_norm" else SHARED
    for name in spanning:
        if group[name] != first[name]:
            modes = first["mode"], group["mode"]
            preset = name in PRESETS["A"] and modes[0] != modes[1]
            where = f", of the modes {modes[0]!r} and {modes[1]!r}" if preset else ""
            raise ValueError(
                f"`{name}` must be equal in all parameter groups, "
                f"got {first[name]!r} and {group[name]!r}{where}."
            )
