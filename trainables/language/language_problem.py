"""Prediction of the next character by a transformer, R replicas."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from flowadam.task import Split
from trainables.language.texts import TextParts
from trainables.language.transformer import Dropout
from trainables.modules import ModuleProblem
from trainables.setup import Setup

CHUNK = 64
"""Windows scored at once, which bounds the memory."""


class LanguageProblem(ModuleProblem[Tensor]):
    """Mean log loss per character, in nats, on a batch of windows; metrics "nll" and "bits".

    Places of the windows and dropout are functions of (seed, step). In `evaluate` the part is
    cut into windows of `context` characters one after another, each character but the part's first
    is predicted once, from those before it in its window, and nothing is dropped.

    Args:
        module, params: a ``Transformer`` for the codes of `data`; see `ModuleProblem`.
        data: the text's parts.
        context: characters of a window, at most the network's.
        batch: windows of a step.
        dropout: share in [0, 1) of what each layer adds that is dropped in the closure.
    """

    def __init__(
        self,
        module: nn.Module,
        params: list[Tensor],
        data: TextParts,
        *,
        context: int,
        batch: int,
        dropout: float,
        name: str,
        setup: Setup,
    ) -> None:
        parts: dict[Split, Tensor] = {
            split: setup.index(data.part(split)) for split in setup.splits()
        }
        super().__init__(module, params, parts, name=name, setup=setup)
        self._train = setup.index(data.train)
        self._context, self._size, self._dropout = context, batch, dropout

    def _batch_loss(self, r: int, weights: tuple[Tensor, ...]) -> Tensor:
        last = len(self._train) - self._context
        starts = torch.randint(last, (self._size, 1), generator=self.noise(r, "windows"))
        places = (starts + torch.arange(self._context + 1)).to(self._train.device)
        windows = self._train[places]
        drop = Dropout(self._dropout, self.noise(r, "dropout")) if self._dropout else None
        scores = self.run(weights, windows[:, :-1], drop)
        return F.cross_entropy(scores.flatten(0, 1), windows[:, 1:].flatten())

    def _score(self, weights: tuple[Tensor, ...], part: Tensor) -> dict[str, Tensor]:
        total = torch.stack([self._loss_sum(weights, x, y) for x, y in self._windows(part)]).sum()
        nll = total / (len(part) - 1)
        return {"nll": nll, "bits": nll / math.log(2)}

    def _windows(self, part: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Return inputs and answers [n, context] of the whole windows and [1, rest] of the rest."""
        x, y = part[:-1], part[1:]
        whole = len(x) // self._context * self._context
        rows = [t[:whole].view(-1, self._context).split(CHUNK) for t in (x, y)]
        pairs = list(zip(*rows, strict=True)) if whole else []
        return [*pairs, (x[None, whole:], y[None, whole:])] if whole < len(x) else pairs

    def _loss_sum(self, weights: tuple[Tensor, ...], x: Tensor, y: Tensor) -> Tensor:
        scores = self.run(weights, x)
        return F.cross_entropy(scores.flatten(0, 1), y.flatten(), reduction="sum")
