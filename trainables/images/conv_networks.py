"""Convolutional networks for 32 x 32 images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

from trainables.images.batch_norm import BatchNorm2d

Activation = Literal["relu", "gelu"]
ACTIVATIONS = {"relu": F.relu, "gelu": F.gelu}


class SmallConvNet(nn.Module):
    """For each width: 3 x 3 convolution, batch norm, activation, 2 x 2 mean pooling but the last.

    Then the mean over all places and a linear layer. Scores [B, classes] of images [B, 3, H, W].

    Args:
        widths: channels of each convolution.
        classes: number of classes.
        activation: "relu" or the smooth "gelu".
    """

    def __init__(self, widths: Sequence[int], classes: int, activation: Activation) -> None:
        super().__init__()
        self.act = ACTIVATIONS[activation]
        pairs = zip((3, *widths), widths, strict=False)
        self.convs = nn.ModuleList(_conv(a, b) for a, b in pairs)
        self.norms = nn.ModuleList(BatchNorm2d(w) for w in widths)
        self.head = nn.Linear(widths[-1], classes)

    def forward(self, x: Tensor) -> Tensor:
        for i, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            x = self.act(norm(conv(x if i == 0 else F.avg_pool2d(x, 2))))
        return self.head(x.mean((2, 3)))


class ResNet(nn.Module):
    """Residual network of basic blocks with a 3 x 3 stem and no pooling before the end.

    Widths (64, 128, 256, 512) with two blocks each are ResNet-18 for 32 x 32 images: 11,173,962
    parameters with ten classes. Source: He et al., Deep Residual Learning for Image Recognition,
    2016, with the usual stem for small images.

    Args:
        widths: channels of each stage; every stage after the first halves height and width.
        blocks: basic blocks of each stage.
        classes: number of classes.
        activation: "relu" or the smooth "gelu".
    """

    def __init__(
        self, widths: Sequence[int], blocks: int, classes: int, activation: Activation
    ) -> None:
        super().__init__()
        self.act = ACTIVATIONS[activation]
        self.stem, self.norm = _conv(3, widths[0]), BatchNorm2d(widths[0])
        chain, channels = [], widths[0]
        for stage, width in enumerate(widths):
            for block in range(blocks):
                stride = 2 if stage > 0 and block == 0 else 1
                chain.append(BasicBlock(channels, width, stride, activation))
                channels = width
        self.blocks = nn.Sequential(*chain)
        self.head = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.norm(self.stem(x)))
        return self.head(self.blocks(x).mean((2, 3)))


class BasicBlock(nn.Module):
    """y = act(BN(conv(act(BN(conv(x))))) + shortcut(x)).

    The shortcut is the identity, or a 1 x 1 convolution with batch norm where the shape changes.
    """

    def __init__(self, channels: int, width: int, stride: int, activation: Activation) -> None:
        super().__init__()
        self.act = ACTIVATIONS[activation]
        self.conv1, self.norm1 = _conv(channels, width, stride), BatchNorm2d(width)
        self.conv2, self.norm2 = _conv(width, width), BatchNorm2d(width)
        self.shortcut = nn.Sequential()
        if stride != 1 or channels != width:
            conv = nn.Conv2d(channels, width, 1, stride, bias=False)
            self.shortcut = nn.Sequential(conv, BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        y = self.act(self.norm1(self.conv1(x)))
        return self.act(self.norm2(self.conv2(y)) + self.shortcut(x))


def _conv(channels: int, width: int, stride: int = 1) -> nn.Conv2d:
    """Return a 3 x 3 convolution; the batch norm after it makes a bias superfluous."""
    return nn.Conv2d(channels, width, 3, stride, padding=1, bias=False)
