"""A module under the squared loss on all of its training examples, R replicas."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor, nn
from torch.nn import functional as F

from flowadam.task import Split
from trainables.edge.at_once import AtOnce
from trainables.mlp import Examples
from trainables.modules import ModuleProblem, stacked_module
from trainables.setup import Setup

Labeled = tuple[Tensor, Tensor]


class SquaredProblem(AtOnce[Labeled], ModuleProblem[Labeled]):
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
        parts: dict[Split, Labeled] = {
            split: _labeled(data[split], setup) for split in setup.splits()
        }
        super().__init__(module, params, parts, name=name, setup=setup)
        self._classes = classes
        x, y = _labeled(data["train"], setup)
        self._train = x, self._one_hot(y)

    def _batch_loss(self, r: int, weights: tuple[Tensor, ...]) -> Tensor:
        x, wanted = self._train
        return _distance(self.run(weights, x), wanted)

    def _score(self, weights: tuple[Tensor, ...], part: Labeled) -> dict[str, Tensor]:
        x, y = part
        scores = self.run(weights, x)
        wrong = (scores.argmax(1) != y).to(scores.dtype).mean()
        return {"mse": _distance(scores, self._one_hot(y)), "error": wrong}

    def _one_hot(self, y: Tensor) -> Tensor:
        return F.one_hot(y, self._classes).to(self.params[0].dtype)


def _distance(scores: Tensor, wanted: Tensor) -> Tensor:
    return (scores - wanted).square().sum(1).mean()


def _labeled(part: Examples, setup: Setup) -> Labeled:
    inputs = setup.index if part.x.dtype.kind == "i" else setup.tensor
    return inputs(part.x), setup.index(part.y)
