"""A network with one hidden layer, R replicas at once."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from trainables.digits import CLASSES, Images
from trainables.problem import FullBatchProblem
from trainables.setup import Setup

Labeled = tuple[Tensor, Tensor]


class MLPProblem(FullBatchProblem[Labeled]):
    """Class scores z = tanh(x W1 + b1) W2 + b2; metrics "nll" (mean log loss) and "error".

    The loss is the mean log loss over all training images + penalty * sum(theta^2), biases
    included. Parameters are W1 [R, 64, hidden], b1 [R, hidden], W2 [R, hidden, 10], b2 [R, 10];
    weights start as N(0, 1/inputs) (LeCun's rule for tanh), biases at 0. Gradients come from
    autograd, one replica after the other: hand-written ones were measured to save a fifth only.
    """

    def __init__(self, data: Mapping[str, Images], *, name: str, hidden: int, setup: Setup) -> None:
        pixels = data["train"].x.shape[1]
        w1, w2 = setup.stacked_normal(
            name, ((pixels, hidden), pixels**-0.5), ((hidden, CLASSES), hidden**-0.5)
        )
        b1, b2 = (w.new_zeros(len(setup.seeds), w.shape[2]) for w in (w1, w2))
        super().__init__([w1, b1, w2, b2], {s: _labeled(data[s], setup) for s in setup.splits()})
        self._train = _labeled(data["train"], setup)
        self._penalty = setup.penalty

    def _loss(self, weights: tuple[Tensor, ...]) -> Tensor:
        x, y = self._train
        loss = F.cross_entropy(_scores(list(weights), x), y)
        if self._penalty:
            loss = loss + self._penalty * torch.stack([w.square().sum() for w in weights]).sum()
        return loss

    def _score(self, weights: tuple[Tensor, ...], part: Labeled) -> dict[str, Tensor]:
        x, y = part
        z = _scores(list(weights), x)
        wrong = z.argmax(1) != y
        return {"nll": F.cross_entropy(z, y), "error": wrong.to(z.dtype).mean()}


def _scores(weights: list[Tensor], x: Tensor) -> Tensor:
    w1, b1, w2, b2 = weights
    return torch.addmm(b2, torch.tanh(torch.addmm(b1, x, w1)), w2)


def _labeled(images: Images, setup: Setup) -> Labeled:
    return setup.tensor(images.x), setup.index(images.y)
