"""Deep copies that are complete."""

from __future__ import annotations

from typing import Any, ClassVar

import torch


class CopiesWhole(torch.optim.Optimizer):
    """Mixin: a deep copy also has the attributes named in `kept`.

    ``torch.optim.Optimizer`` copies groups, state and defaults only, so an optimizer that keeps
    anything else as an attribute of its own would have copies that cannot step.
    """

    kept: ClassVar[tuple[str, ...]] = ()

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), **{name: getattr(self, name) for name in self.kept}}
