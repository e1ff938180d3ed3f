"""Records of all replicas on the device, for a step that reads nothing back."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from flowadam.optim.record import COUNTERS, Record

AVERAGES = ("grad_ema", "change_ema")
FIELDS = (*AVERAGES, *COUNTERS, "clipped", "coordinates")


class Tally:
    """The numbers of R records as one float64 table, which counts exactly up to 2^53.

    Its memory stays the same, as a CUDA graph needs it.
    """

    def __init__(self, records: Sequence[Record], device: torch.device) -> None:
        numbers = [[float(getattr(record, name)) for record in records] for name in FIELDS]
        self._table = torch.tensor(numbers, dtype=torch.float64, device=device)

    def __getitem__(self, name: str) -> Tensor:
        """Return a field of every replica, a view [R] to be written in place."""
        return self._table[FIELDS.index(name)]

    @property
    def device(self) -> torch.device:
        return self._table.device

    @property
    def replicas(self) -> int:
        return self._table.shape[1]

    def records(self) -> list[Record]:
        """Return the records, with one host read."""
        columns = zip(*self._table.tolist(), strict=True)
        return [_record(dict(zip(FIELDS, column, strict=True))) for column in columns]


def _record(values: dict[str, float]) -> Record:
    record = Record()
    for name, value in values.items():
        setattr(record, name, value if name in AVERAGES else int(value))
    return record
