"""Parameters are monotone maps from the unit interval, and wrong ones are refused."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import search_spaces
from flowadam.errors import InputError
from flowadam.optuna_bridge import distributions, from_optuna, random_values, to_optuna
from flowadam.space import Choice, Float, Int, Parameter, Space, Values

UNIT = st.floats(0, 1)
SIZE = st.floats(1e-8, 1e4)


@st.composite
def floats(draw: st.DrawFn) -> Float:
    """Linear, logarithmic and one-minus ranges, at least a percent wide."""
    kind = draw(st.sampled_from(["linear", "log", "one_minus"]))
    if kind == "linear":
        low = draw(st.floats(-1e4, 1e4))
        return Float("opt.x", low, low + draw(SIZE) + 0.01 * abs(low), "a test")
    if kind == "log":
        low = draw(SIZE)
        return Float("opt.x", low, low * draw(st.floats(1.01, 1e6)), "a test", log=True)
    far = draw(st.floats(1e-4, 1))
    near = far / draw(st.floats(1.01, 1e3))
    return Float("opt.x", 1 - far, 1 - near, "a test", one_minus=True)


INTS = st.builds(
    lambda low, width: Int("opt.n", low, low + width, "a test"),
    st.integers(-1000, 1000),
    st.integers(1, 1000),
)
CHOICES = st.builds(
    lambda options: Choice("opt.c", tuple(options), "a test"),
    st.lists(st.text(max_size=3), min_size=2, max_size=6, unique=True),
)
NUMBERS = st.one_of(floats(), INTS)
PARAMETERS = st.one_of(floats(), INTS, CHOICES)


@given(PARAMETERS, UNIT)
def test_values_lie_in_range(parameter: Parameter, u: float) -> None:
    assert parameter.contains(parameter.from_unit(u))


@given(NUMBERS, UNIT, UNIT)
def test_numbers_are_monotone(parameter: Float | Int, u: float, v: float) -> None:
    low, high = sorted((u, v))
    assert parameter.from_unit(low) <= parameter.from_unit(high)


@given(floats())
def test_floats_reach_both_ends(parameter: Float) -> None:
    assert parameter.from_unit(0) == pytest.approx(parameter.low, rel=1e-9)
    assert parameter.from_unit(1) == pytest.approx(parameter.high, rel=1e-9)


@given(floats(), UNIT)
def test_unit_values_come_back(parameter: Float, u: float) -> None:
    assert parameter.to_unit(parameter.from_unit(u)) == pytest.approx(u, abs=1e-6)


@given(st.one_of(INTS, CHOICES), UNIT)
def test_discrete_values_come_back(parameter: Int | Choice, u: float) -> None:
    value = parameter.from_unit(u)
    assert parameter.from_unit(parameter.to_unit(value)) == value


@given(st.one_of(INTS, CHOICES))
def test_discrete_values_have_equal_shares(parameter: Int | Choice) -> None:
    count = (
        len(parameter.options)
        if isinstance(parameter, Choice)
        else parameter.high - parameter.low + 1
    )
    shares = [{parameter.from_unit((i + e) / count) for e in (0.01, 0.99)} for i in range(count)]
    assert all(len(share) == 1 for share in shares)
    assert len(set.union(*shares)) == count


@given(PARAMETERS, UNIT)
def test_optuna_gets_and_returns_the_same_value(parameter: Parameter, u: float) -> None:
    space = Space((parameter,))
    values = space.from_unit({parameter.name: u})
    params = to_optuna(space, values)
    distribution = distributions(space)[parameter.name]
    assert distribution._contains(distribution.to_internal_repr(params[parameter.name]))
    back = from_optuna(space, params)[parameter.name]
    if isinstance(parameter, Float):
        assert back == pytest.approx(values[parameter.name], rel=1e-12, abs=1e-15)
    else:
        assert back == values[parameter.name]


@given(st.integers(0, 2**63 - 1))
def test_random_points_are_legal_and_fixed_by_their_seed(seed: int) -> None:
    space = Space(
        (
            Float("opt.a", 0.5, 0.999, "a test", one_minus=True),
            Float("opt.b", 1e-6, 1.0, "a test", log=True),
            Int("opt.n", 1, 9, "a test"),
            Choice("opt.c", ("x", "y"), "a test"),
        )
    )
    values = random_values(space, seed)
    space.validate(values)
    assert values == random_values(space, seed)


def test_one_minus_spreads_evenly_in_the_logarithm() -> None:
    beta = Float("opt.beta2", 0.9, 0.9999, "a test", one_minus=True)
    assert [1 - beta.from_unit(u) for u in (0, 1 / 3, 2 / 3, 1)] == pytest.approx(
        [1e-1, 1e-2, 1e-3, 1e-4]
    )


@pytest.mark.parametrize(
    ("kind", "arguments", "sentence"),
    [
        (Float, {"low": 1.0, "high": 1.0}, "needs finite low < high, got 1.0 and 1.0"),
        (Float, {"low": 0.0, "high": math.inf}, "needs finite low < high"),
        (Float, {"low": math.nan, "high": 1.0}, "needs finite low < high"),
        (Float, {"low": 0.0, "high": 1.0, "log": True}, "needs low > 0, got 0.0"),
        (Float, {"low": 0.0, "high": 1.0, "one_minus": True}, "needs high < 1, got 1.0"),
        (Int, {"low": 3, "high": 3}, "needs low < high, got 3 and 3"),
        (Choice, {"options": ("a", "a")}, "needs two different options"),
    ],
)
def test_wrong_ranges_are_refused(kind: Any, arguments: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=r"^`opt\.x`") as caught:
        kind("opt.x", source="a test", **arguments)
    assert sentence in str(caught.value)


SPACE = Space((Float("opt.lr", 1e-4, 1.0, "a test"), Int("opt.n", 1, 9, "a test")))


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"opt.lr": 0.1, "opt.m": 1}, "Unknown parameter 'opt.m'. Did you mean 'opt.n'?"),
        ({"opt.lr": 0.1}, "Parameter 'opt.n' is missing."),
        ({"opt.lr": 2.0, "opt.n": 1}, "`opt.lr` must lie in 0.0001 ... 1, got 2.0."),
        ({"opt.lr": math.nan, "opt.n": 1}, "`opt.lr` must lie in 0.0001 ... 1, got nan."),
        ({"opt.lr": True, "opt.n": 1}, "`opt.lr` must lie in 0.0001 ... 1, got True."),
        ({"opt.lr": 0.1, "opt.n": 1.5}, "`opt.n` must lie in 1 ... 9, got 1.5."),
        ({"opt.lr": 0.1, "opt.n": math.inf}, "`opt.n` must lie in 1 ... 9, got inf."),
        ({"opt.lr": 0.1, "opt.n": "1"}, "`opt.n` must lie in 1 ... 9, got 1."),
    ],
)
def test_wrong_values_are_refused(values: Values, sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        SPACE.validate(values)
    assert str(caught.value) == sentence


def test_a_name_stands_once() -> None:
    with pytest.raises(InputError, match="each parameter once"):
        Space((SPACE.parameters[0], SPACE.parameters[0]))


def test_defaults_may_lie_outside() -> None:
    """Decay 0 in a logarithmic range, an infinite threshold, an unknown choice."""
    space = Space(
        (
            Float("opt.a", 1e-4, 1.0, "a test", log=True),
            Float("opt.b", 0.5, 0.9, "a test", one_minus=True),
            Int("opt.n", 1, 9, "a test"),
            Choice("opt.c", ("x", "y"), "a test"),
        )
    )
    unit = space.to_unit({"opt.a": 0.0, "opt.b": 1.0, "opt.n": math.inf, "opt.c": "z"})
    assert all(math.isnan(u) for u in unit.values())
    assert space.to_unit({"opt.a": math.inf, "opt.b": 0.0, "opt.n": 99, "opt.c": "x"}) == {
        "opt.a": math.inf,
        "opt.b": pytest.approx(-0.430677, abs=1e-6),
        "opt.n": pytest.approx(98.5 / 9),
        "opt.c": 0.25,
    }


def test_the_fingerprint_reads_ranges_and_not_prose() -> None:
    lr, n = SPACE.parameters
    assert isinstance(lr, Float)
    changed = [
        Space((replace(lr, high=2.0), n)),
        Space((replace(lr, log=True), n)),
        Space((replace(lr, name="opt.eta"), n)),
        Space((n, lr)),
        Space((lr,)),
    ]
    prints = {space.fingerprint() for space in (SPACE, *changed)}
    assert len(prints) == 1 + len(changed)
    assert Space((replace(lr, source="other"), n)).fingerprint() == SPACE.fingerprint()


@pytest.mark.parametrize("name", search_spaces.names())
def test_shipped_spaces_round_trip(name: str) -> None:
    space = search_spaces.get(name).space
    for u in (0.0, 0.3, 1.0):
        values = space.from_unit(dict.fromkeys(space.names, u))
        space.validate(values)
        unit = space.to_unit(values)
        assert space.from_unit(unit) == pytest.approx(values, rel=1e-9)
        exact = [p.name for p in space if isinstance(p, Float)]
        assert [unit[name] for name in exact] == pytest.approx([u] * len(exact), abs=1e-9)
