"""What VRAdam, InvAdam and DualAdam share: Adam's two moments, and the manners of torch.optim."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from flowadam.optim import checks
from flowadam.optim.saved import check_shapes

Group = dict[str, Any]


class MomentOptimizer(Optimizer, ABC):
    """An optimizer whose state per parameter is ``step``, ``exp_avg`` and ``exp_avg_sq``.

    ``step`` is an int; the moments are shaped and typed like the parameter. A parameter without a
    gradient is skipped; its state is created at its first gradient.

    Subclasses say what their options may be (`_checked`), which parameters they take
    (`_check_tensors`), how they count (`_count`) and what one update does (`_update`).
    """

    # With this, a GradScaler announces itself by setting the two attributes during a step.
    _step_supports_amp_scaling = True
    grad_scale: Tensor | None
    found_inf: Tensor

    def add_param_group(self, param_group: Group) -> None:
        """Add parameters with options of their own; the constructor's stand in for missing ones.

        Raises:
            ValueError: an option or a parameter that the optimizer does not take.
        """
        checks.known(param_group, self.defaults)
        super().add_param_group(self._checked({**self.defaults, **param_group}))
        try:
            self._check_tensors(self.param_groups[-1]["params"])
        except ValueError:
            self.param_groups.pop()
            raise

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Make one update; return what the closure returned, None without one.

        Under a ``torch.amp.GradScaler`` gradients are unscaled first, and a step whose gradients
        are not finite is skipped, which takes one host read.

        Args:
            closure: clears gradients, evaluates the loss, calls backward and returns the loss.

        Raises:
            RuntimeError: a sparse gradient, or a closure under a GradScaler.
        """
        try:
            return self._step(closure)
        except BaseException:
            # A GradScaler takes its marks back from steps that return, not from those that raise.
            for mark in ("grad_scale", "found_inf"):
                vars(self).pop(mark, None)
            raise

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from a copy of `state_dict`; nothing is shared with it afterwards.

        Raises:
            ValueError: it is another optimizer's, or of parameters of other shapes.
        """
        for group in state_dict["param_groups"]:
            missing = set(self.param_groups[0]) - set(group)
            if missing:
                raise ValueError(
                    f"The state must be one of {self._name}, got one without `{min(missing)}`."
                )
        for own in state_dict["state"].values():
            if not isinstance(own.get("step"), int):
                raise ValueError(
                    f"The state must be one of {self._name}, whose `step` is a whole number, got "
                    f"{own.get('step')!r}."
                )
        check_shapes(self, state_dict)
        super().load_state_dict(deepcopy(state_dict))

    @property
    def _name(self) -> str:
        return type(self).__name__

    @abstractmethod
    def _checked(self, group: Group) -> Group:
        """Return the group with checked options; raise ValueError for one outside its range."""

    def _check_tensors(self, params: Sequence[Tensor]) -> None:
        """Raise ValueError for a parameter that the optimizer does not take."""
        for p in params:
            if not p.is_floating_point():
                raise ValueError(f"{self._name} needs real parameters, got {p.dtype}.")

    def _count(self, params: Sequence[Tensor]) -> None:
        """Set the step count of each parameter of this update."""
        for p in params:
            self.state[p]["step"] += 1

    @abstractmethod
    def _update(self) -> None:
        """Update moments and parameters."""

    def _step(self, closure: Callable[[], Any] | None) -> Any:
        loss = self._evaluate(closure)
        params = [p for group in self.param_groups for p in group["params"] if p.grad is not None]
        self._check_gradients(params)
        if self._unscale(params):
            self._begin(params)
            self._count(params)
            self._update()
        return loss

    def _evaluate(self, closure: Callable[[], Any] | None) -> Any:
        if closure is None:
            return None
        if hasattr(self, "found_inf"):
            raise RuntimeError(
                f"{self._name} cannot unscale the gradients of a closure under a GradScaler: call "
                "backward first, then `scaler.step(optimizer)` without a closure."
            )
        with torch.enable_grad():
            return closure()

    def _check_gradients(self, params: Sequence[Tensor]) -> None:
        for p in params:
            if p.grad is not None and p.grad.layout is not torch.strided:
                raise RuntimeError(f"{self._name} needs dense gradients, got {p.grad.layout}.")

    def _unscale(self, params: Sequence[Tensor]) -> bool:
        """Divide gradients by a GradScaler's scale; say whether the step is to be made."""
        if not hasattr(self, "found_inf"):
            return True
        for p in params:
            if p.grad is not None and self.grad_scale is not None:
                p.grad.div_(self.grad_scale.to(p.device))
        return not bool(self.found_inf)

    def _begin(self, params: Sequence[Tensor]) -> None:
        for p in params:
            if p not in self.state:
                moments = {name: torch.zeros_like(p) for name in ("exp_avg", "exp_avg_sq")}
                self.state[p] = {"step": 0, **moments}
