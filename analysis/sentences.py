"""The verdict in sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from analysis.compare import Comparison, Word, compare
from analysis.frames import Frames
from analysis.roster import obstacle
from analysis.text import count, percent

PHRASES: dict[Word, str] = {
    "better": "is better than",
    "worse": "is worse than",
    "ahead": "is ahead of",
    "behind": "is behind",
    "no difference shown": "shows no difference to",
    "not testable": "cannot be tested against",
}
Found = Mapping[str, Sequence[Comparison]]


def all_comparisons(frames: Frames) -> dict[str, list[Comparison]]:
    """Return the comparisons of every arena that has any, by the arena's label."""
    found = {frames.label(arena): compare(frames, arena) for arena in frames.arenas}
    return {name: comparisons for name, comparisons in found.items() if comparisons}


def headline(frames: Frames, found: Found) -> str:
    """Count the verdicts over all tasks, and how many lie beyond tuning noise."""
    everything = [c for comparisons in found.values() for c in comparisons]
    if not frames.arenas:
        return "No search run is in the store yet."
    if not everything:
        return f"{frames.optimizers[0]} is alone in its study: there is nothing to compare."
    if not any(c.difference for c in everything):
        return "No verdict yet: the confirm phase has no pair of results to compare."
    pairs, tasks = count(len(everything), "comparison"), len({c.arena.task for c in everything})
    where = count(tasks, "task") + (" at several budgets" if len(found) > tasks else "")
    return f"{_subject(everything)}, {pairs} on {where}: {_tally(everything)}."


def task_sentences(found: Found) -> list[str]:
    """Say each task's verdicts, rivals with the same word together."""
    return [f"{name}: {_sentence(comparisons)}." for name, comparisons in found.items()]


def across_tasks(found: Found) -> list[str]:
    """Say whether the number of tasks could carry a statement across tasks at all."""
    if not found:
        return []
    tasks = len({c.arena.task for comparisons in found.values() for c in comparisons})
    rivals = max(len(comparisons) for comparisons in found.values())
    reason = obstacle(tasks, rivals)
    if reason:
        return [f"Across tasks: {reason}, so each task stands alone."]
    return [f"{count(tasks, 'task')} can carry a test across tasks: see the next card."]


def _subject(everything: Sequence[Comparison]) -> str:
    names = list(dict.fromkeys(c.reference for c in everything))
    rivals = {c.rival for c in everything}
    who = names[0] if len(names) == 1 else "The leader of each search"
    return f"{who} against {count(len(rivals), 'rival')}"


def _tally(everything: Sequence[Comparison]) -> str:
    n = Counter(c.word for c in everything)
    told = [f"better in {n['better']}, worse in {n['worse']}"]
    if n["ahead"] or n["behind"]:
        told.append(f"ahead in {n['ahead']} and behind in {n['behind']}, not beyond tuning noise")
    told += [f"{w} in {n[w]}" for w in ("no difference shown", "not testable") if n[w]]
    return "; ".join(told)


def _sentence(comparisons: Sequence[Comparison]) -> str:
    parts = []
    for word, phrase in PHRASES.items():
        same = [c for c in comparisons if c.word == word]
        if same:
            parts.append(f"{phrase} {', '.join(_rivals(same))}")
    sizes = sorted({c.difference.n for c in comparisons if c.difference})
    seeds = f"; n = {' or '.join(map(str, sizes))} seeds" if sizes else ""
    return f"{comparisons[0].reference} {'; '.join(parts)}{seeds}"


def _rivals(comparisons: Sequence[Comparison]) -> list[str]:
    """Name rivals with their differences, or those that share a reason with it, said once."""
    if comparisons[0].word != "not testable":
        return [f"{c.rival} ({percent(c.relative)})" for c in comparisons]
    reasons: dict[str, list[str]] = {}
    for c in comparisons:
        reasons.setdefault(c.reason, []).append(c.rival)
    return [f"{', '.join(names)} ({reason})" for reason, names in reasons.items()]
