"""The report: a list of cards in one self-contained HTML file."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from analysis.card import Card, Picture, Tag
from analysis.cards.health import health_card
from analysis.cards.knobs import knobs_card
from analysis.cards.probes import probes_card
from analysis.cards.progress import progress_card
from analysis.cards.protocol import protocol_card
from analysis.cards.results import results_card
from analysis.cards.runs import runs_card
from analysis.cards.search import search_card
from analysis.cards.sensitivity import sensitivity_card
from analysis.cards.timing import timing_card
from analysis.cards.verdict import verdict_card
from analysis.frames import Frames, load
from analysis.text import clean, count
from flowadam.store import write_atomic

CARDS = (
    verdict_card,
    results_card,
    progress_card,
    search_card,
    knobs_card,
    health_card,
    runs_card,
    protocol_card,
)


def build(folder: Path) -> Path:
    """Write ``report.html`` into a study's folder, whole or not at all, and return its path.

    The page depends on the store alone, apart from the date in its header. It loads nothing, runs
    no script, and a name in it is text whatever it contains.

    Raises:
        InputError: the folder holds no study.
    """
    frames = load(folder)
    path = folder / "report.html"
    write_atomic(path, render(frames, _cards(frames)))
    return path


def _cards(frames: Frames) -> list[Card]:
    """Return all cards, and after them those of probes and phases that the study has."""
    phases = set(frames.trials["phase"])
    found: list[Card] = []
    for card in CARDS:
        found.append(card(frames))
        if card is progress_card and len(frames.probes):
            found.append(probes_card(frames))
        if card is progress_card and "timing" in phases:
            found.append(timing_card(frames))
        if card is knobs_card and "sensitivity" in phases:
            found.append(sensitivity_card(frames))
    return found


def render(frames: Frames, cards: list[Card]) -> str:
    """Return the page of the cards."""
    environment = Environment(
        loader=PackageLoader("analysis"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.tests["tag"] = lambda value: isinstance(value, Tag)
    environment.filters["drawing"] = _drawing
    page = environment.get_template("report.html.j2").render(
        study=frames.study,
        summary=_summary(frames),
        cards=cards,
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )
    return clean(page)


def _drawing(picture: Picture) -> Markup:
    """Let a drawing through unescaped: it is serialized XML whose names were escaped there."""
    return Markup(picture.svg)


def _summary(frames: Frames) -> str:
    study, budgets = frames.study, sorted({arena.budget for arena in frames.arenas})
    told = ", ".join(f"{budget:,}" for budget in budgets) or "no"
    return (
        f"{count(len(study.optimizer), 'optimizer')} on {count(len(study.task), 'task')}, "
        f"N = {frames.common} configurations each, {told} gradient evaluations a run"
    )
