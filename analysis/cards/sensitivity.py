"""Card: which parameters matter, by direct runs."""

from __future__ import annotations

from analysis.card import Card, Group, Table
from analysis.frames import Frames
from analysis.morris import Screening, screening
from analysis.text import count, fixed

HEAD = ("parameter", "mu* [95 %]", "sigma")
CAVEAT = (
    "Morris' elementary effects: from one run to the next of a trajectory a single parameter jumps "
    "by two thirds of its searched range; mu* is the mean size of what that does to the rank of "
    "the validation score, as a share of all ranks (failed runs share the worst), sigma its "
    "standard deviation. Intervals: bootstrap over trajectories. sigma beyond mu* means that the "
    "effect depends on the other parameters or on the place. No surrogate is involved."
)


def sensitivity_card(frames: Frames) -> Card:
    """Return the card with the screening of every cell of the phase."""
    groups, verdicts = [], []
    for arena in frames.arenas:
        for cell in frames.cells(arena):
            if len(frames.rows("sensitivity", cell)):
                found = screening(frames, cell)
                name = f"{cell.optimizer} on {frames.label(arena)}"
                verdicts.append(f"{name}: {_sentence(found)}")
                groups.append(Group(f"{name}, {_counts(found)}", _rows(found)))
    return Card(
        title="Which parameters matter, by direct runs?",
        verdict=("Largest effects on the rank:", *verdicts),
        figure=None,
        table=Table(HEAD, tuple(g for g in groups if g.rows)),
        caveat=CAVEAT,
    )


def _sentence(found: Screening) -> str:
    if found.refused:
        return f"{found.refused}."
    shown = (f"{e.name.partition('.')[2]} ({fixed(e.mu_star)})" for e in found.effects[:3])
    return f"{', '.join(shown)}."


def _counts(found: Screening) -> str:
    told = count(found.trajectories, "trajectory", "trajectories")
    return f"{told}, {found.failed} failed" if found.failed else told


def _rows(found: Screening) -> tuple[tuple[str, str, str], ...]:
    return tuple(
        (e.name, f"{fixed(e.mu_star)} ± {fixed(e.confidence)}", fixed(e.sigma))
        for e in found.effects
    )
