"""What is built on torch's kernels over lists gives what torch gives, bit for bit."""

from __future__ import annotations

import pytest
import torch
from optim_problems import copies, equal

from flowadam.optim import kernels

FLOATS = [torch.float64, torch.float32, torch.bfloat16, torch.float16]


@pytest.mark.parametrize("dtypes", [*([dtype] for dtype in FLOATS), FLOATS])
@pytest.mark.parametrize("factor", [0.5, 0.3, 1 - 0.123456789012345, 0.0])
def test_scaling_by_a_number(dtypes: list[torch.dtype], factor: float) -> None:
    generator = torch.Generator().manual_seed(0)
    shapes = [(), (0,), (7,), (40, 3)]
    tensors = [torch.randn(s, generator=generator).to(d) for d in dtypes for s in shapes]
    expected = copies(tensors)
    kernels.mul_(expected, factor)
    kernels.scale_(tensors, factor)
    assert equal(tensors, expected)
