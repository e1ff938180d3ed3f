"""Memory of a flow step: where its first gradients and its start point wait for its end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from types import TracebackType

import torch
from torch import Tensor

from flowadam.optim import kernels
from flowadam.optim.lanes import Lane

Kind = tuple[torch.Size, torch.dtype, torch.device]
_kind: Callable[[Tensor], Kind] = attrgetter("shape", "dtype", "device")


class Scratch:
    """Copies of tensors in memory that is asked for once, not at every flow step."""

    def __init__(self) -> None:
        self._memory: dict[tuple[int, str], tuple[list[Kind], list[Tensor]]] = {}

    def copies(self, *wanted: tuple[str, Sequence[Lane]]) -> list[list[list[Tensor]]]:
        """Copy the tensors of every lane that are its "grads" or "params", as `wanted` says.

        Returns, for every pair, the copies of each lane. One kernel makes them all.
        """
        memory: list[Tensor] = []
        originals: list[Tensor] = []
        found: list[list[list[Tensor]]] = []
        for name, lanes in wanted:
            found.append([])
            for lane in lanes:
                contents: list[Tensor] = getattr(lane, name)
                own = self._room(lane.replica, name, contents)
                found[-1].append(own.copy())
                memory += own
                originals += contents
        kernels.copy_(memory, originals)
        return found

    def _room(self, replica: int, name: str, contents: Sequence[Tensor]) -> list[Tensor]:
        """Return the memory for copies of `contents`, new where it is of another kind."""
        kinds = list(map(_kind, contents))
        known, memory = self._memory.get((replica, name), ([], []))
        if known != kinds:
            memory = [torch.empty_like(content) for content in contents]
            self._memory[replica, name] = kinds, memory
        return memory

    def trade(self, lane: Lane, index: int, other: Tensor) -> None:
        """Take `other` as memory of the next copy of a gradient; this one has found an owner."""
        kinds, memory = self._memory[lane.replica, "grads"]
        memory[index], kinds[index] = other, _kind(other)


class HeldGradients:
    """Holds the gradients of a step aside while the closure runs again, then puts them back.

    Closures may allocate new gradients or write every one into the same buffers. The first kind is
    put back by reference; a buffer that was written to, or is in use again, by value.

    Args:
        params: all parameters of the optimizer.
        lanes: all lanes of the step; within the context ``Lane.grads`` are copies that nobody else
            holds.
        copies: of the gradients of each lane.
    """

    def __init__(
        self, params: Sequence[Tensor], lanes: Sequence[Lane], copies: Sequence[list[Tensor]]
    ) -> None:
        self._params, self._lanes, self._owners = params, lanes, lanes[0].owners
        self._buffers = [p.grad for p in self._owners if p.grad is not None]
        self._versions = [buffer._version for buffer in self._buffers]
        self._views = [lane.grads for lane in lanes]
        for lane, grads in zip(lanes, copies, strict=True):
            lane.grads = grads

    def __enter__(self) -> HeldGradients:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        written = [i for i, reused in enumerate(self._reused()) if reused]
        for p in self._params:
            p.grad = None
        for owner, buffer in zip(self._owners, self._buffers, strict=True):
            owner.grad = buffer
        if written:
            views = [own[i] for own in self._views for i in written]
            kernels.copy_(views, [lane.grads[i] for lane in self._lanes for i in written])

    def keep(self, slopes: Sequence[Tensor]) -> list[Tensor]:
        """Return `slopes`, a lane's gradients of the last call, as memory that outlives this.

        Rows of a stack are copied: the next call may be made for their neighbors alone, and writes
        to their memory before they are used.
        """
        return [
            slope.clone() if reused or slope.shape != owner.shape else slope
            for slope, owner, reused in zip(slopes, self._owners, self._reused(), strict=True)
        ]

    def _reused(self) -> list[bool]:
        """Say of every first gradient whether the closure has written to its memory."""
        columns = zip(self._owners, self._buffers, self._versions, strict=True)
        return [owner.grad is held or held._version != version for owner, held, version in columns]
