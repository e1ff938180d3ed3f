"""Sentences that several cards over tasks share."""

from __future__ import annotations

from analysis.regret import Regrets
from analysis.roster import Roster

BOOTSTRAP = (
    "Bootstrap intervals: 95 %, percentile, widened for small samples (Hesterberg's expanded "
    "percentiles), 9999 resamples. New seeds: seeds are resampled within each task, winners and "
    "tasks stay. New tasks: tasks are resampled and seeds within them, from 8 tasks on; it speaks "
    "of tasks drawn like these."
)


def left_out(who: Roster, found: Regrets | None = None) -> list[str]:
    """Say which optimizers and which tasks are not in, and why."""
    told = [f"{name} is left out: {reason}." for name, reason in who.left_out.items()]
    told += [
        f"{name} has no winner on {', '.join(tasks)}: every configuration failed, which counts as "
        "an infinite result."
        for name, tasks in who.failed.items()
    ]
    scales = found.scales if found else ()
    return told + [f"{s.arena.task} has no regret: {s.obstacle}." for s in scales if s.obstacle]
