"""torch's wrapper of `step`, entered only where it has something to do."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
import torch.optim.optimizer as torch_hooks
from torch.autograd import profiler
from torch.optim import Optimizer

Step = Callable[..., Any]


def profile_hook_step(func: Step) -> Step:
    """Return `func` with torch's hooks and profiler label, at no cost where neither is in use.

    torch's own wrapper opens a profiler range at every call, which takes as long as a small model's
    update. It is called when a hook is registered, a profiler records, or the step is compiled.
    """
    hooked = Optimizer.profile_hook_step(func)

    @wraps(func)
    def wrapper(self: Optimizer, *args: Any, **kwargs: Any) -> Any:
        return (hooked if _is_watched(self) else func)(self, *args, **kwargs)

    return wrapper


def _is_watched(self: Optimizer) -> bool:
    return bool(
        self._optimizer_step_pre_hooks
        or self._optimizer_step_post_hooks
        or torch_hooks._global_optimizer_pre_hooks
        or torch_hooks._global_optimizer_post_hooks
        or profiler._is_profiler_enabled
        or torch.autograd._profiler_enabled()  # pyright: ignore[reportPrivateImportUsage]
        or torch.compiler.is_compiling()
    )
