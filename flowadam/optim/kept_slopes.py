"""Slopes at the end points of flow steps: under a deterministic closure, the next gradients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import is_
from typing import Any

import torch
from torch import Tensor

from flowadam.optim import kernels
from flowadam.optim.evaluation import Evaluation, own
from flowadam.optim.field import Journey, Slopes
from flowadam.optim.lanes import Lane, State, rows
from flowadam.optim.record import Record

States = Mapping[Tensor, State]


class KeptSlopes:
    """Keeps, checks and hands out slopes; they stand in the optimizer's state with their points.

    A slope may be memory that the closure allocated, so its version counter is remembered too: one
    that was written to since is worthless. Restored states own their memory and need no counter.
    """

    def __init__(self) -> None:
        self._versions: dict[tuple[Tensor, int], int] = {}
        self._norms: dict[int, tuple[list[Tensor], Slopes]] = {}
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
        known = self._handed = self._valid_replicas(params, state, records, stacked)
        if not known:
            return evaluate()
        unknown = [r for r in range(len(records)) if r not in known]
        losses = own(evaluate(unknown)) if unknown else None
        _hand_out(params, state, known, stacked)
        kept: list[Any] = [records[r].slope_loss for r in known]
        if losses is None:
            return torch.stack(kept) if stacked else kept[0]
        for r, loss in zip(known, kept, strict=True):
            losses[r] = loss
        return losses

    def tell(self, lanes: Sequence[Lane]) -> None:
        """Set the norms of gradients that were handed out; those of restored states are unknown."""
        for lane in lanes:
            if lane.replica not in self._handed or lane.replica not in self._norms:
                continue
            owners, slopes = self._norms[lane.replica]
            same = len(owners) == len(lane.owners) and all(map(is_, owners, lane.owners))
            if same and all(old is not None for old in lane.previous):
                lane.lengths, lane.changes = slopes.lengths, slopes.changes

    def keep(self, journey: Journey, record: Record, loss: Any, trainable: list[bool]) -> None:
        """Keep the slopes at an arrival, if they are known, with the point and the loss there.

        Args:
            loss: what the closure returned, for its type.
        """
        if journey.kept is None:
            return
        lane, r = journey.lane, journey.lane.replica
        for owner, known, slope in zip(lane.owners, lane.states, journey.kept.tensors, strict=True):
            known["slope"][r] = slope
            self._versions[owner, r] = slope._version
        _keep_point(lane)
        self._norms[r] = lane.owners, journey.kept
        end = journey.kept.loss
        record.slope_loss = end if isinstance(loss, Tensor) else float(end)
        record.trainable = trainable

    def forget(self, state: States, records: Sequence[Record]) -> None:
        """Drop all kept slopes; the memory of their points stays."""
        if all(record.slope_loss is None for record in records):
            return
        for known in state.values():
            known["slope"] = [None] * len(records)
        for record in records:
            record.slope_loss = None
        self._norms.clear()

    def _valid_replicas(
        self, params: Sequence[Tensor], state: States, records: Sequence[Record], stacked: bool
    ) -> list[int]:
        """Return the replicas whose parameters are, bit for bit, those their slopes belong to.

        Contents are compared rather than version counters of the parameters, which writes through
        ``.data`` escape and which cannot tell one replica from another.
        """
        trainable = [p.requires_grad for p in params]
        kept = [r for r, record in enumerate(records) if record.holds_slopes(trainable)]
        for p in params if kept else ():
            if p in state:
                live = rows(p, stacked)
                kept = [r for r in kept if self._holds(p, r, state[p], live[r])]
        return kept

    def _holds(self, owner: Tensor, r: int, known: State, live: Tensor) -> bool:
        slope = known["slope"][r]
        if slope is None:
            return True
        untouched = self._versions.get((owner, r), slope._version) == slope._version
        return untouched and torch.equal(known["slope_point"][r], live)


def _keep_point(lane: Lane) -> None:
    """Copy the live parameters into the memory of the point that the slopes belong to."""
    r = lane.replica
    for known, param in zip(lane.states, lane.params, strict=True):
        if known["slope_point"][r] is None:
            known["slope_point"][r] = torch.empty_like(param)
    kernels.copy_([known["slope_point"][r] for known in lane.states], lane.params)


def _hand_out(
    params: Sequence[Tensor], state: States, replicas: Sequence[int], stacked: bool
) -> None:
    """Make the kept slopes of `replicas` the gradients of the parameters."""
    for p in params:
        slopes = state[p]["slope"] if p in state else []
        mine = [r for r in replicas if slopes and slopes[r] is not None]
        if not mine:
            continue
        if not stacked:
            p.grad = slopes[0]
            continue
        if p.grad is None:
            p.grad = torch.zeros_like(p)
        views = rows(p.grad, stacked)
        kernels.copy_([views[r] for r in mine], [slopes[r] for r in mine])
