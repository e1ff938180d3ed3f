"""Memory of a flow step: where its first gradients and its start point wait for its end."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType

import torch
from torch import Tensor

from flowadam.optim import kernels
from flowadam.optim.slots import Slot


class Scratch:
    """Copies of tensors in memory that is asked for once, not at every flow step."""

    def __init__(self) -> None:
        self._memory: dict[tuple[Tensor, int, str], Tensor] = {}

    def copies(self, slots: Sequence[Slot], name: str, contents: list[Tensor]) -> list[Tensor]:
        """Copy `contents`, one tensor per slot, into the memory called `name`."""
        memory = [self._get(slot, name, c) for slot, c in zip(slots, contents, strict=True)]
        kernels.copy_(memory, contents)
        return memory

    def trade(self, slot: Slot, name: str, other: Tensor) -> None:
        """Take `other` as the memory of the next copy; the present one has found an owner."""
        self._memory[slot.owner, slot.replica, name] = other

    def _get(self, slot: Slot, name: str, content: Tensor) -> Tensor:
        key = (slot.owner, slot.replica, name)
        found = self._memory.get(key)
        if found is None or _kind(found) != _kind(content):
            found = self._memory[key] = torch.empty_like(content)
        return found


def _kind(tensor: Tensor) -> tuple[torch.Size, torch.dtype, torch.device]:
    return tensor.shape, tensor.dtype, tensor.device


class HeldGradients:
    """Holds the gradients of a step aside while the closure runs again, then puts them back.

    Closures may allocate new gradients or write every one into the same buffers. The first kind is
    put back by reference; a buffer that was written to, or is in use again, by value.

    Args:
        params: all parameters of the optimizer.
        slots: their slots; within the context ``Slot.grad`` is a copy that nobody else holds.
        scratch: memory of the copies, under the name "grad".
    """

    def __init__(self, params: Sequence[Tensor], slots: Sequence[Slot], scratch: Scratch) -> None:
        self._params, self._slots = params, slots
        self._buffers = {p: (p.grad, p.grad._version) for p in params if p.grad is not None}
        self._views = [slot.grad for slot in slots]
        copies = scratch.copies(slots, "grad", self._views)
        for slot, copy in zip(slots, copies, strict=True):
            slot.grad = copy

    def __enter__(self) -> HeldGradients:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        written = {p for p in self._buffers if self.reused(p)}
        for p in self._params:
            p.grad = self._buffers[p][0] if p in self._buffers else None
        pairs = [
            (view, slot.grad)
            for view, slot in zip(self._views, self._slots, strict=True)
            if slot.owner in written
        ]
        if pairs:
            kernels.copy_([view for view, _ in pairs], [grad for _, grad in pairs])

    def keep(self, owner: Tensor, slope: Tensor) -> Tensor:
        """Return `slope`, a gradient of the last call, as memory that outlives this context.

        Rows of a stack are copied: the next call may be made for their neighbors alone, and writes
        to their memory before they are used.
        """
        shared = slope.shape != owner.shape or owner not in self._buffers or self.reused(owner)
        return slope.clone() if shared else slope

    def reused(self, owner: Tensor) -> bool:
        """Say whether the closure has written to the memory of this parameter's first gradient."""
        buffer, version = self._buffers[owner]
        return owner.grad is buffer or buffer._version != version
