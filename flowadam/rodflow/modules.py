"""A torch module as a function of one flat vector."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.dropout import _DropoutNd

from flowadam.rodflow.gradients import Loss


def flattened(
    module: nn.Module, loss: Callable[[Callable[..., Tensor]], Tensor]
) -> tuple[Loss, Tensor]:
    """Return (f, w): f(w) is the loss of the module with its parameters read from w [d].

    The module stays as it is; buffers keep their values. Parameters without ``requires_grad`` are
    constants.

    Args:
        loss: from the module, as a function of its inputs, to a scalar, such as
            ``lambda net: mse_loss(net(X), y)``.

    Raises:
        ValueError: no parameter requires a gradient, or the module draws dropout or moves running
            statistics: put it into ``eval`` mode.
    """
    for name, layer in module.named_modules():
        drops = isinstance(layer, _DropoutNd) and layer.p > 0
        if layer.training and (drops or isinstance(layer, _NormBase)):
            raise ValueError(
                "The loss must be a function of the parameters alone: put the module into eval "
                f"mode, '{name}' ({type(layer).__name__}) is in training mode."
            )
    moving = {name: p.detach() for name, p in module.named_parameters() if p.requires_grad}
    if not moving:
        raise ValueError("The module must have a parameter that requires a gradient, got none.")
    sizes = [p.numel() for p in moving.values()]

    def named(w: Tensor) -> dict[str, Tensor]:
        pairs = zip(moving.items(), w.split(sizes), strict=True)
        return {name: part.view(p.shape) for (name, p), part in pairs}

    def of_flat(w: Tensor) -> Tensor:
        tensors = named(w)
        return loss(lambda *inputs: torch.func.functional_call(module, tensors, inputs))

    return of_flat, torch.cat([p.reshape(-1) for p in moving.values()]).clone()
