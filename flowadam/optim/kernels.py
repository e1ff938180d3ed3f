"""torch's kernels over lists of tensors; their names are private, so they enter only here."""

from __future__ import annotations

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
    "sqrt",
    "sub",
]
