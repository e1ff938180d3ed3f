"""The report: a list of cards in one self-contained HTML file."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from threadpoolctl import threadpool_limits

from analysis.card import Card, Picture, Tag
from analysis.cards.across import across_card
from analysis.cards.health import health_card
from analysis.cards.knob_price import knob_price_card
from analysis.cards.knobs import knobs_card
from analysis.cards.probes import probes_card
from analysis.cards.profile import profile_card
from analysis.cards.progress import progress_card
from analysis.cards.protocol import protocol_card
from analysis.cards.region import region_card
from analysis.cards.regret import regret_card
from analysis.cards.results import results_card
from analysis.cards.runs import runs_card
from analysis.cards.search import search_card
from analysis.cards.sensitivity import sensitivity_card
from analysis.cards.stopping import stopping_card
from analysis.cards.timing import timing_card
from analysis.cards.tunability import tunability_card
from analysis.cards.tuning import tuning_card
from analysis.cards.variance import variance_card
from analysis.cards.verdict import verdict_card
from analysis.frames import Frames, load
from analysis.knob_price import knob_pairs
from analysis.text import clean, count
from flowadam.store import write_atomic

Maker = Callable[[Frames], Card]
CARDS: tuple[Maker, ...] = (
    health_card,
    verdict_card,
    across_card,
    regret_card,
    profile_card,
    results_card,
    variance_card,
    progress_card,
    search_card,
    tuning_card,
    tunability_card,
    region_card,
    stopping_card,
    knobs_card,
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
    """Return all cards, each followed by those that only some studies have."""
    extras = _extras(frames)
    # The matrices of the surrogates are so small that more threads cost four times the time.
    with threadpool_limits(1):
        return [each(frames) for card in CARDS for each in (card, *extras.get(card, ()))]


def _extras(frames: Frames) -> dict[Maker, list[Maker]]:
    """Return what the study's probes, phases and pairs of optimizers add, by the card before it."""
    phases = set(frames.trials["phase"])
    wanted: list[tuple[Maker, Maker, bool]] = [
        (progress_card, probes_card, len(frames.probes) > 0),
        (progress_card, timing_card, "timing" in phases),
        (tunability_card, knob_price_card, bool(knob_pairs(frames))),
        (knobs_card, sensitivity_card, "sensitivity" in phases),
    ]
    found: dict[Maker, list[Maker]] = {}
    for after, card, there in wanted:
        if there:
            found.setdefault(after, []).append(card)
    return found


def render(frames: Frames, cards: list[Card]) -> str:
    """Return the page of a study's cards."""
    return page(frames.study.name, _summary(frames), cards)


def page(name: str, summary: str, cards: list[Card]) -> str:
    """Return a page of cards under a name and a line."""
    environment = Environment(
        loader=PackageLoader("analysis"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.tests["tag"] = lambda value: isinstance(value, Tag)
    environment.filters["drawing"] = _drawing
    text = environment.get_template("report.html.j2").render(
        name=name,
        summary=summary,
        cards=cards,
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )
    return clean(text)


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
