"""Tuning of a trained transformer: all its weights, or a low-rank change of some."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from flowadam.task import Split
from trainables.language.language_problem import LanguageProblem
from trainables.language.pretraining import Model, skeleton
from trainables.language.texts import Places, TextParts
from trainables.setup import Setup

TARGETS = ("attention.mix.weight", "attention.out.weight", "up.weight", "down.weight")


def repeated_weights(model: Model, setup: Setup) -> list[Tensor]:
    """Return the model's weights [R, ...], equal for all replicas."""
    count = len(setup.seeds)
    return [setup.tensor(torch.stack([weight] * count)) for weight in model.weights.values()]


class LowRankProblem(LanguageProblem):
    """W + B A in place of each matrix W of attention and network; nothing else is trained.

    A [R, rank, inputs] starts as N(0, 1/inputs) and B [R, outputs, rank] at 0, so that every
    replica starts as the model it is given. The penalty acts on A and B alone. Source: Hu et al.,
    LoRA: Low-Rank Adaptation of Large Language Models, 2022, with alpha equal to the rank.

    Args:
        model: its weights stay as they are.
        rank: rows of A.
        others: see `LanguageProblem`.
    """

    def __init__(
        self,
        model: Model,
        rank: int,
        data: TextParts,
        *,
        context: int,
        batch: int,
        scored: Mapping[Split, Places],
        dropout: float,
        name: str,
        setup: Setup,
    ) -> None:
        self._frozen = {name: setup.tensor(weight) for name, weight in model.weights.items()}
        self._targets = [name for name in self._frozen if name.endswith(TARGETS)]
        shapes = [self._frozen[target].shape for target in self._targets]
        rights = setup.stacked_normal(name, *(((rank, n), n**-0.5) for _, n in shapes))
        lefts = [a.new_zeros(len(a), m, rank) for a, (m, _) in zip(rights, shapes, strict=True)]
        super().__init__(
            skeleton(model.config),
            [*rights, *lefts],
            data,
            context=context,
            batch=batch,
            scored=scored,
            dropout=dropout,
            name=name,
            setup=setup,
        )

    def _named(self, weights: tuple[Tensor, ...]) -> dict[str, Tensor]:
        count = len(self._targets)
        named = dict(self._frozen)
        for target, a, b in zip(self._targets, weights[:count], weights[count:], strict=True):
            named[target] = torch.addmm(self._frozen[target], b, a)
        return named
