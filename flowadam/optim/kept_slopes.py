"""Slopes at the end points of flow steps: under a deterministic closure, the next gradients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import is_
from typing import Any

import torch
from torch import Tensor

from flowadam.optim import kernels
from flowadam.optim.evaluation import Evaluation, own
from flowadam.optim.field import Journey, Slopes
from flowadam.optim.lanes import Lane, State
from flowadam.optim.record import Record

States = Mapping[Tensor, State]


@dataclass(slots=True)
class Kept:
    """What one replica keeps.

    Attributes:
        owners: the parameters that slopes are known of.
        points: copies of their values there.
        versions: version counters of the slopes, which may be memory that the closure allocated:
            one that was written to since is worthless.
    """

    owners: list[Tensor]
    points: list[Tensor]
    slopes: Slopes
    versions: list[int]

    def holds(self, replica: int, stacked: bool) -> bool:
        """Say whether the parameters are, bit for bit, those that the slopes belong to.

        Contents are compared rather than version counters of the parameters, which writes through
        ``.data`` escape and which cannot tell one replica from another.
        """
        if [slope._version for slope in self.slopes.tensors] != self.versions:
            return False
        live = [p[replica] for p in self.owners] if stacked else self.owners
        return all(map(torch.equal, self.points, live))


class KeptSlopes:
    """Keeps, checks and hands out slopes; they stand in the optimizer's state with their points."""

    def __init__(self) -> None:
        self._kept: dict[int, Kept] = {}
        self._handed: list[int] = []

    def first_evaluation(
        self,
        params: Sequence[Tensor],
        state: States,
        records: Sequence[Record],
        evaluate: Evaluation,
        stacked: bool,
    ) -> Any:
        """Fill the gradients at the live parameters, from kept slopes where they still hold.

        The closure is called only for the replicas without one; returns the loss like the closure.
        """
        trainable = [p.requires_grad for p in params]
        held = [r for r, record in enumerate(records) if record.holds_slopes(trainable)]
        for r in held:
            if r not in self._kept:
                self._kept[r] = _restored(params, state, r)
        known = self._handed = [r for r in held if self._kept[r].holds(r, stacked)]
        if not known:
            return evaluate()
        losses: Any = None
        if len(known) < len(records):
            losses = own(evaluate([r for r in range(len(records)) if r not in known]))
        self._hand_out(stacked)
        kept: list[Any] = [records[r].slope_loss for r in known]
        if losses is None:
            return torch.stack(kept) if stacked else kept[0]
        for r, loss in zip(known, kept, strict=True):
            losses[r] = loss
        return losses

    def tell(self, lanes: Sequence[Lane]) -> None:
        """Set the norms of gradients that were handed out; those of restored states are unknown."""
        for lane in lanes:
            if lane.replica not in self._handed:
                continue
            kept = self._kept[lane.replica]
            same = len(kept.owners) == len(lane.owners) and all(map(is_, kept.owners, lane.owners))
            if same and kept.slopes.lengths and all(old is not None for old in lane.previous):
                lane.lengths, lane.changes = kept.slopes.lengths, kept.slopes.changes

    def keep(
        self,
        journeys: Sequence[Journey],
        records: Sequence[Record],
        like: Any,
        params: Sequence[Tensor],
    ) -> None:
        """Keep the slopes at the ends where they are known, with the points and losses there.

        Args:
            like: what the closure returned, whose type the losses take.
            params: all parameters of the optimizer.
        """
        points: list[Tensor] = []
        ends: list[Tensor] = []
        for journey in journeys:
            slopes, lane, record = journey.kept, journey.lane, records[journey.lane.replica]
            if slopes is None:
                continue
            for known, slope in zip(lane.states, slopes.tensors, strict=True):
                known["slope"][lane.replica] = slope
            versions = [slope._version for slope in slopes.tensors]
            kept = Kept(lane.owners, _points(lane), slopes, versions)
            self._kept[lane.replica] = kept
            record.slope_loss = slopes.loss if isinstance(like, Tensor) else float(slopes.loss)
            record.trainable = [p.requires_grad for p in params]
            points += kept.points
            ends += lane.params
        if points:
            kernels.copy_(points, ends)

    def forget(self, state: States, records: Sequence[Record]) -> None:
        """Drop all kept slopes; the memory of their points stays."""
        if not any(record.slope_loss is not None for record in records):
            return
        for known in state.values():
            known["slope"] = [None] * len(records)
        for record in records:
            record.slope_loss = None
        self._kept.clear()

    def _hand_out(self, stacked: bool) -> None:
        """Make the kept slopes of the replicas in `_handed` the gradients of the parameters."""
        slopes: list[Tensor] = []
        views: list[Tensor] = []
        rows: dict[Tensor, Sequence[Tensor]] = {}
        for r in self._handed:
            kept = self._kept[r]
            for p, slope in zip(kept.owners, kept.slopes.tensors, strict=True):
                if not stacked:
                    p.grad = slope
                    continue
                if p not in rows:
                    p.grad = torch.zeros_like(p) if p.grad is None else p.grad
                    rows[p] = p.grad.detach().unbind(0)
                views.append(rows[p][r])
                slopes.append(slope)
        if views:
            kernels.copy_(views, slopes)


def _points(lane: Lane) -> list[Tensor]:
    """Return the memory of the point, new where there is none yet."""
    r = lane.replica
    for known, param in zip(lane.states, lane.params, strict=True):
        if known["slope_point"][r] is None:
            known["slope_point"][r] = torch.empty_like(param)
    return [known["slope_point"][r] for known in lane.states]


def _restored(params: Sequence[Tensor], state: States, replica: int) -> Kept:
    """Return what a restored state says; it owns its memory, and norms are not part of it."""
    r = replica
    owners = [p for p in params if p in state and state[p]["slope"][r] is not None]
    tensors = [state[p]["slope"][r] for p in owners]
    points = [state[p]["slope_point"][r] for p in owners]
    slopes = Slopes(tensors, [], [], torch.zeros(()))
    return Kept(owners, points, slopes, [slope._version for slope in tensors])
