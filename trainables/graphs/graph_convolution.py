"""Link prediction by a graph convolution of two layers, R replicas at once."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from flowadam.task import Split
from trainables.graphs.graph_tensors import (
    InputLayer,
    LabeledPairs,
    TrainingPairs,
    labeled,
    spreading,
)
from trainables.graphs.graphs import SplitLinks
from trainables.graphs.link_scores import auc_error
from trainables.setup import Setup
from trainables.stochastic import StochasticProblem


class LinkProblem(StochasticProblem[LabeledPairs]):
    """Node vectors Z = A (M * relu(A X W1)) W2; a pair's score is the log odds s = z_u . z_v.

    A = D^-1/2 (adjacency + I) D^-1/2 of the training edges, with D the row sums; the mask M of the
    step keeps an entry with chance 1 - dropout and scales it by 1 / (1 - dropout). The loss is the
    mean of -log sigmoid(s) over the training edges, plus that of -log sigmoid(-s) over as many
    other pairs, plus penalty * sum(theta^2). Metrics, without dropout: "auc_error", 1 - area under
    the ROC curve, and "bce", the loss of the part.

    The gradient is in closed form, which was measured at a third of autograd's time. Products with
    A are sparse: a quarter of a dense product's time at 500 nodes, a hundredth on Cora.

    Args:
        start: W1 [R, f, hidden] and W2 [R, hidden, e].
        name: the task's name, an axis of the masks' seeds.
        dropout: in [0, 1).
    """

    def __init__(
        self, data: SplitLinks, start: Sequence[Tensor], setup: Setup, *, name: str, dropout: float
    ) -> None:
        parts: dict[Split, LabeledPairs] = {
            split: labeled(data.part(split), setup) for split in setup.splits()
        }
        super().__init__(list(start), parts, name=name, setup=setup)
        self._spread = spreading(data, setup)
        self._inputs = InputLayer(self._spread, data.features, setup)
        self._train = TrainingPairs(data, start[1].shape[2], setup)
        self._penalty = setup.penalty
        self._dropout = dropout
        self._shape = (data.nodes, start[0].shape[2])
        self._masks: dict[int, Tensor] = {}

    def begin_step(self, k: int) -> None:
        """Fix the masks of optimizer step k."""
        super().begin_step(k)
        self._masks.clear()

    def _mask(self, r: int) -> Tensor:
        """Return M of replica r in this step, [nodes, hidden]; drawn once, on the CPU."""
        if r not in self._masks:
            draws = torch.rand(self._shape, generator=self.noise(r, "dropout"))
            kept = (draws >= self._dropout).to(self.params[0])
            self._masks[r] = kept.div_(1 - self._dropout)
        return self._masks[r]

    def _replica_gradient(
        self, r: int, weights: tuple[Tensor, ...], slots: tuple[Tensor, ...]
    ) -> Tensor:
        (w1, w2), (grad_1, grad_2) = weights, slots
        before = self._inputs.forward(w1)
        gate = self._mask(r) * (before > 0)
        hidden = before.mul_(gate)
        z = self._spread @ (hidden @ w2)
        loss, pull_z = self._train.loss_and_pull(z)
        pull = self._spread @ pull_z
        torch.addmm(w2, hidden.t(), pull, beta=2 * self._penalty, out=grad_2)
        pull_hidden = (pull @ w2.t()).mul_(gate)
        torch.add(self._inputs.backward(pull_hidden), w1, alpha=2 * self._penalty, out=grad_1)
        return loss + self._squares(weights) if self._penalty else loss

    def _replica_loss(self, r: int, weights: tuple[Tensor, ...]) -> Tensor:
        pairs = self._train.pairs
        loss = pairs.bce(pairs.scores(self._nodes(weights, self._mask(r))))
        return loss + self._squares(weights) if self._penalty else loss

    def _score(self, weights: tuple[Tensor, ...], part: LabeledPairs) -> dict[str, Tensor]:
        scores = part.scores(self._nodes(weights))
        plain = scores.double().cpu().numpy()
        error = auc_error(plain[: part.edges], plain[part.edges :])
        return {"auc_error": scores.new_tensor(error), "bce": part.bce(scores)}

    def _nodes(self, weights: tuple[Tensor, ...], mask: Tensor | None = None) -> Tensor:
        """Return Z [nodes, e]; without a mask nothing is dropped."""
        w1, w2 = weights
        hidden = self._inputs.forward(w1).relu()
        return self._spread @ ((hidden if mask is None else hidden * mask) @ w2)

    def _squares(self, weights: tuple[Tensor, ...]) -> Tensor:
        return self._penalty * torch.stack([w.square().sum() for w in weights]).sum()
