"""Prediction of the next character by a transformer, R replicas."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from flowadam.task import Split
from trainables.language.texts import Places, TextParts
from trainables.language.transformer import Dropout
from trainables.modules import ModuleProblem
from trainables.setup import Setup

Pair = tuple[Tensor, Tensor]
"""Codes of windows, and those that follow each of them."""
CHUNK = 64
"""Windows scored at once, which bounds the memory."""


class LanguageProblem(ModuleProblem[list[Pair]]):
    """Mean log loss per character, in nats, on a batch of windows; metrics "nll" and "bits".

    Places of the windows and dropout are functions of (seed, step). In `evaluate` the windows of
    `scored` are read, see ``texts.window_starts``: each of their characters but the first, and the
    one after them, is predicted once, from those before it in its window; nothing is dropped.

    Args:
        module, params: a ``Transformer`` for the codes of `data`; see `ModuleProblem`.
        data: the text's parts.
        context: characters of a window, at most the network's.
        batch: windows of a step.
        scored: where the windows begin that `evaluate` reads, by split.
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
        scored: Mapping[Split, Places],
        dropout: float,
        name: str,
        setup: Setup,
    ) -> None:
        parts: dict[Split, list[Pair]] = {
            split: _windows(setup.index(data.part(split)), context, scored[split])
            for split in setup.splits()
        }
        super().__init__(module, params, parts, name=name, setup=setup)
        self._train = torch.asarray(data.train, device=setup.device)
        self._context, self._size, self._dropout = context, batch, dropout

    def _batch_loss(self, r: int, weights: tuple[Tensor, ...]) -> Tensor:
        last = len(self._train) - self._context
        starts = torch.randint(last, (self._size, 1), generator=self.noise(r, "windows"))
        places = (starts + torch.arange(self._context + 1)).to(self._train.device)
        windows = self._train[places].long()
        drop = Dropout(self._dropout, self.noise(r, "dropout")) if self._dropout else None
        scores = self.run(weights, windows[:, :-1], drop)
        return F.cross_entropy(scores.flatten(0, 1), windows[:, 1:].flatten())

    def _score(self, weights: tuple[Tensor, ...], part: list[Pair]) -> dict[str, Tensor]:
        total = torch.stack([self._loss_sum(weights, x, y) for x, y in part]).sum()
        nll = total / sum(y.numel() for _, y in part)
        return {"nll": nll, "bits": nll / math.log(2)}

    def _loss_sum(self, weights: tuple[Tensor, ...], x: Tensor, y: Tensor) -> Tensor:
        scores = self.run(weights, x)
        return F.cross_entropy(scores.flatten(0, 1), y.flatten(), reduction="sum")


def _windows(part: Tensor, context: int, starts: Places) -> list[Pair]:
    """Return inputs and answers [n, context] of whole windows and [1, rest] of a shorter one."""
    begin = torch.from_numpy(starts).to(part.device)
    whole, short = begin[begin < len(part) - context], begin[begin >= len(part) - context].tolist()
    blocks = part[whole[:, None] + torch.arange(context + 1, device=part.device)].split(CHUNK)
    pairs = [(block[:, :-1], block[:, 1:]) for block in blocks if len(block)]
    return [*pairs, *((part[None, s:-1], part[None, s + 1 :]) for s in short)]
