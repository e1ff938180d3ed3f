"""Two small networks without kinks: tanh convolutions, and a transformer that reads pairs."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trainables.language.model_folder import Sizes
from trainables.language.transformer import Transformer


class TanhConvNet(nn.Module):
    """Scores [B, classes] of images [B, 8, 8].

    Two 3 x 3 convolutions with tanh, each followed by 2 x 2 mean pooling, and a linear layer.

    Args:
        width: channels of the first convolution; the second has twice as many.
    """

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, width, 3, padding=1)
        self.second = nn.Conv2d(width, 2 * width, 3, padding=1)
        self.head = nn.Linear(2 * width * 4, classes)

    def forward(self, images: Tensor) -> Tensor:
        h = F.avg_pool2d(torch.tanh(self.first(images.unsqueeze(1))), 2)
        h = F.avg_pool2d(torch.tanh(self.second(h)), 2)
        return self.head(h.flatten(1))


class PairReader(nn.Module):
    """Scores [B, symbols] of pairs of codes [B, 2], read off a causal transformer's last place."""

    def __init__(self, symbols: int, width: int, heads: int) -> None:
        super().__init__()
        self.inner = Transformer(Sizes(symbols, 2, width, heads, 1))

    def forward(self, codes: Tensor) -> Tensor:
        return self.inner(codes)[:, -1]
