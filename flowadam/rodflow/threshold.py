"""The edge of stability."""

from __future__ import annotations

import torch

from flowadam.rodflow.method import Method


def eos_threshold(method: Method) -> float:
    """Return S* = 2 / (lr Q(-1)), where a mode of the preconditioned Hessian has multiplier -1.

    Q is the transfer function from g to u: with g = (-1)^t the momentum is m' = k1 g / (1 + beta1).
    So 2 / lr without momentum, (2 + 2 beta1) / (k1 lr) for heavy ball and Adam, and
    (2 + 2 beta1) / (k1 (1 + 2 beta1) lr) for Nesterov and NAdam.

    Source: Cohen et al. 2021 (arXiv 2103.00065) and 2022 (arXiv 2207.14484).
    """
    g = torch.ones(1, dtype=torch.float64)
    m_next = method.k1 * g / (1 + method.beta1)
    return 2 / (method.lr * float(method.direction(m_next, g)))
