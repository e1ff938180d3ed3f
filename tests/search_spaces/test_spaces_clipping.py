"""Clipped controls against torch's own clipping."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import search_spaces

LIBRARY = {"clipped_sgd": torch.optim.SGD, "clipped_adam": torch.optim.Adam}


@pytest.mark.parametrize("name", LIBRARY)
@pytest.mark.parametrize("clip_value", [0.05, 1e6])
def test_a_step_is_the_librarys_after_clip_grad_norm(name: str, clip_value: float) -> None:
    start = [torch.randn(3, 2, generator=torch.manual_seed(0)), torch.ones(4)]
    mine, theirs = ([p.clone().requires_grad_() for p in start] for _ in range(2))
    ours = search_spaces.get(name).factory(mine, lr=0.01, clip_value=clip_value)
    library: Any = LIBRARY[name](theirs, lr=0.01, foreach=True)

    def closure(params: list[torch.Tensor], optimizer: Any) -> torch.Tensor:
        optimizer.zero_grad()
        loss = sum((p**2).sum() for p in params)
        loss.backward()
        return loss

    for _ in range(5):
        loss = ours.step(lambda: closure(mine, ours))
        assert loss == closure(theirs, library)
        torch.nn.utils.clip_grad_norm_(theirs, clip_value, foreach=True)
        library.step()
        for a, b in zip(mine, theirs, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-6, atol=0)


def test_groups_have_clips_of_their_own() -> None:
    a, b = (torch.ones(2, requires_grad=True) for _ in range(2))
    ours = search_spaces.get("clipped_sgd").factory([a], lr=1.0, clip_value=1.0)
    ours.add_param_group({"params": [b], "clip_value": 0.5})
    a.grad, b.grad = torch.full((2,), 3.0), torch.full((2,), 3.0)
    ours.step()  # the norm of all four is 6
    assert a.tolist() == pytest.approx([0.5, 0.5])
    assert b.tolist() == pytest.approx([0.75, 0.75])
