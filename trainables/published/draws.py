"""What the published scripts share in drawing data and starts."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainables.cells import SplitCells, Values, dense_cells
from trainables.completion.factorization import INIT_SCALE
from trainables.setup import Setup


def one_run(seed: int, penalty: float) -> Setup:
    """Return the arguments of one replica in float32 on the CPU, with the test part unlocked."""
    return Setup.check([seed], penalty=penalty, test_unlocked=True, device="cpu", dtype="float32")


def factors(seed: int, counts: Iterable[int], rank: int) -> list[Tensor]:
    """Return [1, rank, n] for every n of `counts`, of 0.1 N(0, 1), after torch.manual_seed."""
    torch.manual_seed(seed + 1000)
    drawn = [INIT_SCALE * torch.randn(count, rank) for count in counts]
    return [factor.T.contiguous()[None] for factor in drawn]


def without_validation(
    seen: Values, clean: Values, observed: NDArray[np.int64], test: NDArray[np.int64]
) -> SplitCells:
    """Return the parts of a script that validates nothing: one cell stands in and is not read.

    Args:
        seen, clean: values of training and of test, both [n, m].
        observed, test: flat positions of the two parts.
    """
    return SplitCells(
        shape=(clean.shape[0], clean.shape[1]),
        train=dense_cells(seen, observed),
        val=dense_cells(seen, observed[:1]),
        test=dense_cells(clean, test),
        center=0.0,
    )
