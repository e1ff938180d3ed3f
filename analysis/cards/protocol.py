"""Card: the protocol, the ranges and the environment, as recorded."""

from __future__ import annotations

from typing import Any

from analysis.card import Card, Group, Listing, Table
from analysis.frames import Frames
from analysis.ranges import ranges
from analysis.text import count

HEAD = ("knob", "range searched")
CAVEAT = (
    "Ranges are recovered from the stored pairs of unit and real values, so they are what ran; "
    "their sources stand in search_spaces/. The report is made from the store alone."
)


def protocol_card(frames: Frames) -> Card:
    """Return the card with the study file, every range and the versions."""
    study = frames.study
    return Card(
        title="Under which protocol?",
        verdict=(
            f"N = {count(study.trials, 'configuration')} from the sampler {study.sampler}, "
            f"{count(study.seeds, 'search seed')}, K = {study.substudies} sub-studies, "
            f"{count(study.confirm_seeds, 'confirm seed')}, selection {study.selection}; "
            f"identity {study.identity()}.",
            *(_environment(facts) for facts in frames.environments),
        ),
        figure=Listing("study.toml", study.to_toml()),
        table=_ranges(frames),
        caveat=CAVEAT,
    )


def _ranges(frames: Frames) -> Table | None:
    if not frames.arenas:
        return None
    groups = [
        Group(cell.optimizer, tuple((r.name, r.text()) for r in ranges(frames, cell)))
        for cell in frames.cells(frames.arenas[0])
    ]
    return Table(HEAD, tuple(groups))


def _environment(facts: dict[str, Any]) -> str:
    packages = ", ".join(f"{name} {version}" for name, version in facts["packages"].items())
    machine = facts["processor"] or facts["machine"]
    return f"Written by Python {facts['python']} on {machine}: {packages}."
