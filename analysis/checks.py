"""The checks of a comparison's health, each a fact and whether it needs a look."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.check import Check, listed, name_of
from analysis.confirmed import Confirmed, confirmed
from analysis.frames import Frames
from analysis.health import CellHealth, cell_health, missing_cells, unequal_ranges
from analysis.result_checks import diverging, failures, gap, inclusion, trivial
from analysis.text import count, percent

MUCH_OVERSHOOT = 0.01


def run_checks(frames: Frames) -> list[Check]:
    """Return every check, in the order of the protocol."""
    cells = [cell_health(frames, cell) for cell in frames.elections]
    results = [result for arena in frames.arenas for result in confirmed(frames, arena)]
    return [
        _effort(frames, cells),
        _missing(frames),
        _confirmation(results),
        _budget(cells),
        _overshoot(cells),
        failures(cells, results),
        diverging(frames),
        _substudies(cells),
        _edges(cells),
        _ranges(frames),
        _sampler(frames),
        inclusion(frames),
        trivial(frames, results),
        gap(frames),
        _superseded(frames, cells),
        _test_reads(cells),
        _environment(frames),
    ]


def _effort(frames: Frames, cells: Sequence[CellHealth]) -> Check:
    planned, common = frames.study.trials, frames.common
    behind = [name_of(c.cell) + f" ({c.complete})" for c in cells if c.complete < planned]
    finding = f"N = {common} of {planned} planned configurations count in every cell"
    if behind:
        finding += f"; incomplete: {listed(behind)}. The common N is the smallest of them"
    return Check("equal tuning effort", not behind and common == planned, finding + ".")


def _missing(frames: Frames) -> Check:
    absent = [f"{optimizer} on {task}" for task, optimizer in missing_cells(frames)]
    told = f"no run of {listed(absent)}." if absent else "every optimizer ran on every task."
    return Check("missing cells", not absent, told)


def _confirmation(results: Sequence[Confirmed]) -> Check:
    missing = sum(r.missing for r in results)
    told = f"{count(missing, 'confirm run')} of winners not there yet" if missing else "complete"
    return Check("confirm phase", bool(results) and not missing, told + ".")


def _budget(cells: Sequence[CellHealth]) -> Check:
    short = [f"{name_of(c.cell)} ({c.short})" for c in cells if c.short]
    told = f"good runs that ended early: {listed(short)}." if short else "every good run used it."
    return Check("equal gradient budget", not short, told)


def _overshoot(cells: Sequence[CellHealth]) -> Check:
    worst = max(cells, key=lambda c: c.overshoot, default=None)
    if worst is None or not worst.overshoot:
        return Check("overshoot", True, "no run went beyond its budget.")
    told = (
        f"at most {percent(worst.overshoot, signed=False)} of the budget ({name_of(worst.cell)})."
    )
    return Check("overshoot", worst.overshoot <= MUCH_OVERSHOOT, told)


def _substudies(cells: Sequence[CellHealth]) -> Check:
    empty = [f"{name_of(c.cell)} ({c.unelected})" for c in cells if c.unelected]
    told = f"without a winner: {listed(empty)}." if empty else "every sub-study has a winner."
    return Check("sub-studies", not empty, told)


def _edges(cells: Sequence[CellHealth]) -> Check:
    found = [
        f"{edge.knob} of {name_of(c.cell)} no. {edge.config} (u = {edge.unit:.2f})"
        for c in cells
        for edge in c.edges
    ]
    told = f"{count(len(found), 'value')} of winners: {listed(found)}." if found else "none."
    return Check("winners at an edge of the space", not found, told)


def _ranges(frames: Frames) -> Check:
    # Ranges do not depend on the task, so one arena tells.
    unequal = unequal_ranges(frames, frames.arenas[0]) if frames.arenas else {}
    told = "; ".join(
        f"{knob}: " + ", ".join(f"{name} {text}" for name, text in texts.items())
        for knob, texts in unequal.items()
    )
    return Check("equal shared ranges", not unequal, f"{told or 'equal where names are shared'}.")


def _sampler(frames: Frames) -> Check:
    if not frames.study.adaptive:
        return Check("sampler", True, f"{frames.study.sampler}: configurations do not depend.")
    told = (
        f"{frames.study.sampler} is adaptive: later configurations depend on earlier ones, so "
        "tuning noise is unknown and knob indices are refused."
    )
    return Check("sampler", False, told)


def _superseded(frames: Frames, cells: Sequence[CellHealth]) -> Check:
    runs = sum(c.superseded for c in cells)
    told = f"{count(runs, 'confirm run')} of configurations that no longer win, not used"
    stale = f"; {count(frames.stale, 'run')} of an older space or data, not used"
    return Check("superseded runs", not runs, told + (stale if frames.stale else "") + ".")


def _test_reads(cells: Sequence[CellHealth]) -> Check:
    by_task: dict[str, int] = {}
    for c in cells:
        by_task[c.cell.task] = by_task.get(c.cell.task, 0) + c.read
    told = ", ".join(f"{task} {n}" for task, n in by_task.items())
    return Check("test readings", True, f"configurations whose test part was read: {told or 0}.")


def _environment(frames: Frames) -> Check:
    n = len(frames.environments)
    told = "one environment wrote all rows" if n == 1 else f"{count(n, 'environment')} wrote rows"
    return Check("environment", n <= 1, told + ".")
