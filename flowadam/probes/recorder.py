"""Taking the readings of a run's probes and keeping them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import astuple
from typing import Any

from torch import Tensor

from flowadam import probes
from flowadam.curve import MARKS
from flowadam.outcome import CurvePoint, ProbePoint
from flowadam.probes.base import Moment, Probe, Reading, describe
from flowadam.probes.landscape import Landscape
from flowadam.seeds import derive
from flowadam.stacking import Stepper
from flowadam.task import Problem


class ProbeRecorder:
    """Reads the chosen probes at the marks of the curve; without any it does nothing.

    A probe that raises leaves a nan and its message; the run goes on. The time of all probes
    together may reach the run's time limit once more; later readings are nan and say so.

    Args:
        chosen: names of probes.
        seeds: the run seed of each replica.
        time_limit: seconds for all probes of the run, or None.
        on_time: told the seconds of each mark, so that the run's own clock can leave them out.

    Attributes:
        points: R lists of probe points.
        seconds: wall time spent in probes.
    """

    def __init__(
        self,
        chosen: Sequence[str],
        problem: Problem,
        optimizer: Stepper,
        seeds: Sequence[int],
        *,
        time_limit: float | None = None,
        on_time: Callable[[float], None] = lambda seconds: None,
    ) -> None:
        began = time.monotonic()  # the first probe of a process imports libraries
        self._chosen: dict[str, Probe] = {name: probes.get(name) for name in chosen}
        self._problem, self._optimizer = problem, optimizer
        self._seeds, self._limit, self._on_time = list(seeds), time_limit, on_time
        self.points: list[list[ProbePoint]] = [[] for _ in seeds]
        self.seconds = 0.0
        self._book(began)

    def record(
        self,
        at: Mapping[int, CurvePoint],
        before: Sequence[Tensor] | None,
        undone: Iterable[int] = (),
    ) -> None:
        """Read every chosen probe for the replicas that are at a mark.

        Args:
            at: the curve point of each of them.
            before: the parameters before the step just made, None at the start.
            undone: replicas whose step just made was undone.
        """
        if not self._chosen or not at:
            return
        began = time.monotonic()
        for name, probe in self._chosen.items():
            self._read(name, probe, at, before, frozenset(undone), began)
        self._book(began)

    def state_dict(self) -> dict[str, Any]:
        """Return the points as plain values."""
        return {"points": [[astuple(p) for p in points] for points in self.points]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.points = [[ProbePoint(*p) for p in points] for points in state["points"]]

    def _read(
        self,
        name: str,
        probe: Probe,
        at: Mapping[int, CurvePoint],
        before: Sequence[Tensor] | None,
        undone: frozenset[int],
        began: float,
    ) -> None:
        deadline = None if self._limit is None else began + self._limit - self.seconds
        landscape = Landscape(self._problem, deadline=deadline, limit=self._limit)
        moment = Moment(
            self._optimizer,
            self._problem.params,
            landscape,
            tuple(at),
            before,
            undone,
            {r: self._seed(name, r, point) for r, point in at.items()},
        )
        for (r, point), reading in zip(at.items(), _readings(probe, moment), strict=True):
            self.points[r].append(_point(name, point, reading, landscape, r))

    def _book(self, began: float) -> None:
        spent = time.monotonic() - began
        self.seconds += spent
        self._on_time(spent)

    def _seed(self, name: str, r: int, point: CurvePoint) -> int:
        """Return the seed of a probe's draws: the same for every optimizer at the same mark."""
        return derive("probe", name, self._seeds[r], round(point.fraction * MARKS))


def _readings(probe: Probe, moment: Moment) -> list[Reading]:
    try:
        pairs = zip(moment.replicas, probe.read(moment), strict=True)
        return [reading for _, reading in pairs]
    except Exception as error:  # a run must survive any probe
        return [Reading(message=describe(error)) for _ in moment.replicas]


def _point(
    name: str, point: CurvePoint, reading: Reading, landscape: Landscape, r: int
) -> ProbePoint:
    return ProbePoint(
        probe=name,
        fraction=point.fraction,
        grad_evals=point.grad_evals,
        value=reading.value,
        error=reading.error,
        evals=landscape.evals[r],
        loss_evals=landscape.loss_evals[r],
        message=reading.message,
    )
