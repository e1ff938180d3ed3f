"""Whether a comparison can be significant at all, known before anything is spent."""

from __future__ import annotations

ALPHA = 0.05
FEWEST_TASKS = 8
"""Tasks below which intervals across tasks are not trusted, whatever the number of rivals."""

_FEW = f"The report tests across tasks from {FEWEST_TASKS} tasks on, and {{}} are fewer."


def smallest_p(n: int) -> float:
    """Return ``2 / 2^n``, the smallest two-sided p-value of n pairs in a sign or rank test."""
    return min(1.0, 2.0 ** (1 - n))


def pairs_needed(comparisons: int) -> int:
    """Return the smallest n with ``2 / 2^n <= 0.05 / comparisons``, Holm's first threshold."""
    n = 1
    while smallest_p(n) > ALPHA / comparisons:
        n += 1
    return n


def feasibility(tasks: int, rivals: int, seeds: int) -> list[str]:
    """Say in sentences what a study of this size can show at the 5 % level.

    Args:
        tasks: units of a test across tasks.
        rivals: optimizers that one is compared with; the family of Holm's correction.
        seeds: confirm seeds, the units of a test within a task.
    """
    if rivals < 1:
        return ["One optimizer alone: there is nothing to compare."]
    need = pairs_needed(rivals)
    return [
        _sentence("Within a task", seeds, "confirm seed", need, rivals, need),
        _sentence("Across tasks", tasks, "task", need, rivals, max(need, FEWEST_TASKS)),
        *([_FEW.format(tasks)] if need <= tasks < FEWEST_TASKS else []),
    ]


def _sentence(where: str, n: int, unit: str, need: int, rivals: int, advised: int) -> str:
    have, wanted = _counted(n, unit), _counted(advised, unit)
    against = _counted(rivals, "rival")
    reach = f"the smallest p is {smallest_p(n):.2g}, Holm's first threshold {ALPHA / rivals:.2g}"
    if n >= need:
        return f"{where}, {have} can be significant against {against}: {reach}."
    return (
        f"{where}, NOTHING can be significant with {have} against {against}: {reach}; "
        f"{wanted} would do."
    )


def _counted(n: int, unit: str) -> str:
    return f"{n} {unit}" if n == 1 else f"{n} {unit}s"
