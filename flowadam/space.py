"""Search spaces: named parameters, each a monotone map from the unit interval."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeGuard

from flowadam.errors import InputError, nearest

Value = float | int | str | bool
Values = Mapping[str, Value]


@dataclass(frozen=True)
class Float:
    """A real parameter ``x = low + u (high - low)``, or the same in log space.

    Args:
        name: ``opt.<argument of the factory>`` or ``task.penalty``.
        low, high: closed range, in the parameter's own units.
        source: where the range comes from.
        log: interpolate ``log x`` instead of ``x``; needs ``low > 0``.
        one_minus: interpolate ``log (1 - x)``: the scale of a decay rate near 1.
    """

    name: str
    low: float
    high: float
    source: str
    log: bool = False
    one_minus: bool = False

    def __post_init__(self) -> None:
        if not -math.inf < self.low < self.high < math.inf:
            raise InputError(
                f"`{self.name}` needs finite low < high, got {self.low} and {self.high}."
            )
        if self.one_minus and self.high >= 1:
            raise InputError(f"`{self.name}` with one_minus needs high < 1, got {self.high}.")
        if self.log and self.low <= 0:
            raise InputError(f"`{self.name}` with log needs low > 0, got {self.low}.")

    def from_unit(self, u: float) -> float:
        if self.one_minus:
            x = 1 - _log_mix(1 - self.low, 1 - self.high, u)
        else:
            mix = _log_mix if self.log else _mix
            x = mix(self.low, self.high, u)
        return min(max(x, self.low), self.high)

    def to_unit(self, value: Value) -> float:
        x = float(value)
        if self.one_minus:
            return _unmix(math.log(1 - self.low), math.log(1 - self.high), math.log(1 - x))
        if self.log:
            return _unmix(math.log(self.low), math.log(self.high), math.log(x))
        return _unmix(self.low, self.high, x)

    def contains(self, value: Value) -> bool:
        return _is_number(value) and self.low <= float(value) <= self.high

    def range_text(self) -> str:
        scale = " (log of 1 - x)" if self.one_minus else " (log)" if self.log else ""
        return f"{self.low:g} ... {self.high:g}{scale}"


@dataclass(frozen=True)
class Int:
    """A whole number between `low` and `high`, both included."""

    name: str
    low: int
    high: int
    source: str

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise InputError(f"`{self.name}` needs low < high, got {self.low} and {self.high}.")

    def from_unit(self, u: float) -> int:
        return min(self.low + int(u * (self.high - self.low + 1)), self.high)

    def to_unit(self, value: Value) -> float:
        return (int(value) - self.low + 0.5) / (self.high - self.low + 1)

    def contains(self, value: Value) -> bool:
        return _is_number(value) and float(value).is_integer() and self.low <= value <= self.high

    def range_text(self) -> str:
        return f"{self.low} ... {self.high}"


@dataclass(frozen=True)
class Choice:
    """One of a few named values, each with the same share of the unit interval."""

    name: str
    options: tuple[Value, ...]
    source: str

    def __post_init__(self) -> None:
        if len(set(self.options)) < 2:
            raise InputError(f"`{self.name}` needs two different options, got {self.options}.")

    def from_unit(self, u: float) -> Value:
        return self.options[min(int(u * len(self.options)), len(self.options) - 1)]

    def to_unit(self, value: Value) -> float:
        return (self.options.index(value) + 0.5) / len(self.options)

    def contains(self, value: Value) -> bool:
        return value in self.options

    def range_text(self) -> str:
        return " | ".join(str(option) for option in self.options)


Parameter = Float | Int | Choice


@dataclass(frozen=True)
class Space:
    """An ordered set of parameters; the unit cube is where samplers and analyses meet."""

    parameters: tuple[Parameter, ...]

    def __post_init__(self) -> None:
        names = self.names
        doubled = sorted({n for n in names if names.count(n) > 1})
        if doubled:
            raise InputError(f"A space names each parameter once, got {doubled} twice.")

    @property
    def names(self) -> list[str]:
        return [p.name for p in self.parameters]

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self.parameters)

    def __len__(self) -> int:
        return len(self.parameters)

    def from_unit(self, unit: Mapping[str, float]) -> dict[str, Value]:
        """Map unit coordinates, by name, to real values."""
        return {p.name: p.from_unit(unit[p.name]) for p in self}

    def to_unit(self, values: Values) -> dict[str, float]:
        """Map real values to unit coordinates; values outside the range leave [0, 1] or are nan."""
        return {p.name: _unit_or_nan(p, values[p.name]) for p in self}

    def validate(self, values: Values) -> None:
        """Raise InputError for an unknown, missing or out-of-range parameter."""
        for name in values:
            if name not in self.names:
                raise InputError(f"Unknown parameter '{name}'.{nearest(name, self.names)}")
        for p in self:
            if p.name not in values:
                raise InputError(f"Parameter '{p.name}' is missing.")
            if not p.contains(values[p.name]):
                raise InputError(f"`{p.name}` must lie in {p.range_text()}, got {values[p.name]}.")

    def fingerprint(self) -> str:
        """Hash of names, kinds and ranges (the sources are prose and do not count)."""
        rows = [[type(p).__name__, asdict(p) | {"source": ""}] for p in self]
        return digest(rows)


def digest(data: Any) -> str:
    """Return 16 hex digits of the SHA-256 of `data` as canonical JSON."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _mix(low: float, high: float, u: float) -> float:
    return low + u * (high - low)


def _log_mix(low: float, high: float, u: float) -> float:
    return math.exp(_mix(math.log(low), math.log(high), u))


def _unmix(low: float, high: float, x: float) -> float:
    return (x - low) / (high - low)


def _is_number(value: Value) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _unit_or_nan(parameter: Parameter, value: Value) -> float:
    try:
        return parameter.to_unit(value)
    except (ValueError, OverflowError):
        return math.nan
