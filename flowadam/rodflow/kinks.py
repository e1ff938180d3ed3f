"""Operations of a loss that have no derivative somewhere."""

from __future__ import annotations

import re

import torch
from torch import Tensor

from flowadam.rodflow.gradients import Loss

KINKED = (
    "abs|amax|amin|aminmax|clamp|clamp_max|clamp_min|cummax|cummin|hardshrink|hardsigmoid|"
    "hardswish|hardtanh|kthvalue|leaky_?relu|max|maximum|median|min|minimum|"
    "(adaptive_|fractional_)?max_?pool[123]d|"
    "(max_?pool[123]d_?with_?indices)|prelu|_?prelu_?kernel|relu|relu6|round|floor|ceil|rrelu_with_noise|sgn|"
    "sign|softshrink|sort|threshold|topk"
)
"""Names of torch's operations whose value or first derivative jumps."""

_NAME = re.compile(r"(?P<name>.+?)Backward\d*$")
_KINKED = re.compile(KINKED.replace("_?", "").replace("_", ""))


def kinks(loss: Loss, w: Tensor) -> tuple[str, ...]:
    """Return the operations with kinks that lead from w [d] to the loss, by name.

    They are read from autograd's graph, as it is at w.
    """
    leaf = w.detach().requires_grad_()
    with torch.enable_grad():
        waiting = [loss(leaf).grad_fn]
    seen, found = set(), set()
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        named = _NAME.match(type(node).__name__)
        if named and _KINKED.fullmatch(named["name"].lower().replace("_", "")):
            found.add(named["name"])
        waiting.extend(parent for parent, _ in node.next_functions)
    return tuple(sorted(found))
