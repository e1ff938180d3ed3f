"""The transformer and its loss: causality, attention, scores by hand, dropout by (seed, step)."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import trainables
from trainables.language.char_transformer import CharTransformer
from trainables.language.language_problem import LanguageProblem
from trainables.language.model_folder import Sizes
from trainables.language.transformer import Attention, Dropout, Transformer
from trainables.modules import seeded

TINY = CharTransformer().tiny()


def network(context: int = 6) -> Transformer:
    made = seeded(lambda: Transformer(Sizes(9, context, 8, 2, 2)), 0)
    assert isinstance(made, Transformer)
    return made


def codes(*shape: int) -> Tensor:
    return torch.randint(9, shape, generator=torch.Generator().manual_seed(1))


def test_no_position_sees_a_later_one() -> None:
    model, x = network(), codes(3, 6)
    scores = model(x)
    for t in range(6):
        other = x.clone()
        other[:, t] = (other[:, t] + 1) % 9
        same = (model(other) == scores).all(2).all(0).tolist()
        assert same == [place < t for place in range(6)]
    torch.testing.assert_close(model(x[:, :4]), scores[:, :4])


def test_attention_is_torchs_own() -> None:
    layer = seeded(lambda: Attention(8, 2), 0)
    h = torch.randn(3, 5, 8, generator=torch.Generator().manual_seed(2))
    weights = dict(layer.named_parameters())
    mixed = F.linear(h, weights["mix.weight"], weights["mix.bias"])
    q, k, v = (part.view(3, 5, 2, 4).transpose(1, 2) for part in mixed.split(8, 2))
    seen = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    seen = seen.transpose(1, 2).reshape(3, 5, 8)
    torch.testing.assert_close(layer(h), F.linear(seen, weights["out.weight"], weights["out.bias"]))


def test_the_same_order_matters() -> None:
    """Places are known: exchanging two earlier characters changes the answer."""
    model, x = network(), codes(1, 6)
    x[0, 0], x[0, 1] = 1, 2
    other = x[:, [1, 0, 2, 3, 4, 5]]
    assert not torch.allclose(model(x)[:, -1], model(other)[:, -1], atol=1e-4)


def test_dropout_keeps_its_share_and_the_mean() -> None:
    x = torch.ones(100_000, dtype=torch.float64)
    y = Dropout(0.3, torch.Generator().manual_seed(0))(x)
    assert set(y.unique().tolist()) == {0.0, 1 / 0.7}
    assert abs(float((y == 0).double().mean()) - 0.3) < 5 * math.sqrt(0.21 / 100_000)


def test_the_batch_is_windows_of_the_training_part() -> None:
    """The loss at uniform scores is log(symbols); by hand from windows drawn anew."""
    problem = TINY.make([3], dtype="float64")
    assert isinstance(problem, LanguageProblem)
    problem.begin_step(4)
    data = TINY.data()
    train = torch.from_numpy(data.train)
    starts = torch.randint(
        len(train) - TINY.context, (TINY.batch, 1), generator=problem.noise(0, "windows")
    )
    windows = train[starts + torch.arange(TINY.context + 1)]
    model = Transformer(TINY.config().sizes).double()
    with torch.no_grad():
        for p, q in zip(model.parameters(), problem.params, strict=True):
            p.copy_(q[0])
    logs = model(windows[:, :-1]).log_softmax(2)
    expected = -logs.gather(2, windows[:, 1:, None]).mean()
    torch.testing.assert_close(problem.closure()[0], expected.detach())


@pytest.mark.parametrize("characters", [2000, 2020, 2120])
def test_scores_predict_each_character_once(characters: int) -> None:
    """Parts of 100, 101 and 106 characters: with and without a rest of a window."""
    task = replace(TINY, characters=characters)
    problem = task.make([0, 1], dtype="float64", test_unlocked=True)
    model = Transformer(task.config().sizes).double()
    with torch.no_grad():
        for p, q in zip(model.parameters(), problem.params, strict=True):
            p.copy_(q[1])
        part, total = torch.from_numpy(task.data().test), 0.0
        for k in range(1, len(part)):
            begin = (k - 1) // task.context * task.context
            logs = model(part[None, begin:k])[0, -1].log_softmax(0)
            total -= float(logs[part[k]])
    scores = problem.evaluate("test")
    assert float(scores["nll"][1]) == pytest.approx(total / (len(part) - 1), rel=1e-10)
    assert float(scores["bits"][1]) == pytest.approx(float(scores["nll"][1]) / math.log(2))


@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_windows_and_dropout_are_functions_of_seed_and_step(dropout: float) -> None:
    task = replace(TINY, dropout=dropout)
    problem, alone = (task.make(seeds, dtype="float64") for seeds in ([5, 6], [6]))
    losses = []
    for k in (0, 3, 0):
        problem.begin_step(k)
        losses.append(problem.closure())
        problem.evaluate("val")
        assert torch.equal(problem.closure(), losses[-1])
    assert torch.equal(losses[0], losses[2])
    assert not torch.equal(losses[0], losses[1])
    alone.begin_step(3)
    assert float(alone.closure()[0]) == pytest.approx(float(losses[1][1]), rel=1e-12)


def test_dropout_acts_in_the_closure_alone() -> None:
    plain, dropped = (replace(TINY, dropout=share).make([0]) for share in (0.0, 0.4))
    assert not torch.equal(plain.closure(), dropped.closure())
    assert torch.equal(plain.evaluate("val")["nll"], dropped.evaluate("val")["nll"])


def test_adam_beats_every_frequency() -> None:
    """80 gradients; uniform 4.55, unigram 3.36, bigram 2.43."""
    task = trainables.get("char_transformer")
    problem = task.make([0], test_unlocked=True)
    optimizer = torch.optim.Adam(problem.params, lr=0.01)
    for k in range(80):
        problem.begin_step(k)
        optimizer.step(lambda: problem.closure().sum())
    assert float(problem.evaluate("test")["nll"][0]) < 2.4 < min(task.trivial("test").values())
