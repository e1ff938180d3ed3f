"""A small causal transformer, written plainly."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trainables.language.model_folder import Sizes


class Transformer(nn.Module):
    """Scores [B, T, symbols] of the next code after each of the codes [B, T], T <= context.

    h = E[codes] + P; then in each layer h += attention(norm(h)), h += W2 gelu(W1 norm(h)) with
    hidden width 4 * width; at last the linear head of norm(h). Position t sees positions up to t.
    Embeddings start as N(0, 0.3^2), all else as torch's layers start.
    """

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.codes = nn.Embedding(sizes.symbols, sizes.width)
        self.places = nn.Embedding(sizes.context, sizes.width)
        for embedding in (self.codes, self.places):
            nn.init.normal_(embedding.weight, std=0.3)
        self.layers = nn.ModuleList(Layer(sizes.width, sizes.heads) for _ in range(sizes.layers))
        self.norm = nn.LayerNorm(sizes.width)
        self.head = nn.Linear(sizes.width, sizes.symbols)

    def forward(self, codes: Tensor, drop: Dropout | None = None) -> Tensor:
        h = self.codes(codes) + self.places.weight[: codes.shape[1]]
        for layer in self.layers:
            h = layer(h, drop)
        return self.head(self.norm(h))


class Layer(nn.Module):
    """One layer of `Transformer`; dropout acts on what attention and network add."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.attention = nn.LayerNorm(width), Attention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, h: Tensor, drop: Dropout | None) -> Tensor:
        h = h + _dropped(self.attention(self.norm1(h)), drop)
        return h + _dropped(self.down(F.gelu(self.up(self.norm2(h)))), drop)


class Attention(nn.Module):
    """softmax(Q K^T / sqrt(d)) V for each head, scores of later positions at -inf."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.mix, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, h: Tensor) -> Tensor:
        b, t, width = h.shape
        parts = self.mix(h).view(b, t, 3, self.heads, width // self.heads)
        q, k, v = parts.permute(2, 0, 3, 1, 4)
        scores = q @ k.transpose(2, 3) / (width // self.heads) ** 0.5
        later = torch.ones(t, t, dtype=torch.bool, device=h.device).triu(1)
        weights = scores.masked_fill(later, -torch.inf).softmax(3)
        return self.out((weights @ v).transpose(1, 2).reshape(b, t, width))


class Dropout:
    """x * keep / (1 - share), keep = 0 with chance `share`.

    Args:
        share: in [0, 1).
        generator: on the CPU; a generator made anew from one seed gives the same masks in the same
            order, whatever the device.
    """

    def __init__(self, share: float, generator: torch.Generator) -> None:
        self.share, self.generator = share, generator

    def __call__(self, x: Tensor) -> Tensor:
        keep = torch.rand(x.shape, generator=self.generator, dtype=torch.float32) >= self.share
        return x * keep.to(device=x.device, dtype=x.dtype) / (1 - self.share)


def _dropped(x: Tensor, drop: Dropout | None) -> Tensor:
    return x if drop is None else drop(x)
