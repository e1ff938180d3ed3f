"""Networks for images: sizes, batch norm without memory, the same layers written by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trainables.images.batch_norm import BatchNorm2d, calibrated
from trainables.images.cifar10 import Cifar10CNN, Cifar10ResNet18
from trainables.images.conv_networks import ResNet, SmallConvNet
from trainables.modules import seeded


def images(count: int, seed: int = 0) -> Tensor:
    return torch.randn(count, 3, 16, 16, generator=torch.Generator().manual_seed(seed))


def small(seed: int = 0) -> nn.Module:
    return seeded(lambda: SmallConvNet((4, 6), 10, "relu"), seed)


def assert_nothing_is_kept(network: nn.Module) -> None:
    layers = [layer for layer in network.modules() if isinstance(layer, BatchNorm2d)]
    assert {(layer.mode, layer.statistics) for layer in layers} == {("batch", None)}
    assert not network._forward_hooks


@pytest.mark.parametrize(
    ("task", "count"), [(Cifar10ResNet18(), 11_173_962), (Cifar10CNN(), 24_346)]
)
def test_number_of_parameters(task: Cifar10CNN | Cifar10ResNet18, count: int) -> None:
    with torch.device("meta"):
        network = task.network()
    assert sum(p.numel() for p in network.parameters()) == count
    assert not list(network.buffers())


def test_batch_norm_is_torchs_own_in_training() -> None:
    x = 3 + 2 * images(5)
    ours, theirs = BatchNorm2d(3), nn.BatchNorm2d(3)
    with torch.no_grad():
        for layer in (ours, theirs):
            layer.weight.copy_(torch.tensor([1.0, 2.0, 3.0]))
            layer.bias.copy_(torch.tensor([0.5, 0.0, -1.0]))
    torch.testing.assert_close(ours(x), theirs(x))


def test_calibrated_statistics_are_those_of_the_first_call() -> None:
    """Later calls inside use them image by image; outside, nothing is left of them."""
    network = small()
    whole, other = images(6), images(3, seed=1)
    outside = network(other)
    with calibrated(network):
        first = network(whole)
        torch.testing.assert_close(first, network(whole))
        torch.testing.assert_close(network(whole[:1]), first[:1])
        inside = network(other)
    torch.testing.assert_close(first, network(whole))
    assert not torch.allclose(inside, outside, atol=1e-3)
    assert torch.equal(network(other), outside)
    assert_nothing_is_kept(network)


def test_calibration_ends_when_scoring_fails() -> None:
    network = small()
    before = network(images(4))
    with pytest.raises(RuntimeError), calibrated(network):
        network(images(6))
        network(torch.zeros(1, 2, 16, 16))
    assert torch.equal(network(images(4)), before)
    assert_nothing_is_kept(network)


def test_the_small_network_by_hand() -> None:
    network, x = small(), images(4)
    weights = dict(network.named_parameters())
    for i in range(2):
        x = F.avg_pool2d(x, 2) if i else x
        x = F.conv2d(x, weights[f"convs.{i}.weight"], padding=1)
        x = (x - x.mean((0, 2, 3), keepdim=True)) / (x.var((0, 2, 3), False, True) + 1e-5).sqrt()
        x = x.clamp(min=0)
    expected = x.mean((2, 3)) @ weights["head.weight"].T + weights["head.bias"]
    torch.testing.assert_close(network(images(4)), expected)


def test_a_residual_network_whose_branches_are_off_is_its_shortcuts() -> None:
    network = seeded(lambda: ResNet((4, 4), 2, 10, "relu"), 0)
    with torch.no_grad():
        for name, p in network.named_parameters():
            if ".norm2." in name:
                p.zero_()
    x = images(4)
    blocks = network.get_submodule("blocks")
    stem = F.relu(network.get_submodule("norm")(network.get_submodule("stem")(x)))
    shortcut = blocks.get_submodule("2").get_submodule("shortcut")
    expected = network.get_submodule("head")(F.relu(shortcut(stem)).mean((2, 3)))
    torch.testing.assert_close(network(x), expected)
    assert shortcut(stem).shape == (4, 4, 8, 8)


def test_seeded_modules_leave_torchs_state_and_ignore_its_defaults() -> None:
    expected = [p.clone() for p in small(3).parameters()]
    torch.manual_seed(99)
    state = torch.get_rng_state()
    torch.set_default_dtype(torch.float64)
    try:
        found = list(small(3).parameters())
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))
    assert not torch.equal(next(small(4).parameters()), expected[0])
