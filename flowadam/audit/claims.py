"""What a published claim is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from flowadam.errors import InputError, require_known
from flowadam.space import Values

NEEDS = {
    "better": (),
    "equal": ("margin",),
    "essential": ("level",),
    "specific": ("control_task",),
    "dial": ("dial", "values"),
    "rate": ("rates",),
}
"""The kinds of claims, and the keys that each of them must give."""

ESSENTIAL_SEEDS = 40
"""Fewest seeds of an essential claim: shares of fewer runs have intervals half as wide as 1."""


@dataclass(frozen=True)
class Contender:
    """An optimizer with its published settings.

    Args:
        name: what the claim calls it.
        optimizer: its name in the registry.
        options: arguments of its factory that depart from the defaults.
        penalty: weight of the L2 term in the loss.
        corrected: options that stand in the place of the published ones once all is corrected, for
            example a solver that takes fewer gradients.
        ranges: options whose search has another range than in the registry, [low, high]: for tasks
            on which the registry's range holds nothing that ends well.
        published: its name in the published scenario.
        matched: another contender of the claim, whose share of flow steps is this one's option
            `rate`; "" for none.
    """

    name: str
    optimizer: str
    options: Values = field(default_factory=dict)
    penalty: float = 0.0
    corrected: Values = field(default_factory=dict)
    ranges: Mapping[str, Sequence[float]] = field(default_factory=dict)
    published: str = ""
    matched: str = ""


@dataclass(frozen=True)
class Claim:
    """One sentence of a paper that a number can contradict.

    Args:
        key: its name in file, folder and report.
        kind: "better" (a lower metric), "equal" (within `margin`), "essential" (others collapse),
            "specific" (a gain on `task` and not on `control_task`), "dial" (the gain grows with an
            option of the task) or "rate" (a larger rate without divergence).
        task: a name of the registry, options allowed.
        optimizer: the contender that the claim is about.
        against: the contenders it is compared with.
        contenders: settings by name.
        words: the claim in the paper's words or close to them.
        source: where it stands.
        group: heading in the report.
        claimed: relative gain 1 - optimizer / other, by the other's name (of "absolute" claims the
            difference); others have no published number.
        scenario: name of the published form, "" for none.
        steps: optimizer steps of the published runs.
        budget: gradients of a run once they are counted, default `steps`.
        charged: what the published comparison holds equal, "steps" or "gradients".
        metric: key of the task's evaluation, "" for the task's own; lower is better.
        ceiling: the published value v of a score with this optimum stands for 1 - v / ceiling.
        unit: differences are "relative" (of logarithms) or "absolute".
        margin: of an equal claim, in `unit`.
        level: metric above which a run has collapsed or diverged.
        control_task: of a specific claim, where no gain is expected.
        dial, values: of a dial, the task's option and its values, from least to most.
        control: a contender that a dial must leave alone.
        rates: of a rate claim, ascending.
        probe: measure this probe in the place of the metric.
        fresh: the seed of a run draws the data too, as in the published scripts.
        gpu: its runs need a GPU.
        forms: names of the forms that it is measured in, empty for all.

    Raises:
        InputError: a value outside its rule.
    """

    key: str
    kind: str
    task: str
    optimizer: str
    against: tuple[str, ...]
    contenders: Mapping[str, Contender]
    steps: int
    words: str = ""
    source: str = ""
    group: str = ""
    claimed: Mapping[str, float] = field(default_factory=dict)
    scenario: str = ""
    budget: int | None = None
    charged: Literal["steps", "gradients"] = "steps"
    metric: str = ""
    ceiling: float | None = None
    unit: Literal["relative", "absolute"] = "relative"
    margin: float | None = None
    level: float | None = None
    control_task: str = ""
    dial: str = ""
    values: tuple[float, ...] = ()
    control: str = ""
    rates: tuple[float, ...] = ()
    probe: str = ""
    fresh: bool = True
    gpu: bool = False
    forms: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        where = f"The claim '{self.key}'"
        require_known("kind", self.kind, NEEDS)
        require_known("unit", self.unit, ("relative", "absolute"))
        require_known("charged", self.charged, ("steps", "gradients"))
        for name in NEEDS[self.kind]:
            if not getattr(self, name) and getattr(self, name) != 0:
                raise InputError(f"{where} is of the kind {self.kind} and needs `{name}`.")
        if not self.against:
            raise InputError(f"{where} needs `against`, the optimizers it compares with.")
        for name in self.claimed:
            require_known("contender in `claimed`", name, self.against)
        for name in ("steps", "budget"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"{where} needs `{name}` of at least 1, got {value}.")

    @property
    def names(self) -> list[str]:
        """The contenders that are run: the one in focus, its rivals, the control."""
        extra = [self.control] if self.control else []
        return list(dict.fromkeys([self.optimizer, *self.against, *extra]))

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks it is measured on; a dial has one for each value."""
        if self.kind == "dial":
            joint = "," if ":" in self.task else ":"
            return tuple(f"{self.task}{joint}{self.dial}={value:g}" for value in self.values)
        return (self.task, self.control_task) if self.control_task else (self.task,)

    @property
    def gradients(self) -> int:
        """Budget of a run once gradients are counted."""
        return self.budget or self.steps
