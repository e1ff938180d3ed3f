"""Checks of unusual tensors among the parameters, and of the device they live on."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from flowadam.contract.drive import require_equal
from flowadam.contract.loop import Loop, weights_of
from flowadam.contract.modules import Bowl, Regression, start
from flowadam.contract.result import CheckSkipped, require
from flowadam.contract.working import ordinary
from flowadam.spec import OptimizerSpec

STEPS = 40
RTOL = 1e-9
"""Sums may be taken in another order; float64, 40 steps."""
GPU_RTOL = 1e-6
DTYPES = (torch.float64, torch.float32, torch.bfloat16)


def takes_empty_tensors(spec: OptimizerSpec) -> None:
    """Parameters without entries change nothing for the others."""
    full = _run(spec, [start(2, 3), start(5)])
    mixed = _run(spec, [start(0), start(2, 3), start(0, 4), start(5)])
    others = [w for w in weights_of(mixed) if w.numel()]
    rule = "Parameters without entries must change nothing for the others"
    require_equal(others, weights_of(full), rule, RTOL)


def takes_scalars(spec: OptimizerSpec) -> None:
    """A 0-dimensional parameter moves like one of shape [1]."""
    scalar = _run(spec, [start(1).reshape(()), start(2, 3)])
    vector = _run(spec, [start(1), start(2, 3)])
    require(scalar.params[0].dim() == 0, f"A scalar became {list(scalar.params[0].shape)}.")
    ours = [
        w.reshape(like.shape) for w, like in zip(weights_of(scalar), vector.params, strict=True)
    ]
    rule = "A 0-dimensional parameter must move like one of shape [1]"
    require_equal(ours, weights_of(vector), rule, RTOL)


def takes_strided_tensors(spec: OptimizerSpec) -> None:
    """A parameter whose memory is transposed moves like a contiguous one and stays transposed."""
    transposed = start(4, 3).t().contiguous().t()
    strided, plain = _run(spec, [transposed, start(5)]), _run(spec, [start(4, 3), start(5)])
    stride = strided.params[0].stride()
    require(stride == (1, 4), f"The strides became {stride}.")
    rule = "A transposed parameter must move like a contiguous one"
    require_equal(weights_of(strided), weights_of(plain), rule, RTOL)


def mixes_dtypes(spec: OptimizerSpec) -> None:
    """float64, float32 and bfloat16 parameters of one optimizer keep their types and descend."""
    bowl = Bowl([start(2, 3, dtype=dtype) for dtype in DTYPES])
    before = bowl.losses()
    loop = ordinary(spec, bowl)
    loop.advance(STEPS)
    kept = [p.dtype for p in loop.params]
    require(kept == list(DTYPES), f"The types became {kept}.")
    for dtype, then, now in zip(DTYPES, before, bowl.losses(), strict=True):
        require(now < then, f"The loss of {dtype} went from {then:.3g} to {now:.3g}.")


def agrees_on_gpu(spec: OptimizerSpec) -> None:
    """A run on a GPU agrees with the run on the CPU to 1e-6 in float64."""
    if not torch.cuda.is_available():
        raise CheckSkipped("torch sees no GPU here.")
    ends = []
    for device in ("cpu", "cuda"):
        loop = ordinary(spec, Regression().to(device))
        loop.advance(STEPS)
        where = {p.device.type for p in loop.params}
        require(where == {device}, f"Parameters on {device} went to {sorted(where)}.")
        ends.append([w.cpu() for w in weights_of(loop)])
    require_equal(ends[1], ends[0], "A run on a GPU must agree with the CPU", GPU_RTOL)


def _run(spec: OptimizerSpec, tensors: Sequence[Tensor]) -> Loop:
    loop = ordinary(spec, Bowl(tensors))
    loop.advance(STEPS)
    return loop
