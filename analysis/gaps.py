"""How much worse the test part is than the validation part on which winners were chosen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.confirm_grid import confirm_grid, good
from analysis.frames import Arena, Frames
from analysis.intervals import Estimate, mean_interval
from flowadam.plan import Cell

LARGE = 0.1


@dataclass(frozen=True)
class Gap:
    """Test minus validation metric at the selected point of the winners' confirm runs.

    Args:
        gap: over seeds, each averaged over the winners.
        scale: size of the mean validation metric.
    """

    cell: Cell
    gap: Estimate
    scale: float

    @property
    def large(self) -> bool:
        """Whether the interval's low end exceeds 10 % of the validation metric."""
        return self.gap.low is not None and self.gap.low > LARGE * self.scale


def gaps(frames: Frames, arena: Arena) -> list[Gap]:
    """Return the gap of every cell with a seed on which all winners ended well."""
    grids = [confirm_grid(frames, cell) for cell in frames.cells(arena)]
    tables = {g.cell: good(np.concatenate([g.val, g.test])) for g in grids if g.winners}
    return [_gap(cell, table) for cell, table in tables.items() if table.size]


def _gap(cell: Cell, table: np.ndarray) -> Gap:
    val, test = np.split(table, 2)
    difference = mean_interval((test - val).mean(axis=0).tolist())
    return Gap(cell, difference, abs(float(val.mean())))
