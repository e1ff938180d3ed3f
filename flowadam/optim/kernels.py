"""torch's kernels over lists of tensors and its switch of autograd.

Their names are private, so they enter only here.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor
from torch import _foreach_add_ as add_  # pyright: ignore[reportPrivateImportUsage]
from torch import _foreach_addcdiv_ as addcdiv_  # pyright: ignore[reportPrivateImportUsage]
from torch import _foreach_addcmul_ as addcmul_  # pyright: ignore[reportPrivateImportUsage]
from torch import _foreach_copy_ as copy_  # pyright: ignore[reportPrivateImportUsage]
from torch import _foreach_div_ as div_  # pyright: ignore[reportPrivateImportUsage]
from torch import _foreach_lerp_ as lerp_  # pyright: ignore[reportPrivateImportUsage]
from torch import _foreach_mul_ as mul_  # pyright: ignore[reportPrivateImportUsage]
from torch import _foreach_norm as norm  # pyright: ignore[reportPrivateImportUsage]
from torch import _foreach_sqrt as sqrt  # pyright: ignore[reportPrivateImportUsage]
from torch import _foreach_sub as sub  # pyright: ignore[reportPrivateImportUsage]
from torch import _fused_adam_ as fused_adam_  # pyright: ignore[reportPrivateImportUsage]
from torch._C import _set_grad_enabled as set_grad_enabled

__all__ = [
    "add_",
    "addcdiv_",
    "addcmul_",
    "copy_",
    "div_",
    "fused_adam_",
    "lerp_",
    "mul_",
    "norm",
    "scale_",
    "set_grad_enabled",
    "sqrt",
    "sub",
]

_PLAIN = {torch.float32, torch.float64}


def scale_(tensors: list[Tensor], factor: float) -> None:
    """Multiply tensors by a number.

    torch makes a tensor of the number for every one of `tensors`, which on a CPU takes longer than
    the product of small ones; here one that is kept serves them all.
    """
    dtype, *others = {t.dtype for t in tensors}
    plain = not others and dtype in _PLAIN and tensors[0].is_cpu
    mul_(tensors, _number(factor, dtype) if plain else factor)


@lru_cache(maxsize=64)
def _number(value: float, dtype: torch.dtype) -> Tensor:
    return torch.full((), value, dtype=dtype)
