"""The forms in which a claim is measured: as published, fair, and in between."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PUBLISHED = "as published"


@dataclass(frozen=True)
class Protocol:
    """The rules of one study.

    Args:
        name: of its folder.
        penalty: "own" (each contender's published one), "equal" (everybody has that of the
            optimizer in focus) or "searched".
        charged: a run's budget counts what the paper holds equal ("published") or "gradients".
        selection: "final" scores the last state, "best" that of the lowest validation metric.
        tuned: the configurations of the search are tried; else the default alone counts.
        corrected: contenders have their corrected options.
    """

    name: str
    penalty: Literal["own", "equal", "searched"] = "own"
    charged: Literal["published", "gradients"] = "published"
    selection: Literal["final", "best"] = "final"
    tuned: bool = False
    corrected: bool = False


PROTOCOLS = (
    Protocol("protocol", tuned=True),
    Protocol("penalty", penalty="equal"),
    Protocol("gradients", charged="gradients"),
    Protocol("all", "searched", "gradients", "best", tuned=True, corrected=True),
)


@dataclass(frozen=True)
class Form:
    """One column: which runs of which study it reads.

    Args:
        name: what the report calls it.
        protocol: the study.
        tuned: reads the winner of the search, not the published settings.
        selection: which state of a run is scored.
    """

    name: str
    protocol: str
    tuned: bool = False
    selection: Literal["final", "best"] = "final"


FORMS = (
    Form("fair data", "protocol"),
    Form("equal penalty", "penalty"),
    Form("equal gradients", "gradients"),
    Form("early stopping", "protocol", selection="best"),
    Form("tuned", "protocol", tuned=True),
    Form("all", "all", tuned=True, selection="best"),
)
"""The published protocol on fair data, each correction of it alone, and all together."""
