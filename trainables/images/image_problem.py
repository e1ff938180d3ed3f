"""Classification of images by a convolutional network, R replicas."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from flowadam.task import Split
from trainables.images.batch_norm import calibrated
from trainables.images.pictures import Pictures
from trainables.modules import ModuleProblem, stacked_module
from trainables.setup import Setup

Labeled = tuple[Tensor, Tensor]

MEAN, SCALE = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
"""Mean and standard deviation of each channel over CIFAR-10's 50,000 training images."""
CROP_MARGIN = 4
"""Pixels by which a training image may be shifted in each direction."""
CHUNK = 500
"""Images scored at once, which bounds the memory."""


class ImageProblem(ModuleProblem[Labeled]):
    """Mean log loss on a batch of flipped and shifted images; metrics "nll" and "error".

    Batch, flips and shifts are functions of (seed, step). Batch norm uses the statistics of the
    batch in the closure. In `evaluate` it uses those of the first `calibration` training images, as
    they are: a score is a function of the parameters alone.

    Args:
        build: makes the network.
        data: the parts "train", "val" and "test".
        batch: images of a step.
        calibration: images that fix the statistics for `evaluate`.
    """

    def __init__(
        self,
        build: Callable[[], nn.Module],
        data: Mapping[str, Pictures],
        *,
        batch: int,
        calibration: int,
        name: str,
        setup: Setup,
    ) -> None:
        parts: dict[Split, Labeled] = {
            split: _labeled(data[split], setup) for split in setup.splits()
        }
        module, params = stacked_module(build, name, setup)
        super().__init__(module, params, parts, name=name, setup=setup)
        self._train, self._size = _labeled(data["train"], setup), batch
        self._calibration = self._train[0][:calibration]
        dtype, device = setup.dtype, setup.device
        self._mean, self._scale = (
            torch.tensor(v, dtype=dtype, device=device).view(3, 1, 1) for v in (MEAN, SCALE)
        )

    def _batch_loss(self, r: int, weights: tuple[Tensor, ...]) -> Tensor:
        x, y = self._train
        chosen = self.batch(r, len(y), self._size).to(y.device)
        images = shifted(x[chosen], self.noise(r, "images"))
        return F.cross_entropy(self.run(weights, self._normal(images)), y[chosen])

    def _score(self, weights: tuple[Tensor, ...], part: Labeled) -> dict[str, Tensor]:
        x, y = part
        with calibrated(self._module):
            self.run(weights, self._normal(self._calibration))
            scores = [self.run(weights, self._normal(images)) for images in x.split(CHUNK)]
        z = torch.cat(scores)
        wrong = z.argmax(1) != y
        return {"nll": F.cross_entropy(z, y), "error": wrong.to(z.dtype).mean()}

    def _normal(self, images: Tensor) -> Tensor:
        """Return (x / 255 - mean) / scale of uint8 images."""
        return (images.to(self._mean.dtype) / 255 - self._mean) / self._scale


def shifted(images: Tensor, generator: torch.Generator) -> Tensor:
    """Return each image [B, C, H, W], shifted by up to 4 pixels and flipped with chance one half.

    A window of the old size is cut out of the image with a black margin of 4 pixels on each side,
    at a place of equal chances; left and right are exchanged in half of the windows.
    """
    count, _, height, width = images.shape
    down, right = torch.randint(2 * CROP_MARGIN + 1, (2, count, 1), generator=generator)
    flip = torch.rand((count, 1), generator=generator) < 0.5
    rows, columns = down + torch.arange(height), torch.arange(width)
    columns = right + torch.where(flip, columns.flip(0), columns)
    padded = F.pad(images, [CROP_MARGIN] * 4)
    place = torch.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]
    b, i, j = (index.to(images.device) for index in place)
    return padded[b, :, i, j].permute(0, 3, 1, 2)


def _labeled(pictures: Pictures, setup: Setup) -> Labeled:
    """Return the images as bytes, which take a quarter of the memory, and their classes."""
    x = torch.asarray(pictures.x, device=setup.device, copy=True)
    return x, setup.index(pictures.y)
