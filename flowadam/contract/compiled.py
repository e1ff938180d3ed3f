"""The check of models that went through ``torch.compile``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from flowadam.contract.drive import require_equal
from flowadam.contract.loop import weights_of
from flowadam.contract.modules import Regression
from flowadam.contract.result import require
from flowadam.contract.working import ordinary
from flowadam.spec import OptimizerSpec

STEPS = 20


def runs_with_compiled_models(spec: OptimizerSpec) -> None:
    """A compiled model trains like itself uncompiled, bit for bit, and is compiled once.

    The backend runs the captured graph as it is, so no compiler is needed; what could break are
    the guards that the optimizer's writes invalidate, and graphs split by them.
    """
    graphs: list[torch.fx.GraphModule] = []

    def backend(graph: torch.fx.GraphModule, _: Sequence[Tensor]) -> Callable[..., Any]:
        graphs.append(graph)
        return graph.forward

    torch._dynamo.reset()
    module = Regression()
    forward = torch.compile(module, backend=backend, fullgraph=True)
    compiled, plain = (
        ordinary(spec, module, noisy=True, forward=forward),
        ordinary(spec, noisy=True),
    )
    for loop in (compiled, plain):
        loop.advance(STEPS)
    rule = "A compiled model must train like itself uncompiled"
    require_equal(weights_of(compiled), weights_of(plain), rule)
    require(len(graphs) == 1, f"The model was compiled {len(graphs)} times in {STEPS} steps.")
