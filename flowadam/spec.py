"""What the framework knows about one optimizer."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from flowadam.errors import InputError, nearest
from flowadam.space import Space, Value, Values, digest

Stacking = Literal["elementwise", "native", "split"]


@dataclass(frozen=True)
class Inclusion:
    """States that an optimizer with `overrides` fixed is the optimizer named `other`."""

    other: str
    overrides: Values


@dataclass(frozen=True)
class OptimizerSpec:
    """One optimizer as a factory, a space to tune it in, and where both come from.

    Args:
        name: the name users type.
        factory: ``factory(params, *, lr, beta1, ...)`` returning a ``torch.optim.Optimizer``.
            Its signature is the list of legal knobs, so it must not take ``**kwargs``.
        space: parameters named ``opt.<argument>`` or ``task.penalty``.
        defaults: a value for every parameter of `space`: configuration number 0. An option that is
            not in `space` is fixed: every configuration has its value.
        source: paper and package.
        stacking: how it runs on parameters with a leading replica axis. ``elementwise``: as it is,
            since no operation mixes entries; ``native``: the factory takes ``stacked`` and
            ``deterministic``; ``split``: one optimizer per replica.
        needs_graph: it differentiates the gradients, so its closure must build them with a graph;
            runs with ``stacking="split"`` on problems with ``losses``.
        extra_cost: a bound on the gradient evaluations that a step of the defaults takes beyond
            the first, on average, a Hessian-vector product counting as one; for plans and
            listings, the meter counts.
        includes: optimizers that this one contains as special cases.
        exempt: contract checks it cannot pass, with the reason.

    Raises:
        InputError: a parameter that the factory does not take, a default that is missing, or
            `needs_graph` without ``stacking="split"``.
    """

    name: str
    factory: Callable[..., Any]
    space: Space
    defaults: Values
    source: str
    stacking: Stacking = "elementwise"
    needs_graph: bool = False
    extra_cost: float = 0.0
    includes: tuple[Inclusion, ...] = ()
    exempt: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        known = self._knobs()
        overrides = [name for inclusion in self.includes for name in inclusion.overrides]
        for name in [*self.space.names, *self.defaults, *overrides]:
            if name not in known:
                raise InputError(f"{self.name} has no option '{name}'.{nearest(name, known)}")
        missing = [name for name in self.space.names if name not in self.defaults]
        if missing:
            raise InputError(f"{self.name} needs a default for {missing}.")
        if self.needs_graph and self.stacking != "split":
            raise InputError(
                f'{self.name} has needs_graph, which runs with stacking="split" only, got '
                f'"{self.stacking}".'
            )

    @property
    def fixed(self) -> dict[str, Value]:
        """Options of `defaults` that are not searched."""
        return {k: v for k, v in self.defaults.items() if k not in self.space.names}

    def fingerprint(self) -> str:
        """Hash of what fixes the configurations: the space and the fixed options."""
        if not self.fixed:
            return self.space.fingerprint()
        return digest([self.space.fingerprint(), sorted(self.fixed.items())])

    def _knobs(self) -> list[str]:
        parameters = inspect.signature(self.factory).parameters.values()
        if any(p.kind is p.VAR_KEYWORD for p in parameters):
            raise InputError(
                f"The factory of {self.name} takes **kwargs, so misspelt options would pass."
            )
        return ["task.penalty", *(f"opt.{p.name}" for p in list(parameters)[1:])]

    def build(
        self,
        params: list[Any],
        values: Values,
        *,
        stacked: bool = True,
        deterministic: bool = False,
    ) -> Any:
        """Return the optimizer over `params` at the configuration `values`.

        Args:
            stacked: `params` carry replicas on their leading axis; False for an ordinary loop.
            deterministic: the closure is a function of the parameters alone.
        """
        options: dict[str, Value] = {
            name.removeprefix("opt."): value
            for name, value in values.items()
            if name.startswith("opt.")
        }
        if self.stacking == "native":
            options |= {"stacked": stacked, "deterministic": deterministic}
        return self.factory(params, **options)
