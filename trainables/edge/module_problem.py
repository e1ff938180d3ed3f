"""A module under the squared loss on all of its training examples, R replicas."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor, nn
from torch.nn import functional as F

from trainables.mlp import Examples
from trainables.modules import ModuleProblem, stacked_module
from trainables.setup import Setup

Labeled = tuple[Tensor, Tensor]


class SquaredProblem(ModuleProblem[Labeled]):
    """Mean over the examples of |scores - one-hot class|^2; metrics "mse" (that) and "error".

    Args:
        build: makes the network.
        data: the parts "train", "val" and "test"; classes as answers.
        classes: how many.
    """

    def __init__(
        self,
        build: Callable[[], nn.Module],
        data: Mapping[str, Examples],
        classes: int,
        *,
        name: str,
        setup: Setup,
    ) -> None:
        module, params = stacked_module(build, name, setup)
        parts = {split: _labeled(data[split], setup) for split in setup.splits()}
        super().__init__(module, params, parts, name=name, setup=setup)
        self._train, self._classes = _labeled(data["train"], setup), classes

    def _batch_loss(self, r: int, weights: tuple[Tensor, ...]) -> Tensor:
        x, y = self._train
        return self._loss(self.run(weights, x), y)

    def _score(self, weights: tuple[Tensor, ...], part: Labeled) -> dict[str, Tensor]:
        x, y = part
        scores = self.run(weights, x)
        wrong = (scores.argmax(1) != y).to(scores.dtype).mean()
        return {"mse": self._loss(scores, y), "error": wrong}

    def _loss(self, scores: Tensor, y: Tensor) -> Tensor:
        wanted = F.one_hot(y, self._classes).to(scores.dtype)
        return (scores - wanted).square().sum(1).mean()


def _labeled(part: Examples, setup: Setup) -> Labeled:
    inputs = setup.index if part.x.dtype.kind == "i" else setup.tensor
    return inputs(part.x), setup.index(part.y)
