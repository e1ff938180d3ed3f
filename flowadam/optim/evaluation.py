"""Calling the user's closure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from flowadam.optim import kernels


class Evaluation:
    """Calls the closure with autograd on and leaves it off, for all replicas or for some.

    Args:
        closure: ``closure() -> loss``; stacked: ``closure(active) -> losses [R]``, where `active`
            is Bool[R] on the CPU or left out for all replicas.
        replicas: R, or None when not stacked.

    Attributes:
        calls: how often it was called.
    """

    def __init__(self, closure: Callable[..., Any], replicas: int | None) -> None:
        self._closure, self._replicas = closure, replicas
        self.calls = 0

    def __call__(self, wanted: Sequence[int] | None = None) -> Any:
        """Evaluate the `wanted` replicas (None: all); return the closure's answer without graph.

        It may be a buffer that the next call overwrites: see `own`.

        Raises:
            TypeError: the closure returns no loss.
            ValueError: a stacked closure returns something else than one loss per replica.
        """
        # Under an autocast around the whole step, casts of the last point would be used again.
        torch.clear_autocast_cache()
        self.calls += 1
        kernels.set_grad_enabled(True)
        try:
            loss = self._closure(*self._active(wanted))
        finally:
            kernels.set_grad_enabled(False)
        self._check(loss)
        return loss.detach() if isinstance(loss, Tensor) and loss.requires_grad else loss

    def _active(self, wanted: Sequence[int] | None) -> list[Tensor]:
        """Return the arguments of the closure."""
        if wanted is None or self._replicas is None:
            return []
        return [torch.tensor([r in wanted for r in range(self._replicas)])]

    def losses(self, wanted: Sequence[int]) -> list[Tensor]:
        """Evaluate the `wanted` replicas and return their losses, 0-d and without graph."""
        loss = self(wanted)
        if not isinstance(loss, Tensor):
            return [torch.tensor(loss, dtype=torch.float64)]
        return [loss] if self._replicas is None else [loss[r] for r in wanted]

    def _check(self, loss: Any) -> None:
        if loss is None:
            raise TypeError("`closure` must return the loss, got None.")
        if self._replicas is None:
            return
        shape = tuple(loss.shape) if isinstance(loss, Tensor) else type(loss).__name__
        if shape != (self._replicas,):
            raise ValueError(
                "A stacked closure must return one loss per replica, a tensor of shape "
                f"({self._replicas},), got {shape}."
            )


def own(loss: Any) -> Any:
    """Return a copy, because a closure may write every loss into one buffer."""
    return loss.clone() if isinstance(loss, Tensor) else loss
