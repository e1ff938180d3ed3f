"""Networks with tanh layers, R replicas at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from trainables.problem import FullBatchProblem
from trainables.setup import Setup

Labeled = tuple[Tensor, Tensor]


class Examples(Protocol):
    """Inputs [n, features] and their answers [n]: whole numbers for classes, otherwise floats."""

    @property
    def x(self) -> NDArray[Any]: ...
    @property
    def y(self) -> NDArray[Any]: ...


@dataclass(frozen=True)
class Output:
    """What the last layer z [n, outputs] means: its loss, and its metrics by name, all 0-d."""

    loss: Callable[[Tensor, Tensor], Tensor]
    metrics: Callable[[Tensor, Tensor], dict[str, Tensor]]


class MLPProblem(FullBatchProblem[Labeled]):
    """z = h_L W_L + b_L with h_1 = x and h_(l+1) = tanh(h_l W_l + b_l).

    The loss is the mean of `output` over all training examples + penalty * sum(theta^2), biases
    included. Gradients come from autograd, one replica after the other: for one hidden layer,
    hand-written ones were measured to save a fifth only.

    Args:
        data: the parts "train", "val" and "test".
        layers: W_1 [R, inputs, width], b_1 [R, width], W_2, b_2, ... at the start.
    """

    def __init__(
        self, data: Mapping[str, Examples], layers: list[Tensor], output: Output, setup: Setup
    ) -> None:
        super().__init__(layers, {s: _labeled(data[s], setup) for s in setup.splits()})
        self._train = _labeled(data["train"], setup)
        self._output, self._penalty = output, setup.penalty

    def _loss(self, weights: tuple[Tensor, ...]) -> Tensor:
        x, y = self._train
        loss = self._output.loss(_scores(weights, x), y)
        if self._penalty:
            loss = loss + self._penalty * torch.stack([w.square().sum() for w in weights]).sum()
        return loss

    def _score(self, weights: tuple[Tensor, ...], part: Labeled) -> dict[str, Tensor]:
        x, y = part
        return self._output.metrics(_scores(weights, x), y)


def starting_layers(
    setup: Setup, name: str, widths: Sequence[int], scales: Sequence[float] | None = None
) -> list[Tensor]:
    """Return W_1, b_1, W_2, ... of a network of `widths`, drawn for the task `name`; biases 0.

    Args:
        scales: standard deviation of each W; default LeCun's rule for tanh, 1 / sqrt(inputs).
    """
    shapes = list(pairwise(widths))
    scales = [inputs**-0.5 for inputs, _ in shapes] if scales is None else scales
    weights = setup.stacked_normal(name, *zip(shapes, scales, strict=True))
    return [t for w in weights for t in (w, w.new_zeros(len(setup.seeds), w.shape[2]))]


def _class_metrics(z: Tensor, y: Tensor) -> dict[str, Tensor]:
    return {"nll": F.cross_entropy(z, y), "error": (z.argmax(1) != y).to(z.dtype).mean()}


def _binary_loss(z: Tensor, y: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(z.squeeze(1), y)


def _binary_metrics(z: Tensor, y: Tensor) -> dict[str, Tensor]:
    wrong = (z.squeeze(1) > 0) != (y > 0.5)
    return {"bce": _binary_loss(z, y), "error": wrong.to(z.dtype).mean()}


def _squared_loss(z: Tensor, y: Tensor) -> Tensor:
    return F.mse_loss(z.squeeze(1), y)


def _squared_metrics(z: Tensor, y: Tensor) -> dict[str, Tensor]:
    mse = _squared_loss(z, y)
    return {"rmse": mse.sqrt(), "mse": mse}


CLASSES = Output(F.cross_entropy, _class_metrics)
"""Scores of classes: "nll" (mean log loss, the loss) and "error" (share of wrong answers)."""

BINARY = Output(_binary_loss, _binary_metrics)
"""One logit of class 1 against class 0: "bce" (mean log loss, the loss) and "error"."""

VALUES = Output(_squared_loss, _squared_metrics)
"""One number: "rmse" and "mse" (the loss)."""


def _scores(weights: tuple[Tensor, ...], x: Tensor) -> Tensor:
    *hidden, w_last, b_last = weights
    for w, b in zip(hidden[::2], hidden[1::2], strict=True):
        x = torch.tanh(torch.addmm(b, x, w))
    return torch.addmm(b_last, x, w_last)


def _labeled(part: Examples, setup: Setup) -> Labeled:
    answers = setup.index if part.y.dtype.kind == "i" else setup.tensor
    return setup.tensor(part.x), answers(part.y)
