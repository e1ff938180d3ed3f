"""Starts that are more than scaled normal numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainables.setup import Setup

Matrix = NDArray[np.float64]


def double(setup: Setup) -> Setup:
    """Return `setup` for float64 on the CPU.

    A start is computed there and rounded once, by ``setup.tensor``, so that the dtype and the
    device of the run do not change it.
    """
    return replace(setup, dtype=torch.float64, device=torch.device("cpu"))


def turned(start: Tensor, rotation: Matrix) -> Tensor:
    """Return ``rotation @ start[r]`` for every replica r.

    Args:
        start: float64 [R, d] or [R, d, k]. Replicas are turned one by one, so that one does not
            depend on the block it stands in.
        rotation: [d, d].
    """
    matrix = torch.from_numpy(rotation)
    return torch.stack([matrix @ one for one in start])
